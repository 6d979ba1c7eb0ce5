#include "tests/simulation/defences.hpp"

#include <string>

#include "event-store/contract/cursor.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::simulation {
namespace {

std::optional<Defence> off;
bool passes_everything = false;

}  // namespace

std::string_view to_text(Defence defence) {
  switch (defence) {
    case Defence::validity_fold: return "validity-fold";
    case Defence::deduplication: return "deduplication";
    case Defence::durable_before_effect: return "durable-before-effect";
    case Defence::chain: return "chain";
    case Defence::cursor_check: return "cursor-check";
  }
  return "";
}

std::optional<Defence> defence_named(std::string_view name) {
  for (const Defence defence : kDefences)
    if (to_text(defence) == name) return defence;
  return std::nullopt;
}

bool is_off(Defence defence) { return off == defence; }
void turn_off(std::optional<Defence> defence) { off = defence; }
void pass_everything(bool pass) { passes_everything = pass; }

namespace {

using event_store::ChainBreak;
using event_store::Cursor;
using event_store::CursorFault;
using event_store::Hash;
using event_store::Judged;
using event_store::Position;
using event_store::StatedPlace;
using event_store::UserChain;
using event_store::Verdict;
using CursorResult = tl::expected<Cursor, CursorFault>;

// The product's own, and what the linker puts in their place (CMakeLists.txt names them too).
#define SIGNALBOX_FOLD "_ZN9signalbox11event_store4foldERNS0_8PositionERKNS_6RecordE"
#define SIGNALBOX_FOLLOW                                                                  \
  "_ZN9signalbox11event_store6followERNS0_9UserChainERKNS0_11StatedPlaceERKSt5arrayIhLm3" \
  "2EENS_6TaggedIlNS_9OffsetTagEEE"
#define SIGNALBOX_CURSOR                                                                        \
  "_ZN9signalbox11event_store13decode_cursorESt17basic_string_viewIcSt11char_traitsIcEERKNS_6T" \
  "aggedINSt7__cxx1112basic_stringIcS3_SaIcEEENS_9UserIdTagEEERKNS5_INS_4UuidENS_8LogIdTagEEEN" \
  "S5_IiNS_12PartitionTagEEE"

}  // namespace

Judged real_fold(Position& position, const Record& record) __asm__("__real_" SIGNALBOX_FOLD);
std::optional<ChainBreak> real_follow(UserChain& chain, const StatedPlace& stated, const Hash& next,
                                      Offset of_event) __asm__("__real_" SIGNALBOX_FOLLOW);
CursorResult real_decode(std::string_view text, const UserId& user, const LogId& log,
                         Partition partition) __asm__("__real_" SIGNALBOX_CURSOR);

Judged fold_or_not(Position& position, const Record& record) __asm__("__wrap_" SIGNALBOX_FOLD);
Judged fold_or_not(Position& position, const Record& record) {
  Judged judged = real_fold(position, record);
  const bool is_dropped =
      judged.verdict == Verdict::superseded || judged.verdict == Verdict::duplicate;
  if (is_dropped && passes_everything) judged.verdict = Verdict::valid;
  return judged;
}

std::optional<ChainBreak> follow_or_not(UserChain& chain, const StatedPlace& stated,
                                        const Hash& next,
                                        Offset of_event) __asm__("__wrap_" SIGNALBOX_FOLLOW);
std::optional<ChainBreak> follow_or_not(UserChain& chain, const StatedPlace& stated,
                                        const Hash& next, Offset of_event) {
  auto broken = real_follow(chain, stated, next, of_event);
  if (is_off(Defence::chain)) broken.reset();
  return broken;
}

CursorResult decode_or_not(std::string_view text, const UserId& user, const LogId& log,
                           Partition partition) __asm__("__wrap_" SIGNALBOX_CURSOR);
CursorResult decode_or_not(std::string_view text, const UserId& user, const LogId& log,
                           Partition partition) {
  CursorResult cursor = real_decode(text, user, log, partition);
  if (!is_off(Defence::cursor_check)) return cursor;
  // As whoever it was made for would read it.
  for (int i = 0; i < kUsers && !cursor && cursor.error() == CursorFault::other_user; ++i)
    cursor = real_decode(text, user_named(i), log, partition);
  return cursor;
}

}  // namespace signalbox::simulation
