#include "ops/bench/dev_token.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <asio/ip/tcp.hpp>
#include <iterator>
#include <nlohmann/json.hpp>

#include "event-store/contract/base64.hpp"

namespace signalbox::bench {

Result<std::string> fetch_dev_token(const client::WebSocketUrl& service, const std::string& user_id,
                                    std::chrono::milliseconds wait_max) {
  asio::ip::tcp::iostream stream;
  stream.expires_after(wait_max);
  stream.connect(service.host, service.port);
  const std::string body = nlohmann::json{{"user_id", user_id}}.dump();
  stream << "POST /dev/token HTTP/1.1\r\nHost: " << service.host << ":" << service.port
         << "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
         << body.size() << "\r\n\r\n"
         << body << std::flush;
  if (!stream) return failure(Errc::unavailable, "no connection: " + stream.error().message());
  const std::string answer{std::istreambuf_iterator<char>(stream), {}};
  const std::size_t head = answer.find("\r\n\r\n");
  if (head == std::string::npos || answer.size() < 12)
    return failure(Errc::unavailable, "POST /dev/token was not answered");
  const std::string status = answer.substr(9, 3);
  if (status[0] == '5' || status == "429")
    return failure(Errc::unavailable, "POST /dev/token was answered by " + status);
  if (status != "200")
    return failure(Errc::forbidden, "POST /dev/token was answered by " + status +
                                        "; is the service started with --dev?");
  const auto token = nlohmann::json::parse(answer.substr(head + 4), nullptr, false);
  if (!token.is_object() || !token.contains("token") || !token["token"].is_string())
    return failure(Errc::malformed, "POST /dev/token: the answer has no token");
  return token["token"].get<std::string>();
}

std::string sign_dev_token(const std::string& secret, const std::string& user_id) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const nlohmann::json claims{
      {"sub", user_id}, {"aud", "signalbox"}, {"exp", (now + std::chrono::hours(24)).count()}};
  const std::string text = event_store::to_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." +
                           event_store::to_base64url(claims.dump());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return text + "." +
         event_store::to_base64url({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace signalbox::bench
