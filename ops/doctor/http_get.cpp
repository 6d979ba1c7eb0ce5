#include "ops/doctor/http_get.hpp"

#include <curl/curl.h>

#include <memory>

#include "event-store/curl/curl_on_demand.hpp"

namespace signalbox::doctor {
namespace {

constexpr long kMilliseconds = 3'000;
constexpr std::size_t kBytesMax = 64 * 1024;

struct Clean {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kBytesMax) return 0;
  body.append(bytes, size * count);
  return size * count;
}

}  // namespace

Result<HttpAnswer> http_get(const std::string& url) {
  if (const std::string& why = event_store::why_no_libcurl(); !why.empty())
    return failure(Errc::unavailable, why);
  const std::unique_ptr<CURL, Clean> handle(curl_easy_init());
  if (!handle) return failure(Errc::unavailable, "libcurl has no memory");
  HttpAnswer answer{0, {}};
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, kMilliseconds);
  // Who is there is asked, nothing is told him: the certificate's own check looks at it.
  curl_easy_setopt(handle.get(), CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(handle.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &answer.body);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) return failure(Errc::unavailable, curl_easy_strerror(code));
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace signalbox::doctor
