#include "gateway/address_limit.hpp"

#include <utility>

namespace signalbox::gateway {
namespace {

constexpr std::size_t kV6NetworkBytes = 8;

std::string network_of(const AddressBytes& address) {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool is_v4 = std::equal(kMapped.begin(), kMapped.end(), address.begin());
  return {address.begin(), is_v4 ? address.end() : address.begin() + kV6NetworkBytes};
}

}  // namespace

std::optional<std::chrono::milliseconds> AddressLimit::refuse(const std::string& address,
                                                              MonotonicTime now) {
  const auto parsed = parse_address(address);
  if (parsed && contains(exempt_, *parsed)) return std::nullopt;
  std::string network = parsed ? network_of(*parsed) : address;
  const std::lock_guard lock(mutex_);
  const auto known = by_network_.find(network);
  if (known != by_network_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    if (entries_.size() >= addresses_max_) {
      by_network_.erase(entries_.back().network);
      entries_.pop_back();
    }
    entries_.push_front({network, TokenBucket(rate_, now)});
    by_network_.emplace(std::move(network), entries_.begin());
  }
  TokenBucket& bucket = entries_.front().bucket;
  if (bucket.take(now)) return std::nullopt;
  return bucket.wait(now);
}

void AddressLimit::replace_rate(const BucketRate& rate, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  rate_ = rate;
  for (Entry& entry : entries_) entry.bucket.replace_rate(rate, now);
}

std::size_t AddressLimit::addresses() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace signalbox::gateway
