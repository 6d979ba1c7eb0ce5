#include "event-store/contract/chain.hpp"

#include <algorithm>
#include <vector>

namespace signalbox::event_store {
namespace {

bool is_hashed(std::string_view name) {
  if (name == "content-type") return true;
  return name.starts_with("ce_") && name != "ce_chainhash" && name != "ce_traceparent";
}

Sha256& thread_hasher() {
  thread_local Sha256 hasher;
  return hasher;
}

}  // namespace

ContentHash content_hash(const Headers& headers, std::string_view value) {
  return content_hash(headers.split(), value);
}

ContentHash content_hash(std::vector<Header> headers, std::string_view value) {
  std::erase_if(headers, [](const Header& header) { return !is_hashed(header.name); });
  std::ranges::sort(headers, {}, &Header::name);
  Sha256& hasher = thread_hasher();
  for (const Header& header : headers) {
    hasher.update_prefixed(header.name);
    hasher.update_prefixed(header.value);
  }
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
