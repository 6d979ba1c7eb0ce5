// AuthEmitter: states facts about one socket in the topic connections. Made only by
// create_auth_emitter, from a full ConnectionContext. Nobody waits for these records: a journal
// gathers them for a second and gives them to the log together, some hundreds at a time; what
// exceeds its bound is dropped and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/model/connection.hpp"
#include "event-store/model/context.hpp"
#include "event-store/model/emitter.hpp"
#include "event-store/model/random.hpp"
#include "gateway/callback_count.hpp"

namespace signalbox::gateway {

// One per shard; thread: the shard. Outlives its emitters. What waits when it is stopped, at the
// latest by its destructor, is given to the log then; what is noted afterwards is refused.
class ConnectionJournal {
 public:
  struct Options {
    std::string source;  // ce_source
    std::int32_t partitions;
    // Waiting, here and in the log; further ones are dropped and counted.
    std::size_t records_max = 10'000;
    std::chrono::milliseconds delay{1'000};
  };
  ConnectionJournal(event_store::EventLog& log, Executor& executor, const Clock& clock,
                    Random& random, CallbackCount& callbacks, Options options);
  ~ConnectionJournal();
  ConnectionJournal(const ConnectionJournal&) = delete;
  ConnectionJournal& operator=(const ConnectionJournal&) = delete;

  // False when the journal was full or has been stopped.
  bool note(const std::optional<ConnectionContext>& context, ConnectionData data);
  // gateway_started in every partition; ends all earlier sockets of that gateway.
  void note_start(const std::string& gateway, const std::string& boot);
  void stop();
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Entry {
    Partition partition;
    Timestamp time;
    std::optional<ConnectionContext> context;
    ConnectionData data;
  };
  void arm(std::chrono::milliseconds delay);
  void give(std::size_t count);
  void give(Entry entry);

  event_store::EventLog& log_;
  Executor& executor_;
  const Clock& clock_;
  Random& random_;
  CallbackCount& callbacks_;
  const Options options_;
  std::deque<Entry> waiting_;
  // Given to the log; shared with its answers, which may come when the journal is gone.
  const std::shared_ptr<std::size_t> unanswered_ = std::make_shared<std::size_t>(0);
  TimerId timer_ = TimerId::none;
  bool stopped_ = false;
  std::uint64_t dropped_ = 0;
};

class AuthEmitter {
 public:
  using Context = ConnectionContext;
  using Fact = ConnectionData;

  [[nodiscard]] const ConnectionContext& context() const { return context_; }
  // Errors: unavailable (the journal is full or stopped; the fact is dropped).
  [[nodiscard]] Result<void> emit(ConnectionData fact);

 private:
  friend AuthEmitter create_auth_emitter(const ConnectionContext& context,
                                         ConnectionJournal& journal);
  AuthEmitter(const ConnectionContext& context, ConnectionJournal& journal)
      : context_(context), journal_(&journal) {}

  ConnectionContext context_;
  ConnectionJournal* journal_;
};
static_assert(Emitter<AuthEmitter>);

// The only way to an AuthEmitter. The journal outlives it.
[[nodiscard]] AuthEmitter create_auth_emitter(const ConnectionContext& context,
                                              ConnectionJournal& journal);

}  // namespace signalbox::gateway
