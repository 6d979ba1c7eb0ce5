// AuditApi: what an auditor asks over HTTP (contract 12), on the admin port.
//   GET  /v1/audit/users                 who there is, by the beginning of the id
//   GET  /v1/audit/users/{id}/events     his events, page by page: audit_query.hpp
//   GET  /v1/audit/users/{id}/state      what was known at an instant, or at two and what differs
//   GET  /v1/audit/users/{id}/runs       his runs, newest first
//   GET  /v1/audit/users/{id}/runs/{run_id}   one of them as a tree: run_tree.hpp
//   GET  /v1/audit/users/{id}/views      who looked at him, newest first
//   GET  /v1/audit/users/{id}/export     a part of his history that proves itself (contract 15)
//   POST /v1/audit/users/{id}/verify     begins a verification: verify_jobs.hpp
//   GET  /v1/audit/users/{id}/verify/{job}   how far it is, and its verdict
// Every look but the last is first stated by the one who looks: the command view_history{subject,
// query}, which becomes an event in his own history; it is durable before anything is answered.
//
// Status: 401 no token, 403 a wrong one, without the role auditor, or the auditor's own history is
// damaged, 400 a bad parameter, 404 no such run, job or event, 413 a state or run that is too
// large, or what takes scan_time_max, 421 other_event_store (the user's partition is kept by
// another one; lists over all users name as `incomplete` the partitions that are not, and those
// whose archive cannot be read while that of another can; a damaged one is not waited for); with
// Retry-After 503 overloaded (requests_max are under way, or as many verifications as there are
// threads, or a scan did not come to its turn within patience) and 503 log_unavailable (the look
// could not be stated; the history cannot be read). Where the archive is behind for longer than
// patience, what it has is answered, with the position up to which that is complete.
//
// Threads: handlers on any; the rest on `pages` (short reads) and `scans` (those that take long),
// which may block and outlive it. Lifetime: all parts outlive it; it outlives the last handler
// call. What comes after stop() gets 503.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/http.hpp"
#include "event-store/model/random.hpp"
#include "replay/audit/audit_reads.hpp"
#include "replay/audit/verify_jobs.hpp"

namespace signalbox::replay {

class AuditApi {
 public:
  struct Parts {
    Executor& pages;
    Executor& scans;
    std::vector<Executor*> verifiers;  // one verification at a time on each
    const Clock& clock;
    std::uint64_t seed;  // of ids
  };
  struct Options {
    std::string source;             // ce_source of its commands
    std::size_t requests_max = 16;  // until their answers are sent
    std::size_t scans_max = 4;      // of them, those that take long
    std::chrono::milliseconds patience{2'000};
    std::chrono::milliseconds look_again{50};
    // From being let in; less than the gateway waits for an answer, so that there is one.
    std::chrono::milliseconds scan_time_max{8'000};
    AuditReadLimits reads{};
    VerifyJobs::Options jobs{};
  };

  AuditApi(const AuditSources& sources, Parts parts, Options options);
  ~AuditApi();
  AuditApi(const AuditApi&) = delete;
  AuditApi& operator=(const AuditApi&) = delete;

  [[nodiscard]] std::vector<HttpRoute> routes(const HttpAuthorizer& authorize);
  // Ends what is under way, answering it, and waits for that. From none of its threads; again: no
  // effect.
  void stop();

 private:
  // How an answer is found; nullopt: not yet.
  using Read = std::function<AuditReads::Answer(AuditReads&, const Wanted&)>;
  enum class Cost { page, scan };
  // One request that is let in.
  struct Look {
    UserId auditor;
    std::string subject;
    std::string query;
    std::optional<UserId> of_user;  // whose partition matters; none: all
    Cost cost;
    Read read;
  };
  struct Slots;
  struct UnderWay;
  using UnderWayPtr = std::shared_ptr<UnderWay>;

  struct Asker {
    HttpRequest request;
    UserId auditor;
  };
  template <class Query>
  using LookUp =
      std::function<AuditReads::Answer(AuditReads&, const Asker&, const Query&, const Wanted&)>;
  template <class Query>
  [[nodiscard]] HttpRoute route(const HttpAuthorizer& authorize, std::string path, Cost cost,
                                Asked<Query> (*read_query)(const HttpRequest&),
                                LookUp<Query> look_up);
  [[nodiscard]] HttpResponse begin_job(const HttpRequest& request, const UserId& user,
                                       const UserId& auditor);
  [[nodiscard]] HttpResponse describe_job(const HttpRequest& request,
                                          const HttpAuthorizer& authorize) const;
  void begin(Look look, const HttpAnswer& answer);
  void state_look(const UnderWayPtr& request);
  [[nodiscard]] bool note_ends(UnderWay& request);
  void read(const UnderWayPtr& request);
  void finish(const UnderWayPtr& request, HttpResponse response);
  [[nodiscard]] tl::expected<std::shared_ptr<const void>, HttpResponse> take_slot(Cost cost);

  [[nodiscard]] bool keeps(const UserId& user) const;

  event_store::EventLog& log_;
  const std::set<Partition> kept_;  // none: all
  const event_store::LogDescription description_;
  const Parts parts_;
  const Options options_;
  std::atomic<bool> stopping_{false};
  Random random_;          // on `pages`
  AuditReads page_reads_;  // on `pages`
  AuditReads scan_reads_;  // on `scans`
  VerifyJobs jobs_;
  std::shared_ptr<Slots> slots_;
  std::mutex mutex_;
  std::condition_variable none_under_way_;
  std::size_t under_way_ = 0;  // guarded by mutex_
};

}  // namespace signalbox::replay
