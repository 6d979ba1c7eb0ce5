// An archive file that something else has written to: opened, read, and gone on with.
#include "event-store/archive/archive_reader.hpp"
#include "event-store/archive/archive_scan.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/scratch_file.hpp"

namespace signalbox::event_store {
namespace {

const LogId kLog(Uuid{});
const UserId kUser("105945141827451681156");

// Nothing comes out of it that does not match its hash.
void check_reader(const std::string& folder) {
  ArchiveReader reader(folder, 1);
  const auto page = reader.user_events(kUser, Seq(0), 100);
  if (page)
    for (const RecordPtr& event : page->events) SIGNALBOX_ASSERT(event->key == kUser.value());
  if (page && !page->events.empty()) fuzz::accept();
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
  event_store::check_reader(file.folder());
  event_store::check_writer(file.path());
  return 0;
}
