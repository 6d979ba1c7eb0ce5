#include "tests/support/test_records.hpp"

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"

namespace signalbox::test_support {
namespace {

// Of an event, each allocated once.
constexpr std::size_t kHeaderBytesUsual = 512;
constexpr std::size_t kValueBytesRest = 32;
constexpr std::string_view kTime = "2026-11-20T09:30:00.000000Z";

}  // namespace

NewRecord control_record(ControlData data) {
  return event_store::encode_control(
      {"00000000-0000-4000-8000-000000000001", "/signalbox/test",
       Timestamp(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)), std::move(data)});
}

Record at_offset(NewRecord record, Offset offset, Partition partition) {
  return {{Topic::events, partition},
          offset,
          Timestamp{},
          std::move(record.key),
          std::move(record.headers),
          std::move(record.value)};
}

NewRecord TestOwner::owned(Offset inbound_next) const {
  return control_record(PartitionOwned{log_, epoch_, claim_, "router-test", inbound_next});
}

NewRecord TestOwner::checkpoint(FoldPoint fold_at, Offset inbound_next,
                                std::optional<Trying> trying) const {
  return control_record(
      PartitionCheckpoint{log_, epoch_, claim_, inbound_next, std::move(fold_at), trying});
}

NewRecord TestOwner::released() const { return control_record(PartitionReleased{epoch_, claim_}); }

TestOwner::UserState& TestOwner::state_of(std::string_view user) {
  const auto found = users_.find(user);
  if (found != users_.end()) return found->second;
  const UserId id{std::string(user)};
  return users_.emplace(user, UserState{Seq(0), event_store::chain_start(log_, id)}).first->second;
}

NewRecord TestOwner::event(std::string_view user, Offset cause, std::string_view text) {
  std::string value;
  value.reserve(kValueBytesRest + text.size());
  value.append("{\"step\":1,\"content\":\"").append(text).append("\"}");
  return next_event(user, cause, "agent_thinking", std::nullopt, std::move(value));
}

NewRecord TestOwner::event_of(std::string_view user, Offset cause, std::string_view name,
                              int version, std::string value) {
  return next_event(user, cause, name, version, std::move(value));
}

NewRecord TestOwner::next_event(std::string_view user, Offset cause, std::string_view name,
                                std::optional<int> version, std::string value) {
  UserState& state = state_of(user);
  ++state.seq;
  ++owner_seq_;
  const std::string epoch = std::to_string(epoch_.value());
  const std::string seq = std::to_string(state.seq.value());
  NewRecord record{std::string(user), {}, std::move(value)};
  Headers& headers = record.headers;
  headers.reserve(kHeaderBytesUsual);
  headers.add("content-type", "application/json");
  headers.add("ce_specversion", "1.0");
  headers.add("ce_id", std::string(user) + "/" + epoch + "/" + seq);
  headers.add("ce_source", "/signalbox/test");
  headers.add("ce_type", "dev.signalbox." + std::string(name));
  headers.add("ce_time", kTime);
  headers.add("ce_subject", user);
  headers.add("ce_userseq", seq);
  headers.add("ce_inboundoffset", std::to_string(cause.value()));
  headers.add("ce_ownerepoch", epoch);
  headers.add("ce_ownerseq", std::to_string(owner_seq_.value()));
  if (version)
    headers.add("ce_dataschema",
                "urn:signalbox:contract:" + std::string(name) + ":" + std::to_string(*version));
  state.hash =
      event_store::chain_next(state.hash, event_store::content_hash(headers, record.value));
  headers.add("ce_chainhash", event_store::to_hex(state.hash));
  return record;
}

void TestOwner::break_seq(std::string_view user, Seq next_seq) {
  state_of(user).seq = next_seq + -1;
}

void TestOwner::break_chain(std::string_view user) { state_of(user).hash[0] ^= 1; }

}  // namespace signalbox::test_support
