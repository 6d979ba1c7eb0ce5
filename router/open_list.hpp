// OpenList: the events an owner has stated and not yet read back, in the order it stated them, with
// their bytes (ownership rules 5 and 6). An event leaves it when the owner's own tail has folded it
// as valid. After any failure or doubt the whole list is appended again, same bytes, same order,
// before anything new. After the log refused one as too large they are sent one at a time, up to
// the newest there was at the refusal, for it may have refused what was only too large together;
// what it refuses alone it refuses for good (rule 7). Thread: the router's. Bounded: the term
// states nothing while it is full.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/model/event.hpp"

namespace signalbox::router {

struct OpenListOptions {
  std::size_t events_max = 256;  // contract: unconfirmed records per partition
  std::chrono::milliseconds resend_after{
      100};  // from a failure to the next try; then twice as long
  std::chrono::milliseconds resend_most{5000};  // and so on, until an append is reported
  // Reported as appended, yet not read back: send again. Not reported at all: only not ready, for a
  // log that takes its time is no reason to give it more to do (ownership rule 20).
  std::chrono::seconds doubt_after{10};
};

class OpenList {
 public:
  // What the log refuses for good: nothing more is sent, and the term is to end.
  using Refused = std::function<void(const Event&, const Error&)>;

  // `resends` counts for the whole router. `refused` runs once, from the report of an append; it
  // must not destroy this.
  OpenList(event_store::EventLog& log, const Clock& clock, Executor& executor, Partition partition,
           OpenListOptions options, std::atomic<std::uint64_t>& resends, Refused refused);
  ~OpenList();

  void state(Event event, NewRecord record);
  // What was read back as valid, which the oldest one must be. None: it is not what was stated, so
  // somebody else has written in this epoch, and what is in memory is not what the log says.
  [[nodiscard]] std::optional<Event> confirm(const Record& valid);
  // One of them was read as a hole: an earlier append is missing.
  void on_hole() { doubt(); }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool is_full() const { return entries_.size() >= options_.events_max; }
  // False while appends fail, are in doubt or are not answered for long: the partition is not
  // ready.
  [[nodiscard]] bool is_healthy() const { return !in_doubt_ && !is_slow_; }
  // Why the last append failed; empty once one is reported, or all are read back.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Entry {
    Event event;
    NewRecord record;
    MonotonicTime since;    // it was stated, sent or reported
    bool sent = false;      // since the list was last in doubt
    bool reported = false;  // as appended
  };

  // Null: it was read back.
  Entry* find(OwnerSeq owner_seq);
  void append(Entry& entry);
  void send_next();
  void send_all();
  void note_reported(OwnerSeq owner_seq);
  void note_failed(OwnerSeq owner_seq, const Error& error);
  void doubt();
  void resend();
  void watch();

  event_store::EventLog& log_;
  const Clock& clock_;
  Executor& executor_;
  Partition partition_;
  OpenListOptions options_;
  std::deque<Entry> entries_;
  bool in_doubt_ = false;
  std::optional<OwnerSeq> alone_until_;  // sent one at a time until this one is read back
  std::string trouble_;
  std::chrono::milliseconds resend_wait_{0};  // before the last resend; 0: appends are reported
  std::uint64_t generation_ = 0;              // of sends: a failure of an earlier one is old news
  bool is_slow_ = false;
  std::atomic<std::uint64_t>& resends_;
  Refused refused_;
  TimerId timer_ = TimerId::none;
  TimerId watch_ = TimerId::none;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::router
