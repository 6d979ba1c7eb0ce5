#include "event-store/archive/anchor_writer.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "event-store/model/assert.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {
namespace {

namespace fs = std::filesystem;

// When a file was written, for the age of what is there at start.
std::optional<Timestamp> written_at(const std::string& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return std::nullopt;
  return std::chrono::time_point_cast<std::chrono::microseconds>(
      std::chrono::file_clock::to_sys(time));
}

Result<void> write_public_key(const std::string& path, const VerifierKey& ours) {
  const auto stored = read_small_file(path, kNoteBytesMax);
  if (!stored && stored.error().code == Errc::not_found)
    return write_durably(path, to_text(ours) + "\n");
  if (!stored) return tl::unexpected(stored.error());
  const auto theirs = parse_verifier_key(*stored);
  if (theirs && theirs->name == ours.name && theirs->key == ours.key) return {};
  return failure(Errc::bad_config,
                 path +
                     " is not the public key of this log's anchor.key: either the key was lost "
                     "(restore it) or the folder holds the anchors of another log (name another "
                     "one in audit.anchor_dir)",
                 "audit.anchor_dir");
}

}  // namespace

Result<Anchoring> Anchoring::open(const std::string& key_path, const LogId& log,
                                  AnchorOptions options) {
  if (auto made = make_private_folders(options.folder); !made) return tl::unexpected(made.error());
  auto key = SigningKey::load_or_make(key_path);
  if (!key) return tl::unexpected(key.error());
  const VerifierKey ours{anchor_key_name(log), key->public_key()};
  if (auto done = write_public_key(options.folder + "/anchor.pub", ours); !done)
    return tl::unexpected(done.error());
  return Anchoring{*std::move(key), std::move(options)};
}

AnchorWriter::AnchorWriter(Parts parts) : parts_(std::move(parts)) {}

AnchorWriter::~AnchorWriter() { cancel_timer(); }

std::string AnchorWriter::path_of(std::uint64_t size) const {
  return anchor_folder(parts_.anchoring.options.folder, parts_.partition) + '/' + anchor_name(size);
}

Result<void> AnchorWriter::open(const MerkleTree& tree, const Anchored& anchored) {
  cancel_timer();
  anchored_ = anchored;
  awaited_.reset();
  status_.contradicts = false;
  status_.uncovered_since.reset();
  const auto sizes = list_anchors(parts_.anchoring.options.folder, parts_.partition);
  if (!sizes) return tl::unexpected(sizes.error());
  status_.newest = sizes->empty() ? 0 : sizes->back();
  if (!sizes->empty()) {
    const std::string path = path_of(status_.newest);
    status_.newest_at = written_at(path);
    const auto note = read_small_file(path, kNoteBytesMax);
    if (!note) return tl::unexpected(note.error());
    const auto read = open_checkpoint(*note, parts_.anchoring.key.public_key());
    if (!read) {
      contradict(path + ": " + read.error().message);
    } else if (read->log != parts_.log || read->partition != parts_.partition ||
               read->size != status_.newest) {
      contradict(path + " is the note of another log, partition or tree size");
    } else {
      awaited_ = *read;
      compare(tree);
    }
  }
  uncovered_ = tree.size() - std::min(tree.size(), status_.newest);
  if (uncovered_ > 0) {
    status_.uncovered_since = parts_.clock.monotonic();
    call_due_in(parts_.anchoring.options.interval);
  }
  return {};
}

void AnchorWriter::compare(const MerkleTree& tree) {
  SIGNALBOX_ASSERT(awaited_);
  if (awaited_->size > tree.size()) return;
  const Checkpoint note = *std::exchange(awaited_, std::nullopt);
  // One that is further back than the one this tree was seen to pass through was signed by it, or
  // by one it agreed with.
  if (note.size < anchored_.size) return;
  const bool is_known = note.size == anchored_.size;
  if (!is_known && note.size != tree.size())
    return contradict(path_of(note.size) +
                      " was not written by this archive, whose log went on without it");
  const Hash root = is_known ? anchored_.root : tree.root();
  if (note.root != root)
    return contradict(path_of(note.size) + " states the root " + to_hex(note.root) +
                      ", the log's is " + to_hex(root));
  anchored_ = {note.size, note.root};
}

void AnchorWriter::on_event(const MerkleTree& tree) {
  if (awaited_) return compare(tree);
  if (++uncovered_ > 1) return;
  status_.uncovered_since = parts_.clock.monotonic();
  call_due_in(parts_.anchoring.options.interval);
}

void AnchorWriter::on_caught_up(const MerkleTree& tree) {
  if (!awaited_) return;
  contradict(path_of(awaited_->size) + " states a tree of " + std::to_string(awaited_->size) +
             " events, the log holds " + std::to_string(tree.size()) + ": its tail was removed");
  awaited_.reset();
}

void AnchorWriter::contradict(const std::string& what) {
  if (std::exchange(status_.contradicts, true)) return;
  parts_.warn(
      "DAMAGE: an anchor contradicts the log: " + what +
      ". No further anchors are written for partition " + std::to_string(parts_.partition.value()) +
      "; `signalbox replay verify` tells more. If the log is as it should be, move " +
      anchor_folder(parts_.anchoring.options.folder, parts_.partition) + " aside and start again");
}

bool AnchorWriter::is_due() const { return uncovered_ >= parts_.anchoring.options.events; }

bool AnchorWriter::may_write(const MerkleTree& tree) const {
  return !status_.contradicts && !awaited_ && tree.size() > status_.newest;
}

void AnchorWriter::write(const MerkleTree& tree, const Position& position) {
  SIGNALBOX_ASSERT(may_write(tree));
  const Anchoring& anchoring = parts_.anchoring;
  const std::string note =
      sign_checkpoint({parts_.log, parts_.partition, tree.size(), tree.root(), position.next_offset,
                       position.epoch, position.owner_seq},
                      anchoring.key);
  const std::string path = path_of(tree.size());
  auto done = make_private_folders(anchor_folder(anchoring.options.folder, parts_.partition));
  if (done) done = write_durably(path, note);
  if (done) return cover(tree.size());
  ++status_.failures;
  if (!std::exchange(failing_, true))
    parts_.warn("no anchor can be written: " + done.error().message + "; tried again every " +
                std::to_string(anchoring.options.retry_delay.count() / 1000) + " s");
  // Counting begins again, so that not every further event is a try.
  uncovered_ = 1;
  call_due_in(anchoring.options.retry_delay);
}

void AnchorWriter::cover(std::uint64_t size) {
  failing_ = false;
  ++status_.written;
  status_.newest = size;
  status_.newest_at = parts_.clock.now();
  status_.uncovered_since.reset();
  uncovered_ = 0;
  cancel_timer();
}

void AnchorWriter::call_due_in(std::chrono::milliseconds delay) {
  cancel_timer();
  timer_ = parts_.executor.call_at(parts_.clock.monotonic() + delay, [this] {
    timer_ = TimerId::none;
    parts_.due();
  });
}

void AnchorWriter::cancel_timer() {
  if (timer_ != TimerId::none) parts_.executor.cancel(std::exchange(timer_, TimerId::none));
}

Result<std::vector<std::uint64_t>> list_anchors(const std::string& folder, Partition partition) {
  std::vector<std::uint64_t> sizes;
  const std::string path = anchor_folder(folder, partition);
  std::error_code error;
  fs::directory_iterator entry(path, error);
  if (error == std::errc::no_such_file_or_directory) return sizes;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    if (const auto size = anchor_size(entry->path().filename().string())) sizes.push_back(*size);
  if (error) return failure(Errc::io_error, "cannot read " + path + ": " + error.message());
  std::ranges::sort(sizes);
  return sizes;
}

}  // namespace signalbox::event_store
