// An archive file that something else has written to: opened, read, and gone on with.
#include <string>
#include <vector>

#include "event-store/archive/archive_format.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/archive/archive_scan.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/sqlite/sqlite_database.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/scratch_file.hpp"

namespace signalbox::event_store {
namespace {

const LogId kLog(Uuid{});
const UserId kUser("105945141827451681156");

// The hashes that the file has for the user's events, in the order in which a reader finds them.
std::vector<std::string> hashes_of(const std::string& path) {
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  SIGNALBOX_ASSERT(file);
  auto user = file->prepare("SELECT id FROM users WHERE name = ?1");
  auto events = file->prepare(
      "SELECT seq, hash FROM events WHERE user = ?1 AND seq > 0 ORDER BY seq LIMIT 101");
  SIGNALBOX_ASSERT(user && events);
  user->bind_text(1, kUser.value());
  SIGNALBOX_ASSERT(user->step() == true);
  events->bind(1, user->number(0));
  std::vector<std::string> hashes;
  for (auto row = events->step(); row && *row; row = events->step())
    hashes.emplace_back(events->bytes(1));
  return hashes;
}

// Nothing comes out of it that does not match its hash.
void check_reader(const std::string& folder, const std::string& path) {
  ArchiveReader reader(folder, 1);
  const auto page = reader.user_events(kUser, Seq(0), 100);
  if (page && !page->events.empty()) {
    fuzz::accept();
    const auto hashes = hashes_of(path);
    SIGNALBOX_ASSERT(hashes.size() >= page->events.size());
    for (std::size_t i = 0; i < page->events.size(); ++i) {
      const Record& event = *page->events[i];
      const Hash hash = row_hash({kUser.value(), page->seqs[i].value(), event.offset.value(),
                                  event.appended_at.time_since_epoch().count(),
                                  event.headers.bytes(), event.value});
      SIGNALBOX_ASSERT(hashes[i] == as_bytes(hash));
    }
  }
  static_cast<void>(reader.read_threads({.user = kUser, .before = Seq(100), .threads_max = 10}));
}

void check_scan(const std::string& folder) {
  auto scan = ArchiveScan::open(folder, Partition(0), kLog);
  if (!scan) return;
  for (int i = 0; i < 100; ++i) {
    const auto event = scan->peek();
    if (!event || *event == nullptr) return;
    scan->drop();
  }
}

void check_writer(const std::string& path) {
  auto archive = PartitionArchive::open(path, kLog, 10, [](const std::string&) {});
  if (!archive) return;
  const Position at = archive->position();
  if (archive->commit(at)) SIGNALBOX_ASSERT(archive->position() == at);
}

}  // namespace
}  // namespace signalbox::event_store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  static const fuzz::ScratchFile file("0.db");
  file.put(fuzz::text_of(data, size));
  event_store::check_scan(file.folder());
  event_store::check_reader(file.folder(), file.path());
  event_store::check_writer(file.path());
  return 0;
}
