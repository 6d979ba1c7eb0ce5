#include "gateway/tls_context.hpp"

#include <openssl/ssl.h>

#include <asio/ssl/context.hpp>

namespace signalbox::gateway {

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

}  // namespace signalbox::gateway
