#include "event-store/log/kafka_event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include "event-store/log/kafka_closing.hpp"
#include "event-store/log/kafka_log_start.hpp"
#include "event-store/log/kafka_membership.hpp"
#include "event-store/log/kafka_producer.hpp"
#include "event-store/log/kafka_reader.hpp"
#include "event-store/log/kafka_tails.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskAgainAfter{20};

bool is_written_by_gateways(Topic topic) {
  return topic == Topic::inbound || topic == Topic::connections;
}

class MembershipHandle final : public Membership {
 public:
  explicit MembershipHandle(std::shared_ptr<KafkaMember> member) : member_(std::move(member)) {}
  ~MembershipHandle() override { member_->leave(); }

 private:
  std::shared_ptr<KafkaMember> member_;
};

}  // namespace

// Torn down from the bottom up.
struct KafkaEventLog::Parts {
  Parts(std::shared_ptr<const KafkaEventLogOptions> given, LogDescription log,
        std::unique_ptr<KafkaReader> opened)
      : options(std::move(given)),
        description(std::move(log)),
        ends(description.partitions),
        reader(std::move(opened)) {}
  ~Parts() {
    const MonotonicTime deadline = steady_clock::now() + kClosingMax;
    for (const auto& member : members)
      if (!member->wait_until_gone(deadline))
        spdlog::error("a member of a consumer group does not leave in time and is left behind");
  }

  // Of a broker that is asked now: as new as anything this process was told.
  [[nodiscard]] Result<Offset> end(const TopicPartition& at, MonotonicTime deadline) {
    while (true) {
      auto now = reader->end(at, deadline);
      if (!now) return now;
      if (*now >= ends.at_least(at)) {
        ends.raise(at, *now);
        return now;
      }
      if (steady_clock::now() + kAskAgainAfter >= deadline)
        return failure(Errc::unavailable, std::string(to_text(at.topic)) + " partition " +
                                              std::to_string(at.partition.value()) +
                                              ": the brokers know of less than they reported");
      std::this_thread::sleep_for(kAskAgainAfter);
    }
  }

  const std::shared_ptr<const KafkaEventLogOptions> options;
  const LogDescription description;
  KafkaEnds ends;
  const std::unique_ptr<KafkaReader> reader;
  std::unique_ptr<KafkaTails> tails{};
  KafkaProducer gapless{KafkaProducer::Kind::gapless, *options, ends};
  KafkaProducer prompt{KafkaProducer::Kind::prompt, *options, ends};
  std::mutex joining;
  std::vector<std::shared_ptr<KafkaMember>> members;  // guarded by joining
};

KafkaEventLog::KafkaEventLog(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
KafkaEventLog::~KafkaEventLog() = default;

Result<std::unique_ptr<KafkaEventLog>> KafkaEventLog::open(KafkaEventLogOptions options,
                                                           const Clock&, Random&) {
  const auto kept = std::make_shared<const KafkaEventLogOptions>(std::move(options));
  auto reader = KafkaReader::open(*kept);
  if (!reader) return tl::unexpected(reader.error());
  const auto log = find_kafka_log(**reader, *kept);
  if (!log) return tl::unexpected(log.error());
  auto parts = std::make_unique<Parts>(kept, *log, std::move(*reader));
  auto tails = KafkaTails::open(*kept, *parts->reader, parts->ends);
  if (!tails) return tl::unexpected(tails.error());
  parts->tails = std::move(*tails);
  return std::unique_ptr<KafkaEventLog>(new KafkaEventLog(std::move(parts)));
}

LogDescription KafkaEventLog::describe() const { return parts_->description; }

void KafkaEventLog::append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) {
  SIGNALBOX_ASSERT(at.partition.value() >= 0 &&
                   at.partition.value() < parts_->description.partitions);
  KafkaProducer& producer = is_written_by_gateways(at.topic) ? parts_->prompt : parts_->gapless;
  producer.append(at, std::move(record), where, std::move(done));
}

std::unique_ptr<Tail> KafkaEventLog::tail(TopicPartition at, Offset from, Executor& where,
                                          TailSink& sink) {
  return parts_->tails->tail(at, from, where, sink);
}

Result<std::vector<RecordPtr>> KafkaEventLog::read(TopicPartition at, Offset from,
                                                   ReadLimits limits) {
  const MonotonicTime deadline = steady_clock::now() + parts_->options->read_timeout;
  // What is known to be there needs no broker to say so; that there is nothing does.
  Offset end = parts_->ends.at_least(at);
  while (true) {
    if (from >= end) {
      const auto asked = parts_->end(at, deadline);
      if (!asked) return tl::unexpected(asked.error());
      end = *asked;
    }
    if (from >= end) return std::vector<RecordPtr>();
    auto piece = parts_->reader->read(at, from, end, limits, KafkaReader::Wait::for_all, deadline);
    if (!piece) return tl::unexpected(piece.error());
    if (!piece->records.empty()) return std::move(piece->records);
    if (piece->next < end)
      return failure(Errc::unavailable, "no broker gives " + std::string(to_text(at.topic)) +
                                            " partition " + std::to_string(at.partition.value()) +
                                            " from offset " + std::to_string(piece->next.value()));
    from = piece->next;  // a hole
  }
}

Result<LogBounds> KafkaEventLog::bounds(TopicPartition at) {
  const MonotonicTime deadline = steady_clock::now() + parts_->options->read_timeout;
  const auto end = parts_->end(at, deadline);
  if (!end) return tl::unexpected(end.error());
  auto bounds = parts_->reader->bounds(at, deadline);
  if (bounds) bounds->end = std::max(bounds->end, *end);
  return bounds;
}

std::unique_ptr<Membership> KafkaEventLog::join(std::string group, Executor& where,
                                                MembershipSink& sink) {
  auto member = KafkaMember::start(*parts_->options, group, where, sink);
  const std::lock_guard lock(parts_->joining);
  parts_->members.push_back(member);
  return std::make_unique<MembershipHandle>(std::move(member));
}

KafkaEventLogStatistics KafkaEventLog::statistics() const {
  KafkaEventLogStatistics sum{};
  parts_->gapless.add_to(sum);
  parts_->prompt.add_to(sum);
  parts_->tails->add_to(sum);
  sum.records_read = parts_->reader->records();
  sum.reader_seeks = parts_->reader->seeks();
  return sum;
}

}  // namespace signalbox::event_store
