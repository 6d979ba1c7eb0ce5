// The TLS side of the public port: a certificate with its chain, its key, and what we agree to.
#pragma once

#include <memory>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/result.hpp"

namespace asio::ssl {
class context;
}

namespace signalbox::gateway {

// TLS 1.2 and later, forward secret, no renegotiation. From PEM files; of the first one the
// certificate of the server stands first. Errors: bad_config, naming the file.
[[nodiscard]] Result<std::shared_ptr<asio::ssl::context>> load_tls_context(
    const std::string& certificate_file, const std::string& key_file);

// From when until when all certificates of a PEM file are good. Errors: bad_config, naming it.
struct CertificateTimes {
  Timestamp from;
  Timestamp until;
};
[[nodiscard]] Result<CertificateTimes> read_certificate_times(const std::string& certificate_file);

}  // namespace signalbox::gateway
