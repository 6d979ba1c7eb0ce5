// PartitionWorker: one partition as this router sees it. It follows the events of the partition,
// claims it when the group says so, works as its owner for a term, and begins anew when the
// ownership is lost. The log alone decides who owns (ownership rules 1 to 4); the group is only a
// hint. Thread: the router's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "event-store/log/partition_reader.hpp"
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
  [[nodiscard]] Epoch epoch() const { return fold_.position.epoch; }

 private:
  enum class Phase { following, claiming, owning, releasing, released, stopped };

  void follow();
  [[nodiscard]] bool wait_for_snapshots();
  void claim();
  void append_claim();
  void fold_one(const event_store::JudgedRecord& judged);
  void on_control(const event_store::JudgedRecord& judged, const FoldState& before);
  void on_valid(const event_store::JudgedRecord& judged, const FoldState& before);
  void become_owner(const PartitionOwned& owned, const FoldState& before);
  void lose();
  void finish_release();
  void stop(const Error& error);

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
  FoldState fold_;
  std::vector<UserId> open_users_;  // of the partition snapshot the follow-up began with
  std::unique_ptr<UserStates> states_;
  Epoch claimed_{0};  // highest epoch this process has claimed
  std::optional<ClaimId> claim_id_;
  std::unique_ptr<Term> term_;
  std::unique_ptr<Term> ended_;  // released; its own call may still be on the stack
  std::optional<Error> stopped_;
  std::vector<std::function<void()>> released_;  // who wants to know
  TimerId claim_timer_ = TimerId::none;
  std::optional<MonotonicTime> waiting_until_;  // for snapshots
  std::unique_ptr<event_store::PartitionReader> reader_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::router
