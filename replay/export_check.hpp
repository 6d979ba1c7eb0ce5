// export_check: judges an export (contract 15) by nothing but the file and the anchors' public key.
// One pass, a line at a time. Memory: the manifest and the longest line, each at most 64 MiB.
//
// What it can show: that no record of it was changed, left out in between, inserted or reordered
// since it was written, and that what an anchor covers was in the log when the anchor was signed.
// What it cannot: whether the user did more after the last event an anchor covers.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "event-store/archive/signed_note.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

inline constexpr std::size_t kExportLineBytesMax = 64 << 20;

struct ExportVerdict {
  std::string user;
  std::int64_t events = 0;
  Seq first{0};
  Seq last{0};
  std::size_t anchors = 0;
  Seq anchored{0};  // the newest event an anchor was found to cover
  std::uint64_t anchored_size = 0;
  std::int64_t faults = 0;
  std::vector<std::string> first_faults{};  // at most 20, a sentence each, with the line

  [[nodiscard]] bool is_whole() const { return faults == 0; }
};

// In words, a line each.
[[nodiscard]] std::string to_text(const ExportVerdict& verdict);

// Counts records, and calls the watch for each. Error: stopped, by the watch.
[[nodiscard]] Result<ExportVerdict> check_export(std::istream& file,
                                                 const event_store::VerifierKey& key,
                                                 const Watch& watch);

}  // namespace signalbox::replay
