#include "event-store/contract/chain.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace signalbox::event_store {
namespace {

constexpr std::string_view kPrefix = "ce_";

bool is_hashed(std::string_view name) {
  if (name.starts_with(kPrefix)) return name != "ce_chainhash" && name != "ce_traceparent";
  return name == "content-type";
}

Sha256& thread_hasher() {
  thread_local Sha256 hasher;
  return hasher;
}

// A header where it lies in its record, which is as it is hashed, and the first bytes of its name
// as a number: numbers are compared faster than texts, and after the prefix that almost all share,
// eight bytes nearly always differ. Small, since sorting moves them about.
struct Ranked {
  std::uint64_t rank;
  Headers::Iterator at;

  friend bool operator<(const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank < b.rank : (*a.at).name < (*b.at).name;
  }
};

// content-type comes behind all that begin with the prefix.
std::uint64_t rank_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return ~std::uint64_t{0};
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < sizeof rank; ++i) {
    const std::size_t at = kPrefix.size() + i;
    rank = rank << 8 | (at < name.size() ? static_cast<unsigned char>(name[at]) : 0U);
  }
  return rank;
}

}  // namespace

ContentHash content_hash(const Headers& headers, std::string_view value) {
  thread_local std::vector<Ranked> hashed;
  hashed.clear();
  for (auto at = headers.begin(); at != headers.end(); ++at) {
    const std::string_view name = (*at).name;
    if (is_hashed(name)) hashed.push_back({rank_of(name), at});
  }
  std::ranges::sort(hashed, std::less<>());
  Sha256& hasher = thread_hasher();
  for (const Ranked& one : hashed) hasher.update(one.at.stored());
  const Hash of_headers = hasher.finish();
  const Hash of_value = sha256(value);
  ContentHash content;
  std::ranges::copy(of_headers, content.begin());
  std::ranges::copy(of_value, content.begin() + of_headers.size());
  return content;
}

Hash chain_start(const LogId& log, const UserId& user) {
  Sha256& hasher = thread_hasher();
  hasher.update("signalbox/chain/1");
  hasher.update(log.value().bytes);
  hasher.update_prefixed(user.value());
  return hasher.finish();
}

Hash chain_next(const Hash& previous, const ContentHash& content) {
  Sha256& hasher = thread_hasher();
  hasher.update(previous);
  hasher.update(content);
  return hasher.finish();
}

}  // namespace signalbox::event_store
