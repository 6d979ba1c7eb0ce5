#include "router/user_rebuild.hpp"

#include <utility>

#include "router/user_fold.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

UserRebuild::UserRebuild(LogId log_id, std::span<const UserId> users, RoutingLimits limits)
    : limits_(limits) {
  for (const UserId& user : users)
    users_.emplace(user, Rebuilt{RoutingState(user, event_store::start_of_chain(log_id, user))});
}

void UserRebuild::start(event_store::EventLog& log, Executor& executor, Partition partition,
                        std::function<Offset()> target, std::function<void(Result<void>)> done) {
  target_ = std::move(target);
  done_ = std::move(done);
  event_store::TailSink& sink = *this;
  tail_ = log.tail({Topic::events, partition}, position_.next_offset, executor, sink);
}

void UserRebuild::on_records(std::span<const RecordPtr> records) {
  const Offset target = target_();
  if (auto folded = fold(records, target); !folded) return finish(std::move(folded));
  if (records.back()->offset.next() >= target) finish({});
}

void UserRebuild::on_caught_up(Offset end) {
  if (end >= target_()) finish({});
}

void UserRebuild::on_failed(const Error& error) { finish(tl::unexpected(error)); }

void UserRebuild::finish(Result<void> result) {
  tail_.reset();
  const auto done = std::exchange(done_, nullptr);
  if (done) done(std::move(result));
}

Result<void> UserRebuild::fold(std::span<const RecordPtr> records, Offset target) {
  for (const RecordPtr& record : records) {
    if (record->offset >= target) return {};
    if (auto folded = fold_record(*record); !folded) return folded;
  }
  return {};
}

Result<void> UserRebuild::fold_record(const Record& record) {
  const auto judged = event_store::fold(position_, record);
  if (judged.verdict != event_store::Verdict::valid) return {};
  const auto user = user_of(record);
  const auto found = user ? users_.find(*user) : users_.end();
  if (found == users_.end()) return {};
  auto folded = fold_event(found->second.state, record, limits_);
  if (!folded) return tl::unexpected(folded.error());
  if (folded->damage) found->second.damage = std::move(folded->damage);
  return {};
}

std::vector<UserRebuild::Rebuilt> UserRebuild::take() {
  std::vector<Rebuilt> rebuilt;
  for (auto& [user, his] : users_) rebuilt.push_back(std::move(his));
  users_.clear();
  return rebuilt;
}

}  // namespace signalbox::router
