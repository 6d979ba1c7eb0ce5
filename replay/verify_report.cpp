#include "replay/verify_report.hpp"

#include <set>

#include "event-store/model/count_text.hpp"
#include "replay/damage_help.hpp"

namespace signalbox::replay {
namespace {

// Once for each kind of damage that is shown.
std::string what_to_do(const Findings& findings) {
  std::string text = "what to do:\n";
  std::set<DamageKind> told;
  for (const Finding& finding : findings.kept()) {
    if (!told.insert(finding.kind).second) continue;
    text.append("  ").append(to_text(finding.kind)).append(": ");
    text.append(help_of(finding.kind).to_do).append("\n");
  }
  return text;
}

}  // namespace

void write_finding(event_store::JsonWriter& writer, const Finding& finding) {
  writer.begin_object();
  writer.key("kind");
  writer.string(to_text(finding.kind));
  if (finding.at) {
    writer.key("topic");
    writer.string(to_text(finding.at->topic));
    writer.key("partition");
    writer.integer(finding.at->partition.value());
  }
  if (finding.offset) {
    writer.key("offset");
    writer.integer(finding.offset->value());
  }
  if (!finding.user.empty()) {
    writer.key("user_id");
    writer.string(finding.user);
  }
  if (finding.seq) {
    writer.key("seq");
    writer.integer(finding.seq->value());
  }
  writer.key("what");
  writer.string(finding.what);
  writer.end_object();
}

bool is_whole(const VerifyReport& report) { return report.findings.count() == 0; }

std::string verdict_text(const VerifyReport& report, const VerdictNotes& notes) {
  std::string text = "read " + count_text(report.rows, "row", "rows") + ": " +
                     count_text(report.events, "event", "events") + " of " +
                     count_text(report.users, "user", "users") + ", " +
                     std::to_string(notes.archived_events) + " of them in the archive too, " +
                     count_text(notes.snapshots, "snapshot", "snapshots") + "\n";
  if (notes.archive_files_missing > 0)
    text +=
        "archive: " + count_text(notes.archive_files_missing, "partition has", "partitions have") +
        " no file; the service makes it again from the log\n";
  if (is_whole(report)) {
    text += "whole: no damage was found\n";
  } else {
    const auto& kept = report.findings.kept();
    text +=
        "DAMAGED: " + count_text(report.findings.count(), "finding", "findings") + "; the first:\n";
    for (const Finding& finding : kept) text += "  " + to_text(finding) + "\n";
    text += what_to_do(report.findings);
  }
  if (report.findings.of_others() > 0)
    text += count_text(report.findings.of_others(), "finding", "findings") +
            " of others in his partition: no part of this verdict\n";
  return text + to_text(notes.anchors);
}

std::string verdict_json(const VerifyReport& report, const VerdictNotes& notes) {
  event_store::JsonWriter writer;
  writer.begin_object();
  writer.key("whole");
  writer.raw(is_whole(report) ? "true" : "false");
  writer.key("rows");
  writer.integer(report.rows);
  writer.key("events");
  writer.integer(report.events);
  writer.key("users");
  writer.integer(report.users);
  writer.key("dropped");
  writer.integer(report.dropped);
  writer.key("archived_events");
  writer.integer(notes.archived_events);
  writer.key("archive_files_missing");
  writer.integer(notes.archive_files_missing);
  writer.key("snapshots");
  writer.integer(notes.snapshots);
  writer.key("anchors");
  writer.integer(notes.anchors.notes);
  writer.key("anchored_events");
  writer.integer(notes.anchors.covered);
  if (!notes.anchors.is_anchored()) {
    writer.key("unanchored");
    writer.string(kUnanchored);
  }
  writer.key("findings_count");
  writer.integer(report.findings.count());
  writer.key("findings");
  writer.begin_array();
  for (const Finding& finding : report.findings.kept()) write_finding(writer, finding);
  writer.end_array();
  writer.end_object();
  return writer.take() + "\n";
}

}  // namespace signalbox::replay
