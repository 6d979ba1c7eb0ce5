#include "gateway/auth_emitter.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::gateway {

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
  flush();
  executor_.cancel(std::exchange(timer_, TimerId::none));
}

bool ConnectionJournal::note(const std::optional<ConnectionContext>& context, ConnectionData data) {
  if (stopped_ || waiting_.size() >= options_.records_max) {
    ++dropped_;
    return false;
  }
  ConnectionRecord record{.id = random_.uuid().to_string(),
                          .source = options_.source,
                          .time = clock_.now(),
                          .user_id = std::nullopt,
                          .websocket_client_id = std::nullopt,
                          .data = std::move(data)};
  Partition partition(0);  // of nobody in particular (contract 5)
  if (context) {
    record.user_id = context->user_id;
    record.websocket_client_id = context->websocket_client_id;
    partition = event_store::partition_of(context->user_id, options_.partitions);
  }
  waiting_.push_back({partition, std::move(record)});
  arm();
  return true;
}

void ConnectionJournal::note_start(const std::string& gateway, const std::string& boot) {
  if (stopped_) return;
  for (std::int32_t i = 0; i < options_.partitions; ++i)
    waiting_.push_back({Partition(i), ConnectionRecord{.id = random_.uuid().to_string(),
                                                       .source = options_.source,
                                                       .time = clock_.now(),
                                                       .user_id = std::nullopt,
                                                       .websocket_client_id = std::nullopt,
                                                       .data = GatewayStarted{gateway, boot}}});
  arm();
}

void ConnectionJournal::arm() {
  if (timer_ != TimerId::none) return;
  timer_ = executor_.call_at(clock_.monotonic() + options_.delay, [this] {
    timer_ = TimerId::none;
    flush();
  });
}

void ConnectionJournal::flush() {
  for (Entry& entry : std::exchange(waiting_, {})) {
    callbacks_.begin();
    // Whether it arrives is the log's business: no one would do anything else if it did not.
    log_.append({Topic::connections, entry.partition}, event_store::encode_connection(entry.record),
                executor_, [&callbacks = callbacks_](Result<Offset>) { callbacks.end(); });
  }
}

Result<void> AuthEmitter::emit(ConnectionData fact) {
  if (journal_->note(context_, std::move(fact))) return {};
  return failure(Errc::unavailable, "the journal takes no more facts about sockets now");
}

AuthEmitter create_auth_emitter(const ConnectionContext& context, ConnectionJournal& journal) {
  return AuthEmitter(context, journal);
}

}  // namespace signalbox::gateway
