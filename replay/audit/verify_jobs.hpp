// VerifyJobs: verifications of one user's history that run while somebody asks how far they are
// (replay/verify.hpp, against the log, its archive, anchors and snapshots). Each runs on a thread
// of its own, so that it delays nobody; at most as many at a time as there are threads. Of those
// that have ended the newest are kept. Memory: jobs_max verdicts of findings_max findings each.
// Threads: any but those of the jobs, which outlive it. Lifetime: the destructor stops what runs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/history_log.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "replay/anchor_notes.hpp"
#include "replay/verify.hpp"

namespace signalbox::replay {

struct VerifySources {
  event_store::OpenHistory open_history;
  std::string archive_folder;
  std::string anchor_folder;
  std::string snapshots;  // the file
  std::optional<KnownAnchorKey> anchor_key = std::nullopt;
};

class VerifyJobs {
 public:
  struct Options {
    std::size_t jobs_max = 64;  // under way and ended
    std::size_t findings_max = 100;
  };
  // `threads` may block.
  VerifyJobs(VerifySources sources, std::vector<Executor*> threads, Options options);
  ~VerifyJobs();
  VerifyJobs(const VerifyJobs&) = delete;
  VerifyJobs& operator=(const VerifyJobs&) = delete;

  // False: as many are under way as may be.
  [[nodiscard]] bool begin(const std::string& id, const UserId& user, const UserId& auditor);
  // {"job","state","done","total","verdict"?}; none where this auditor began no such job of this
  // user.
  [[nodiscard]] std::optional<std::string> describe(const std::string& id, const UserId& user,
                                                    const UserId& auditor) const;
  // Ends what runs and waits for it; none begins afterwards. Again: no effect.
  void stop();

 private:
  enum class State { running, done, failed, stopped };
  struct Job {
    std::string id;
    UserId user;
    UserId auditor;  // who began it
    State state = State::running;
    Progress progress{};
    std::string verdict{};  // JSON, once it is done; why, once it failed
  };
  using JobPtr = std::shared_ptr<Job>;

  [[nodiscard]] static std::string_view to_text(State state);
  void run(const JobPtr& job, Executor& thread);
  [[nodiscard]] Result<std::string> verify(const UserId& user, const Watch& watch) const;

  const VerifySources sources_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable none_runs_;
  bool stopping_ = false;  // guarded by mutex_, like all below and the jobs
  std::vector<Executor*> idle_threads_;
  std::size_t running_ = 0;
  std::deque<JobPtr> jobs_;  // oldest first
};

}  // namespace signalbox::replay
