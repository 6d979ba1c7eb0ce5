// Between records and their meaning. Encoders of what has several versions write the one of
// `[contract] write`; decoders take every known version and return data of the current one, through
// the upcaster chain (contract 14). Pure; any thread. Errors of decoding: malformed,
// unsupported_version, with the whole field named.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "event-store/contract/sha256.hpp"
#include "event-store/contract/write_version.hpp"
#include "event-store/model/command.hpp"
#include "event-store/model/connection.hpp"
#include "event-store/model/control.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/progress.hpp"
#include "event-store/model/quarantine.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"
#include "event-store/model/snapshot_record.hpp"

namespace signalbox::event_store {

// Without ce_chainhash: the owner chains the bytes this made and adds it with add_chain_hash.
[[nodiscard]] NewRecord encode_event(const Event& event, WriteVersion write = {});
void add_chain_hash(NewRecord& record, const Hash& chain_hash);
[[nodiscard]] Result<Event> decode_event(const Record& record);
// `agent_started` of `dev.signalbox.agent_started`.
[[nodiscard]] std::string_view event_name(const EventData& data);
// Bytes of the value alone, as encode_event would write it for an event of this client: sizes are
// checked before a seq is given.
[[nodiscard]] std::string encode_event_value(const EventData& data, const WebsocketClientId& client,
                                             WriteVersion write = {});

[[nodiscard]] NewRecord encode_command(const Command& command);
[[nodiscard]] Result<Command> decode_command(const Record& record);

[[nodiscard]] NewRecord encode_control(const ControlRecord& control);
[[nodiscard]] Result<ControlRecord> decode_control(const Record& record);
// True where ce_type begins with dev.signalbox.control.
[[nodiscard]] bool is_control(const Record& record);

[[nodiscard]] NewRecord encode_progress(const Progress& progress);
[[nodiscard]] Result<Progress> decode_progress(const Record& record);

[[nodiscard]] NewRecord encode_connection(const ConnectionRecord& connection);
[[nodiscard]] Result<ConnectionRecord> decode_connection(const Record& record);

[[nodiscard]] NewRecord encode_quarantined(const Quarantined& quarantined);
[[nodiscard]] Result<Quarantined> decode_quarantined(const Record& record);
[[nodiscard]] NewRecord encode_quarantine_resolved(const QuarantineResolved& resolved);
[[nodiscard]] Result<QuarantineResolved> decode_quarantine_resolved(const Record& record);

[[nodiscard]] NewRecord encode_snapshot_record(const SnapshotRecord& snapshot);
// Whether its SHA-256 is right is not looked at.
[[nodiscard]] Result<SnapshotRecord> decode_snapshot_record(const Record& record);

// Header values as numbers; nullopt where the header is absent or not plain decimal without sign.
[[nodiscard]] std::optional<std::int64_t> header_number(const Record& record,
                                                        std::string_view name);
[[nodiscard]] std::optional<std::int64_t> header_number(std::span<const Header> headers,
                                                        std::string_view name);

}  // namespace signalbox::event_store
