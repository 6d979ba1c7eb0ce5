#include "event-store/archive/archive_scan.hpp"

#include <utility>

namespace signalbox::event_store {
namespace {

constexpr std::int64_t kRowsPerRead = 128;
constexpr std::size_t kBytesPerRead = 256 * 1024;  // the last row may be beyond

}  // namespace

Result<ArchiveScan> ArchiveScan::open(const std::string& folder, Partition partition,
                                      const LogId& log) {
  std::string path = archive_path(folder, partition);
  auto file = open_rebuildable_to_read(path, archive_format(), log);
  if (!file) return tl::unexpected<Error>(file.error());
  const auto position = read_position(*file);
  if (!position) return tl::unexpected<Error>(position.error());
  auto select = file->prepare(
      "SELECT id, user, seq, place, appended_at, thread, headers, value, hash FROM events"
      " WHERE id > ?1 ORDER BY id LIMIT ?2");
  if (!select) return tl::unexpected<Error>(select.error());
  auto select_user = file->prepare("SELECT name FROM users WHERE id = ?1");
  if (!select_user) return tl::unexpected<Error>(select_user.error());
  return ArchiveScan(std::move(path), std::move(*file), std::move(*select), std::move(*select_user),
                     *position);
}

Result<const std::string*> ArchiveScan::user_of(std::int64_t number) {
  if (const auto found = users_.find(number); found != users_.end()) return &found->second;
  select_user_.bind(1, number);
  const auto row = select_user_.step();
  std::string name(row && *row ? select_user_.bytes(0) : std::string_view());
  select_user_.reset();
  if (!row) return tl::unexpected<Error>(row.error());
  return &users_.emplace(number, std::move(name)).first->second;
}

Result<ArchivedEvent> ArchiveScan::event_of_row() {
  const auto user = user_of(select_.number(1));
  if (!user) return tl::unexpected<Error>(user.error());
  const Seq seq(select_.number(2));
  const Offset offset(select_.number(3));
  const std::int64_t appended_at = select_.number(4);
  const std::string_view headers = select_.bytes(6);
  const std::string_view value = select_.bytes(7);
  add_row(hashes_, {**user, seq.value(), offset.value(), appended_at, headers, value});
  stated_.emplace_back(select_.bytes(8));
  return ArchivedEvent{
      .number = select_.number(0),
      .user = **user,
      .seq = seq,
      .offset = offset,
      .appended_at = Timestamp(std::chrono::microseconds(appended_at)),
      .thread = select_.is_null(5) ? std::nullopt : std::optional<std::string>(select_.bytes(5)),
      .headers = std::string(headers),
      .value = std::string(value),
      .is_whole = false};
}

Result<const ArchivedEvent*> ArchiveScan::peek() {
  if (batch_.empty() && !is_at_end_) {
    if (auto filled = fill(); !filled) return tl::unexpected<Error>(filled.error());
    is_at_end_ = batch_.empty();
  }
  return batch_.empty() ? nullptr : &batch_.front();
}

Result<void> ArchiveScan::fill() {
  select_.bind(1, last_);
  select_.bind(2, kRowsPerRead);
  std::size_t bytes = 0;
  Result<bool> row = false;
  while (bytes < kBytesPerRead && (row = select_.step()) && *row) {
    auto event = event_of_row();
    // A damaged page may lead back, and so it would never end.
    if (event && event->number <= last_)
      event = failure(Errc::corrupt, path_ + ": its events do not lie in their order");
    if (!event) row = tl::unexpected<Error>(event.error());
    if (!event) break;
    bytes += event->headers.size() + event->value.size();
    batch_.push_back(std::move(*event));
    last_ = batch_.back().number;
  }
  select_.reset();
  const std::span<const Hash> hashes = hashes_.finish();
  for (std::size_t i = 0; i < batch_.size(); ++i)
    batch_[i].is_whole = stated_[i] == as_bytes(hashes[i]);
  stated_.clear();
  return row.map([](bool) {});
}

}  // namespace signalbox::event_store
