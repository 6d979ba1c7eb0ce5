// The product's validity fold and claim code, held against the checked model step by step: random
// walks through a world of the model, larger than those it is searched in. Each record that lands
// in the model is written by the codec and folded by event_store::fold and fold_resume, whose
// verdict, epoch, claim, ordinal and resume point must be the model's, from the beginning of the
// log and from a stored position anywhere in it. Whenever a router of the model claims, a real
// PartitionWorker reads the same log and must claim the same epoch at the same resume point under
// an id that was never used; whenever one learns what became of its claim, the real one reads on
// and must be owner exactly where the model's is.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/random.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/router/simulated_router.hpp"
#include "tests/simulation/model/model.hpp"
#include "tests/simulation/model/real_records.hpp"

namespace signalbox::ownership_model {
namespace {

using event_store::InboundResume;
using event_store::Position;
using test_support::AppendFate;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

constexpr TopicPartition kEvents{Topic::events, Partition(0)};
constexpr TopicPartition kInbound{Topic::inbound, Partition(0)};
constexpr int kWalks = 800;
constexpr int kStepsMax = 160;

Scope large_scope() {
  constexpr Inbound m0{InboundKind::message, 0};
  constexpr Inbound m1{InboundKind::message, 1};
  return {.name = "walk",
          .routers = 3,
          .inbound = {m0, {InboundKind::poison, 0}, m1, {InboundKind::cancel, 0}, m0, m1},
          .started = true,
          .resumed = true,
          .tools = {2, 1},
          .claims = 7,
          .crashes = 3,
          .timeouts = 4,
          .drops = 4,
          .repeats = 4,
          .snapshots = 2,
          .stale = 8,
          .max_log = kMaxLog - 1,
          .window = kWindow};
}

// A real router on a log of its own that holds what the model's held.
class RealClaim {
 public:
  RealClaim(const std::vector<NewRecord>& records, std::size_t inbound) {
    options_.release_patience = std::chrono::milliseconds(0);  // the model does not wait
    log_.set_fate([this](const TopicPartition& at, const NewRecord& record) {
      if (at == kEvents) claims_.push_back(record);
      return std::optional(AppendFate{.copies = 0, .report = AppendFate::Report::error});
    });
    for (std::size_t i = 0; i < inbound; ++i)
      log_.put(kInbound, {.key = std::nullopt, .headers = {}, .value = "?"});
    for (const NewRecord& record : records) log_.put(kEvents, record);
    router_.start();
  }

  // Its claim of that epoch, after any of lower ones were lost.
  [[nodiscard]] std::optional<PartitionOwned> claim_of(std::int64_t epoch) {
    const auto has_claimed = [&] { return !claims_.empty() && newest().epoch.value() >= epoch; };
    if (!scheduler_.run_until(has_claimed) || newest().epoch.value() != epoch) return std::nullopt;
    return newest();
  }
  // What lands behind what it has read; null: its own claim.
  [[nodiscard]] bool is_owner_after(const std::vector<const NewRecord*>& records) {
    const NewRecord claim = claims_.back();
    for (const NewRecord* record : records) log_.put(kEvents, record != nullptr ? *record : claim);
    scheduler_.run_until_idle();
    return router_.is_owner();
  }

 private:
  [[nodiscard]] PartitionOwned newest() const {
    const Record read{kEvents,
                      Offset(1),
                      Timestamp{},
                      claims_.back().key,
                      claims_.back().headers,
                      claims_.back().value};
    return std::get<PartitionOwned>(event_store::decode_control(read)->data);
  }

  SimulatedScheduler scheduler_;
  Random random_{++seeds_};
  SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  router::AgentRegistry agents_;
  router::RouterOptions options_;
  std::vector<NewRecord> claims_;
  router::SimulatedRouter router_{scheduler_, log_, agents_, options_, random_};
  static inline std::uint64_t seeds_ = 0;
};

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {}

  void go() {
    for (int steps = 0; steps < kStepsMax; ++steps) {
      std::vector<Successor> successors;
      model_.expand(state_, successors);
      ASSERT_EQ(model_.fault(), "");
      if (successors.empty()) return;
      const State before = state_;
      state_ = successors[random_.below(successors.size())].state;
      if (state_.log_size > before.log_size) fold_the_newest();
      for (int i = 0; i < kRouters; ++i)
        compare_router(before, before.routers[i], state_.routers[i]);
      if (::testing::Test::HasFailure()) return;
    }
  }

  static inline std::map<event_store::Verdict, int> met;
  static inline int claims = 0;
  static inline int won = 0;
  static inline int lost = 0;

 private:
  void fold_the_newest() {
    const LogRecord& newest = state_.log[state_.log_size - 1];
    const bool is_repeat =
        newest.kind == kOwned && newest.epoch == fold_.epoch && newest.claim == fold_.claim;
    real_.push_back(is_repeat && state_.log_size % 2 == 0 ? records_.checkpoint_of(newest)
                                                          : records_.of(newest));
    const Verdict verdict = fold_step(fold_, newest, model_.rules());
    folds_.push_back(fold_);
    compare(position_, resume_, real_.size() - 1, verdict, is_repeat);
    positions_.push_back(position_);
    compare_a_reader_in_the_middle();
  }

  void compare(Position& position, InboundResume& resume, std::size_t at, Verdict verdict,
               bool is_repeat) {
    const Record stored{kEvents,           Offset(static_cast<std::int64_t>(at)),
                        Timestamp{},       real_[at].key,
                        real_[at].headers, real_[at].value};
    const auto judged = event_store::fold(position, stored);
    event_store::fold_resume(resume, position, judged, stored);
    ++met[judged.verdict];
    EXPECT_EQ(event_store::to_text(judged.verdict), expected(verdict, is_repeat)) << at;
    EXPECT_EQ(position.epoch.value(), fold_.epoch) << at;
    EXPECT_EQ(position.owner_seq.value(), fold_.ord) << at;
    EXPECT_EQ(position.claim == RealRecords::claim_id(fold_.claim), fold_.epoch > 0) << at;
    EXPECT_EQ(resume.next.value(), fold_.resume) << at;
  }

  // From any stored position, and without having seen what is before, the same comes out.
  void compare_a_reader_in_the_middle() {
    const std::size_t from = random_.below(positions_.size());
    Position position = positions_[from];
    for (std::size_t at = from + 1; at < real_.size(); ++at) {
      const Record stored{kEvents,           Offset(static_cast<std::int64_t>(at)),
                          Timestamp{},       real_[at].key,
                          real_[at].headers, real_[at].value};
      event_store::fold(position, stored);
    }
    EXPECT_EQ(position, position_) << "from offset " << from + 1;
  }

  static std::string_view expected(Verdict verdict, bool is_repeat) {
    switch (verdict) {
      case Verdict::valid: return "valid";
      case Verdict::duplicate: return "duplicate";
      case Verdict::superseded: return "superseded";
      case Verdict::hole: return "hole";
      case Verdict::control: return "control";
      case Verdict::control_ignored: return is_repeat ? "repeat" : "ignored";
      case Verdict::corrupt: return "corrupt";
    }
    return "";
  }

  void compare_router(const State& before, const Router& was, const Router& is) {
    if (is.mode == Mode::claiming && (was.mode != Mode::claiming || was.claim != is.claim))
      return compare_claim(is);
    if (was.mode == Mode::claiming && before.crashes == state_.crashes && is.mode != Mode::claiming)
      compare_outcome(was, is.mode == Mode::owner);
  }

  void compare_claim(const Router& claiming) {
    ++claims;
    claimed_at_[claiming.claim] = real_.size();
    const auto claim = RealClaim(real_, large_scope().inbound.size()).claim_of(claiming.epoch);
    ASSERT_TRUE(claim) << "the model claims epoch " << int{claiming.epoch};
    EXPECT_EQ(claim->inbound_next.value(), fold_.resume);
    EXPECT_TRUE(claim_ids_.insert(claim->claim_id.value().to_string()).second);
  }

  void compare_outcome(const Router& claimed, bool is_owner) {
    ++(is_owner ? won : lost);
    const std::size_t from = claimed_at_.at(claimed.claim);
    RealClaim real({real_.begin(), real_.begin() + static_cast<std::ptrdiff_t>(from)},
                   large_scope().inbound.size());
    ASSERT_TRUE(real.claim_of(claimed.epoch));
    std::vector<const NewRecord*> landed;
    bool is_forestalled = false;
    for (std::size_t at = from; at < real_.size(); ++at) {
      const LogRecord& record = state_.log[at];
      const bool is_own = record.kind == kOwned && record.claim == claimed.claim;
      landed.push_back(is_own ? nullptr : &real_[at]);
      if (is_own) break;
      // Another claim came first: the real one gives its own up, whatever epoch that was of.
      is_forestalled |= folds_[at].epoch != (at == 0 ? 0 : folds_[at - 1].epoch);
    }
    EXPECT_EQ(real.is_owner_after(landed), is_owner && !is_forestalled);
  }

  Random random_;
  Model model_{with_window(), large_scope()};
  State state_{};
  FoldState fold_{};
  std::vector<FoldState> folds_;     // after each record
  std::vector<NewRecord> real_;      // the log
  std::vector<Position> positions_;  // after each record
  RealRecords records_{LogId(Uuid{})};
  Position position_;
  InboundResume resume_;
  std::map<int, std::size_t> claimed_at_;  // by claim: how much of the log it was made after
  static inline std::set<std::string> claim_ids_;

  static Rules with_window() {
    Rules rules;
    rules.window = kWindow;
    return rules;
  }
};

TEST(OwnershipWalk, TheProductDecidesAsTheModelDoes) {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1; seed <= kWalks && !HasFailure(); ++seed) {
    SCOPED_TRACE("walk " + std::to_string(seed));
    Walk(seed).go();
  }
  using event_store::Verdict;
  for (const Verdict verdict : {Verdict::valid, Verdict::duplicate, Verdict::superseded,
                                Verdict::hole, Verdict::control, Verdict::repeat, Verdict::ignored})
    EXPECT_GT(Walk::met[verdict], 0) << event_store::to_text(verdict);
  EXPECT_GT(Walk::claims, kWalks);
  EXPECT_GT(Walk::won, kWalks / 2);
  EXPECT_GT(Walk::lost, 0);
}

}  // namespace
}  // namespace signalbox::ownership_model
