// KafkaMember: a member of a consumer group that fetches nothing: what it is assigned is a hint
// which partitions to own (contract 8). It is subscribed to inbound and has a thread of its own
// ("kafka-group"), which polls, tells its sink the complete set after each rebalance, and the empty
// one, with the reason as a trouble, when it is out of the group: the assignment was lost, or none
// came within the session timeout after a revocation. An empty set without a trouble is that of a
// spare member. Between revocation and assignment nothing is told: the owner goes on.
// What the group refuses (rights, a topic) is said once in the log and to the sink, and tried
// again; a client that broke is replaced. One that cannot be made is the end of the process
// (options.fatal). Watchdog: when the sink's executor does not come round for executor_silence_max
// the member leaves the group, so that others take over, and joins again when it does.
//
// Lifetime: ended by leave(); the thread then leaves the group and ends, wait_until_gone() waits.
// Threads: any. Private to this folder.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_log_options.hpp"

namespace signalbox::event_store {

class KafkaMember : public std::enable_shared_from_this<KafkaMember> {
 public:
  // The sink is told on `where`; neither is touched after leave().
  [[nodiscard]] static std::shared_ptr<KafkaMember> start(const KafkaEventLogOptions& options,
                                                          const std::string& group, Executor& where,
                                                          MembershipSink& sink);
  ~KafkaMember() = default;
  KafkaMember(const KafkaMember&) = delete;
  KafkaMember& operator=(const KafkaMember&) = delete;

  // Does not block.
  void leave();
  // After leave(). False: it hangs, and is left behind.
  [[nodiscard]] bool wait_until_gone(MonotonicTime deadline);

 private:
  enum class Loss { unheard, revoked, stuck };

  KafkaMember(const KafkaEventLogOptions& options, const std::string& group, Executor& where,
              MembershipSink& sink);

  [[nodiscard]] Result<void> make_client();
  void run();
  // Until it has left, or the client broke.
  void follow_group();
  void wake();
  [[nodiscard]] bool has_left();
  void wait_a_moment();
  void subscribe();
  void on_rebalance(rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t* partitions);
  // A task that tells the sink, unless it has left by then.
  void post(Task task);
  void tell(std::vector<Partition> partitions);
  void tell_lost(Loss how);
  [[nodiscard]] static std::string why_out(Loss how);
  void tell_trouble(const std::string& what);
  [[nodiscard]] Error log_trouble(const std::string& what) const;
  void watch_revocation();
  void watch_executor();

  const KafkaOptions kafka_;
  const std::chrono::milliseconds session_timeout_;
  const std::chrono::milliseconds silence_max_;
  const std::string group_;
  const std::function<void(const Error&)> fatal_;

  std::mutex mutex_;
  Executor* where_;    // guarded by mutex_; null: it has left
  KafkaQueue polled_;  // guarded by mutex_; by the thread
  MembershipSink& sink_;

  // The thread's.
  KafkaClient client_;
  bool subscribed_ = false;
  bool assigned_ = false;  // something other than the empty set was told last
  std::string trouble_;    // what was told last, until an assignment comes
  std::optional<MonotonicTime> revoked_at_;
  MonotonicTime asked_at_{};  // the executor
  std::shared_ptr<std::atomic<bool>> answered_ = std::make_shared<std::atomic<bool>>(true);

  std::promise<void> gone_promise_;
  std::future<void> gone_ = gone_promise_.get_future();
  std::thread thread_;
};

}  // namespace signalbox::event_store
