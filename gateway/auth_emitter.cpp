#include "gateway/auth_emitter.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::gateway {
namespace {

// As records for the log they take five times the memory: of a burst so many are such at a time.
constexpr std::size_t kRecordsAtOnce = 256;
constexpr std::chrono::milliseconds kPause{5};

}  // namespace

ConnectionJournal::ConnectionJournal(event_store::EventLog& log, Executor& executor,
                                     const Clock& clock, Random& random, CallbackCount& callbacks,
                                     Options options)
    : log_(log),
      executor_(executor),
      clock_(clock),
      random_(random),
      callbacks_(callbacks),
      options_(std::move(options)) {}

ConnectionJournal::~ConnectionJournal() { stop(); }

void ConnectionJournal::stop() {
  if (std::exchange(stopped_, true)) return;
  give(waiting_.size());
  executor_.cancel(std::exchange(timer_, TimerId::none));
}

bool ConnectionJournal::note(const std::optional<ConnectionContext>& context, ConnectionData data) {
  if (stopped_ || waiting_.size() + *unanswered_ >= options_.records_max) {
    ++dropped_;
    return false;
  }
  const Partition partition = context
                                  ? event_store::partition_of(context->user_id, options_.partitions)
                                  : Partition(0);  // of nobody in particular (contract 5)
  waiting_.push_back({partition, clock_.now(), context, std::move(data)});
  arm(options_.delay);
  return true;
}

void ConnectionJournal::note_start(const std::string& gateway, const std::string& boot) {
  if (stopped_) return;
  for (std::int32_t i = 0; i < options_.partitions; ++i)
    waiting_.push_back({Partition(i), clock_.now(), std::nullopt, GatewayStarted{gateway, boot}});
  arm(options_.delay);
}

void ConnectionJournal::arm(std::chrono::milliseconds delay) {
  if (timer_ != TimerId::none) return;
  timer_ = executor_.call_at(clock_.monotonic() + delay, [this] {
    timer_ = TimerId::none;
    if (*unanswered_ == 0) give(std::min(waiting_.size(), kRecordsAtOnce));
    if (!waiting_.empty()) arm(kPause);
  });
}

void ConnectionJournal::give(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    give(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (waiting_.empty()) waiting_.shrink_to_fit();
}

void ConnectionJournal::give(Entry entry) {
  ConnectionRecord record{.id = random_.uuid().to_string(),
                          .source = options_.source,
                          .time = entry.time,
                          .user_id = std::nullopt,
                          .websocket_client_id = std::nullopt,
                          .data = std::move(entry.data)};
  if (entry.context) {
    record.user_id = std::move(entry.context->user_id);
    record.websocket_client_id = std::move(entry.context->websocket_client_id);
  }
  callbacks_.begin();
  ++*unanswered_;
  // Whether it arrives is the log's business: no one would do anything else if it did not.
  log_.append({Topic::connections, entry.partition}, event_store::encode_connection(record),
              executor_,
              [&callbacks = callbacks_, unanswered = unanswered_](const Result<Offset>&) {
                --*unanswered;
                callbacks.end();
              });
}

Result<void> AuthEmitter::emit(ConnectionData fact) {
  if (journal_->note(context_, std::move(fact))) return {};
  return failure(Errc::unavailable, "the journal takes no more facts about sockets now");
}

AuthEmitter create_auth_emitter(const ConnectionContext& context, ConnectionJournal& journal) {
  return AuthEmitter(context, journal);
}

}  // namespace signalbox::gateway
