#include "ops/doctor/anchor_checks.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/archive/checkpoint.hpp"
#include "event-store/sqlite/durable_file.hpp"

namespace signalbox::doctor {
namespace {

using event_store::Checkpoint;
using event_store::LogReader;

constexpr std::chrono::seconds kPatience{30};  // beyond twice the interval
constexpr std::int64_t kRecordsLookedAt = 100;

std::optional<struct stat> look_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

// The newest note of a partition, once its signature was found good; none where there is none.
Result<std::optional<Checkpoint>> newest_note(const std::string& folder, Partition partition,
                                              const event_store::PublicKey& key) {
  const auto sizes = event_store::list_anchors(folder, partition);
  if (!sizes) return tl::unexpected(sizes.error());
  if (sizes->empty()) return std::optional<Checkpoint>();
  const std::string path =
      event_store::anchor_folder(folder, partition) + '/' + event_store::anchor_name(sizes->back());
  const auto text = event_store::read_small_file(path, event_store::kNoteBytesMax);
  if (!text) return tl::unexpected(text.error());
  auto note = event_store::open_checkpoint(*text, key);
  if (!note) return failure(note.error().code, path + ": " + note.error().message);
  return std::optional(*std::move(note));
}

// When the first event behind that offset was written; none where there is none so near.
std::optional<Timestamp> uncovered_since(LogReader& log, Partition partition, Offset from) {
  std::optional<Timestamp> since;
  const auto scanned = log.scan({Topic::events, partition}, from, kRecordsLookedAt,
                                [&](const event_store::StoredRow& row) {
                                  if (row.key && !since) since = row.appended_at;
                                });
  return scanned ? since : std::nullopt;
}

std::string aside_command(const std::string& path) {
  return "mv " + shell_word(path) + ' ' + shell_word(path + ".aside");
}

Finding behind_its_anchor(const Subject& subject, const Checkpoint& note, Partition partition,
                          Offset end, std::optional<pid_t> holder) {
  return fault(
      "anchors",
      "the newest anchor of partition " + std::to_string(partition.value()) +
          " was signed when the log had " +
          count_text(note.next_offset.value(), "record", "records") + " there, and now it has " +
          std::to_string(end.value()),
      "its newest records were removed since, or it is an older log, as every backup from before "
      "that anchor",
      restore_command(subject.data, holder) +
          "  # a backup you know to be right, and then, where this is told of it again: " +
          aside_command(event_store::anchor_folder(subject.anchor_dir, partition)));
}

}  // namespace

Finding check_anchor_key(const Subject& subject, const LogId& log) {
  const std::string path = subject.data + "/anchor.key";
  const std::string public_path = subject.anchor_dir + "/anchor.pub";
  const auto status = look_at(path);
  const auto public_text = event_store::read_small_file(public_path, event_store::kNoteBytesMax);
  if (!status && !public_text) return ok("anchor-key", "there is none yet; serve makes " + path);
  if (!status)
    return fault("anchor-key", path + " is missing, and " + public_path + " speaks of it",
                 "no further anchor can be signed, and a service makes a new key that does not fit",
                 "install -m 600 BACKUP/anchor.key " + shell_word(path));
  if ((status->st_mode & 077) != 0)
    return fault("anchor-key", path + " can be read by others",
                 "whoever has it can sign another history", "chmod 600 " + shell_word(path));
  const auto key = event_store::SigningKey::load(path);
  if (!key)
    return fault("anchor-key", key.error().message, "a service does not start",
                 "install -m 600 BACKUP/anchor.key " + shell_word(path));
  if (!public_text)
    return warning(
        "anchor-key", public_text.error().message,
        "nobody can verify the anchors without it; a service makes it again from the key",
        subject.serve_command);
  const auto verifier = event_store::parse_verifier_key(*public_text);
  if (!verifier || verifier->name != event_store::anchor_key_name(log) ||
      verifier->key != key->public_key())
    return fault("anchor-key", public_path + " is not the public key of " + path + " for this log",
                 "either the key was lost or the folder holds the anchors of another log; a "
                 "service does not start",
                 "install -m 600 BACKUP/anchor.key " + shell_word(path) +
                     "  # or: " + aside_command(subject.anchor_dir));
  return ok("anchor-key", path + " and " + public_path + " fit each other and this log");
}

std::vector<Finding> check_anchors(const Subject& subject, LogReader& log, Timestamp now,
                                   std::optional<pid_t> holder) {
  const auto folder = look_at(subject.anchor_dir);
  if (!folder) {
    if (!holder) return {ok("anchors", subject.anchor_dir + " is not there yet; serve makes it")};
    return {fault("anchors", subject.anchor_dir + " is missing",
                  "no anchor can be written: a removed tail of the log would not be seen",
                  "install -d -m 700 " + shell_word(subject.anchor_dir))};
  }
  std::vector<Finding> findings;
  const auto verifier =
      event_store::read_small_file(subject.anchor_dir + "/anchor.pub", event_store::kNoteBytesMax)
          .and_then([](const std::string& text) { return event_store::parse_verifier_key(text); });
  std::int64_t notes = 0;
  std::optional<Timestamp> oldest;  // event without a note
  for (std::int32_t number = 0; verifier && number < log.describe().partitions; ++number) {
    const Partition partition(number);
    const auto note = newest_note(subject.anchor_dir, partition, verifier->key);
    if (!note) {
      findings.push_back(
          fault("anchors", note.error().message,
                "it proves nothing, and no further anchors are written for its "
                "partition",
                aside_command(event_store::anchor_folder(subject.anchor_dir, partition))));
      continue;
    }
    notes += *note ? 1 : 0;
    if (const auto bounds = log.bounds({Topic::events, partition});
        *note && bounds && (*note)->next_offset > bounds->end)
      findings.push_back(behind_its_anchor(subject, **note, partition, bounds->end, holder));
    const auto since = uncovered_since(log, partition, *note ? (*note)->next_offset : Offset(0));
    if (since && (!oldest || *since < *oldest)) oldest = since;
  }
  const auto patience = 2 * subject.anchor_interval + kPatience;
  if (holder && oldest && now - *oldest > patience)
    findings.push_back(warning(
        "anchors",
        "an event waits for an anchor since " +
            count_text(std::chrono::floor<std::chrono::seconds>(now - *oldest).count(), "second",
                       "seconds") +
            ", and shall wait for " +
            count_text(std::chrono::floor<std::chrono::seconds>(subject.anchor_interval).count(),
                       "second", "seconds"),
        "what no anchor covers can be removed without a trace; the service's log says why it "
        "writes none",
        "signalbox replay verify --data " + shell_word(subject.data) + " --anchor-dir " +
            shell_word(subject.anchor_dir)));
  const auto data = look_at(subject.data);
  if (!subject.dev && data && data->st_dev == folder->st_dev)
    findings.push_back(
        warning("anchors", subject.anchor_dir + " is on the same disk as the log it speaks of",
                "whoever can change the one can remove the other",
                "SIGNALBOX_AUDIT_ANCHOR_DIR=FOLDER_ON_ANOTHER_DISK " + subject.serve_command));
  if (findings.empty())
    findings.push_back(ok("anchors", "newest notes of " + std::to_string(notes) + " of " +
                                         std::to_string(log.describe().partitions) +
                                         " partitions are signed with the key in " +
                                         subject.anchor_dir));
  return findings;
}

}  // namespace signalbox::doctor
