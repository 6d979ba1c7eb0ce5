// The TLS side of the public port: a certificate with its chain, its key, and what we agree to.
#pragma once

#include <memory>
#include <string>

#include "event-store/model/result.hpp"

namespace asio::ssl {
class context;
}

namespace signalbox::gateway {

// TLS 1.2 and later, forward secret, no renegotiation. From PEM files; of the first one the
// certificate of the server stands first. Errors: bad_config, naming the file.
[[nodiscard]] Result<std::shared_ptr<asio::ssl::context>> load_tls_context(
    const std::string& certificate_file, const std::string& key_file);

}  // namespace signalbox::gateway
