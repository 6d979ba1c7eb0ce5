// Whether a user's valid events follow each other (contract 7, 8). A break is damage of that user
// alone: named once, and judged from the stated values of his newest valid event on.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "event-store/contract/chain.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct UserChain {
  Seq seq{0};
  Hash hash;  // h of the event with that seq; h0 at seq 0
};

struct ChainBreak {
  enum class Kind { seq, hash, unreadable } kind;
  Offset offset;
  std::string what;  // a sentence: expected and found
};

// h0 of this user.
[[nodiscard]] UserChain start_of_chain(const LogId& log, const UserId& user);
// The seq an event states; none where it states no number, or one beyond kCountMax.
[[nodiscard]] std::optional<Seq> stated_seq(const Record& event);
[[nodiscard]] std::optional<Seq> stated_seq(std::span<const Header> headers);
// Where the chain stands after this event by what it states; none where it states too little.
[[nodiscard]] std::optional<UserChain> stated_chain(const Record& valid_event);
// What an event states of its place in the chain; none of what cannot be read.
struct StatedPlace {
  std::optional<Seq> seq;
  std::optional<Hash> hash;
};
[[nodiscard]] StatedPlace stated_place(std::span<const Header> headers);
// Follows one valid event of that user. On a break the chain goes on from what the event states.
[[nodiscard]] std::optional<ChainBreak> follow(UserChain& chain, const Record& valid_event);
// The same, with the hash of the event's content that it took.
struct Followed {
  ContentHash content;
  std::optional<ChainBreak> broken;
};
[[nodiscard]] Followed follow_hashed(UserChain& chain, const Record& valid_event);
// The same, for who has split the event's headers (Headers::split) already.
[[nodiscard]] Followed follow_hashed(UserChain& chain, const Record& valid_event,
                                     std::span<const Header> headers);
// The same, for who has hashed already: `next` is chain_next(chain.hash, content of the event).
[[nodiscard]] std::optional<ChainBreak> follow(UserChain& chain, const StatedPlace& stated,
                                               const Hash& next, Offset of_event);

}  // namespace signalbox::event_store
