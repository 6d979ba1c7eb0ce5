// Bytes for a TCP socket that need not wait for it. Any thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace signalbox::gateway {

// Gives the kernel what it takes of them at once, and returns how many bytes that was; 0 also where
// the socket has failed, which its next read or write will tell. At most IOV_MAX parts.
[[nodiscard]] std::size_t send_at_once(int descriptor, std::span<iovec> parts);

}  // namespace signalbox::gateway
