#include "event-store/snapshot/travelling_snapshot_store.hpp"

#include <utility>

#include "event-store/snapshot/snapshot_key.hpp"

namespace signalbox::event_store {
namespace {

// A tail that stands still looks like one that has read all.
constexpr std::size_t kTicksPerLook = 5;

TravellingSnapshotOptions shared_out(TravellingSnapshotOptions options, const LogId& log) {
  options.file.keeps_places = true;
  options.outbox.source = "/signalbox/" + log.value().to_string() + "/router/" + options.instance;
  options.file.warn = options.outbox.warn = options.follower.warn = options.warn;
  options.follower.snapshot_bytes_max = options.file.snapshot_bytes_max;
  return options;
}

}  // namespace

Result<std::unique_ptr<TravellingSnapshotStore>> TravellingSnapshotStore::open(
    const std::string& path, EventLog& log, Executor& executor, const Clock& clock, Random& random,
    TravellingSnapshotOptions options) {
  const LogId log_id = log.describe().log_id;
  options = shared_out(std::move(options), log_id);
  auto file = SqliteSnapshotStore::open(path, log_id, options.file);
  if (!file) return tl::unexpected<Error>(file.error());
  return std::unique_ptr<TravellingSnapshotStore>(new TravellingSnapshotStore(
      std::move(*file), log, executor, clock, random, std::move(options)));
}

TravellingSnapshotStore::TravellingSnapshotStore(std::unique_ptr<SqliteSnapshotStore> file,
                                                 EventLog& log, Executor& executor,
                                                 const Clock& clock, Random& random,
                                                 TravellingSnapshotOptions options)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      partitions_(log.describe().partitions),
      file_(std::move(file)),
      outbox_(
          std::make_unique<SnapshotOutbox>(log, *file_, executor, clock, random, options_.outbox)) {
  const auto& places = file_->places_at_open();
  for (std::int32_t number = 0; number < partitions_; ++number) {
    const auto place = places.find(Partition(number));
    owned_.emplace_back(false);
    followers_.emplace_back(SnapshotFollower::Services{log, *file_, *outbox_, executor, clock,
                                                       counters_, options_.follower},
                            Partition(number), place == places.end() ? Offset(0) : place->second);
  }
}

TravellingSnapshotStore::~TravellingSnapshotStore() { executor_.cancel(timer_); }

void TravellingSnapshotStore::start() {
  for (SnapshotFollower& follower : followers_) follower.open();
  tick();
}

void TravellingSnapshotStore::tick() {
  ++ticks_;
  for (std::size_t i = 0; i < followers_.size(); ++i)
    followers_[i].tick(owned_[i], (ticks_ + i) % kTicksPerLook == 0);
  timer_ = executor_.call_at(clock_.monotonic() + options_.tick, [this] { tick(); });
}

void TravellingSnapshotStore::set_owned(Partition partition, bool owned) {
  owned_[static_cast<std::size_t>(partition.value())] = owned;
}

Result<void> TravellingSnapshotStore::put(std::string_view key, Snapshot snapshot) {
  if (snapshot.bytes.size() > options_.snapshot_bytes_max)
    return failure(Errc::too_large,
                   "a snapshot of " + std::to_string(snapshot.bytes.size()) + " bytes");
  const auto place = place_of_snapshot_key(key, partitions_);
  if (!place) return failure(Errc::malformed, "a snapshot of nobody", "key");
  // The older one of two is not kept; what was refused is none.
  if (const auto waiting = outbox_->find(key)) {
    if (waiting->order > snapshot.order) return {};
  } else if (const auto kept = file_->find(key); kept && *kept && (*kept)->order > snapshot.order) {
    return {};
  }
  return outbox_->put(key, *place, std::make_shared<const Snapshot>(std::move(snapshot)));
}

Result<std::optional<Snapshot>> TravellingSnapshotStore::get(std::string_view key) {
  // What is not in the outbox any more was given to the file before it was taken out.
  const auto waiting = outbox_->find(key);
  auto kept = file_->get(key);
  if (!waiting) return kept;
  if (kept && *kept && (*kept)->order > waiting->order) {
    const auto found = file_->find(key);  // none: it was refused
    if (found && *found) return kept;
  }
  return std::optional<Snapshot>(*waiting);
}

void TravellingSnapshotStore::refuse(std::string_view key) { file_->refuse(key); }

Result<void> TravellingSnapshotStore::flush() {
  if (auto sent = outbox_->flush(); !sent) return sent;
  return file_->flush();
}

std::optional<std::uint64_t> TravellingSnapshotStore::behind() const {
  std::uint64_t sum = 0;
  for (const SnapshotFollower& follower : followers_) {
    const std::uint64_t lag = follower.lag();
    if (lag == SnapshotFollower::kLagUnknown) return std::nullopt;
    sum += lag;
  }
  return sum;
}

std::uint64_t TravellingSnapshotStore::behind(Partition partition) const {
  return followers_[static_cast<std::size_t>(partition.value())].lag();
}

}  // namespace signalbox::event_store
