// The checks of the conformance suite; each leaves gtest failures where the log is wrong.
#pragma once

#include "tests/log/conformance_suite.hpp"

namespace signalbox::event_store {

void check_offsets_begin_at_0_without_gaps(EventLogFixture& fixture);
void check_appends_of_one_thread_keep_their_order(EventLogFixture& fixture);
void check_two_threads_keep_each_its_order(EventLogFixture& fixture);
void check_bytes_are_unchanged(EventLogFixture& fixture);
void check_acknowledged_survives_reopening(EventLogFixture& fixture);
void check_a_tail_delivers_old_and_then_new(EventLogFixture& fixture);
void check_every_tail_sees_the_same(EventLogFixture& fixture);
void check_a_destroyed_tail_is_silent(EventLogFixture& fixture);
void check_a_tail_may_end_inside_its_own_call(EventLogFixture& fixture);
void check_reads_keep_their_limits(EventLogFixture& fixture);
void check_partitions_and_topics_are_apart(EventLogFixture& fixture);
void check_bounds_are_told_to_who_must_not_wait(EventLogFixture& fixture);
void check_records_are_given_to_who_must_not_wait(EventLogFixture& fixture);
void check_a_slow_reader_gets_everything(EventLogFixture& fixture);
void check_the_volatile_topic_reaches_live_readers(EventLogFixture& fixture);
void check_events_begin_with_genesis(EventLogFixture& fixture);
void check_a_single_member_is_assigned_everything(EventLogFixture& fixture);

void check_of_racing_claims_the_first_in_the_log_wins(EventLogFixture& fixture);
void check_writes_of_a_zombie_are_dropped_by_every_reader(EventLogFixture& fixture);
void check_repeats_are_dropped(EventLogFixture& fixture);
void check_an_open_list_survives_appends_of_unknown_outcome(EventLogFixture& fixture);
void check_damage_is_confined_to_its_user(EventLogFixture& fixture);
void check_a_start_position_is_found_in_the_log(EventLogFixture& fixture);

void check_acknowledged_survives_a_crash(EventLogFixture& fixture);
void check_a_crash_leaves_a_prefix_of_each_thread(EventLogFixture& fixture);
void check_a_second_opener_is_refused(EventLogFixture& fixture);
void check_a_full_disk_refuses_until_there_is_room(EventLogFixture& fixture);
void check_a_failed_sync_ends_appending(EventLogFixture& fixture);

}  // namespace signalbox::event_store
