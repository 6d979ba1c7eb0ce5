// The chain of a user's events (contract 7): change, insertion and reordering show in it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "event-store/contract/sha256.hpp"
#include "event-store/contract/sha256_batch.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// content = SHA-256(C) || SHA-256(value as stored); C = content-type and all ce_* headers but
// ce_chainhash and ce_traceparent, sorted by name, each as lp(name) || lp(value).
using ContentHash = std::array<std::uint8_t, 64>;

[[nodiscard]] ContentHash content_hash(const Headers& headers, std::string_view value);
// The same, of all headers of a record as Headers::split() gives them.
[[nodiscard]] ContentHash content_hash(std::span<const Header> headers, std::string_view value);
// The same of many records at once; for who reads a history. Thread: one.
class ContentHashBatch {
 public:
  void add(std::span<const Header> headers, std::string_view value);
  // In the order they were added, good until the next call; then it begins anew.
  [[nodiscard]] std::span<const ContentHash> finish();

 private:
  Sha256Batch hashes_{};
  std::vector<ContentHash> contents_{};
};
[[nodiscard]] Hash chain_start(const LogId& log, const UserId& user);  // h0
[[nodiscard]] Hash chain_next(const Hash& previous, const ContentHash& content);

}  // namespace signalbox::event_store
