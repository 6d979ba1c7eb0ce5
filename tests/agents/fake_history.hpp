// FakeHistory: a user's messages in memory, as an archive would hand them out, in pages that a test
// makes as small as it likes. One thread.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "event-store/archive/user_history.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/model/timestamp.hpp"

namespace signalbox::testing {

class FakeHistory : public event_store::UserHistory {
 public:
  explicit FakeHistory(UserId user) : user_(std::move(user)) {}

  void add_message(const std::string& time, const std::string& thread, const std::string& content,
                   RunId run = RunId(Uuid{})) {
    add(time, thread, run, MessageReceived{MessageId("m"), content, "assistant"});
  }
  void add_answer(const std::string& time, const std::string& thread, const std::string& content) {
    add(time, thread, RunId(Uuid{}), AgentCompleted{content, std::nullopt});
  }
  void set_page_events_max(std::size_t events) { page_events_max_ = events; }
  // The newest `events` are there only after so many reads.
  void lag(std::size_t events, int reads) {
    late_events_ = events;
    late_reads_ = reads;
  }
  void fail_with(Error error) { error_ = std::move(error); }
  [[nodiscard]] int reads() const { return reads_; }

  void read(event_store::HistoryQuery query, Executor& where,
            std::function<void(Result<event_store::HistoryPage>)> done) override {
    ++reads_;
    where.post([page = make_page(query), done = std::move(done)] { done(page); });
  }
  void read_threads(event_store::ThreadQuery, Executor& where,
                    std::function<void(Result<event_store::ThreadPage>)> done) override {
    where.post([done = std::move(done)] { done(failure(Errc::unavailable, "no threads here")); });
  }

 private:
  void add(const std::string& time, const std::string& thread, RunId run, EventData data) {
    const Seq seq(static_cast<std::int64_t>(events_.size()) + 1);
    const Event event{EventId(Uuid{}),
                      "/test",
                      *parse_timestamp(time),
                      user_,
                      ThreadId(thread),
                      run,
                      std::nullopt,
                      WebsocketClientId("ws_test"),
                      seq,
                      Offset(0),
                      Epoch(1),
                      OwnerSeq(seq.value()),
                      "cause",
                      std::nullopt,
                      std::move(data)};
    NewRecord made = event_store::encode_event(event);
    events_.push_back(std::make_shared<const Record>(Record{{Topic::events, Partition(0)},
                                                            Offset(seq.value()),
                                                            event.time,
                                                            made.key,
                                                            std::move(made.headers),
                                                            std::move(made.value)}));
  }

  [[nodiscard]] Result<event_store::HistoryPage> make_page(
      const event_store::HistoryQuery& query) const {
    if (error_) return tl::unexpected(*error_);
    event_store::HistoryPage page{{}, false, {}};
    if (query.user != user_) return page;
    const std::size_t limit = std::min(query.events_max, page_events_max_);
    const std::size_t late = reads_ > late_reads_ ? 0 : late_events_;
    for (auto record = events_.rbegin() + static_cast<std::ptrdiff_t>(late);
         record != events_.rend(); ++record) {
      if (*event_store::header_number(**record, "ce_userseq") >= query.before->value()) continue;
      page.more = page.events.size() == limit;
      if (page.more) break;
      page.events.push_back(*record);
    }
    return page;
  }

  UserId user_;
  std::vector<RecordPtr> events_;
  std::size_t page_events_max_ = 1000;
  std::optional<Error> error_;
  std::size_t late_events_ = 0;
  int late_reads_ = 0;
  int reads_ = 0;
};

}  // namespace signalbox::testing
