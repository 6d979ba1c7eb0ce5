// One of every type, with a different value in every field, so that no two fields can change places
// unseen. Golden files are made of these.
#pragma once

#include <vector>

#include "event-store/model/command.hpp"
#include "event-store/model/connection.hpp"
#include "event-store/model/control.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/frame.hpp"
#include "event-store/model/progress.hpp"
#include "event-store/model/quarantine.hpp"
#include "event-store/model/snapshot_record.hpp"

namespace signalbox::event_store {

[[nodiscard]] Uuid uuid_of(std::string_view text);
[[nodiscard]] Timestamp time_of(std::string_view text);

[[nodiscard]] std::vector<EventData> sample_event_data();
[[nodiscard]] std::vector<CommandData> sample_command_data();
[[nodiscard]] std::vector<ControlData> sample_control_data();
[[nodiscard]] std::vector<ConnectionData> sample_connection_data();
[[nodiscard]] std::vector<ClientFrameData> sample_client_frames();
[[nodiscard]] std::vector<ServerFrame> sample_server_frames();

[[nodiscard]] Event sample_event(EventData data);
[[nodiscard]] Command sample_command(CommandData data);
[[nodiscard]] ControlRecord sample_control(ControlData data);
[[nodiscard]] ConnectionRecord sample_connection(ConnectionData data);
[[nodiscard]] Progress sample_progress();
[[nodiscard]] Quarantined sample_quarantined();
[[nodiscard]] QuarantineResolved sample_quarantine_resolved();
[[nodiscard]] SnapshotRecord sample_snapshot_record();

// As the log hands it out.
[[nodiscard]] Record stored(NewRecord record, Topic topic = Topic::events);

}  // namespace signalbox::event_store
