// PartitionFeed: one partition of events as the users' sockets see it, from when it is made: its
// window, the users that are followed, and each socket's way from its cursor to the head. Sockets
// that come before what was in the log at the beginning is read wait for that, in order. A socket
// is served from the window, from the user's history when it is older than that, or from the log
// itself; at the head it becomes live. All it gets goes through posts to its shard in order, so
// that its stream has no gap and no repeat. A cursor is proven before its stream is said to be
// ready. A partition that cannot be read closes the streams of its users and is tried again from
// where it stopped, after waits that grow. Thread: the feed's executor, where it is also made and
// destroyed.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "event-store/archive/user_history.hpp"
#include "event-store/log/partition_reader.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/model/back_off.hpp"
#include "event-store/model/random.hpp"
#include "gateway/callback_count.hpp"
#include "gateway/hub.hpp"
#include "gateway/limits.hpp"
#include "gateway/metrics.hpp"
#include "gateway/partition_start.hpp"
#include "gateway/progress_pieces.hpp"
#include "gateway/shared_scans.hpp"
#include "gateway/stream_posts.hpp"
#include "gateway/window.hpp"

namespace signalbox::gateway {

// What the partitions of a feed share. All of it outlives them.
struct FeedParts {
  event_store::EventLog& log;
  event_store::UserHistory* history;  // none: the log is scanned
  Executor& executor;
  const Clock& clock;
  ScanQueue& jobs;
  SharedScans& scans;
  StreamPosts& posts;
  std::vector<ShardPort> shards;
  FrameFactory make_frame;
  GatewayMetrics& metrics;
  CallbackCount& callbacks;
  InboundLag& inbound_lag;
  Random& random;
  GatewayLimits limits;
  event_store::LogDescription description;
};

class PartitionFeed final : private event_store::JudgedSink, private event_store::TailSink {
 public:
  PartitionFeed(const FeedParts& parts, Partition partition, std::uint64_t& last_channel);
  ~PartitionFeed() override;

  void follow(const StreamTicket& ticket, StreamRequest request);
  void more(const StreamTicket& ticket);
  void unfollow(SessionId session);
  void tell_positions();
  // It is not idle from now on.
  void stay() { used_at_ = parts_.clock.monotonic(); }

  // Nobody has needed it for partition_idle_max.
  [[nodiscard]] bool is_idle(MonotonicTime now) const {
    return subscriptions_.empty() && now - used_at_ >= parts_.limits.partition_idle_max;
  }
  // Why nothing is read, until it is read again; none while all is well.
  [[nodiscard]] const std::optional<Error>& stopped() const { return stopped_; }
  [[nodiscard]] const Window& window() const { return window_; }
  [[nodiscard]] std::size_t progress_bytes() const { return pieces_.bytes(); }
  [[nodiscard]] std::size_t streams() const { return subscriptions_.size(); }
  [[nodiscard]] std::size_t users() const { return followers_.size(); }
  // Drops what is too old; for partitions where nothing happens.
  void trim();

 private:
  static constexpr std::size_t kDialects = 2;
  using LiveCounts = std::array<std::uint32_t, kDialects>;
  enum class Phase { waiting, beyond_head, reading, asking, live };

  struct Follower {
    UserId user;
    std::optional<event_store::UserChain> chain;
    std::array<ChannelId, kDialects> channels;
    std::vector<LiveCounts> live;  // by shard
    std::vector<SessionId> sessions;
    bool any_live = false;
  };
  struct Subscription {
    StreamTicket ticket;
    Follower* follower;
    event_store::WireDialect dialect;
    event_store::Position position;  // everything of the user before it was posted
    Seq last_seq{0};                 // of the last event posted; 0 = not known
    Phase phase = Phase::waiting;
    // At the last event posted from older than the window, whence the next one is judged.
    std::optional<event_store::UserChain> chain{};
    bool proven = false;       // position is more than what a cursor says
    bool seq_claimed = false;  // last_seq is not: no event has borne it out yet
  };
  struct Waiting {
    StreamTicket ticket;
    StreamRequest request;
  };
  // Where in a user's history a cursor that knows no seq stands.
  struct SeqSearch {
    Seq before;      // this event is before the cursor; 0 = none is known to be
    Seq not_before;  // this one is not
  };

  // JudgedSink, TailSink (of progress)
  void on_judged(std::span<const event_store::JudgedRecord> records) override;
  void on_caught_up(const event_store::Position& position) override;
  void on_stopped(const Error& error) override;
  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset) override {}
  void on_failed(const Error& error) override;

  void take_event(const event_store::JudgedRecord& judged, MonotonicTime now);
  void check_chain(Follower& follower, WindowEvent& event, std::span<const Header> headers);
  void queue_live(const Follower& follower, event_store::WireDialect dialect, FramePtr frame);
  void post_batches();
  void serve_those_beyond_head();
  void note_readable();
  void find_start();
  void find_start_of_events(PartitionStart start);
  void take_start(const PartitionStart& start);
  // Begins the streams that wait once everything that was there at the beginning is read.
  void serve_those_waiting();
  void open_events();
  void open_progress(Offset from);
  void open_progress_later();
  void open_progress_at_end();

  Follower& follower_of(const UserId& user);
  void begin(Subscription& subscription, const StreamRequest& request);
  void begin_at_cursor(Subscription& subscription, const std::string& text);
  void judge_beyond_head(const Subscription& subscription);
  void ask_end_of_log();
  // Asks the log, then hands its answer to `take` unless this is gone.
  void ask_bounds(Topic topic, std::function<void(const Result<event_store::LogBounds>&)> take);
  // The stream can start where its position says.
  void prove(Subscription& subscription);
  void go_on(Subscription& subscription);
  bool fits_window(const Subscription& subscription) const;
  // False: the stream does not go on from the window, at least not now.
  bool judge_claimed_seq(Subscription& subscription);
  void read_window(Subscription& subscription);
  void read_history(Subscription& subscription);
  void take_history(Subscription& subscription, Result<event_store::HistoryPage> page);
  // Asks the history, then hands its page to `take` unless the stream has ended meanwhile.
  void ask_history(const Subscription& subscription, event_store::HistoryQuery query,
                   std::function<void(Subscription&, Result<event_store::HistoryPage>)> take);
  void search_history(Subscription& subscription);
  void search_between(Subscription& subscription, SeqSearch search);
  void read_log(Subscription& subscription);
  void take_scan(Subscription& subscription, const event_store::LogScanResult& result);
  // Posts what the stream still lacks of these events; false when there was nothing to post.
  bool post_older(Subscription& subscription, const std::vector<RecordPtr>& events);
  [[nodiscard]] std::vector<FramePtr> newest_pieces(const Subscription& subscription) const;
  void become_live(Subscription& subscription);
  void stop_live(Subscription& subscription);
  // What is posted next breaks the chain of its user, or follows it.
  void judge_window_event(Subscription& subscription, WindowEvent& event);
  void judge_older_event(Subscription& subscription, const Record& event);
  // By `chain`, which goes on; where it is not known, by the last seq alone. False: it is broken.
  bool judge_next(Subscription& subscription, std::optional<event_store::UserChain>& chain,
                  const Record& event, Seq seq);
  void tell_damage(const Subscription& subscription, std::string what);
  // With the oldest position that is left, where that is not the beginning.
  void refuse(Subscription& subscription, event_store::CursorFault reason,
              const event_store::Position& oldest = {});
  void end_overloaded(const Subscription& subscription);
  void end_unavailable(Subscription& subscription, const Error& error);

  Subscription* find(const StreamTicket& ticket);
  void post(const StreamTicket& ticket, StreamUpdate update);
  const FramePtr& frame_of(WindowEvent& event, const UserId& user,
                           event_store::WireDialect dialect);
  [[nodiscard]] static StreamPlace place_of(const event_store::Position& position, Seq last_seq);
  [[nodiscard]] std::string cursor_text(const event_store::Position& position, Seq last_seq,
                                        const UserId& user) const;

  const FeedParts& parts_;
  const Partition partition_;
  std::uint64_t& last_channel_;
  BackOff events_back_off_;
  BackOff progress_back_off_;
  bool started_ = false;  // where to read from is known
  bool serves_ = false;   // and what was there at the beginning is read
  Offset serves_from_{0};
  std::vector<Waiting> waiting_;
  MonotonicTime used_at_;
  event_store::Position head_;
  Window window_{head_};
  ProgressPieces pieces_;
  std::optional<Error> stopped_;
  TimerId events_timer_ = TimerId::none;
  TimerId progress_timer_ = TimerId::none;
  TextMap<std::unique_ptr<Follower>> followers_;
  std::unordered_map<SessionId, Subscription> subscriptions_;
  std::vector<SessionId> beyond_head_;
  std::vector<StreamTicket> unjudged_;  // whose cursors are beyond the head; not asked for yet
  bool asks_end_ = false;
  std::optional<Offset> covered_;               // of inbound, by the tail batch that is being read
  std::vector<std::vector<Delivery>> batches_;  // by shard; of the tail batch that is being read
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::unique_ptr<event_store::PartitionReader> reader_;
  std::unique_ptr<event_store::Tail> progress_;
};

}  // namespace signalbox::gateway
