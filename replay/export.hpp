// export: one user's history as a file that proves itself (contract 15): JSON Lines, a manifest
// with the anchors and the path of his newest event inside each, then a record a line as stored.
//
// Two passes over his partition, so that nothing is held of it: one for the tree, the manifest
// being first, one for his records, which passes over long stretches without him. Memory:
// kExportAnchorsMax anchors with their paths, where those stretches lie, and a batch. Of the
// anchors, those are in the manifest that cover something the one before did not, the newest of
// these, and the newest there is: through the chain the newest covers all the others.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/history_log.hpp"
#include "event-store/model/ids.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

inline constexpr std::size_t kExportAnchorsMax = 256;

struct ExportReport {
  std::int64_t events = 0;
  Seq first{0};
  Seq last{0};
  std::size_t anchors = 0;
  Seq anchored{0};  // the newest event an anchor covers
  // Anchors that contradict the log, the newest first named. They are in the manifest, so that no
  // check of the export can pass.
  std::vector<std::string> contradictions{};
  std::string without_anchors{};  // why there are none, where there are none
};

// Takes whole lines.
using ExportSink = std::function<Result<void>(std::string_view)>;

// Errors: not_found (no event of this user), corrupt (a damaged row, or the second pass did not
// find what the first one had), stopped, io_error, those of the sink.
[[nodiscard]] Result<ExportReport> write_export(event_store::HistoryLog& log, const UserId& user,
                                                const std::string& anchor_dir, const Watch& watch,
                                                const ExportSink& sink);

// An export of a part of the history, which proves itself like the whole: its anchors are those
// that cover its events, up to the first one that covers the last of them. In one pass, with the
// part in memory.
struct ExportPart {
  std::string text;
  ExportReport report;
  std::optional<Seq> next{};  // where the next part begins; none: this is the last
};
// From `first` on, as many records as there is room for in bytes_max, at least one. Errors: as
// write_export; not_found where nothing is left from there on.
[[nodiscard]] Result<ExportPart> make_export_part(event_store::HistoryLog& log, const UserId& user,
                                                  const std::string& anchor_dir, Seq first,
                                                  std::size_t bytes_max, const Watch& watch);

}  // namespace signalbox::replay
