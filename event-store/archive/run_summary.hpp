// RunSummary: what a list of a user's runs says about one of them, from message_received to its
// terminal event; what names the run afterwards (a message sent twice, a late cancel) is no part of
// it. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "event-store/model/record.hpp"

namespace signalbox::event_store {

struct RunSummary {
  RunId id;
  std::string thread{};
  Seq first{0};  // of its message_received; 0: not met yet
  Seq last{0};   // of its newest event
  std::int64_t events = 0;
  std::string agent{};
  std::string status{};   // queued, running, waiting_for_input, completed, failed, cancelled
  std::string started{};  // ce_time of agent_started; empty: it was not started
  std::string ended{};    // of its terminal event; empty: it is open
};

// The user's next valid event that names this run. What comes before its message_received, after
// its end, or with a seq that went back, changes nothing.
void note_event(RunSummary& run, Seq seq, const Record& event);

}  // namespace signalbox::event_store
