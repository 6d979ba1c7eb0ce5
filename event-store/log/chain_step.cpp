// The one step that every chain of a user takes, apart from who takes it: the simulation puts
// another in its place.
#include "event-store/log/user_chain.hpp"

namespace signalbox::event_store {
namespace {

std::string describe_unreadable(bool seq, bool hash) {
  if (!seq && !hash) return "neither ce_userseq nor ce_chainhash can be read";
  return seq ? "ce_chainhash is absent or no hash"
             : "ce_userseq is absent, no number or beyond counting";
}

std::optional<ChainBreak> judge(const UserChain& chain, const UserChain& expected, bool has_seq,
                                bool has_hash, Offset offset) {
  if (!has_seq || !has_hash)
    return ChainBreak{ChainBreak::Kind::unreadable, offset, describe_unreadable(has_seq, has_hash)};
  if (chain.seq != expected.seq)
    return ChainBreak{ChainBreak::Kind::seq, offset,
                      "expected ce_userseq " + std::to_string(expected.seq.value()) + ", found " +
                          std::to_string(chain.seq.value())};
  if (chain.hash != expected.hash)
    return ChainBreak{
        ChainBreak::Kind::hash, offset,
        "expected ce_chainhash " + to_hex(expected.hash) + ", found " + to_hex(chain.hash)};
  return std::nullopt;
}

}  // namespace

// From what the event states, so that each break is named once; what it does not state goes on as
// if it were right.
std::optional<ChainBreak> follow(UserChain& chain, const StatedPlace& stated, const Hash& next,
                                 Offset of_event) {
  const UserChain expected{chain.seq.next(), next};
  chain.seq = stated.seq.value_or(expected.seq);
  chain.hash = stated.hash ? *stated.hash : expected.hash;
  return judge(chain, expected, stated.seq.has_value(), stated.hash.has_value(), of_event);
}

}  // namespace signalbox::event_store
