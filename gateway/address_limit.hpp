// AddressLimit: connects per address (contract 11). Addresses of IPv6 count by their /64, which is
// what one customer has. Bounded: beyond `addresses_max` the one seen longest ago is forgotten. Any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/model/result.hpp"
#include "gateway/address_range.hpp"
#include "gateway/token_bucket.hpp"

namespace signalbox::gateway {

class AddressLimit {
 public:
  AddressLimit(const BucketRate& rate, std::vector<AddressRange> exempt,
               std::size_t addresses_max = 65'536)
      : exempt_(std::move(exempt)), addresses_max_(addresses_max), rate_(rate) {}

  // None: let it in; else how long it must wait. `address` is numeric, without port.
  [[nodiscard]] std::optional<std::chrono::milliseconds> refuse(const std::string& address,
                                                                MonotonicTime now);
  [[nodiscard]] std::size_t addresses() const;
  void replace_rate(const BucketRate& rate, MonotonicTime now);

 private:
  struct Entry {
    std::string network;
    TokenBucket bucket;
  };
  const std::vector<AddressRange> exempt_;
  const std::size_t addresses_max_;
  mutable std::mutex mutex_;
  BucketRate rate_;           // guarded by mutex_
  std::list<Entry> entries_;  // guarded by mutex_; the one seen last in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_network_;  // guarded by mutex_
};

}  // namespace signalbox::gateway
