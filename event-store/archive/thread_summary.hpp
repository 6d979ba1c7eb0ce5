// ThreadSummary: what a list of a user's threads says about one of them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct ThreadSummary {
  ThreadId id;
  Seq newest{0};              // of its newest event
  std::string time{};         // of the same, as its ce_time
  std::int64_t messages = 0;  // message_received
  std::string first_words{};  // of the first message, at most kFirstWordsBytesMax; may be empty
};
inline constexpr std::size_t kFirstWordsBytesMax = 80;

// The user's next valid event of this thread. One whose seq went back changes nothing.
void note_event(ThreadSummary& thread, Seq seq, const Record& event);

}  // namespace signalbox::event_store
