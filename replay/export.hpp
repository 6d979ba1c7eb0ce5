// export: one user's history as a file that proves itself (contract 15): JSON Lines, a manifest
// with the anchors and the path of his newest event inside each, then a record a line as stored.
//
// Two passes over his partition, so that nothing is held of it: one for the tree, the manifest
// being first, one for his records. Memory: kExportAnchorsMax anchors with their paths, and a
// batch. Of the anchors, those are in the manifest that cover something the one before did not, the
// newest of these, and the newest there is: through the chain the newest covers all the others.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/log_reader.hpp"
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

// Errors: not_found (no event of this user), corrupt (a damaged row), stopped, io_error, those of
// the sink.
[[nodiscard]] Result<ExportReport> write_export(event_store::LogReader& log, const UserId& user,
                                                const std::string& anchor_dir, const Watch& watch,
                                                const ExportSink& sink);

}  // namespace signalbox::replay
