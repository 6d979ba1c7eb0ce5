#include "event-store/contract/chain.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
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

// As it lies in its record, which is as it is hashed.
std::string_view stored(const Header& header) {
  const char* const from = header.name.data() - Headers::kLengthBytes;
  return {from, header.value.data() + header.value.size()};
}

// Which headers are hashed, and in which order. Most records have the headers of one shortly before
// them, other values apart: then nothing is sorted.
class NamesInOrder {
 public:
  // Places in `headers`, by name.
  const std::vector<std::size_t>& hashed(std::span<const Header> headers) {
    if (!std::ranges::equal(headers, names_, {}, &Header::name)) learn(headers);
    return hashed_;
  }

 private:
  void learn(std::span<const Header> headers) {
    names_.clear();
    hashed_.clear();
    for (const Header& header : headers) {
      if (is_hashed(header.name)) hashed_.push_back(names_.size());
      names_.emplace_back(header.name);
    }
    std::ranges::sort(hashed_, {}, [headers](std::size_t place) { return headers[place].name; });
  }

  std::vector<std::string> names_{};
  std::vector<std::size_t> hashed_{};
};

void add_hashed(auto& hasher, std::span<const Header> headers) {
  // A user's events have the headers of a message, of a run or of neither, which are not as many.
  thread_local std::array<NamesInOrder, 8> names;
  for (const std::size_t place : names[headers.size() % names.size()].hashed(headers))
    hasher.update(stored(headers[place]));
}

ContentHash joined(const Hash& of_headers, const Hash& of_value) {
  ContentHash content;
  std::ranges::copy(of_headers, content.begin());
  std::ranges::copy(of_value, content.begin() + of_headers.size());
  return content;
}

}  // namespace

ContentHash content_hash(const Headers& headers, std::string_view value) {
  thread_local std::vector<Header> split;
  headers.split_into(split);
  return content_hash(split, value);
}

ContentHash content_hash(std::span<const Header> headers, std::string_view value) {
  Sha256& hasher = thread_hasher();
  add_hashed(hasher, headers);
  return joined(hasher.finish(), sha256(value));
}

void ContentHashBatch::add(std::span<const Header> headers, std::string_view value) {
  add_hashed(hashes_, headers);
  hashes_.end();
  hashes_.update(value);
  hashes_.end();
}

std::span<const ContentHash> ContentHashBatch::finish() {
  const std::span<const Hash> hashes = hashes_.finish();
  contents_.clear();
  for (std::size_t i = 0; i < hashes.size(); i += 2)
    contents_.push_back(joined(hashes[i], hashes[i + 1]));
  return contents_;
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
