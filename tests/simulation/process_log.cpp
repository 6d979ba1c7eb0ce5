#include "tests/simulation/process_log.hpp"

#include "tests/simulation/defences.hpp"

namespace signalbox::simulation {

void ProcessLog::append(TopicPartition at, NewRecord record, Executor& where,
                        event_store::AppendDone done) {
  if (at.topic != Topic::inbound || !is_off(Defence::durable_before_effect))
    return session_->append(at, std::move(record), where, std::move(done));
  // What a gateway would do that answers when it has written, and does not wait for the disk.
  session_->append(at, std::move(record), where, [](const Result<Offset>&) {});
  where.post([done = std::move(done)] { done(Offset(0)); });
}

}  // namespace signalbox::simulation
