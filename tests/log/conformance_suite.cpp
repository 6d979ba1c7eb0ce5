#include "tests/log/conformance_suite.hpp"

#include <algorithm>
#include <iterator>

#include "tests/log/conformance_checks.hpp"

namespace signalbox::event_store {
namespace {

const std::vector<ConformanceCheck>& all_checks() {
  static const std::vector<ConformanceCheck> checks{
      {"OffsetsBeginAt0WithoutGaps", check_offsets_begin_at_0_without_gaps},
      {"AppendsOfOneThreadKeepTheirOrder", check_appends_of_one_thread_keep_their_order},
      {"TwoThreadsKeepEachItsOrder", check_two_threads_keep_each_its_order},
      {"BytesAreUnchanged", check_bytes_are_unchanged},
      {"AcknowledgedSurvivesReopening", check_acknowledged_survives_reopening},
      {"ATailDeliversOldAndThenNew", check_a_tail_delivers_old_and_then_new},
      {"EveryTailSeesTheSame", check_every_tail_sees_the_same},
      {"ADestroyedTailIsSilent", check_a_destroyed_tail_is_silent},
      {"ATailMayEndInsideItsOwnCall", check_a_tail_may_end_inside_its_own_call},
      {"ReadsKeepTheirLimits", check_reads_keep_their_limits},
      {"PartitionsAndTopicsAreApart", check_partitions_and_topics_are_apart},
      {"BoundsAreToldToWhoMustNotWait", check_bounds_are_told_to_who_must_not_wait},
      {"RecordsAreGivenToWhoMustNotWait", check_records_are_given_to_who_must_not_wait},
      {"ASlowReaderGetsEverything", check_a_slow_reader_gets_everything},
      {"TheVolatileTopicReachesLiveReaders", check_the_volatile_topic_reaches_live_readers},
      {"EventsBeginWithGenesis", check_events_begin_with_genesis},
      {"ASingleMemberIsAssignedEverything", check_a_single_member_is_assigned_everything},
      {"OfRacingClaimsTheFirstInTheLogWins", check_of_racing_claims_the_first_in_the_log_wins},
      {"WritesOfAZombieAreDroppedByEveryReader",
       check_writes_of_a_zombie_are_dropped_by_every_reader},
      {"RepeatsAreDropped", check_repeats_are_dropped},
      {"AnOpenListSurvivesAppendsOfUnknownOutcome",
       check_an_open_list_survives_appends_of_unknown_outcome},
      {"DamageIsConfinedToItsUser", check_damage_is_confined_to_its_user},
      {"AStartPositionIsFoundInTheLog", check_a_start_position_is_found_in_the_log},
      {"AcknowledgedSurvivesACrash", check_acknowledged_survives_a_crash, Hook::crash},
      {"ACrashLeavesAPrefixOfEachThread", check_a_crash_leaves_a_prefix_of_each_thread,
       Hook::crash_keeps_prefix},
      {"ASecondOpenerIsRefused", check_a_second_opener_is_refused, Hook::second_opener},
      {"AFullDiskRefusesUntilThereIsRoom", check_a_full_disk_refuses_until_there_is_room,
       Hook::failing_disk},
      {"AFailedSyncEndsAppending", check_a_failed_sync_ends_appending, Hook::failing_disk},
  };
  return checks;
}

}  // namespace

std::vector<ConformanceCheck> conformance_checks(std::initializer_list<Hook> hooks) {
  std::vector<ConformanceCheck> checks;
  std::ranges::copy_if(all_checks(), std::back_inserter(checks), [&](const auto& check) {
    return check.needs == Hook::none || std::ranges::find(hooks, check.needs) != hooks.end();
  });
  return checks;
}

TEST_P(EventLogConformance, Holds) {
  const auto& [make_fixture, check] = GetParam();
  const auto fixture = make_fixture();
  if (!fixture) GTEST_SKIP() << "what this backend runs on cannot be had here";
  check.run(*fixture);
}

}  // namespace signalbox::event_store
