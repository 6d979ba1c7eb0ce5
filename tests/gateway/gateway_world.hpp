// A gateway without sockets, in virtual time: sessions on fake links, one feed, a log that can lie.
#pragma once

#include <prometheus/registry.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "gateway/session.hpp"
#include "tests/support/simulated_event_log.hpp"
#include "tests/support/simulated_scheduler.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::gateway {

class PlainFrame final : public WireFrame {
 public:
  explicit PlainFrame(std::string text, const FramePart& part = {})
      : WireFrame(part), text_(std::move(text)) {}
  [[nodiscard]] std::string_view text() const noexcept override { return text_; }

 private:
  std::string text_;
};

// Keeps what it is given; buffers only when told to.
class FakeLink final : public ClientLink {
 public:
  void send(const FramePtr& frame) override {
    if (ended) return;
    frames.push_back(frame);
    if (stalled) buffered += frame->text().size();
  }
  void send_live(const FramePtr& frame) override { send(frame); }
  [[nodiscard]] bool is_lagging() const override { return lagging; }
  void begin_stream(const StreamPlace& start) override { stream_start = start; }
  void close(CloseCode code, std::string_view reason) override {
    if (!ended) ended.emplace(code, std::string(reason));
  }
  void ping() override { ++pings; }
  [[nodiscard]] std::size_t buffered_bytes() const override { return buffered; }

  [[nodiscard]] nlohmann::json frame(std::size_t index) const {
    return nlohmann::json::parse(frames.at(index)->text());
  }
  // Types of the frames; of an event its seq, of an error its code.
  [[nodiscard]] std::vector<std::string> story() const {
    std::vector<std::string> told;
    for (const FramePtr& one : frames) {
      const auto frame = nlohmann::json::parse(one->text());
      if (frame.contains("seq"))
        told.push_back("event " + std::to_string(frame["seq"].get<int>()));
      else if (frame["type"] == "error")
        told.push_back("error " + frame["code"].get<std::string>());
      else
        told.push_back(frame["type"]);
    }
    return told;
  }

  std::vector<FramePtr> frames;
  std::optional<StreamPlace> stream_start;
  std::size_t buffered = 0;
  bool stalled = false;
  bool lagging = false;
  int pings = 0;
  std::optional<std::pair<CloseCode, std::string>> ended;
};

// A log whose next reads or appends fail as the test says.
class FaultyLog final : public event_store::EventLog {
 public:
  explicit FaultyLog(std::unique_ptr<event_store::EventLog> log) : log_(std::move(log)) {}

  [[nodiscard]] event_store::LogDescription describe() const override { return log_->describe(); }
  void append(TopicPartition at, NewRecord record, Executor& where,
              event_store::AppendDone done) override {
    if (!append_error) return log_->append(at, std::move(record), where, std::move(done));
    where.post([done = std::move(done), error = *append_error] { done(tl::unexpected(error)); });
  }
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition at, Offset from,
                                                        Executor& where,
                                                        event_store::TailSink& sink) override {
    ++tails;
    return std::make_unique<CountedTail>(*this, at, log_->tail(at, from, where, sink));
  }
  // That are read now.
  [[nodiscard]] std::set<std::int32_t> tailed(Topic topic) const {
    std::set<std::int32_t> partitions;
    for (const auto& [at, count] : live_tails)
      if (at.topic == topic && count > 0) partitions.insert(at.partition.value());
    return partitions;
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    event_store::ReadLimits limits) override {
    ++reads;
    if (on_read) on_read();
    if (read_error) return tl::unexpected(*read_error);
    return log_->read(at, from, limits);
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    if (silent.contains(at)) ++blocked;
    if (bounds_error) return tl::unexpected(*bounds_error);
    return log_->bounds(at);
  }
  void ask_bounds(TopicPartition at, Executor& where, event_store::BoundsDone done) override {
    if (!silent.contains(at)) return EventLog::ask_bounds(at, where, std::move(done));
    kept_back.emplace_back([&where, found = log_->bounds(at), done = std::move(done)] {
      where.post([found, done] { done(found); });
    });
  }
  // What was asked of a partition that was silent, as it was then.
  void answer_all() {
    silent.clear();
    for (const auto& answer : std::exchange(kept_back, {})) answer();
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string group, Executor& where, event_store::MembershipSink& sink) override {
    return log_->join(std::move(group), where, sink);
  }

  std::optional<Error> append_error;
  std::optional<Error> read_error;
  std::optional<Error> bounds_error;
  std::set<TopicPartition> silent;  // ask_bounds() is not answered ...
  int blocked = 0;                  // ... and bounds() would block, and was called so often
  std::vector<std::function<void()>> kept_back;
  std::function<void()> on_read;
  int reads = 0;
  int tails = 0;  // begun
  std::map<TopicPartition, int> live_tails;

 private:
  class CountedTail final : public event_store::Tail {
   public:
    CountedTail(FaultyLog& log, TopicPartition at, std::unique_ptr<event_store::Tail> tail)
        : log_(log), at_(at), tail_(std::move(tail)) {
      ++log_.live_tails[at_];
    }
    ~CountedTail() override { --log_.live_tails[at_]; }

   private:
    FaultyLog& log_;
    const TopicPartition at_;
    std::unique_ptr<event_store::Tail> tail_;
  };

  std::unique_ptr<event_store::EventLog> log_;
};

// Hands on; what is posted may run on its thread at once, before the one who posts goes on, so a
// test can look at what holds by then.
class WatchedExecutor final : public Executor {
 public:
  explicit WatchedExecutor(Executor& executor) : executor_(executor) {}

  void post(Task task) override {
    if (on_post) on_post();
    executor_.post(std::move(task));
  }
  TimerId call_at(MonotonicTime when, Task task) override {
    return executor_.call_at(when, std::move(task));
  }
  void cancel(TimerId timer) override { executor_.cancel(timer); }
  [[nodiscard]] bool is_current() const override { return executor_.is_current(); }

  std::function<void()> on_post;

 private:
  Executor& executor_;
};

// History of one gateway: pages of what the test put in.
class FakeHistory final : public event_store::UserHistory {
 public:
  void read(event_store::HistoryQuery query, Executor& where,
            std::function<void(Result<event_store::HistoryPage>)> done) override {
    ++reads;
    if (fails || reads > fails_after)
      return where.post([done] { done(failure(Errc::unavailable, "not now")); });
    std::vector<RecordPtr> wanted;
    for (const RecordPtr& event : events) {
      if (*event->key != query.user.value()) continue;
      const auto seq = *event_store::header_number(*event, "ce_userseq");
      if (query.after ? seq > query.after->value() : seq < query.before->value())
        wanted.push_back(event);
    }
    if (query.before) std::reverse(wanted.begin(), wanted.end());
    const std::size_t page_size = std::min(page_events, query.events_max);
    const bool more = wanted.size() > page_size;
    if (more) wanted.resize(page_size);
    events_given += wanted.size();
    where.post([done, page = event_store::HistoryPage{std::move(wanted), more, complete_to}] {
      done(page);
    });
  }

  void read_threads(event_store::ThreadQuery, Executor& where,
                    std::function<void(Result<event_store::ThreadPage>)> done) override {
    where.post([done] { done(failure(Errc::unavailable, "no threads here")); });
  }

  std::vector<RecordPtr> events;
  event_store::Position complete_to{};
  std::size_t page_events = 10;
  int reads = 0;
  std::size_t events_given = 0;
  bool fails = false;
  int fails_after = std::numeric_limits<int>::max();  // so many reads
};

// Of a client that says nothing but the protocol.
inline Handshake plain_handshake() {
  return Handshake{.subprotocol = "signalbox.v1",
                   .dialect = event_store::WireDialect::v1,
                   .token = std::nullopt,
                   .from = StreamFrom::latest,
                   .cursor = {},
                   .wanted_client = std::nullopt,
                   .user_agent = "test"};
}

// Time passes whenever somebody looks, so that work takes some.
class BusyClock final : public Clock {
 public:
  BusyClock(const Clock& clock, std::chrono::microseconds per_look)
      : clock_(clock), per_look_(per_look) {}
  [[nodiscard]] Timestamp now() const override { return clock_.now(); }
  [[nodiscard]] MonotonicTime monotonic() const override {
    passed_ += per_look_;
    return clock_.monotonic() + passed_;
  }

 private:
  const Clock& clock_;
  const std::chrono::microseconds per_look_;
  mutable std::chrono::microseconds passed_{0};
};

class GatewayWorld {
 public:
  struct Setup {
    std::int32_t partitions = 1;
    GatewayLimits limits{};
    bool with_history = false;
    test_support::SimulatedLogLies lies{};
    std::uint64_t seed = 3;
    std::chrono::microseconds feed_per_look{0};  // of its clock
  };

  GatewayWorld() : GatewayWorld(Setup{}) {}
  explicit GatewayWorld(Setup setup)
      : scheduler({.seed = setup.seed, .fifo = true}),
        simulated(scheduler, {.partitions = setup.partitions, .lies = setup.lies}),
        feed_clock(scheduler.clock(), setup.feed_per_look),
        log(std::make_unique<FaultyLog>(simulated.open_session())),
        metrics(registry),
        clients(setup.limits.sockets_per_user_max, setup.limits.messages, scheduler.clock()),
        inbound_lag(setup.limits.inbound_lag, setup.partitions),
        key(*TokenKey::from_secret(std::nullopt, std::string(32, 'k'))),
        authenticator(scheduler.clock(), *KeySet::make({key}), {}),
        options{.limits = setup.limits,
                .gateway = "g1",
                .source = "/signalbox/test/gateway/g1",
                .log = log->describe()},
        owner(log->describe().log_id, Epoch(1), random) {
    journal.emplace(
        *log, shard, scheduler.clock(), random, callbacks,
        ConnectionJournal::Options{.source = options.source, .partitions = setup.partitions});
    for (std::int32_t i = 0; i < setup.partitions; ++i)
      simulated.put({Topic::events, Partition(i)}, owner.owned());
    make_feed(setup.with_history ? &history : nullptr);
  }
  ~GatewayWorld() {
    scheduler.run_on(feed_thread, [this] { feed->close(); });
    scheduler.run_until_idle();
    feed.reset();
    journal.reset();
  }

  // As a gateway that starts now: it reads from the newest checkpoint on.
  void restart_feed() {
    if (feed) {
      scheduler.run_on(feed_thread, [this] { feed->close(); });
      scheduler.run_until_idle();
    }
    make_feed(history_in_use);
  }

  // As if users of every partition had been here before.
  void read_partitions() {
    for (std::int32_t i = 0; i < log->describe().partitions; ++i) feed->keep_reading(Partition(i));
    scheduler.run_until_idle();
  }

  Offset state(const std::string& user, int count = 1, const std::string& text = "hello") {
    const Partition partition = event_store::partition_of_key(user, log->describe().partitions);
    Offset last(0);
    for (int i = 0; i < count; ++i)
      last = simulated.put({Topic::events, partition}, owner.event(user, Offset(0), text));
    return last;
  }
  Offset put(NewRecord record, Partition partition = Partition(0)) {
    return simulated.put({Topic::events, partition}, std::move(record));
  }
  void settle() { scheduler.run_until_idle(); }

  struct Client {
    std::shared_ptr<FakeLink> link = std::make_shared<FakeLink>();
    std::shared_ptr<Session> session;
    void say(const nlohmann::json& frame) const { session->on_text(frame.dump()); }
  };
  Client connect(const std::string& user, StreamFrom from = StreamFrom::latest,
                 std::string cursor = {},
                 event_store::WireDialect dialect = event_store::WireDialect::v1) {
    return connect(Handshake{.subprotocol = "signalbox.v1",
                             .dialect = dialect,
                             .token = std::nullopt,
                             .from = from,
                             .cursor = std::move(cursor),
                             .wanted_client = std::nullopt,
                             .user_agent = "test"},
                   Identity{UserId(user), {}, scheduler.clock().now() + std::chrono::hours(1)});
  }
  Client connect(Handshake handshake, std::optional<Identity> identity) {
    Client client;
    client.session = std::make_shared<Session>(*session_parts, SessionId(++last_session),
                                               std::move(handshake), std::move(identity));
    kept.push_back(client);
    client.session->on_open(*client.link);
    scheduler.run_until_idle();
    return client;
  }
  void disconnect(Client& client) {
    client.session->on_closed(CloseCode::abnormal, "");
    std::erase_if(kept, [&](const Client& one) { return one.session == client.session; });
    client.session.reset();
    scheduler.run_until_idle();
  }

  test_support::SimulatedScheduler scheduler;
  Executor& shard = scheduler.make_executor("shard");
  WatchedExecutor shard_of_feed{shard};
  Executor& feed_thread = scheduler.make_executor("feed");
  Executor& helper = scheduler.make_executor("helper");
  test_support::SimulatedEventLog simulated;
  BusyClock feed_clock;
  std::unique_ptr<FaultyLog> log;
  prometheus::Registry registry;
  GatewayMetrics metrics;
  ClientRegistry clients;
  InboundLag inbound_lag;
  TokenKey key;
  Authenticator authenticator;
  CallbackCount callbacks;
  Random random{5};
  Hub hub;
  SessionOptions options;
  test_support::TestOwner owner;
  FakeHistory history;
  std::optional<ConnectionJournal> journal;
  std::optional<Feed> feed;
  std::optional<SessionParts> session_parts;
  std::uint64_t last_session = 0;
  std::vector<Client> kept;  // as a server keeps them: until they are disconnected
  event_store::UserHistory* history_in_use = nullptr;

 private:
  void make_feed(event_store::UserHistory* history_or_none) {
    history_in_use = history_or_none;
    const FrameFactory make_frame = [](std::string text, const FramePart& part) -> FramePtr {
      return std::make_shared<const PlainFrame>(std::move(text), part);
    };
    feed.emplace(Feed::Parts{.log = *log,
                             .history = history_or_none,
                             .executor = feed_thread,
                             .clock = feed_clock,
                             .helpers = {&helper},
                             .shards = {ShardPort{&shard_of_feed, &hub}},
                             .make_frame = make_frame,
                             .metrics = metrics,
                             .callbacks = callbacks,
                             .inbound_lag = inbound_lag,
                             .random = random,
                             .limits = options.limits});
    scheduler.run_on(feed_thread, [&] { feed->open(); });
    session_parts.emplace(SessionParts{.shard = 0,
                                       .executor = shard,
                                       .hub = hub,
                                       .feed = *feed,
                                       .log = *log,
                                       .clock = scheduler.clock(),
                                       .random = random,
                                       .authenticator = authenticator,
                                       .registry = clients,
                                       .inbound_lag = inbound_lag,
                                       .journal = *journal,
                                       .metrics = metrics,
                                       .callbacks = callbacks,
                                       .make_frame = make_frame,
                                       .options = options});
    scheduler.run_until_idle();
  }
};

}  // namespace signalbox::gateway
