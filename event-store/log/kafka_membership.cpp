#include "event-store/log/kafka_membership.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "event-store/log/kafka_record.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollFor{100};
constexpr std::string_view kHeartbeatMs = "200";  // two polls: see wake()
constexpr milliseconds kAskExecutorEvery{1'000};
constexpr milliseconds kNewClientAfter{500};

}  // namespace

std::shared_ptr<KafkaMember> KafkaMember::start(const KafkaEventLogOptions& options,
                                                const std::string& group, Executor& where,
                                                MembershipSink& sink) {
  std::shared_ptr<KafkaMember> member(new KafkaMember(options, group, where, sink));
  // The thread keeps what it works on, also when nobody waits for it any more.
  member->thread_ = std::thread([member] { member->run(); });
  return member;
}

KafkaMember::KafkaMember(const KafkaEventLogOptions& options, const std::string& group,
                         Executor& where, MembershipSink& sink)
    : kafka_(options.kafka),
      session_timeout_(options.session_timeout),
      silence_max_(options.executor_silence_max),
      group_(options.kafka.topic_prefix + "-" + group),
      fatal_(options.fatal),
      where_(&where),
      sink_(sink) {}

void KafkaMember::leave() {
  const std::lock_guard lock(mutex_);
  where_ = nullptr;
  if (polled_) rd_kafka_queue_yield(polled_.get());
}

bool KafkaMember::wait_until_gone(MonotonicTime deadline) {
  if (gone_.wait_until(deadline) == std::future_status::ready) {
    thread_.join();
    return true;
  }
  thread_.detach();
  return false;
}

bool KafkaMember::has_left() {
  const std::lock_guard lock(mutex_);
  return where_ == nullptr;
}

Result<void> KafkaMember::make_client() {
  // How soon a member learns that another one came or went.
  const KafkaOptions kafka = with_defaults(kafka_, {{"heartbeat.interval.ms", kHeartbeatMs},
                                                    {"socket.timeout.ms", "10000"},
                                                    {"reconnect.backoff.ms", "50"},
                                                    {"reconnect.backoff.max.ms", "1000"}});
  auto conf =
      make_kafka_conf(kafka, {{"group.id", group_},
                              {"session.timeout.ms", std::to_string(session_timeout_.count())},
                              {"partition.assignment.strategy", "range"},
                              {"enable.auto.commit", "false"},
                              {"enable.auto.offset.store", "false"},
                              {"auto.offset.reset", "error"}});
  if (!conf) return tl::unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  rd_kafka_conf_set_rebalance_cb(
      conf->get(),
      [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
         void* opaque) { static_cast<KafkaMember*>(opaque)->on_rebalance(what, partitions); });
  auto client = make_kafka_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) return tl::unexpected(client.error());
  client_ = std::move(*client);
  rd_kafka_poll_set_consumer(client_.get());
  const std::lock_guard lock(mutex_);
  polled_.reset(rd_kafka_queue_get_consumer(client_.get()));
  return {};
}

void KafkaMember::run() {
  pthread_setname_np(pthread_self(), "kafka-group");
  while (!has_left()) {
    if (const auto made = make_client(); !made) {
      const std::lock_guard lock(mutex_);  // so that nothing is told after leave()
      if (where_ != nullptr) fatal_(made.error());
      break;
    }
    subscribe();
    follow_group();
    {
      const std::lock_guard lock(mutex_);
      polled_ = nullptr;
    }
    rd_kafka_consumer_close(client_.get());
    client_ = nullptr;
    subscribed_ = false;
    wait_a_moment();
  }
  gone_promise_.set_value();
}

void KafkaMember::follow_group() {
  while (!has_left()) {
    const KafkaMessage message(
        rd_kafka_consumer_poll(client_.get(), static_cast<int>(kPollFor.count())));
    if (message && message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      tell_trouble(rd_kafka_message_errstr(message.get()));
    // What it had is still its own in the log; the group gives it to somebody in time.
    if (message && message->err == RD_KAFKA_RESP_ERR__FATAL) return;
    wake();
    watch_revocation();
    watch_executor();
  }
}

// The client looks whether a heartbeat is due when its main thread has something to do, else once a
// second, whatever the interval; and in the answer to a heartbeat it learns that it has to join
// again. Any question to that thread makes it look.
void KafkaMember::wake() {
  if (char* const asked = rd_kafka_memberid(client_.get()); asked != nullptr)
    rd_kafka_mem_free(client_.get(), asked);
}

void KafkaMember::wait_a_moment() {
  const MonotonicTime until = steady_clock::now() + kNewClientAfter;
  while (!has_left() && steady_clock::now() < until) std::this_thread::sleep_for(kPollFor);
}

void KafkaMember::subscribe() {
  const KafkaPartitionList topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), topic_name(kafka_, Topic::inbound).c_str(),
                                    RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(client_.get(), topics.get());
  subscribed_ = error == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!subscribed_) tell_trouble(rd_kafka_err2str(error));
}

void KafkaMember::on_rebalance(rd_kafka_resp_err_t what,
                               const rd_kafka_topic_partition_list_t* partitions) {
  const bool is_lost = rd_kafka_assignment_lost(client_.get()) != 0;
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    // Nothing to fetch; without a list it would be a revocation, and the group joined again.
    const KafkaPartitionList none(rd_kafka_topic_partition_list_new(0));
    rd_kafka_assign(client_.get(), none.get());
    std::vector<Partition> mine;
    for (int i = 0; i < partitions->cnt; ++i) mine.emplace_back(partitions->elems[i].partition);
    std::ranges::sort(mine);
    revoked_at_.reset();
    tell(std::move(mine));
    return;
  }
  rd_kafka_assign(client_.get(), nullptr);
  if (is_lost) {
    tell_lost(Loss::unheard);
  } else if (subscribed_) {
    revoked_at_ = steady_clock::now();
    spdlog::info("group {}: members came or went, its partitions are shared out anew", group_);
  }
}

void KafkaMember::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (where_ == nullptr) return;
  where_->post([self = shared_from_this(), task = std::move(task)] {
    if (!self->has_left()) task();
  });
}

void KafkaMember::tell(std::vector<Partition> partitions) {
  assigned_ = !partitions.empty();
  trouble_.clear();
  post([this, partitions = std::move(partitions)] { sink_.on_assigned(partitions); });
}

void KafkaMember::tell_lost(Loss how) {
  revoked_at_.reset();
  const std::string what = why_out(how);
  if (!std::exchange(assigned_, false)) return tell_trouble(what);
  trouble_ = what;
  // As one: between the two a member without partitions would pass for a spare one, which is ready.
  post([this, trouble = log_trouble(what)] {
    sink_.on_assigned({});
    if (!has_left()) sink_.on_trouble(trouble);
  });
}

std::string KafkaMember::why_out(Loss how) {
  if (how == Loss::unheard) return "its brokers have not heard of this member for too long";
  if (how == Loss::revoked) return "what it had was revoked and nothing assigned since";
  return "the thread that owns its partitions does not come round";
}

void KafkaMember::tell_trouble(const std::string& what) {
  if (std::exchange(trouble_, what) == what) return;
  post([this, trouble = log_trouble(what)] { sink_.on_trouble(trouble); });
}

Error KafkaMember::log_trouble(const std::string& what) const {
  spdlog::error("group {}: {}; it is tried again", group_, what);
  return {Errc::unavailable, "group " + group_ + ": " + what};
}

void KafkaMember::watch_revocation() {
  if (!revoked_at_ || steady_clock::now() - *revoked_at_ < session_timeout_) return;
  tell_lost(Loss::revoked);
}

void KafkaMember::watch_executor() {
  const MonotonicTime now = steady_clock::now();
  if (*answered_) {
    if (!subscribed_) subscribe();
    if (now - asked_at_ < kAskExecutorEvery) return;
    asked_at_ = now;
    *answered_ = false;
    const std::lock_guard lock(mutex_);
    if (where_ != nullptr) where_->post([answered = answered_] { *answered = true; });
  } else if (subscribed_ && now - asked_at_ >= silence_max_) {
    rd_kafka_unsubscribe(client_.get());
    subscribed_ = false;
    tell_lost(Loss::stuck);
  }
}

}  // namespace signalbox::event_store
