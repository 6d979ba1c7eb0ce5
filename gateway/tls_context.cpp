#include "gateway/tls_context.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <asio/ssl/context.hpp>
#include <ctime>
#include <optional>

namespace signalbox::gateway {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

std::optional<Timestamp> timestamp_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return Timestamp(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> load_tls_context(const std::string& certificate_file,
                                                             const std::string& key_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(
      native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  // Clients that come back bring a ticket; nothing is kept for them here.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return failure(Errc::bad_config, "this OpenSSL has none of the ciphers that TLS 1.2 may use");
  std::error_code error;
  context->use_certificate_chain_file(certificate_file, error);
  if (error)
    return failure(Errc::bad_config,
                   certificate_file + ": no certificate can be read: " + error.message(),
                   "tls.certificate");
  context->use_private_key_file(key_file, asio::ssl::context::pem, error);
  if (error)
    return failure(Errc::bad_config,
                   key_file + ": no key of the certificate in " + certificate_file +
                       " can be read: " + error.message(),
                   "tls.key");
  return context;
}

Result<CertificateTimes> read_certificate_times(const std::string& certificate_file) {
  const std::unique_ptr<BIO, FreeBio> file(BIO_new_file(certificate_file.c_str(), "r"));
  std::optional<CertificateTimes> times;
  while (file) {
    const std::unique_ptr<X509, FreeCertificate> certificate(
        PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    const auto from = timestamp_of(X509_get0_notBefore(certificate.get()));
    const auto until = timestamp_of(X509_get0_notAfter(certificate.get()));
    if (!from || !until)
      return failure(Errc::bad_config, certificate_file + ": a certificate says no time");
    times = times ? CertificateTimes{std::max(times->from, *from), std::min(times->until, *until)}
                  : CertificateTimes{*from, *until};
  }
  if (!times) return failure(Errc::bad_config, certificate_file + ": no certificate can be read");
  return *times;
}

}  // namespace signalbox::gateway
