// What a verification says of itself: for people, or as one JSON object.
#pragma once

#include <string>

#include "event-store/contract/json_writer.hpp"
#include "replay/anchor_check.hpp"
#include "replay/verify.hpp"

namespace signalbox::replay {

struct VerdictNotes {
  std::int64_t archived_events = 0;  // compared with the archive
  int archive_files_missing = 0;
  std::int64_t snapshots = 0;  // compared with the log
  AnchorSummary anchors{};
};
[[nodiscard]] bool is_whole(const VerifyReport& report);
[[nodiscard]] std::string verdict_text(const VerifyReport& report, const VerdictNotes& notes);
void write_finding(event_store::JsonWriter& writer, const Finding& finding);
[[nodiscard]] std::string verdict_json(const VerifyReport& report, const VerdictNotes& notes);

}  // namespace signalbox::replay
