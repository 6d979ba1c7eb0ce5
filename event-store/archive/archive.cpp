#include "event-store/archive/archive.hpp"

#include <algorithm>
#include <utility>

#include "event-store/model/assert.hpp"
#include "event-store/model/back_off.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {

// One partition: a reader of the log, a file, and the timer of the open transaction.
class ArchiveWriter::PartitionWriter final : private JudgedSink {
 public:
  PartitionWriter(ArchiveWriter& archive, Partition partition)
      : archive_(archive),
        path_(archive_path(archive.folder_, partition)),
        back_off_(archive.random_, archive.options_.retry_delay, archive.options_.retry_max),
        status_{.partition = partition, .complete_to = {}, .trouble = {}} {
    if (!archive.options_.anchors) return;
    anchors_.emplace(AnchorWriter::Parts{*archive.options_.anchors, archive.executor_,
                                         archive.clock_, archive.log_.describe().log_id, partition,
                                         archive.options_.warn, [this] { anchor(); }});
  }

  ~PartitionWriter() override {
    reader_.reset();
    if (file_ && commit()) anchor();
    cancel_timer();
  }

  // Opens the file; reading starts with the next call. Errors: those of the file or the log.
  [[nodiscard]] Result<void> open() {
    if (auto opened = open_file(); !opened) return opened;
    const auto bounds = archive_.log_.bounds({Topic::events, status_.partition});
    if (!bounds) return tl::unexpected<Error>(bounds.error());
    log_end_ = bounds->end;
    if (position_.next_offset <= log_end_) return {};
    // The log was put back to an earlier state: what the file has beyond it never happened.
    file_.reset();
    move_aside(path_ + " is ahead of the log");
    return open_file();
  }

  [[nodiscard]] Result<void> open_file() {
    auto opened =
        PartitionArchive::open(path_, archive_.log_.describe().log_id,
                               archive_.options_.users_cached_max, archive_.options_.warn);
    if (!opened) return tl::unexpected<Error>(opened.error());
    file_ = std::move(*opened);
    position_ = file_->position();
    if (anchors_)
      if (auto done = anchors_->open(file_->tree(), file_->anchored()); !done) return done;
    update_status([&](ArchiveStatus& status) {
      status.complete_to = position_;
      if (anchors_) status.anchors = anchors_->status();
    });
    return {};
  }

  void read() {
    reader_.emplace(archive_.log_, archive_.executor_, status_.partition, position_,
                    static_cast<JudgedSink&>(*this));
  }

  [[nodiscard]] Partition partition() const { return status_.partition; }
  // Records there are to read from now on.
  [[nodiscard]] std::int64_t start_counting() {
    counted_from_ = position_.next_offset;
    return log_end_ - position_.next_offset;
  }
  [[nodiscard]] std::int64_t records_done() const { return position_.next_offset - counted_from_; }
  [[nodiscard]] ArchiveStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  // The partition stops here; after a while it goes on from what its file states.
  void fail(const Error& error) {
    if (file_) file_->rollback();
    file_.reset();
    // The damaged file goes aside at once: readers must not go on with it.
    if (error.code == Errc::corrupt) move_aside(error.message);
    stop(error, [this] { start_again(); });
  }

 private:
  void on_judged(std::span<const JudgedRecord> records) override {
    for (const JudgedRecord& record : records) {
      const bool is_corrupt = record.judged.verdict == Verdict::corrupt;
      // Each time the partition is tried again it is met again.
      if (!is_corrupt || !status_.trouble)
        ++verdicts_[static_cast<std::size_t>(record.judged.verdict)];
      if (is_corrupt) break;
      if (record.judged.verdict == Verdict::valid) {
        const auto damage = file_->add(*record.record);
        if (!damage) return fail(damage.error());
        if (*damage) report(**damage);
        ++added_;
        if (anchors_) anchors_->on_event(file_->tree());
      }
      position_ = record.after;
      if (anchors_ && anchors_->is_due() && !anchor()) return;
      if (added_ - committed_ >= archive_.options_.events_per_commit && !commit()) return;
    }
    commit_later();
  }

  void on_caught_up(const Position& position) override {
    position_ = position;
    if (anchors_) anchors_->on_caught_up(file_->tree());
    if (position_ == file_->position()) go_on();
    commit_later();
  }

  void on_stopped(const Error& error) override {
    // What was read before it counts; the rest waits until the log can be read on.
    if (position_ != file_->position() && !commit()) return;
    stop(error, [this] { read(); });
  }

  // Until `again`, which is called after a while.
  void stop(const Error& error, Task again) {
    reader_.reset();
    cancel_timer();
    const std::chrono::milliseconds wait = back_off_.next();
    if (!status_.trouble)
      archive_.options_.warn("archive " + path_ + " stops, and is tried again: " + error.message);
    update_status([&](ArchiveStatus& status) {
      status.trouble = error;
      status.verdicts = verdicts_;
    });
    timer_ = archive_.executor_.call_at(archive_.clock_.monotonic() + wait,
                                        [this, again = std::move(again)] {
                                          timer_ = TimerId::none;
                                          again();
                                        });
  }

  // What it has read is in its file.
  void go_on() {
    back_off_.reset();
    if (!status_.trouble) return;
    archive_.options_.warn("archive " + path_ + " goes on");
    update_status([](ArchiveStatus& status) { status.trouble.reset(); });
  }

  // Without his name, which is in the file: nothing of a user goes into a line of the log.
  void report(const Damage& damage) {
    update_status([](ArchiveStatus& status) { ++status.damages; });
    archive_.options_.warn("the history of a user of partition " +
                           std::to_string(partition().value()) + " is damaged at offset " +
                           std::to_string(damage.offset.value()) + ": " + damage.what);
  }

  // States the tree elsewhere, if there is something to state; false: as commit().
  bool anchor() {
    if (!anchors_ || !file_ || !anchors_->may_write(file_->tree())) return true;
    file_->set_anchored({file_->tree().size(), file_->tree().root()});
    if (!commit()) return false;
    anchors_->write(file_->tree(), position_);
    update_status([&](ArchiveStatus& status) { status.anchors = anchors_->status(); });
    return true;
  }

  bool commit() {
    if (reader_) cancel_timer();  // without one it is that of the next try
    if (anchors_ && anchors_->anchored().size > file_->anchored().size)
      file_->set_anchored(anchors_->anchored());
    if (auto done = file_->commit(position_); !done) {
      fail(done.error());
      return false;
    }
    committed_ = added_;
    update_status([&](ArchiveStatus& status) {
      status.complete_to = position_;
      status.events_added = added_;
      status.verdicts = verdicts_;
      if (anchors_) status.anchors = anchors_->status();
    });
    if (reader_) go_on();
    archive_.report_progress();
    return true;
  }

  void commit_later() {
    if (timer_ != TimerId::none || position_ == file_->position()) return;
    timer_ = archive_.executor_.call_at(
        archive_.clock_.monotonic() + archive_.options_.commit_delay, [this] {
          timer_ = TimerId::none;
          commit();
        });
  }

  void start_again() {
    if (auto opened = open(); !opened) return fail(opened.error());
    added_ = committed_;
    read();
  }

  void move_aside(const std::string& why) {
    auto made = make_anew(path_, archive_format(), archive_.log_.describe().log_id, why,
                          archive_.options_.warn);
    if (!made) archive_.options_.warn(made.error().message);
  }

  void cancel_timer() {
    if (timer_ != TimerId::none) archive_.executor_.cancel(std::exchange(timer_, TimerId::none));
  }

  template <class Change>
  void update_status(Change change) {
    const std::lock_guard lock(mutex_);
    change(status_);
  }

  ArchiveWriter& archive_;
  const std::string path_;
  std::optional<PartitionArchive> file_;
  Position position_;  // of what was added, committed or not
  Offset log_end_{0};  // when the file was opened
  Offset counted_from_{0};
  std::uint64_t added_ = 0;
  std::uint64_t committed_ = 0;
  std::array<std::uint64_t, kVerdictCount> verdicts_{};
  TimerId timer_ = TimerId::none;
  mutable std::mutex mutex_;
  std::optional<AnchorWriter> anchors_;
  BackOff back_off_;
  ArchiveStatus status_;  // written on the executor under mutex_, read there without
  std::optional<PartitionReader> reader_;
};

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::open(EventLog& log, Executor& executor,
                                                           const Clock& clock,
                                                           const std::string& folder,
                                                           const std::vector<Partition>& partitions,
                                                           ArchiveOptions options) {
  SIGNALBOX_ASSERT(executor.is_current());
  if (auto made = make_private_folders(folder); !made) return tl::unexpected<Error>(made.error());
  if (auto mine = make_private(folder); !mine) return tl::unexpected<Error>(mine.error());
  std::unique_ptr<ArchiveWriter> archive(
      new ArchiveWriter(log, executor, clock, folder, std::move(options)));
  if (auto started = archive->start(partitions); !started)
    return tl::unexpected<Error>(started.error());
  return archive;
}

ArchiveWriter::ArchiveWriter(EventLog& log, Executor& executor, const Clock& clock,
                             std::string folder, ArchiveOptions options)
    : log_(log),
      executor_(executor),
      clock_(clock),
      folder_(std::move(folder)),
      options_(std::move(options)),
      random_(options_.seed),
      self_(std::make_shared<ArchiveWriter*>(this)) {}

ArchiveWriter::~ArchiveWriter() {
  SIGNALBOX_ASSERT(executor_.is_current());
  reporting_ = false;
}

Result<void> ArchiveWriter::start(const std::vector<Partition>& partitions) {
  for (const Partition partition : partitions) {
    auto writer = std::make_unique<PartitionWriter>(*this, partition);
    if (auto opened = writer->open(); !opened) return opened;
    total_ += writer->start_counting();
    writers_.push_back(std::move(writer));
  }
  for (const auto& writer : writers_) writer->read();
  report_progress();
  return {};
}

void ArchiveWriter::report_progress() {
  if (!reporting_) return;
  ArchiveProgress progress{.total = total_};
  for (const auto& writer : writers_) progress.done += writer->records_done();
  // Records that came since start count as well; what was there may be read a moment later.
  progress.done = std::min(progress.done, total_);
  reporting_ = progress.done < total_;
  options_.progress(progress);
}

void ArchiveWriter::rebuild(Partition partition, const std::string& why) {
  executor_.post([self = std::weak_ptr(self_), partition, why] {
    const auto archive = self.lock();
    if (!archive) return;
    for (const auto& writer : (*archive)->writers_)
      if (writer->partition() == partition) writer->fail({Errc::corrupt, why});
  });
}

std::vector<ArchiveStatus> ArchiveWriter::status() const {
  std::vector<ArchiveStatus> all;
  for (const auto& writer : writers_) all.push_back(writer->status());
  return all;
}

}  // namespace signalbox::event_store
