// How an event stands in an auditor's answers: {"seq","offset","time","type","thread_id"?,
// "run_id"?,"attempt"?,"websocket_client_id"?,"id","causation_id"?,"chain","data"}, as it is
// stored; a value that is no JSON object stands as text in `value` instead. Pure.
#pragma once

#include <string>

#include "event-store/model/record.hpp"

namespace signalbox::replay {

[[nodiscard]] std::string event_json(const Record& event);

}  // namespace signalbox::replay
