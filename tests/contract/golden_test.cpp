#include <gtest/gtest.h>

#include <filesystem>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/frame_contracts.hpp"
#include "tests/contract/described.hpp"
#include "tests/contract/samples.hpp"

namespace signalbox::event_store {
namespace {

std::string golden_file(ContractKind kind, std::string_view name, int version) {
  return read_file(golden_path(kind, name, version));
}

NewRecord golden_record(const ContractVersion& contract) {
  return parse_golden(
      parse_golden_text(golden_file(contract.kind, contract.name, contract.version)));
}

TEST(Golden, EncodersWriteTheFilesOfTheCurrentVersionsByteForByte) {
  const auto goldens = current_goldens();
  EXPECT_EQ(goldens.size(), 52u);
  for (const Golden& golden : goldens)
    EXPECT_EQ(to_golden_text(golden.bytes), golden_file(golden.kind, golden.name, golden.version))
        << to_text(golden.kind) << "/" << golden.name;
}

TEST(Golden, EveryVersionHasItsFileAndThereAreNoOthers) {
  for (const ContractVersion& contract : contract_versions())
    EXPECT_TRUE(
        std::filesystem::exists(golden_path(contract.kind, contract.name, contract.version)))
        << contract.name;
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(SIGNALBOX_SOURCE_DIR "/tests/contract/golden"))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, contract_versions().size());
}

// "" or what is wrong.
std::string reading_failure(const ContractVersion& contract) {
  const auto complaint = [](const auto& result) {
    return result ? std::string() : result.error().field + ": " + result.error().message;
  };
  const NewRecord golden = golden_record(contract);
  const Record record = stored(golden);
  switch (contract.kind) {
    case ContractKind::event: return complaint(decode_event(record));
    case ContractKind::command: return complaint(decode_command(record));
    case ContractKind::progress: return complaint(decode_progress(record));
    case ContractKind::connection: return complaint(decode_connection(record));
    case ContractKind::control: return complaint(decode_control(record));
    case ContractKind::quarantine:
      return contract.name == "quarantined" ? complaint(decode_quarantined(record))
                                            : complaint(decode_quarantine_resolved(record));
    case ContractKind::snapshot: return complaint(decode_snapshot_record(record));
    case ContractKind::client_frame: {
      const auto frame = decode_client_frame(golden.value, FrameLimits{});
      return frame ? "" : frame.error().message;
    }
    case ContractKind::server_frame: {
      const auto* frame = DataCodec<ServerFrame>::find(contract.name);
      if (frame) return complaint(frame->decode(golden.value, contract.version));
      return complaint(DataCodec<RecordFrame>::find(contract.name)->decode(golden.value, 1));
    }
  }
  return "is of no kind";
}

TEST(Golden, DecodersReadTheFileOfEveryVersion) {
  for (const ContractVersion& contract : contract_versions())
    EXPECT_EQ(reading_failure(contract), "")
        << to_text(contract.kind) << "/" << contract.name << " version " << contract.version;
}

// Puts the client id where version 1 has it; writers of version 2 leave it out.
EventData as_upcast(EventData data) {
  std::visit(
      [](auto& run_event) {
        if constexpr (requires { run_event.websocket_client_id; })
          run_event.websocket_client_id = WebsocketClientId("ws_10594514_1757335346_19513def");
      },
      data);
  return data;
}

TEST(Golden, VersionOneOfEveryRunEventMeansWhatItMeantThen) {
  int checked = 0;
  for (const EventData& sample : sample_event_data()) {
    const auto& entry = DataCodec<EventData>::entry_of(sample);
    if (entry.version != 2) continue;
    const NewRecord golden = golden_record({ContractKind::event, entry.name, 1, false, ""});
    EXPECT_NE(golden.value.find("websocket_connection_id"), std::string::npos);
    const auto event = decode_event(stored(golden));
    ASSERT_TRUE(event) << event.error().field << ": " << event.error().message;
    EXPECT_EQ(event->data, as_upcast(sample)) << entry.name;
    ++checked;
  }
  EXPECT_EQ(checked, 10);
}

TEST(Golden, BytesAreReadBackAsTheyWereWritten) {
  const NewRecord record = encode_event(sample_event(sample_event_data().front()));
  EXPECT_EQ(parse_golden(golden_bytes(record)), record);
  const std::string bytes = golden_bytes(record);
  EXPECT_EQ(parse_golden_text(to_golden_text(bytes)), bytes);
  const std::string text = to_golden_text(std::string(33, 'a'));
  EXPECT_EQ(text.find('\n'), 64u);
  EXPECT_EQ(text.substr(64), "\n61\n");
}

}  // namespace
}  // namespace signalbox::event_store
