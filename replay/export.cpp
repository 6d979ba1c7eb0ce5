#include "replay/export.hpp"

#include <optional>
#include <utility>

#include "event-store/contract/identity.hpp"
#include "replay/export_manifest.hpp"
#include "replay/log_cut.hpp"
#include "replay/valid_events.hpp"

namespace signalbox::replay {
namespace {

using event_store::HistoryLog;

// What both kinds of exports begin with.
struct Begin {
  TopicPartition at;
  Offset end;
  std::optional<AnchorNotes> notes{};
  std::string without_anchors{};
};

Result<Begin> begin(HistoryLog& log, const UserId& user, const std::string& anchor_dir) {
  Begin made{{Topic::events, event_store::partition_of(user, log.describe().partitions)},
             Offset(0)};
  const auto bounds = log.bounds(made.at);
  if (!bounds) return tl::unexpected(bounds.error());
  if (bounds->first > Offset(0)) return tl::unexpected(lost_history({made.at, bounds->first}));
  made.end = bounds->end;
  if (auto opened = AnchorNotes::open(anchor_dir, log.describe().log_id, made.at.partition); opened)
    made.notes = *std::move(opened);
  else if (opened.error().code == Errc::not_found || opened.error().code == Errc::malformed)
    made.without_anchors = opened.error().message;
  else
    return tl::unexpected(opened.error());
  return made;
}

}  // namespace

Result<ExportReport> write_export(HistoryLog& log, const UserId& user,
                                  const std::string& anchor_dir, const Watch& watch,
                                  const ExportSink& sink) {
  auto begun = begin(log, user, anchor_dir);
  if (!begun) return tl::unexpected(begun.error());
  PartitionPass pass(log, begun->at, begun->end, watch);
  ManifestMaker maker(log, user, begun->at.partition, std::move(begun->notes), {}, {});
  Stretches his;
  const auto read = pass.run(0, 2, [&](const event_store::Position& before, const Record& event) {
    if (event.key == user.value()) his.add(before, event.offset);
    return maker.add(event).map([] { return true; });
  });
  if (!read) return tl::unexpected(read.error());
  if (auto done = maker.finish(); !done) return tl::unexpected(done.error());
  if (maker.report().events == 0) return tl::unexpected(no_events_of(user));
  if (auto done = sink(maker.manifest()); !done) return tl::unexpected(done.error());
  std::int64_t written = 0;
  const auto write = [&](const event_store::Position& /*before*/,
                         const Record& event) -> Result<bool> {
    if (event.key != user.value()) return true;
    ++written;
    return sink(record_line(event)).map([] { return true; });
  };
  for (const Stretch& stretch : his.all())
    if (auto done = pass.run(stretch, begun->end.value(), 2, write); !done)
      return tl::unexpected(done.error());
  if (written != maker.report().events)
    return failure(Errc::corrupt,
                   "the log had " + std::to_string(maker.report().events) +
                       " events of this user and, read again, " + std::to_string(written) +
                       ": it was changed meanwhile, and what was written is no export; "
                       "`signalbox replay verify` names what is missing");
  maker.report().without_anchors = std::move(begun->without_anchors);
  return maker.report();
}

Result<ExportPart> make_export_part(HistoryLog& log, const UserId& user,
                                    const std::string& anchor_dir, Seq first, std::size_t bytes_max,
                                    const Watch& watch) {
  auto begun = begin(log, user, anchor_dir);
  if (!begun) return tl::unexpected(begun.error());
  ExportPart part;
  ManifestMaker maker(log, user, begun->at.partition, std::move(begun->notes), {first, bytes_max},
                      [&part](const std::string& line) -> Result<void> {
                        part.text += line;
                        return {};
                      });
  PartitionPass pass(log, begun->at, begun->end, watch);
  const auto read =
      pass.run(0, 1, [&](const event_store::Position& /*before*/, const Record& event) {
        return maker.add(event).map([&maker] { return !maker.is_enough(); });
      });
  if (!read) return tl::unexpected(read.error());
  if (auto done = maker.finish(); !done) return tl::unexpected(done.error());
  if (maker.report().events == 0)
    return failure(Errc::not_found, "there is no event of this user from that seq on in the log");
  part.text.insert(0, maker.manifest());
  part.report = std::move(maker.report());
  part.report.without_anchors = std::move(begun->without_anchors);
  part.next = maker.next();
  return part;
}

}  // namespace signalbox::replay
