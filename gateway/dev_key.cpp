#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "event-store/model/assert.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "gateway/auth.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::size_t kSecretBytes = 32;

// A file descriptor with an owner.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

tl::unexpected<Error> failed(Errc code, const std::string& file, const std::string& what) {
  return failure(code, "the key file " + file + " " + what);
}

// Two who start at once make one key.
Result<void> create(const std::string& file) {
  std::string secret(kSecretBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()),
                 static_cast<int>(secret.size())) != 1)
    return failed(Errc::io_error, file, "got no random bytes");
  return event_store::make_durably(file, secret).map([](bool) {});
}

}  // namespace

Result<TokenKey> load_dev_key(const std::string& file) {
  int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0 && errno == ENOENT) {
    if (auto made = create(file); !made) return tl::unexpected(made.error());
    descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  const File opened(descriptor);
  if (opened.get() < 0)
    return failed(Errc::io_error, file, std::string("cannot be read: ") + std::strerror(errno));
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return failed(Errc::bad_config, file, "is no regular file");
  if ((status.st_mode & 077) != 0)
    return failed(Errc::bad_config, file, "can be read by others: its mode must be 0600");
  std::array<char, kSecretBytes + 1> bytes{};
  if (::read(opened.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(kSecretBytes))
    return failed(Errc::bad_config, file, "does not hold exactly 32 bytes");
  return TokenKey::from_secret(std::nullopt, std::string(bytes.data(), kSecretBytes));
}

TokenKey dev_key_of(const LogId& log) {
  static constexpr std::string_view kKey = "signalbox-dev";
  const std::string text = log.value().to_string();
  std::string secret(kSecretBytes, '\0');
  unsigned size = 0;
  const auto* const made = HMAC(EVP_sha256(), kKey.data(), static_cast<int>(kKey.size()),
                                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                reinterpret_cast<unsigned char*>(secret.data()), &size);
  SIGNALBOX_ASSERT(made != nullptr && size == kSecretBytes);
  return *TokenKey::from_secret(std::nullopt, std::move(secret));
}

}  // namespace signalbox::gateway
