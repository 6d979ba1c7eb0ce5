// PartitionWorker: one partition as this router sees it. It follows the events of the partition,
// claims it when the group says so, works as its owner for a term, and begins anew when the
// ownership is lost, or after a wait when the log does not answer. The log alone decides who owns
// (ownership rules 1 to 4); the group is only a hint. Thread: the router's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "event-store/log/partition_reader.hpp"
#include "router/log_patience.hpp"
#include "router/refused_events.hpp"
#include "router/router_options.hpp"
#include "router/term.hpp"

namespace signalbox::router {

class PartitionWorker final : private event_store::JudgedSink {
 public:
  // `on_stopped`: the partition cannot be served (Errc::corrupt, unsupported_version, ...); it
  // stays so.
  PartitionWorker(RouterServices services, const RouterOptions& options, RouterCounters& counters,
                  Partition partition, std::function<void(Partition, const Error&)> on_stopped);
  ~PartitionWorker() override;

  // Gives the partition up in order; `done` runs once, also when there was nothing to give up.
  void release(std::function<void()> done);

  // Its share of the process's limit of user states in memory; until it is told, all of it.
  void set_users_max(std::size_t users_max);

  [[nodiscard]] bool is_serving() const { return term_ && term_->is_serving(); }
  // Why it is not serving, as a sentence; empty when it is.
  [[nodiscard]] std::string why_not_serving() const;
  // The first inbound offset without an outcome, as read back: everything below may be forgotten.
  [[nodiscard]] Offset inbound_resume() const { return fold_.inbound.next; }
  // It has read its own claim, and neither lost the partition nor given it up.
  [[nodiscard]] bool is_owner() const { return term_ != nullptr; }
  // That inbound_resume() is of a log read to its end, not of a follow-up under way.
  [[nodiscard]] bool has_caught_up() const { return caught_up_; }
  [[nodiscard]] Epoch epoch() const { return fold_.position.epoch; }

 private:
  enum class Phase {
    following,
    waiting,
    claiming,
    owning,
    withdrawing,  // given up while its claim was on its way: what lands is released
    releasing,
    released,
    stopped
  };
  struct SnapshotsWait {
    std::uint64_t least;    // so many were missing
    MonotonicTime came_at;  // since then no fewer
    MonotonicTime until;    // at most
  };

  // In place of what it was to be called for before.
  void call_at(MonotonicTime when, std::function<void()> task);
  void follow();
  // `then` gets where the events end, unless the log does not say; until then nothing is read.
  void ask_end(std::function<void(Offset)> then);
  void begin(Offset end);
  void begin_at_snapshot(Offset end);
  void read_on();
  void ask_for_snapshots(const FoldState& before);
  void ask_for_texts(const FoldState& before);
  [[nodiscard]] bool wait_for_snapshots();
  [[nodiscard]] bool is_held() const;
  void wait_for_release();
  void look_for_release();
  void on_word_of_owner();
  void claim();
  void append_claim();
  void fold_one(const event_store::JudgedRecord& judged);
  void on_control(const event_store::JudgedRecord& judged, const FoldState& before);
  void on_valid(const event_store::JudgedRecord& judged, const FoldState& before);
  void become_owner(const PartitionOwned& owned, const FoldState& before);
  void lose();
  void end_term();
  void withdraw();
  void release_term();
  void finish_release();
  // The partition cannot be served; begins again after a while where that may pass.
  void stop(const Error& error);
  void begin_again(const Error& why);

  // JudgedSink
  void on_judged(std::span<const event_store::JudgedRecord> records) override;
  void on_caught_up(const event_store::Position& position) override;
  void on_stopped(const Error& error) override;

  RouterServices services_;
  const RouterOptions& options_;
  RouterCounters& counters_;
  event_store::LogDescription log_;
  Partition partition_;
  std::function<void(Partition, const Error&)> report_stopped_;
  std::size_t users_max_;

  Phase phase_ = Phase::following;
  bool restarting_ = false;  // what the reader still delivers is of a follow-up that is over
  bool asking_ = false;      // where the log ends, or for texts of it
  bool caught_up_ = false;   // this follow-up, once
  LogPatience patience_;
  RefusedEvents refused_;
  FoldState fold_;
  std::vector<UserId> open_users_;  // of the partition snapshot the follow-up began with
  std::unique_ptr<UserStates> states_;
  Epoch claimed_{0};  // highest epoch this process has claimed
  std::optional<ClaimId> claim_id_;
  std::unique_ptr<Term> term_;
  std::unique_ptr<Term> ended_;  // released; its own call may still be on the stack
  std::optional<Error> stopped_;
  std::vector<std::function<void()>> released_;  // who wants to know
  TimerId timer_ = TimerId::none;
  std::optional<SnapshotsWait> snapshots_wait_;
  MonotonicTime waits_until_{};  // for the release, whatever its owner says
  MonotonicTime heard_at_{};     // its owner, last
  std::unique_ptr<event_store::PartitionReader> reader_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::router
