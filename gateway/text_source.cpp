#include "gateway/text_source.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace signalbox::gateway {
namespace {

class FileSource final : public TextSource {
 public:
  FileSource(std::string path, std::size_t bytes_max)
      : path_(std::move(path)), bytes_max_(bytes_max) {}

  [[nodiscard]] Result<std::optional<std::string>> read_if_changed() override {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) return failed();
    const State seen{status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec};
    if (seen_ == seen) return std::optional<std::string>();
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return failed();
    std::string text;
    std::array<char, 65536> part{};
    ssize_t size = 0;
    while ((size = ::read(file, part.data(), part.size())) > 0 && text.size() <= bytes_max_)
      text.append(part.data(), static_cast<std::size_t>(size));
    const int error = errno;
    ::close(file);
    errno = error;
    if (size < 0) return failed();
    if (text.size() > bytes_max_)
      return failure(Errc::bad_config, "is longer than " + std::to_string(bytes_max_) + " bytes");
    seen_ = seen;
    return std::optional<std::string>(std::move(text));
  }
  void forget() override { seen_.reset(); }
  [[nodiscard]] const std::string& name() const override { return path_; }

 private:
  struct State {
    dev_t device;
    ino_t inode;
    off_t size;
    time_t seconds;
    long nanoseconds;
    friend bool operator==(const State&, const State&) = default;
  };
  [[nodiscard]] static tl::unexpected<Error> failed() {
    return failure(Errc::io_error, std::string("cannot be read: ") + std::strerror(errno));
  }

  const std::string path_;
  const std::size_t bytes_max_;
  std::optional<State> seen_;
};

struct FreeCurl {
  void operator()(CURL* held) const { curl_easy_cleanup(held); }
  void operator()(curl_slist* held) const { curl_slist_free_all(held); }
};

class AddressSource final : public TextSource {
 public:
  AddressSource(std::string url, std::string ca_file, std::chrono::milliseconds fetch_max,
                std::size_t bytes_max, const std::atomic<bool>& stopping)
      : url_(std::move(url)),
        ca_file_(std::move(ca_file)),
        fetch_max_(fetch_max),
        bytes_max_(bytes_max),
        stopping_(stopping) {}

  [[nodiscard]] Result<std::optional<std::string>> read_if_changed() override {
    const std::unique_ptr<CURL, FreeCurl> request(curl_easy_init());
    std::unique_ptr<curl_slist, FreeCurl> headers(
        curl_slist_append(nullptr, "Accept: application/jwk-set+json, application/json"));
    if (!etag_.empty()) curl_slist_append(headers.get(), ("If-None-Match: " + etag_).c_str());
    Answer answer{{}, {}, bytes_max_, stopping_};
    set_up(request.get(), headers.get(), answer);
    const CURLcode done = curl_easy_perform(request.get());
    if (answer.text.size() > bytes_max_)
      return failure(Errc::bad_config, "is longer than " + std::to_string(bytes_max_) + " bytes");
    if (done != CURLE_OK)
      return failure(Errc::unavailable, std::string("cannot be read: ") + curl_easy_strerror(done));
    long status = 0;
    curl_easy_getinfo(request.get(), CURLINFO_RESPONSE_CODE, &status);
    constexpr long kOk = 200;
    constexpr long kNotModified = 304;
    if (status == kNotModified && !etag_.empty()) return std::optional<std::string>();
    if (status != kOk)
      return failure(Errc::unavailable, "answers with HTTP status " + std::to_string(status));
    etag_ = std::move(answer.etag);
    return std::optional<std::string>(std::move(answer.text));
  }
  void forget() override { etag_.clear(); }
  [[nodiscard]] const std::string& name() const override { return url_; }

 private:
  struct Answer {
    std::string text;
    std::string etag;
    std::size_t bytes_max;
    const std::atomic<bool>& stopping;
  };

  void set_up(CURL* request, curl_slist* headers, Answer& answer) const {
    curl_easy_setopt(request, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(request, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(request, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, static_cast<long>(fetch_max_.count()));
    curl_easy_setopt(request, CURLOPT_USERAGENT, "signalbox");
    if (!ca_file_.empty()) curl_easy_setopt(request, CURLOPT_CAINFO, ca_file_.c_str());
    curl_easy_setopt(request, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, &take_bytes);
    curl_easy_setopt(request, CURLOPT_HEADERDATA, &answer);
    curl_easy_setopt(request, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(request, CURLOPT_XFERINFODATA, &answer);
    curl_easy_setopt(request, CURLOPT_XFERINFOFUNCTION, &must_stop);
    curl_easy_setopt(request, CURLOPT_NOPROGRESS, 0L);
  }
  static std::size_t take_bytes(const char* bytes, std::size_t one, std::size_t count, void* to) {
    Answer& answer = *static_cast<Answer*>(to);
    answer.text.append(bytes, one * count);
    return answer.text.size() > answer.bytes_max ? 0 : one * count;
  }
  static std::size_t take_header(const char* bytes, std::size_t one, std::size_t count, void* to) {
    constexpr std::string_view kName = "etag:";
    const std::string_view line(bytes, one * count);
    if (line.size() > kName.size() && ::strncasecmp(line.data(), kName.data(), kName.size()) == 0) {
      const std::string_view value = line.substr(kName.size());
      const std::size_t first = value.find_first_not_of(" \t");
      const std::size_t last = value.find_last_not_of(" \t\r\n");
      if (first != value.npos)
        static_cast<Answer*>(to)->etag = value.substr(first, last - first + 1);
    }
    return one * count;
  }
  static int must_stop(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Answer*>(of)->stopping ? 1 : 0;
  }

  const std::string url_;
  const std::string ca_file_;
  const std::chrono::milliseconds fetch_max_;
  const std::size_t bytes_max_;
  const std::atomic<bool>& stopping_;
  std::string etag_;
};

}  // namespace

std::unique_ptr<TextSource> make_file_source(std::string path, std::size_t bytes_max) {
  return std::make_unique<FileSource>(std::move(path), bytes_max);
}

std::unique_ptr<TextSource> make_address_source(std::string url, std::string ca_file,
                                                std::chrono::milliseconds fetch_max,
                                                std::size_t bytes_max,
                                                const std::atomic<bool>& stopping) {
  return std::make_unique<AddressSource>(std::move(url), std::move(ca_file), fetch_max, bytes_max,
                                         stopping);
}

}  // namespace signalbox::gateway
