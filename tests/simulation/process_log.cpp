#include "tests/simulation/process_log.hpp"

#include <typeinfo>

#include "event-store/contract/codec.hpp"
#include "event-store/log/partition_reader.hpp"
#include "event-store/log/validity_fold.hpp"
#include "tests/simulation/defences.hpp"

namespace signalbox::simulation {
namespace {

// Whose worker has a batch in hand.
OwnershipWitness::View* reading = nullptr;

// The product's own, and what the linker puts in its place (CMakeLists.txt names it too): a worker
// calls it for each record before it acts on that.
#define SIGNALBOX_FOLD_RESUME                                                                    \
  "_ZN9signalbox11event_store11fold_resumeERNS0_13InboundResumeERKNS0_8PositionERKNS0_6JudgedER" \
  "KNS_6RecordE"

}  // namespace

void real_fold_resume(event_store::InboundResume& resume, const event_store::Position& after,
                      const event_store::Judged& judged,
                      const Record& record) __asm__("__real_" SIGNALBOX_FOLD_RESUME);
void fold_resume_and_tell(event_store::InboundResume& resume, const event_store::Position& after,
                          const event_store::Judged& judged,
                          const Record& record) __asm__("__wrap_" SIGNALBOX_FOLD_RESUME);
void fold_resume_and_tell(event_store::InboundResume& resume, const event_store::Position& after,
                          const event_store::Judged& judged, const Record& record) {
  real_fold_resume(resume, after, judged, record);
  if (reading != nullptr) reading->on_judged(record);
}

namespace {

Offset quarantined_offset(const TopicPartition& at, const NewRecord& record) {
  const Record appended{at, Offset(0), Timestamp{}, record.key, record.headers, record.value};
  return event_store::decode_quarantined(appended)->origin_offset;
}

}  // namespace

class ProcessLog::WitnessedTail final : public event_store::Tail, private event_store::TailSink {
 public:
  WitnessedTail(event_store::EventLog& session, OwnershipWitness::View& view, TopicPartition at,
                Offset from, Executor& where, event_store::TailSink& sink)
      : view_(view), sink_(sink), tail_(session.tail(at, from, where, *this)) {
    view_.begin_at(from);
  }

 private:
  void on_records(std::span<const RecordPtr> records) override {
    view_.begin_batch(records);
    reading = &view_;
    sink_.on_records(records);
    reading = nullptr;
  }
  void on_caught_up(Offset end) override { sink_.on_caught_up(end); }
  void on_failed(const Error& error) override { sink_.on_failed(error); }

  OwnershipWitness::View& view_;
  event_store::TailSink& sink_;
  std::unique_ptr<event_store::Tail> tail_;
};

// Of a gateway without the validity fold.
class ProcessLog::UnfoldedTail final : public event_store::Tail, private event_store::TailSink {
 public:
  UnfoldedTail(event_store::EventLog& session, TopicPartition at, Offset from, Executor& where,
               event_store::TailSink& sink)
      : sink_(sink), tail_(session.tail(at, from, where, *this)) {}

 private:
  void on_records(std::span<const RecordPtr> records) override {
    pass_everything(true);
    sink_.on_records(records);
    pass_everything(false);
  }
  void on_caught_up(Offset end) override { sink_.on_caught_up(end); }
  void on_failed(const Error& error) override { sink_.on_failed(error); }

  event_store::TailSink& sink_;
  std::unique_ptr<event_store::Tail> tail_;
};

OwnershipWitness::View& ProcessLog::view_of(Partition partition) {
  return views_.try_emplace(partition, *witness_, process_, partition).first->second;
}

std::unique_ptr<event_store::Tail> ProcessLog::tail(TopicPartition at, Offset from, Executor& where,
                                                    event_store::TailSink& sink) {
  if (witness_ == nullptr && is_off(Defence::validity_fold))
    return std::make_unique<UnfoldedTail>(session_, at, from, where, sink);
  // What a worker owns by; other tails read again what it has read.
  const bool is_the_workers = typeid(sink) == typeid(event_store::PartitionReader);
  if (witness_ == nullptr || at.topic != Topic::events || !is_the_workers)
    return session_.tail(at, from, where, sink);
  return std::make_unique<WitnessedTail>(session_, view_of(at.partition), at, from, where, sink);
}

void ProcessLog::append(TopicPartition at, NewRecord record, Executor& where,
                        event_store::AppendDone done) {
  if (witness_ != nullptr && at.topic == Topic::events) view_of(at.partition).on_append(record);
  if (witness_ != nullptr && at.topic == Topic::quarantine)
    done = [&view = view_of(at.partition), inbound = quarantined_offset(at, record),
            done = std::move(done)](const Result<Offset>& appended) {
      if (appended) view.on_quarantined(inbound);
      done(appended);
    };
  if (at.topic != Topic::inbound || !is_off(Defence::durable_before_effect))
    return session_.append(at, std::move(record), where, std::move(done));
  // What a gateway would do that answers when it has written, and does not wait for the disk.
  session_.append(at, std::move(record), where, [](const Result<Offset>&) {});
  where.post([done = std::move(done)] { done(Offset(0)); });
}

}  // namespace signalbox::simulation
