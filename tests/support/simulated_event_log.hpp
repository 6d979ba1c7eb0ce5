// SimulatedEventLog: an event log in memory on a SimulatedScheduler, shared by any number of
// sessions (one per simulated process), that can lie. Honest, it passes the conformance suite; with
// a lie the contract allows it still does; with one the contract forbids it must not.
//
// A session that is destroyed is a process that died: what it had appended and what had not landed
// yet may still land, and its callbacks never run. One real thread; outlives its sessions.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::test_support {

// What becomes of one append.
struct AppendFate {
  enum class Report { truth, error, never };
  int copies = 1;                         // that land; 0: lost
  Report report = Report::truth;          // of a lost one, the truth is an error
  SimulatedScheduler::Duration delay{0};  // until it lands; later ones of the session come after it
  bool overtaken = false;                 // later appends of the session need not wait for it
  Errc error = Errc::log_unavailable;     // what is reported of one that is not reported ok
};

// Chances in percent, times as upper limits of a seeded choice.
struct SimulatedLogLies {
  SimulatedScheduler::Duration append_delay_max{0};
  SimulatedScheduler::Duration tail_delay_max{0};
  // Allowed: an append that is not reported ok promises nothing.
  unsigned lose_and_report = 0;        // it never lands; its error is reported
  unsigned land_and_report_error = 0;  // it lands, its report says it did not
  unsigned land_late_after_error = 0;  // the same, up to late_max after the report
  unsigned land_twice_after_error = 0;
  SimulatedScheduler::Duration late_max = std::chrono::seconds(5);
  // Allowed, unless the backend promises a prefix of each thread. Of what is in flight when its
  // session dies: lands nevertheless, each by itself, up to late_max later.
  unsigned land_after_death = 50;
  // Allowed, but whoever reads must begin anew: a tail ends with an error, as at a row that cannot
  // be read.
  unsigned tail_fails = 0;
  // Allowed: read() and bounds() without the newest records, of which nobody has been told or given
  // anything yet; a tail that has caught up with the end as it was before them.
  unsigned lagging_reads = 0;
  unsigned lagging_tails = 0;
  // Forbidden, and yet a router must bear it: an append that is never answered.
  unsigned lose_silently = 0;
  unsigned land_silently = 0;
  // Forbidden.
  unsigned lose_acknowledged = 0;
  unsigned land_twice_acknowledged = 0;
  unsigned reorder = 0;  // a later append of the same session and partition lands first
  unsigned change_bytes = 0;
  unsigned drop_header = 0;
  unsigned skip_offset = 0;
  unsigned wrong_offset_in_report = 0;
  unsigned tail_skips = 0;        // a tail leaves a record out
  unsigned tail_repeats = 0;      // a tail delivers a record again
  unsigned stale_reads = 0;       // read() without the newest records there were before the call
  unsigned stale_bounds = 0;      // bounds() the same
  bool forget_on_reopen = false;  // a new session finds the log without its newest record
  bool call_destroyed_tail = false;
};

struct SimulatedLogOptions {
  std::int32_t partitions = 12;
  std::size_t volatile_records_max = 1024;
  std::size_t batch_records_max = 256;
  SimulatedLogLies lies{};
};

class SimulatedEventLog {
 public:
  explicit SimulatedEventLog(SimulatedScheduler& scheduler, SimulatedLogOptions options = {});
  ~SimulatedEventLog();
  SimulatedEventLog(const SimulatedEventLog&) = delete;
  SimulatedEventLog& operator=(const SimulatedEventLog&) = delete;

  [[nodiscard]] std::unique_ptr<event_store::EventLog> open_session();

  // Asked for every append first; nullopt leaves it to chance. For tests that need one exact fault.
  using Fate = std::function<std::optional<AppendFate>(const TopicPartition&, const NewRecord&)>;
  void set_fate(Fate fate) { fate_ = std::move(fate); }
  // Asked for every read() and bounds(); what it gives is their error. Tails wait while it gives
  // one, as for a broker that is away.
  enum class Asked { read, bounds, tail };
  using Outage = std::function<std::optional<Error>(const TopicPartition&, Asked)>;
  void set_outage(Outage outage);
  void set_lies(SimulatedLogLies lies) { options_.lies = lies; }

  // For checkers: what the log holds, whoever can see it.
  [[nodiscard]] std::vector<RecordPtr> records(const TopicPartition& at) const;
  // Lands at once, whoever wrote it: foreign producers, damage.
  Offset put(const TopicPartition& at, NewRecord record);
  // Its oldest records go, as by retention.
  void forget_oldest(const TopicPartition& at, std::size_t records);
  // What that session's tails would deliver waits until they are let go; reports of its appends
  // come as ever. For tests in which a process hears of its own append before it reads what lies
  // before.
  void hold_tails(const event_store::EventLog& session);
  void let_tails_go(const event_store::EventLog& session);
  // Appends that were never answered so far are, with log_unavailable: as when a client of a log
  // gives up at last.
  void answer_the_unanswered();
  // A crash in the middle of a group commit: of what this session has in flight a seeded prefix
  // lands at once, nothing of the rest ever does, and the session is dead.
  void crash_in_commit(const event_store::EventLog& session);
  // How often each lie was told, by its name.
  [[nodiscard]] const std::map<std::string, std::int64_t, std::less<>>& told() const {
    return told_;
  }
  // Appends that have not landed yet: all, and those of a session that land in its order.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t in_flight(const event_store::EventLog& session) const;

 private:
  class Session;
  class SessionTail;
  class SessionMembership;
  struct Subscription;
  struct Place {
    std::deque<RecordPtr> records;
    Offset end{0};
    Offset known_end{0};  // somebody was told of everything before it, or given it
    std::vector<std::shared_ptr<Subscription>> readers;
  };
  struct Producer;
  struct Append;

  [[nodiscard]] bool chance(unsigned percent);
  // The same, and counted as this lie.
  [[nodiscard]] bool lie(unsigned percent, std::string_view name);
  [[nodiscard]] SimulatedScheduler::Duration delay_up_to(SimulatedScheduler::Duration most);
  [[nodiscard]] Place& place(const TopicPartition& at);
  // The end a reader is told: with this chance that of a moment before.
  [[nodiscard]] Offset seen_end(Place& place, unsigned stale_percent);
  // The end a tail reads to.
  [[nodiscard]] Offset tail_end(const Subscription& reader);
  [[nodiscard]] AppendFate choose_fate(const TopicPartition& at, const NewRecord& record);
  void append(const std::shared_ptr<Producer>& producer, TopicPartition at, NewRecord record,
              Executor& where, event_store::AppendDone done);
  void arrive(const std::shared_ptr<Append>& append);
  void land_and_report(Append& append);
  void report(Append& append, Result<Offset> result);
  Offset land(const TopicPartition& at, NewRecord record);
  [[nodiscard]] std::optional<Error> outage_of(const TopicPartition& at, Asked what) const;
  [[nodiscard]] bool must_wait(const Subscription& reader) const;
  void pump_all();
  void pump(const std::shared_ptr<Subscription>& reader);
  void call(const std::shared_ptr<Subscription>& reader);
  [[nodiscard]] std::vector<RecordPtr> batch_for(Subscription& reader, Offset end);
  void rebalance(const std::string& group);

  SimulatedScheduler& scheduler_;
  SimulatedLogOptions options_;
  Random random_;
  event_store::LogDescription description_;
  std::map<TopicPartition, Place> places_;
  std::map<std::string, std::vector<SessionMembership*>> groups_;
  Fate fate_;
  Outage outage_;
  std::size_t in_flight_ = 0;
  std::map<std::string, std::int64_t, std::less<>> told_;
  std::vector<Append> unanswered_;
};

}  // namespace signalbox::test_support
