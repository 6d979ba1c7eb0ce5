// Term: one ownership of one partition, from the accepted claim to its loss or release, and all
// that exists only within it: the events stated and not read back, the commands taken, the
// supervisors, the emitters' gate. It is destroyed whole when the term ends, so nothing of it can
// survive into another one (ownership rules 3 and 4). Order of work of a new owner: whether inbound
// still holds the resume point, users to load and rebuild, poison check, open runs, then inbound. A
// log that does not answer is waited for at each of them. Thread: the router's.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/model/control.hpp"
#include "router/inbound_judge.hpp"
#include "router/inbound_source.hpp"
#include "router/log_patience.hpp"
#include "router/open_list.hpp"
#include "router/refused_events.hpp"
#include "router/router_options.hpp"
#include "router/supervisor.hpp"
#include "router/user_rebuild.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

// What the claim was accepted on.
struct Takeover {
  Epoch epoch;
  ClaimId claim_id;
  bool predecessor_lost;               // there was one and it did not release
  event_store::InboundResume inbound;  // as folded before the own claim
  std::vector<UserId> open_users;      // whose runs may be open: the to-do list
};

class Term {
 public:
  // `stop`: the partition cannot be served on, with the reason. It may be called inside any call.
  Term(RouterServices services, const RouterOptions& options, RouterCounters& counters,
       event_store::LogDescription log, Partition partition, UserStates& states,
       const FoldState& fold, LogPatience& patience, RefusedEvents& refused, Takeover takeover,
       std::function<void(const Error&)> stop);
  ~Term();

  [[nodiscard]] Epoch epoch() const { return takeover_.epoch; }
  // An event of this term's epoch was read back as valid; the fold around it. False: this term has
  // not stated it, and must end.
  [[nodiscard]] bool on_counted(const Record& record, const FoldState& before,
                                const FoldState& after);
  // A checkpoint of this term was read back.
  void on_checkpoint(const PartitionCheckpoint& checkpoint);
  void on_hole() { open_.on_hole(); }

  // Finishes steps under way, states a checkpoint and the release, then calls back: at most
  // release_grace and release_sign later, whether or not the log has answered.
  void release(std::function<void()> done);

  // True once commands are taken and nothing is in doubt.
  [[nodiscard]] bool is_serving() const {
    return stage_ == Stage::serving && open_.is_healthy() && log_timer_ == TimerId::none &&
           !rebuild_ && !asking_;
  }
  // Why the log does not take what is stated; empty when it does.
  [[nodiscard]] const std::string& trouble() const { return open_.trouble(); }
  // First inbound offset that has not been taken.
  [[nodiscard]] Offset inbound_next() const { return next_inbound_; }
  [[nodiscard]] std::size_t open_runs() const { return supervisors_.size(); }

 private:
  enum class Stage { checking, loading, trying, resuming, serving, releasing };
  using Held = UserStates::Held;
  // What a supervisor said of its run.
  using DeferredFact = std::pair<UserExecutionContext, EventData>;

  // Goes on with whatever the stage is waiting for; called whenever something changed.
  void pump();

  // Blocks the term until the log is to be asked again; errors that do not pass stop the partition.
  void wait_for_log(const Error& why);
  // Blocks the term until the log has said how far it reaches, then `judge`, which goes on.
  void ask_bounds(Topic topic, std::function<void(const event_store::LogBounds&)> judge);
  void ask_texts();
  void wait_for_user(const Error& why);

  // taking over (term.cpp)
  void check_inbound();
  void judge_inbound_bounds(const event_store::LogBounds& bounds);
  void load_users();
  void try_oldest();
  [[nodiscard]] Unusable poison_of(const Record& record, std::string detail) const;
  void note_open_runs();
  void resume_runs();
  // `wanted`: who is waited for.
  void rebuild(const UserId* wanted = nullptr);
  void adopt_rebuilt(const Result<void>& result);

  // inbound (term_inbound.cpp)
  void serve();
  [[nodiscard]] Held* acquire(const UserId& user);
  [[nodiscard]] bool end_expired_run(const Held& held, const RunId& run_id);
  bool take(const Record& record);
  bool take_refused(const Record& record, const Command& command);
  bool take_unusable(const Record& record, const Unusable& bad);
  void quarantine(const Record& record, const Unusable& bad, std::size_t size = 0);
  void after_quarantine(const Record& record, const Unusable& bad);
  void finish_record(const Record& record);

  // stating (term_runs.cpp)
  void state(Held& held, Statement statement);
  Result<void> state_run_fact(const UserExecutionContext& context, EventData data);
  void state_deferred();
  void state_deferred_fact(DeferredFact fact);
  void after_statement(Held& held, const Event& event);
  void respond(const UserExecutionContext& context, Attempt attempt, AgentResponding piece);
  [[nodiscard]] std::size_t room() const;
  void end_as_refused(const Event& event, const Error& why);

  // runs (term_runs.cpp)
  void start_runs(Held& held);
  void wait_for_turn(const Held& held);
  void start_next_runs(Held& held);
  void start_waiting_runs();
  void supervise(Held& held, const RunId& run_id);
  void drop_supervisor(const RunId& run_id);
  [[nodiscard]] RunBriefing brief(const Held& held, const OpenRun& run) const;

  // keeping (term.cpp)
  // `reported` runs when the log has answered, whatever it said: an owner that ends has said its
  // last.
  void append_control(ControlData data, std::function<void()> reported);
  void append_checkpoint(std::optional<Trying> trying);
  void keep_house();
  void snapshot_partition();
  void try_release();
  void tell_released();
  void say_releasing();

  RouterServices services_;
  const RouterOptions& options_;
  RouterCounters& counters_;
  event_store::LogDescription log_;
  Partition partition_;
  UserStates& states_;
  const FoldState& fold_;
  LogPatience& patience_;
  RefusedEvents& refused_;
  Takeover takeover_;
  std::function<void(const Error&)> stop_;
  SupervisorFactory factory_;
  std::string source_;

  Stage stage_ = Stage::checking;
  OwnerSeq owner_seq_{0};
  OpenList open_;
  Offset next_inbound_;
  std::unique_ptr<InboundSource> inbound_;  // once the users are loaded
  bool pumping_ = false;                    // pump() is on the stack
  bool blocked_ = false;  // by a quarantine, a rebuild or the log: nothing else is taken before
  bool asking_ = false;   // the log, which has not answered; blocked meanwhile
  std::deque<UserId> to_load_;
  std::deque<UserId> to_resume_;
  RecordPtr tried_;  // taken alone, before any run is resumed
  std::int32_t try_count_ = 0;
  bool try_stated_ = false;  // the checkpoint that says so was read back
  bool try_taken_ = false;
  std::unique_ptr<UserRebuild> rebuild_;

  std::map<RunId, std::unique_ptr<Supervisor>> supervisors_;
  std::deque<DeferredFact> deferred_;  // while the open list is full
  std::size_t started_ = 0;            // runs in phase running
  // Users with runs that wait for a place among started_runs_max, in the open list, or for serving,
  // by the oldest message queued when the wait began.
  std::set<std::pair<Offset, UserId>> waiting_;

  std::int32_t records_since_checkpoint_ = 0;
  bool checkpoint_due_ = false;
  MonotonicTime checkpoint_at_;
  MonotonicTime snapshot_at_;
  bool active_since_snapshot_ = false;
  bool resting_ = false;  // nothing is stated until all is read back, for the sake of a snapshot
  TimerId house_timer_ = TimerId::none;
  TimerId retry_timer_ = TimerId::none;
  TimerId release_timer_ = TimerId::none;
  TimerId log_timer_ = TimerId::none;  // set: the term waits for the log
  std::function<void()> released_;
  MonotonicTime release_until_{};
  bool release_forced_ = false;
  std::shared_ptr<TermGate> gate_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::router
