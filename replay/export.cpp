#include "replay/export.hpp"

#include <deque>
#include <optional>
#include <utility>

#include "event-store/archive/merkle_tree.hpp"
#include "event-store/contract/base64.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/contract/write_version.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/log/validity_fold.hpp"
#include "replay/anchor_notes.hpp"

namespace signalbox::replay {
namespace {

using event_store::Hash;
using event_store::JsonWriter;
using event_store::LogReader;
using event_store::MerkleTree;

// The valid events of a partition before `end`, in order. Errors: those of the log or of `visit`.
class PartitionPass {
 public:
  PartitionPass(LogReader& log, const TopicPartition& at, Offset end, const Watch& watch)
      : log_(log), at_(at), end_(end), watch_(watch) {}

  using Visit = std::function<Result<void>(const Record&)>;
  // `passed`: records of earlier passes, `passes`: of how many, for the progress.
  Result<void> run(std::int64_t passed, std::int64_t passes, const Visit& visit) {
    event_store::Position position;
    Offset next(0);
    while (next < end_) {
      if (!watch_({passed + next.value(), passes * end_.value()}))
        return failure(Errc::stopped, "interrupted");
      const auto batch = log_.read(at_, next, {});
      if (!batch) return tl::unexpected(batch.error());
      if (batch->empty()) break;
      for (const RecordPtr& record : *batch) {
        if (record->offset >= end_) return {};
        next = record->offset.next();
        const auto judged = event_store::fold(position, *record);
        if (judged.verdict == event_store::Verdict::corrupt)
          return failure(Errc::corrupt, "offset " + std::to_string(record->offset.value()) +
                                            " of partition " +
                                            std::to_string(at_.partition.value()) +
                                            " is of an epoch that nobody has claimed");
        if (judged.verdict != event_store::Verdict::valid) continue;
        if (auto done = visit(*record); !done) return done;
      }
    }
    return {};
  }

 private:
  LogReader& log_;
  const TopicPartition at_;
  const Offset end_;
  const Watch& watch_;
};

Hash leaf_of(const Record& event, const event_store::ContentHash& content) {
  return event_store::leaf_hash(event_store::leaf_input(event, content));
}

struct Entry {
  std::string note;
  std::uint64_t leaf_index;
  Seq seq;
  std::vector<Hash> proof;
  std::string contradiction;  // empty: it agrees with the log
};

// The first pass: the tree, and what each anchor says of the user's newest event.
class ManifestMaker {
 public:
  ManifestMaker(const LogReader& log, const UserId& user, Partition partition,
                std::optional<AnchorNotes> notes)
      : log_(log.describe().log_id),
        user_(user),
        partition_(partition),
        notes_(std::move(notes)),
        chain_(event_store::start_of_chain(log_, user)) {}

  Result<void> add(const Record& event) {
    if (event.key == user_.value()) {
      // Damage in it is for who verifies the export; it goes on from what the events state.
      const auto followed = event_store::follow_hashed(chain_, event);
      tree_.append_tracked(leaf_of(event, followed.content));
      if (report_.events++ == 0) report_.first = chain_.seq;
      report_.last = chain_.seq;
    } else {
      tree_.append(leaf_of(event, event_store::content_hash(event.headers, event.value)));
    }
    while (notes_ && notes_->next_size() && *notes_->next_size() <= tree_.size())
      if (auto taken = take_note(); !taken) return taken;
    return {};
  }

  // What states more than there is.
  Result<void> finish() {
    while (notes_ && notes_->next_size())
      if (auto taken = take_note(); !taken) return taken;
    if (newest_) keep(*std::exchange(newest_, std::nullopt));
    for (const Entry& entry : entries_) {
      if (!entry.contradiction.empty()) report_.contradictions.push_back(entry.contradiction);
      if (entry.contradiction.empty()) report_.anchored = entry.seq;
    }
    report_.anchors = entries_.size();
    return {};
  }

  [[nodiscard]] std::string manifest() const {
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
    json.string(event_store::to_hex(event_store::chain_start(log_, user_)));
    json.key("contract_version");
    json.integer(event_store::newest_write_version());
    json.key("anchors");
    json.begin_array();
    for (const Entry& entry : entries_) write(entry, json);
    json.end_array();
    json.end_object();
    return json.take() + '\n';
  }
  [[nodiscard]] ExportReport& report() { return report_; }

 private:
  Result<void> take_note() {
    auto note = notes_->take();
    if (!note) return tl::unexpected(note.error());
    if (!tree_.tracked()) return {};  // it covers nothing of this user
    Entry entry{std::move(note->text), *tree_.tracked(), chain_.seq, tree_.path(), {}};
    if (!note->checkpoint)
      entry.contradiction = note->path + ": " + note->checkpoint.error().message;
    else if (note->checkpoint->size > tree_.size())
      entry.contradiction = note->path + " states " + std::to_string(note->checkpoint->size) +
                            " events, the log holds " + std::to_string(tree_.size());
    else if (note->checkpoint->root != tree_.root())
      entry.contradiction = note->path + " states another tree than the log's";
    const bool covers_more = entries_.empty() || entries_.back().seq != entry.seq;
    if (covers_more) {
      keep(std::move(entry));
      newest_.reset();
    } else {
      newest_ = std::move(entry);
    }
    return {};
  }

  void keep(Entry entry) {
    entries_.push_back(std::move(entry));
    if (entries_.size() > kExportAnchorsMax) entries_.pop_front();
  }

  static void write(const Entry& entry, JsonWriter& json) {
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

  const LogId log_;
  const UserId user_;
  const Partition partition_;
  std::optional<AnchorNotes> notes_;
  MerkleTree tree_;
  event_store::UserChain chain_;
  std::deque<Entry> entries_;
  std::optional<Entry> newest_;  // covers no more than the last of entries_
  ExportReport report_;
};

std::string record_line(const Record& event) {
  JsonWriter json;
  json.reserve(2 * event.value.size() + event.headers.bytes().size() + 256);
  json.begin_object();
  json.key("offset");
  json.integer(event.offset.value());
  json.key("key");
  json.string(event.key.value_or(""));
  json.key("headers");
  json.begin_object();
  for (const Header& header : event.headers.split()) {
    json.key(header.name);
    json.string(header.value);
  }
  json.end_object();
  json.key("value");
  json.string(event_store::to_base64(event.value));
  json.end_object();
  return json.take() + '\n';
}

}  // namespace

Result<ExportReport> write_export(LogReader& log, const UserId& user, const std::string& anchor_dir,
                                  const Watch& watch, const ExportSink& sink) {
  const TopicPartition at{Topic::events,
                          event_store::partition_of(user, log.describe().partitions)};
  const auto bounds = log.bounds(at);
  if (!bounds) return tl::unexpected(bounds.error());
  std::optional<AnchorNotes> notes;
  std::string without_anchors;
  if (auto opened = AnchorNotes::open(anchor_dir, log.describe().log_id, at.partition); opened)
    notes = *std::move(opened);
  else if (opened.error().code == Errc::not_found || opened.error().code == Errc::malformed)
    without_anchors = opened.error().message;
  else
    return tl::unexpected(opened.error());

  PartitionPass pass(log, at, bounds->end, watch);
  ManifestMaker maker(log, user, at.partition, std::move(notes));
  const auto read = pass.run(0, 2, [&](const Record& event) { return maker.add(event); });
  if (!read) return tl::unexpected(read.error());
  if (auto done = maker.finish(); !done) return tl::unexpected(done.error());
  if (maker.report().events == 0)
    return failure(Errc::not_found, "there is no event of this user in the log", "--user");
  if (auto done = sink(maker.manifest()); !done) return tl::unexpected(done.error());
  const auto written = pass.run(bounds->end.value(), 2, [&](const Record& event) {
    return event.key == user.value() ? sink(record_line(event)) : Result<void>();
  });
  if (!written) return tl::unexpected(written.error());
  maker.report().without_anchors = std::move(without_anchors);
  return maker.report();
}

}  // namespace signalbox::replay
