// Commands, control records, progress, connections and quarantine.
#include <gtest/gtest.h>

#include <algorithm>

#include "event-store/contract/codec.hpp"
#include "tests/contract/samples.hpp"

namespace signalbox::event_store {
namespace {

std::string names_of(const Headers& headers) {
  std::string names;
  for (const Header& header : headers) names.append(header.name) += " ";
  return names;
}

void drop_header(NewRecord& record, std::string_view name) {
  record.headers.erase_if([&](const Header& header) { return header.name == name; });
}

TEST(CommandCodec, EverySampleComesBackAsItWas) {
  const auto samples = sample_command_data();
  EXPECT_EQ(samples.size(), std::variant_size_v<CommandData>);
  for (const CommandData& data : samples) {
    const Command command = sample_command(data);
    const auto read = decode_command(stored(encode_command(command), Topic::inbound));
    ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
    EXPECT_EQ(read->id, command.id);
    EXPECT_EQ(read->source, command.source);
    EXPECT_EQ(read->time, command.time);
    EXPECT_EQ(read->user_id, command.user_id);
    EXPECT_EQ(read->websocket_client_id, command.websocket_client_id);
    EXPECT_EQ(read->traceparent, command.traceparent);
    EXPECT_EQ(read->data, data);
  }
}

struct ForeignCommand : testing::Test {
  // All that is required of a producer that is not ours.
  NewRecord record{"u",
                   {{"ce_id", "order 17"},
                    {"ce_source", "https://orders.example/7"},
                    {"ce_type", "dev.signalbox.command.user_message"},
                    {"ce_time", "2026-11-20T10:30:00+01:00"},
                    {"ce_subject", "u"},
                    {"ce_wsclientid", "svc_orders"},
                    {"traceparent", "kept"}},
                   R"({ "message_id":"m", "thread_id":"t", "content":"", "extra":[null] })"};

  Error refusal() {
    const auto command = decode_command(stored(record, Topic::inbound));
    return command ? Error{Errc::not_found, "nothing was refused"} : command.error();
  }
  void expect_refusal(Errc code, std::string_view field) {
    const Error error = refusal();
    EXPECT_EQ(to_text(error.code), to_text(code)) << error.message;
    EXPECT_EQ(error.field, field);
  }
};

TEST_F(ForeignCommand, IsReadAsVersionOne) {
  const auto command = decode_command(stored(record, Topic::inbound));
  ASSERT_TRUE(command) << command.error().field << " " << command.error().message;
  EXPECT_EQ(command->time, time_of("2026-11-20T09:30:00Z"));
  EXPECT_EQ(command->traceparent, std::nullopt);
  EXPECT_EQ(command->data,
            CommandData(UserMessage{MessageId("m"), ThreadId("t"), "", std::nullopt}));
}

TEST_F(ForeignCommand, WithoutARequiredHeaderIsMalformed) {
  const NewRecord whole = record;
  for (const std::string_view name :
       {"ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_wsclientid"}) {
    record = whole;
    drop_header(record, name);
    expect_refusal(Errc::malformed, name);
  }
}

TEST_F(ForeignCommand, OfAnUnknownTypeIsMalformed) {
  record.headers.set("ce_type", "dev.signalbox.command.make_coffee");
  expect_refusal(Errc::malformed, "ce_type");
  record.headers.set("ce_type", "dev.signalbox.message_received");
  expect_refusal(Errc::malformed, "ce_type");
}

TEST_F(ForeignCommand, OfAnUnknownVersionIsUnsupported) {
  record.headers.add("ce_dataschema", "urn:signalbox:contract:user_message:2");
  expect_refusal(Errc::unsupported_version, "ce_dataschema");
}

TEST_F(ForeignCommand, WhoseUserIsInDoubtIsToldApart) {
  record.headers.set("ce_subject", "v");
  expect_refusal(Errc::key_mismatch, "ce_subject");
  record.headers.set("ce_type", "dev.signalbox.command.make_coffee");
  expect_refusal(Errc::key_mismatch, "ce_subject");
  record.key = std::string("u\0", 2);
  expect_refusal(Errc::malformed, "key");
  record.key = std::nullopt;
  expect_refusal(Errc::malformed, "key");
}

TEST_F(ForeignCommand, WithAWrongFieldNamesIt) {
  record.value = R"({"thread_id":"t","content":"c"})";
  expect_refusal(Errc::malformed, "data.message_id");
  record.value = R"({"message_id":"","thread_id":"t","content":"c"})";
  expect_refusal(Errc::malformed, "data.message_id");
  record.value =
      R"({"message_id":"m","thread_id":")" + std::string(129, 't') + R"(","content":""})";
  expect_refusal(Errc::malformed, "data.thread_id");
  record.value = R"({"message_id":"m","thread_id":"t","content":"c","agent":""})";
  expect_refusal(Errc::malformed, "data.agent");
  record.value = R"({"message_id":"m","thread_id":"t","content":"c","message_id":"m"})";
  expect_refusal(Errc::malformed, "data");
}

TEST_F(ForeignCommand, HasItsLimitOfContent) {
  const auto with_content = [](std::size_t bytes) {
    return R"({"message_id":"m","thread_id":"t","content":")" + std::string(bytes, 'c') + "\"}";
  };
  record.value = with_content(262144);
  EXPECT_TRUE(decode_command(stored(record, Topic::inbound)));
  record.value = with_content(262145);
  expect_refusal(Errc::malformed, "data.content");
}

TEST(CommandCodec, HeadersNameThreadOrRun) {
  const auto samples = sample_command_data();
  NewRecord message = encode_command(sample_command(samples[0]));
  EXPECT_EQ(message.headers.find("ce_threadid"), "thread-1");
  EXPECT_FALSE(message.headers.find("ce_runid"));
  NewRecord cancel = encode_command(sample_command(samples[1]));
  EXPECT_EQ(cancel.headers.find("ce_runid"), "901cbb7a-8437-5342-9037-e89c728abfdc");
}

TEST(ControlCodec, EverySampleComesBackAsItWas) {
  const auto samples = sample_control_data();
  EXPECT_EQ(samples.size(), std::variant_size_v<ControlData>);
  for (const ControlData& data : samples) {
    const ControlRecord control = sample_control(data);
    const Record record = stored(encode_control(control));
    EXPECT_TRUE(is_control(record));
    const auto read = decode_control(record);
    ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
    EXPECT_EQ(read->id, control.id);
    EXPECT_EQ(read->source, control.source);
    EXPECT_EQ(read->time, control.time);
    EXPECT_EQ(read->data, data);
  }
}

TEST(ControlCodec, RecordsBelongToNobody) {
  const NewRecord record = encode_control(sample_control(sample_control_data()[1]));
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(names_of(record.headers),
            "content-type ce_specversion ce_id ce_source ce_type ce_time ce_dataschema ");
  EXPECT_EQ(record.headers.find("ce_type"), "dev.signalbox.control.partition_owned");
  EXPECT_EQ(record.headers.find("ce_dataschema"), "urn:signalbox:contract:partition_owned:1");
  EXPECT_EQ(record.value, R"({"log_id":"0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15","epoch":3,)"
                          R"("claim_id":"6e0f7f0c-33a5-4c38-9b52-d7a6f5e3f1c2","router_id":"r-1",)"
                          R"("inbound_next":17})");
}

TEST(ControlCodec, AFieldWithinFoldAtIsNamedWithItsWholePath) {
  NewRecord record = encode_control(sample_control(sample_control_data()[2]));
  const std::size_t at = record.value.find("\"ownerseq\":41");
  record.value.replace(at, 13, "\"ownerseq\":-1");
  const auto read = decode_control(stored(record));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::malformed);
  EXPECT_EQ(read.error().field, "data.fold_at.ownerseq");
}

TEST(ControlCodec, EventsAreNone) {
  const Record event = stored(encode_event(sample_event(sample_event_data()[0])));
  EXPECT_FALSE(is_control(event));
  EXPECT_FALSE(decode_control(event));
  EXPECT_FALSE(decode_event(stored(encode_control(sample_control(sample_control_data()[0])))));
}

TEST(ProgressCodec, APieceComesBackAsItWas) {
  const Progress progress = sample_progress();
  const auto read = decode_progress(stored(encode_progress(progress), Topic::progress));
  ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
  EXPECT_EQ(read->id, progress.id);
  EXPECT_EQ(read->source, progress.source);
  EXPECT_EQ(read->time, progress.time);
  EXPECT_EQ(read->context, progress.context);
  EXPECT_EQ(read->attempt, progress.attempt);
  EXPECT_EQ(read->data, progress.data);
}

TEST(ConnectionCodec, EverySampleComesBackAsItWas) {
  const auto samples = sample_connection_data();
  EXPECT_EQ(samples.size(), std::variant_size_v<ConnectionData>);
  for (const ConnectionData& data : samples) {
    const ConnectionRecord connection = sample_connection(data);
    const NewRecord record = encode_connection(connection);
    EXPECT_EQ(record.key.has_value(), connection.user_id.has_value());
    const auto read = decode_connection(stored(record, Topic::connections));
    ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
    EXPECT_EQ(read->id, connection.id);
    EXPECT_EQ(read->source, connection.source);
    EXPECT_EQ(read->time, connection.time);
    EXPECT_EQ(read->user_id, connection.user_id);
    EXPECT_EQ(read->websocket_client_id, connection.websocket_client_id);
    EXPECT_EQ(read->data, data);
  }
}

TEST(QuarantineCodec, ARecordComesBackByteForByte) {
  const Quarantined quarantined = sample_quarantined();
  const NewRecord record = encode_quarantined(quarantined);
  EXPECT_EQ(record.key, quarantined.key);
  const auto read = decode_quarantined(stored(record, Topic::quarantine));
  ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
  EXPECT_EQ(read->id, quarantined.id);
  EXPECT_EQ(read->reason, quarantined.reason);
  EXPECT_EQ(read->origin, quarantined.origin);
  EXPECT_EQ(read->origin_offset, quarantined.origin_offset);
  EXPECT_EQ(read->key, quarantined.key);
  EXPECT_EQ(read->headers, quarantined.headers);
  EXPECT_EQ(read->value, quarantined.value);
}

TEST(QuarantineCodec, ARecordKeptInPartSaysHowLargeItWas) {
  Quarantined quarantined = sample_quarantined();
  EXPECT_EQ(
      decode_quarantined(stored(encode_quarantined(quarantined), Topic::quarantine))->cut_from,
      std::nullopt);
  quarantined.cut_from = 5'000'000;
  EXPECT_EQ(
      decode_quarantined(stored(encode_quarantined(quarantined), Topic::quarantine))->cut_from,
      5'000'000);
}

TEST(QuarantineCodec, ARecordWhoseUserIsInDoubtIsKeptUnderNobody) {
  Quarantined quarantined = sample_quarantined();
  quarantined.reason = "key_mismatch";
  EXPECT_EQ(encode_quarantined(quarantined).key, std::nullopt);
  quarantined.reason = "wrong_partition";
  EXPECT_EQ(encode_quarantined(quarantined).key, std::nullopt);
  quarantined.reason = "malformed";
  quarantined.key = "\xff";
  const NewRecord record = encode_quarantined(quarantined);
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(decode_quarantined(stored(record, Topic::quarantine))->key, "\xff");
}

TEST(SnapshotCodec, ARecordComesBackByteForByte) {
  const SnapshotRecord snapshot = sample_snapshot_record();
  const NewRecord record = encode_snapshot_record(snapshot);
  EXPECT_EQ(record.key, snapshot.key);
  const auto read = decode_snapshot_record(stored(record, Topic::snapshots));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, snapshot.id);
  EXPECT_EQ(read->user, snapshot.user);
  EXPECT_EQ(read->log_id, snapshot.log_id);
  EXPECT_EQ(read->order, snapshot.order);
  EXPECT_EQ(read->fold_version, snapshot.fold_version);
  EXPECT_EQ(read->zstd, snapshot.zstd);
  EXPECT_EQ(read->sha256, snapshot.sha256);
}

TEST(SnapshotCodec, ARecordOfAPartitionNamesNobody) {
  SnapshotRecord snapshot = sample_snapshot_record();
  snapshot.key = "!partition/3";
  snapshot.user.reset();
  const NewRecord record = encode_snapshot_record(snapshot);
  EXPECT_FALSE(record.headers.find("ce_subject"));
  EXPECT_FALSE(record.headers.find("ce_partitionkey"));
  EXPECT_EQ(decode_snapshot_record(stored(record, Topic::snapshots))->user, std::nullopt);
}

TEST(QuarantineCodec, AnAnswerComesBackAsItWas) {
  const QuarantineResolved resolved = sample_quarantine_resolved();
  const Record record = stored(encode_quarantine_resolved(resolved), Topic::quarantine);
  const auto read = decode_quarantine_resolved(record);
  ASSERT_TRUE(read) << read.error().field << " " << read.error().message;
  EXPECT_EQ(read->id, resolved.id);
  EXPECT_EQ(read->quarantined_id, resolved.quarantined_id);
  EXPECT_EQ(read->how, resolved.how);
  EXPECT_FALSE(decode_quarantined(record));
}

}  // namespace
}  // namespace signalbox::event_store
