#include "event-store/log/user_chain.hpp"

#include <span>
#include <utility>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"

namespace signalbox::event_store {
namespace {

std::optional<Seq> as_seq(std::optional<std::int64_t> number) {
  if (!number || *number > kCountMax<std::int64_t>) return std::nullopt;
  return Seq(*number);
}

}  // namespace

UserChain start_of_chain(const LogId& log, const UserId& user) {
  return {Seq(0), chain_start(log, user)};
}

std::optional<Seq> stated_seq(const Record& event) {
  return as_seq(header_number(event, "ce_userseq"));
}

std::optional<Seq> stated_seq(std::span<const Header> headers) {
  return as_seq(header_number(headers, "ce_userseq"));
}

StatedPlace stated_place(std::span<const Header> headers) {
  const auto hash = find_header(headers, "ce_chainhash");
  return {stated_seq(headers), hash ? parse_hash(*hash) : std::nullopt};
}

std::optional<UserChain> stated_chain(const Record& valid_event) {
  const auto [seq, hash] = stated_place(valid_event.headers.split());
  if (!seq || !hash) return std::nullopt;
  return UserChain{*seq, *hash};
}

std::optional<ChainBreak> follow(UserChain& chain, const Record& valid_event) {
  return follow_hashed(chain, valid_event).broken;
}

Followed follow_hashed(UserChain& chain, const Record& valid_event) {
  thread_local std::vector<Header> headers;
  valid_event.headers.split_into(headers);
  return follow_hashed(chain, valid_event, headers);
}

Followed follow_hashed(UserChain& chain, const Record& valid_event,
                       std::span<const Header> headers) {
  const ContentHash content = content_hash(headers, valid_event.value);
  return {content, follow(chain, stated_place(headers), chain_next(chain.hash, content),
                          valid_event.offset)};
}

}  // namespace signalbox::event_store
