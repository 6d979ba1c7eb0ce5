#include "event-store/contract/identity.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

// 5f0c7a52-93d1-4b7e-8a64-1d2e9c3b7f08
constexpr std::array<std::uint8_t, 16> kNamespace = {
    0x5f, 0x0c, 0x7a, 0x52, 0x93, 0xd1, 0x4b, 0x7e, 0x8a, 0x64, 0x1d, 0x2e, 0x9c, 0x3b, 0x7f, 0x08};

// RFC 9562 wants SHA-1 for version 5; nothing here relies on it to be hard to collide.
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

class Sha1 {
 public:
  Sha1() : context_(EVP_MD_CTX_new()) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    SIGNALBOX_ASSERT(context_ && algorithm != nullptr);
    algorithm_ = algorithm;
  }
  void start() { SIGNALBOX_ASSERT(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1); }
  void update(const void* bytes, std::size_t size) {
    SIGNALBOX_ASSERT(EVP_DigestUpdate(context_.get(), bytes, size) == 1);
  }
  std::array<std::uint8_t, 20> finish() {
    std::array<std::uint8_t, 20> hash;
    SIGNALBOX_ASSERT(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
    return hash;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
  const EVP_MD* algorithm_;
};

std::uint32_t little_endian_word(std::string_view bytes) {
  std::uint32_t word = 0;
  for (std::size_t i = 4; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

std::uint32_t murmur2(std::string_view bytes) {
  constexpr std::uint32_t kMultiplier = 0x5bd1e995u;
  std::uint32_t hash = 0x9747b28cu ^ static_cast<std::uint32_t>(bytes.size());
  for (; bytes.size() >= 4; bytes.remove_prefix(4)) {
    std::uint32_t word = little_endian_word(bytes) * kMultiplier;
    word ^= word >> 24;
    hash = hash * kMultiplier ^ word * kMultiplier;
  }
  if (!bytes.empty()) {
    for (std::size_t i = bytes.size(); i-- > 0;)
      hash ^= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ hash >> 15;
}

}  // namespace

Uuid uuid5(std::initializer_list<std::string_view> parts) {
  thread_local Sha1 hasher;
  hasher.start();
  hasher.update(kNamespace.data(), kNamespace.size());
  for (const std::string_view part : parts) {
    const auto length = static_cast<std::uint32_t>(part.size());
    const std::uint8_t prefix[] = {
        static_cast<std::uint8_t>(length >> 24), static_cast<std::uint8_t>(length >> 16),
        static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
    hasher.update(prefix, sizeof prefix);
    hasher.update(part.data(), part.size());
  }
  const auto hash = hasher.finish();
  Uuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) uuid.bytes[i] = hash[i];
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x50);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

Partition partition_of_key(std::string_view key, std::int32_t partitions) {
  SIGNALBOX_ASSERT(partitions > 0);
  return Partition(static_cast<std::int32_t>(murmur2(key) & 0x7fffffffu) % partitions);
}

Partition partition_of(const UserId& user, std::int32_t partitions) {
  return partition_of_key(user.value(), partitions);
}

RunId run_id_of(const UserId& user, const MessageId& message) {
  return RunId(uuid5({"run", user.value(), message.value()}));
}

EventId event_id_of(const LogId& log, Partition partition, Epoch epoch, const UserId& user,
                    Seq seq) {
  return EventId(uuid5({"event", log.value().to_string(), std::to_string(partition.value()),
                        std::to_string(epoch.value()), user.value(), std::to_string(seq.value())}));
}

CallId call_id_of(const RunId& run, Step step) {
  return CallId(uuid5({"call", run.value().to_string(), std::to_string(step.value())}));
}

Uuid quarantine_id_of(const TopicPartition& at, Offset offset) {
  const std::string topic = "signalbox." + std::string(to_text(at.topic));
  return uuid5(
      {"quarantine", topic, std::to_string(at.partition.value()), std::to_string(offset.value())});
}

}  // namespace signalbox::event_store
