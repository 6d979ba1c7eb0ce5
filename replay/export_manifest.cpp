#include "replay/export_manifest.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/record_json.hpp"
#include "event-store/contract/write_version.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::replay {
namespace {

using event_store::Hash;
using event_store::JsonWriter;

Hash leaf_of(const Record& event, const event_store::ContentHash& content) {
  return event_store::leaf_hash(event_store::leaf_input(event, content));
}

}  // namespace

std::string record_line(const Record& event) { return event_store::record_json(event) + '\n'; }

void Stretches::add(const event_store::Position& before, Offset offset) {
  const bool goes_on =
      !all_.empty() &&
      (offset.value() - all_.back().end.value() < kPassedOverMin || all_.size() == kStretchesMax);
  if (!goes_on) all_.push_back({before, offset});
  all_.back().end = offset.next();
}

Result<void> PartitionPass::run(const Stretch& stretch, std::int64_t passed, std::int64_t passes,
                                const Visit& visit) {
  event_store::Position position = stretch.from;
  Offset next = position.next_offset;
  while (next < stretch.end) {
    if (!watch_({passed + next.value(), passes * end_.value()}))
      return failure(Errc::stopped, "interrupted");
    const auto batch = log_.read(at_, next, {});
    if (!batch) return tl::unexpected(batch.error());
    if (batch->empty()) break;
    for (const RecordPtr& record : *batch) {
      if (record->offset >= stretch.end) return {};
      next = record->offset.next();
      const event_store::Position before = position;
      const auto judged = event_store::fold(position, *record);
      if (judged.verdict == event_store::Verdict::corrupt)
        return failure(Errc::corrupt, "offset " + std::to_string(record->offset.value()) +
                                          " of partition " + std::to_string(at_.partition.value()) +
                                          " is of an epoch that nobody has claimed");
      if (judged.verdict != event_store::Verdict::valid) continue;
      const auto more = visit(before, *record);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return {};
    }
  }
  return {};
}

ManifestMaker::ManifestMaker(const event_store::HistoryLog& log, const UserId& user,
                             Partition partition, std::optional<AnchorNotes> notes,
                             ExportRange range, Line line)
    : log_(log.describe().log_id),
      user_(user),
      partition_(partition),
      notes_(std::move(notes)),
      range_(range),
      line_(std::move(line)),
      chain_(event_store::start_of_chain(log_, user)) {}

Result<void> ManifestMaker::add(const Record& event) {
  if (event.key == user_.value()) {
    // Damage in it is for who verifies the export; it goes on from what the events state.
    const Hash before = chain_.hash;
    const auto followed = event_store::follow_hashed(chain_, event);
    const auto taken = take(event, before);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken)
      tree_.append_tracked(leaf_of(event, followed.content));
    else
      tree_.append(leaf_of(event, followed.content));
  } else {
    tree_.append(leaf_of(event, event_store::content_hash(event.headers, event.value)));
  }
  while (notes_ && notes_->next_size() && *notes_->next_size() <= tree_.size())
    if (auto noted = take_note(); !noted) return noted;
  return {};
}

Result<bool> ManifestMaker::take(const Record& event, const Hash& chain_before) {
  if (next_ || chain_.seq < range_.first) return false;
  std::string text = line_ ? record_line(event) : "";
  if (report_.events > 0 && text.size() > range_.bytes_max - bytes_) {
    next_ = chain_.seq;
    return false;
  }
  bytes_ += std::min(text.size(), range_.bytes_max - bytes_);
  if (report_.events++ == 0) {
    report_.first = chain_.seq;
    chain_before_ = chain_before;
  }
  report_.last = chain_.seq;
  if (!line_) return true;
  return line_(std::move(text)).map([] { return true; });
}

Result<void> ManifestMaker::finish() {
  while (!is_enough() && notes_ && notes_->next_size())
    if (auto taken = take_note(); !taken) return taken;
  if (newest_) keep(*std::exchange(newest_, std::nullopt));
  for (const Entry& entry : entries_) {
    if (!entry.contradiction.empty()) report_.contradictions.push_back(entry.contradiction);
    if (entry.contradiction.empty()) report_.anchored = entry.seq;
  }
  report_.anchors = entries_.size();
  return {};
}

std::string ManifestMaker::manifest() const {
  JsonWriter json;
  json.begin_object();
  json.key("log_id");
  json.string(log_.value().to_string());
  json.key("user_id");
  json.string(user_.value());
  json.key("partition");
  json.integer(partition_.value());
  json.key("first_seq");
  json.integer(report_.first.value());
  json.key("last_seq");
  json.integer(report_.last.value());
  json.key("chain_before");
  json.string(event_store::to_hex(chain_before_));
  json.key("contract_version");
  json.integer(event_store::newest_write_version());
  json.key("anchors");
  json.begin_array();
  for (const Entry& entry : entries_) write(entry, json);
  json.end_array();
  json.end_object();
  return json.take() + '\n';
}

Result<void> ManifestMaker::take_note() {
  auto note = notes_->take();
  if (!note) return tl::unexpected(note.error());
  if (!tree_.tracked()) return {};  // it covers nothing of this user
  Entry entry{std::move(note->text), *tree_.tracked(), report_.last, tree_.path(), {}};
  if (!note->checkpoint)
    entry.contradiction = note->path + ": " + note->checkpoint.error().message;
  else if (note->checkpoint->size > tree_.size())
    entry.contradiction = note->path + " states " + std::to_string(note->checkpoint->size) +
                          " events, the log holds " + std::to_string(tree_.size());
  else if (note->checkpoint->root != tree_.root())
    entry.contradiction = note->path + " states another tree than the log's";
  if (next_ && entry.contradiction.empty()) anchored_to_end_ = true;
  const bool covers_more = entries_.empty() || entries_.back().seq != entry.seq;
  if (covers_more) {
    keep(std::move(entry));
    newest_.reset();
  } else {
    newest_ = std::move(entry);
  }
  return {};
}

void ManifestMaker::keep(Entry entry) {
  entries_.push_back(std::move(entry));
  if (entries_.size() > kExportAnchorsMax) entries_.pop_front();
}

void ManifestMaker::write(const Entry& entry, JsonWriter& json) {
  json.begin_object();
  json.key("note");
  json.string(entry.note);
  json.key("leaf_index");
  json.integer(static_cast<std::int64_t>(entry.leaf_index));
  json.key("seq");
  json.integer(entry.seq.value());
  json.key("proof");
  json.begin_array();
  for (const Hash& hash : entry.proof) json.string(event_store::to_hex(hash));
  json.end_array();
  json.end_object();
}

}  // namespace signalbox::replay
