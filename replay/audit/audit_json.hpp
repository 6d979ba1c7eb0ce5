// How events, runs and positions stand in an auditor's answers. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "event-store/archive/run_summary.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::replay {

// {"seq","offset","time","type","thread_id"?,"run_id"?,"attempt"?,"websocket_client_id"?,"id",
// "causation_id"?,"chain","data"}, as it is stored; a value that is no JSON object stands as text
// in `value` instead.
[[nodiscard]] std::string event_json(const Record& event);

// Members of an object that is begun:
void write_summary(event_store::JsonWriter& json, const event_store::RunSummary& run);
// "complete_to":{"offset","epoch","ownerseq"}
void write_complete_to(event_store::JsonWriter& json, const event_store::Position& position);
// "incomplete":[{"partition","complete_to","reason"?}] of the partitions that are `lacking`, where
// there are any: their archive is behind for longer than anybody waits, another event store keeps
// it, or it is one of those that are `damaged` (reason "archive_damaged"; of both complete_to is
// the beginning); complete_to: of each partition.
void write_incomplete(event_store::JsonWriter& json, const std::set<Partition>& lacking,
                      const std::vector<event_store::Position>& complete_to,
                      const std::set<Partition>& damaged);

}  // namespace signalbox::replay
