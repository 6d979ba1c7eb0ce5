// How far the peer of a TCP connection has come. Apart from the rest, because the kernel's header
// that knows it cannot be included together with the C library's, which Asio includes.
#pragma once

#include <cstdint>

namespace signalbox::gateway {

// Bytes of ours that the peer's kernel has acknowledged since the connection was made; 0 where it
// is not known, as for a socket that is closed.
[[nodiscard]] std::uint64_t bytes_acknowledged(int descriptor);

}  // namespace signalbox::gateway
