#include "replay/audit/verify_jobs.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/json_writer.hpp"
#include "replay/anchor_check.hpp"
#include "replay/archive_check.hpp"
#include "replay/snapshot_check.hpp"
#include "replay/verify_report.hpp"

namespace signalbox::replay {
namespace {

using event_store::JsonWriter;

// {"whole","words","findings","cannot_show"}
std::string verdict_of(const VerifyReport& report, const VerdictNotes& notes) {
  JsonWriter json;
  json.begin_object();
  json.key("whole");
  json.raw(is_whole(report) ? "true" : "false");
  json.key("words");
  json.string(verdict_text(report, notes));
  json.key("findings");
  json.begin_array();
  for (const Finding& finding : report.findings.kept()) write_finding(json, finding);
  json.end_array();
  json.key("cannot_show");
  json.begin_array();
  for (const std::string& sentence : cannot_show(notes.anchors)) json.string(sentence);
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace

VerifyJobs::VerifyJobs(VerifySources sources, std::vector<Executor*> threads, Options options)
    : sources_(std::move(sources)), options_(options), idle_threads_(std::move(threads)) {}

VerifyJobs::~VerifyJobs() { stop(); }

void VerifyJobs::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  none_runs_.wait(lock, [this] { return running_ == 0; });
}

bool VerifyJobs::begin(const std::string& id, const UserId& user, const UserId& auditor) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || idle_threads_.empty()) return false;
  if (jobs_.size() >= options_.jobs_max) {
    const auto ended = std::find_if(jobs_.begin(), jobs_.end(),
                                    [](const JobPtr& job) { return job->state != State::running; });
    if (ended == jobs_.end()) return false;
    jobs_.erase(ended);
  }
  const JobPtr job = jobs_.emplace_back(std::make_shared<Job>(Job{id, user, auditor}));
  Executor* const thread = idle_threads_.back();
  idle_threads_.pop_back();
  ++running_;
  thread->post([this, job, thread] { run(job, *thread); });
  return true;
}

void VerifyJobs::run(const JobPtr& job, Executor& thread) {
  const Watch watch = [this, &job](const Progress& progress) {
    const std::lock_guard lock(mutex_);
    job->progress = progress;
    return !stopping_;
  };
  auto verdict = verify(job->user, watch);
  const std::lock_guard lock(mutex_);
  if (verdict) {
    job->state = State::done;
    job->progress.done = job->progress.total;
    job->verdict = *std::move(verdict);
  } else {
    job->state = verdict.error().code == Errc::stopped ? State::stopped : State::failed;
    job->verdict = verdict.error().message;
  }
  idle_threads_.push_back(&thread);
  if (--running_ == 0) none_runs_.notify_all();
}

Result<std::string> VerifyJobs::verify(const UserId& user, const Watch& watch) const {
  auto log = sources_.open_history();
  if (!log) return tl::unexpected(log.error());
  ArchiveCheck archive(sources_.archive_folder, (*log)->describe(), user);
  AnchorCheck anchors(sources_.anchor_folder, sources_.archive_folder, (*log)->describe(), user,
                      sources_.anchor_key);
  SnapshotCheck snapshots(sources_.snapshots, (*log)->describe(), user);
  const auto report = verify_log(**log,
                                 {.user = user,
                                  .only_his_findings = true,
                                  .findings_max = options_.findings_max,
                                  .observers = {&archive, &anchors, &snapshots}},
                                 watch);
  if (!report) return tl::unexpected(report.error());
  return verdict_of(*report, {.archived_events = archive.compared(),
                              .archive_files_missing = archive.files_missing(),
                              .snapshots = snapshots.compared(),
                              .anchors = anchors.summary()});
}

std::string_view VerifyJobs::to_text(State state) {
  switch (state) {
    case State::running: return "running";
    case State::done: return "done";
    case State::failed: return "failed";
    case State::stopped: return "stopped";
  }
  return "";
}

std::optional<std::string> VerifyJobs::describe(const std::string& id, const UserId& user,
                                                const UserId& auditor) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const JobPtr& job) {
    return job->id == id && job->user == user && job->auditor == auditor;
  });
  if (found == jobs_.end()) return std::nullopt;
  const Job& job = **found;
  JsonWriter json;
  json.begin_object();
  json.key("job");
  json.string(job.id);
  json.key("state");
  json.string(to_text(job.state));
  json.key("done");
  json.integer(job.progress.done);
  json.key("total");
  json.integer(job.progress.total);
  if (job.state == State::done) {
    json.key("verdict");
    json.raw(job.verdict);
  } else if (job.state != State::running) {
    json.key("why");
    json.string(job.verdict);
  }
  json.end_object();
  return json.take() + "\n";
}

}  // namespace signalbox::replay
