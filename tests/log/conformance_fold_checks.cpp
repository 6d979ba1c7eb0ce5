// Checks of what the fold makes of a log: claims that race, zombies, repeats, damage of one user.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "event-store/contract/codec.hpp"
#include "event-store/log/user_chain.hpp"
#include "tests/log/conformance_checks.hpp"
#include "tests/log/conformance_support.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::event_store {
namespace {

using test_support::TestOwner;

constexpr Partition kPartition{3};
constexpr TopicPartition kEvents{Topic::events, kPartition};

TestOwner owner_of(EventLogFixture& fixture, std::int64_t epoch, std::uint64_t seed) {
  Random random(seed);
  return TestOwner(fixture.log().describe().log_id, Epoch(epoch), random);
}

void expect_same_judgements(const std::vector<ReaderOn::Judgement>& left,
                            const std::vector<ReaderOn::Judgement>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].record->offset, right[i].record->offset);
    EXPECT_EQ(left[i].verdict, right[i].verdict) << "offset " << left[i].record->offset.value();
    EXPECT_EQ(left[i].after, right[i].after);
  }
}

}  // namespace

void check_of_racing_claims_the_first_in_the_log_wins(EventLogFixture& fixture) {
  std::vector<TestOwner> claimers{owner_of(fixture, 1, 11), owner_of(fixture, 1, 12)};
  for (int i = 0; i < 2; ++i)
    fixture.executor(i).post([&, i] {
      fixture.log().append(kEvents, claimers[static_cast<std::size_t>(i)].owned(),
                           fixture.executor(i), [](Result<Offset>) {});
    });
  for (TestOwner& claimer : claimers) append_surely(fixture, kEvents, claimer.owned());
  const auto end = fixture.log().bounds(kEvents)->end;
  std::optional<ClaimId> winner;
  for (const RecordPtr& record : read_all(fixture.log(), kEvents, Offset(1))) {
    const auto control = decode_control(*record);
    ASSERT_TRUE(control);
    if (!winner) winner = std::get<PartitionOwned>(control->data).claim_id;
  }
  for (int i = 0; i < EventLogFixture::kExecutors; ++i) {
    ReaderOn reader(fixture, kPartition, {}, i);
    ASSERT_TRUE(reader.wait_for(end));
    EXPECT_EQ(reader.caught_up()->claim, winner);
    EXPECT_EQ(reader.caught_up()->epoch, Epoch(1));
    const auto judgements = reader.judgements();
    EXPECT_EQ(std::ranges::count(judgements, Verdict::control, &ReaderOn::Judgement::verdict), 1);
  }
}

void check_writes_of_a_zombie_are_dropped_by_every_reader(EventLogFixture& fixture) {
  TestOwner zombie = owner_of(fixture, 1, 21);
  TestOwner owner = owner_of(fixture, 2, 22);
  append_surely(fixture, kEvents, zombie.owned());
  std::vector<std::string> expected;
  for (int i = 0; i < 3; ++i) {
    const NewRecord event = zombie.event("anna", Offset(i), "by the first " + std::to_string(i));
    append_surely(fixture, kEvents, event);
    expected.push_back(event.value);
  }
  owner.continue_users_of(zombie);
  append_surely(fixture, kEvents, owner.owned(Offset(3)));
  for (int i = 0; i < 3; ++i) {
    append_surely(fixture, kEvents, zombie.event("anna", Offset(i), "by a zombie"));
    append_surely(fixture, kEvents, zombie.owned());
    const NewRecord event = owner.event("anna", Offset(3 + i), "by the second");
    append_surely(fixture, kEvents, event);
    expected.push_back(event.value);
  }
  const auto end = fixture.log().bounds(kEvents)->end;
  ReaderOn whole(fixture, kPartition, {}, 0);
  ASSERT_TRUE(whole.wait_for(end));
  EXPECT_EQ(whole.valid_values(), expected);
  const auto judgements = whole.judgements();
  // From every position a reader may have stored, the rest looks the same.
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    ReaderOn reader(fixture, kPartition, judgements[i].after, 1);
    ASSERT_TRUE(reader.wait_for(end));
    auto seen = reader.judgements();
    const std::size_t most = std::min(seen.size(), judgements.size() - i - 1);
    seen.resize(most);
    expect_same_judgements({judgements.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                            judgements.begin() + static_cast<std::ptrdiff_t>(i + 1 + most)},
                           seen);
  }
}

void check_repeats_are_dropped(EventLogFixture& fixture) {
  TestOwner owner = owner_of(fixture, 1, 31);
  append_surely(fixture, kEvents, owner.owned());
  std::vector<NewRecord> open;
  std::vector<std::string> expected;
  for (int i = 0; i < 10; ++i) {
    open.push_back(owner.event(i % 2 == 0 ? "anna" : "berta", Offset(i), std::to_string(i)));
    expected.push_back(open.back().value);
  }
  // The whole open list again and again, as after appends of unknown outcome.
  for (int round = 0; round < 3; ++round)
    for (const NewRecord& event : open) append_surely(fixture, kEvents, event);
  ReaderOn reader(fixture, kPartition, {}, 2);
  ASSERT_TRUE(reader.wait_for(fixture.log().bounds(kEvents)->end));
  EXPECT_EQ(reader.valid_values(), expected);
  for (const auto& judgement : reader.judgements()) EXPECT_NE(judgement.verdict, Verdict::corrupt);
}

void check_an_open_list_survives_appends_of_unknown_outcome(EventLogFixture& fixture) {
  TestOwner owner = owner_of(fixture, 1, 41);
  append_surely(fixture, kEvents, owner.owned());
  std::vector<NewRecord> open;
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    open.push_back(owner.event("anna", Offset(i), std::to_string(i)));
    expected.push_back(open.back().value);
  }
  ReaderOn reader(fixture, kPartition, {}, 0);
  // Rule 6: whatever is not read back is sent again, all of it, in order, before anything new.
  for (int round = 0; round < 200 && reader.valid_values().size() < expected.size(); ++round) {
    const std::size_t counts = reader.valid_values().size();
    static_cast<void>(append_all(fixture, kEvents,
                                 {open.begin() + static_cast<std::ptrdiff_t>(counts), open.end()}));
    ASSERT_TRUE(reader.wait_for(fixture.log().bounds(kEvents)->end));
  }
  EXPECT_EQ(reader.valid_values(), expected);
}

void check_damage_is_confined_to_its_user(EventLogFixture& fixture) {
  TestOwner owner = owner_of(fixture, 1, 51);
  append_surely(fixture, kEvents, owner.owned());
  const auto state = [&](std::string_view user, int cause) {
    append_surely(fixture, kEvents, owner.event(user, Offset(cause)));
  };
  state("anna", 0);
  state("berta", 1);
  owner.break_seq("anna", Seq(5));
  state("anna", 2);
  state("berta", 3);
  owner.break_chain("anna");
  state("anna", 4);
  state("berta", 5);
  ReaderOn reader(fixture, kPartition, {}, 1);
  ASSERT_TRUE(reader.wait_for(fixture.log().bounds(kEvents)->end));
  EXPECT_FALSE(reader.stopped()) << "damage never stops a partition";
  std::map<std::string, UserChain> chains;
  std::map<std::string, std::vector<ChainBreak::Kind>> breaks;
  for (const auto& judgement : reader.judgements()) {
    if (judgement.verdict != Verdict::valid) continue;
    const std::string user = *judgement.record->key;
    UserChain& chain =
        chains.try_emplace(user, start_of_chain(fixture.log().describe().log_id, UserId(user)))
            .first->second;
    if (const auto broken = follow(chain, *judgement.record)) breaks[user].push_back(broken->kind);
  }
  EXPECT_EQ(breaks["anna"],
            (std::vector<ChainBreak::Kind>{ChainBreak::Kind::seq, ChainBreak::Kind::hash}));
  EXPECT_TRUE(breaks["berta"].empty());
  const auto berta = chains.find("berta");
  ASSERT_NE(berta, chains.end());
  EXPECT_EQ(berta->second.seq, Seq(3));
}

void check_a_start_position_is_found_in_the_log(EventLogFixture& fixture) {
  TestOwner owner = owner_of(fixture, 1, 61);
  append_surely(fixture, kEvents, owner.owned());
  for (int i = 0; i < 20; ++i) append_surely(fixture, kEvents, owner.event("anna", Offset(i)));
  ReaderOn first(fixture, kPartition, {}, 0);
  ASSERT_TRUE(first.wait_for(fixture.log().bounds(kEvents)->end));
  const Position fact = *first.caught_up();
  append_surely(
      fixture, kEvents,
      owner.checkpoint({fact.next_offset, fact.epoch, *fact.claim, fact.owner_seq, Offset(20)},
                       Offset(20)));
  for (int i = 20; i < 40; ++i) append_surely(fixture, kEvents, owner.event("anna", Offset(i)));
  const auto start = find_start_position(fixture.log(), kPartition);
  ASSERT_TRUE(start) << start.error().message;
  EXPECT_EQ(*start, fact);
  ReaderOn later(fixture, kPartition, *start, 1);
  ASSERT_TRUE(later.wait_for(fixture.log().bounds(kEvents)->end));
  EXPECT_EQ(later.valid_values().size(), 20u);
}

}  // namespace signalbox::event_store
