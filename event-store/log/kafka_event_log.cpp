#include "event-store/log/kafka_event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "event-store/log/kafka_closing.hpp"
#include "event-store/log/kafka_desk.hpp"
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
// Whoever asks waits: for a partition that gave no answer, twice as long each time, since its
// broker may be slow; and for the others while there is one, since they may be of the same broker.
constexpr milliseconds kSilentTimeout{300};
constexpr milliseconds kBesideSilentTimeout{2'000};

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
    reader->stop_asking();
    bounds_desk.reset();
    records_desk.reset();
    for (KafkaProducer* producer : {&stated, &commands, &aside}) producer->stop();
    const MonotonicTime deadline = steady_clock::now() + kClosingMax;
    for (const auto& member : members)
      if (!member->wait_until_gone(deadline))
        spdlog::error("a member of a consumer group does not leave in time and is left behind");
  }

  [[nodiscard]] KafkaProducer& producer_of(Topic topic) {
    const auto kind = KafkaProducer::kind_of(topic);
    if (kind == KafkaProducer::Kind::aside) return aside;
    return kind == KafkaProducer::Kind::commands ? commands : stated;
  }

  [[nodiscard]] MonotonicTime deadline(const TopicPartition& at) {
    const std::lock_guard lock(asking);
    milliseconds timeout = options->read_timeout;
    if (const auto found = silent.find(at); found != silent.end())
      timeout = found->second;
    else if (!silent.empty())
      timeout = std::min(timeout, kBesideSilentTimeout);
    return steady_clock::now() + timeout;
  }
  // What came of asking for it, as it is.
  template <class T>
  [[nodiscard]] Result<T> noted(const TopicPartition& at, Result<T> answer) {
    const std::lock_guard lock(asking);
    if (answer || answer.error().code != Errc::unavailable) {
      silent.erase(at);
    } else if (const auto [found, is_new] = silent.try_emplace(at, kSilentTimeout); !is_new) {
      found->second = std::min(found->second * 2, kBesideSilentTimeout);
    }
    return answer;
  }

  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    ReadLimits limits, MonotonicTime deadline);
  [[nodiscard]] Result<LogBounds> bounds(const TopicPartition& at);

  // Of a broker that is asked now: as new as anything this process was told.
  [[nodiscard]] Result<Offset> end(const TopicPartition& at, MonotonicTime deadline) {
    while (true) {
      auto now = reader->end(at, deadline, KafkaReader::Leader::is_needed);
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
  // Apart, so that whoever takes a partition over does not wait behind what is looked up.
  std::unique_ptr<KafkaDesk> bounds_desk = std::make_unique<KafkaDesk>("kafka-ask");
  std::unique_ptr<KafkaDesk> records_desk = std::make_unique<KafkaDesk>("kafka-look-up");
  // A queue of its own for each kind of append, so that what may be lost never stands in the way.
  KafkaProducer stated{KafkaProducer::Kind::stated, *options, ends};
  KafkaProducer commands{KafkaProducer::Kind::commands, *options, ends};
  KafkaProducer aside{KafkaProducer::Kind::aside, *options, ends};
  std::mutex asking;
  std::map<TopicPartition, milliseconds> silent{};  // guarded by asking; how long the next waits
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
  parts_->producer_of(at.topic).append(at, std::move(record), where, std::move(done));
}

std::unique_ptr<Tail> KafkaEventLog::tail(TopicPartition at, Offset from, Executor& where,
                                          TailSink& sink) {
  return parts_->tails->tail(at, from, where, sink);
}

Result<std::vector<RecordPtr>> KafkaEventLog::read(TopicPartition at, Offset from,
                                                   ReadLimits limits) {
  return parts_->noted(at, parts_->read(at, from, limits, parts_->deadline(at)));
}

Result<std::vector<RecordPtr>> KafkaEventLog::Parts::read(const TopicPartition& at, Offset from,
                                                          ReadLimits limits,
                                                          MonotonicTime deadline) {
  // What is known to be there needs no broker to say so; that there is nothing does.
  Offset known = ends.at_least(at);
  while (true) {
    if (from >= known) {
      const auto asked = end(at, deadline);
      if (!asked) return tl::unexpected(asked.error());
      known = *asked;
    }
    if (from >= known) return std::vector<RecordPtr>();
    auto piece = reader->read(at, from, known, limits, KafkaReader::Wait::for_all, deadline);
    if (!piece) return tl::unexpected(piece.error());
    if (!piece->records.empty()) return std::move(piece->records);
    if (piece->next < known)
      return failure(Errc::unavailable, "no broker gives " + std::string(to_text(at.topic)) +
                                            " partition " + std::to_string(at.partition.value()) +
                                            " from offset " + std::to_string(piece->next.value()));
    from = piece->next;  // a hole
  }
}

Result<LogBounds> KafkaEventLog::bounds(TopicPartition at) { return parts_->bounds(at); }

void KafkaEventLog::ask_bounds(TopicPartition at, Executor& where, BoundsDone done) {
  parts_->bounds_desk->ask<LogBounds>([this, at] { return parts_->bounds(at); }, where,
                                      std::move(done));
}

void KafkaEventLog::ask_records(TopicPartition at, const std::vector<Offset>& offsets,
                                Executor& where, RecordsDone done) {
  parts_->records_desk->ask<std::vector<RecordPtr>>(
      [this, at, offsets] { return records_at(at, offsets); }, where, std::move(done));
}

Result<LogBounds> KafkaEventLog::Parts::bounds(const TopicPartition& at) {
  const MonotonicTime until = deadline(at);
  const auto first = noted(at, reader->first(at, until, KafkaReader::Leader::is_needed));
  if (!first) return tl::unexpected(first.error());
  const auto now = noted(at, end(at, until));  // never before the first: that was asked before
  if (!now) return tl::unexpected(now.error());
  return LogBounds{*first, *now};
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
  parts_->stated.add_to(sum);
  parts_->commands.add_to(sum);
  parts_->aside.add_to(sum);
  parts_->tails->add_to(sum);
  sum.records_read = parts_->reader->records();
  sum.bytes_read = parts_->reader->bytes();
  sum.reader_seeks = parts_->reader->seeks();
  return sum;
}

}  // namespace signalbox::event_store
