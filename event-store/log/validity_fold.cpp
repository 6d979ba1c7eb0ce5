#include "event-store/log/validity_fold.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/overloaded.hpp"

namespace signalbox::event_store {
namespace {

bool is_current_claim(const Position& position, Epoch epoch, const ClaimId& claim) {
  return epoch == position.epoch && position.claim == claim;
}

Verdict judge_owned(Position& position, const PartitionOwned& owned) {
  if (owned.epoch > position.epoch) {
    position.epoch = owned.epoch;
    position.claim = owned.claim_id;
    position.owner_seq = OwnerSeq(0);
    return Verdict::control;
  }
  return is_current_claim(position, owned.epoch, owned.claim_id) ? Verdict::repeat
                                                                 : Verdict::ignored;
}

Verdict judge_checkpoint(const Position& position, const PartitionCheckpoint& checkpoint) {
  // Who owns next counts on from it.
  if (checkpoint.trying && checkpoint.trying->count > kCountMax<std::int32_t>)
    return Verdict::malformed;
  return is_current_claim(position, checkpoint.epoch, checkpoint.claim_id) ? Verdict::repeat
                                                                           : Verdict::ignored;
}

Verdict judge_control(Position& position, const Record& record, const ControlData& control) {
  return std::visit(Overloaded{
                        [&](const LogGenesis&) {
                          return record.offset == Offset(0) ? Verdict::genesis : Verdict::ignored;
                        },
                        [&](const PartitionOwned& owned) { return judge_owned(position, owned); },
                        [&](const PartitionCheckpoint& checkpoint) {
                          return judge_checkpoint(position, checkpoint);
                        },
                        [](const PartitionReleased&) { return Verdict::released; },
                    },
                    control);
}

Verdict judge_event(Position& position, const Record& record) {
  thread_local std::vector<Header> headers;
  record.headers.split_into(headers);
  const auto epoch = header_number(headers, "ce_ownerepoch");
  const auto owner_seq = header_number(headers, "ce_ownerseq");
  // Both count from 1: 0 means "none" in a position and can be stated by nobody.
  if (!epoch || !owner_seq || *epoch < 1 || *owner_seq < 1) return Verdict::malformed;
  if (*epoch < position.epoch.value()) return Verdict::superseded;
  if (*epoch > position.epoch.value()) return Verdict::corrupt;
  if (*owner_seq <= position.owner_seq.value()) return Verdict::duplicate;
  if (*owner_seq - 1 > position.owner_seq.value()) return Verdict::hole;
  ++position.owner_seq;
  return Verdict::valid;
}

void raise(Offset& next, Offset candidate) { next = std::max(next, candidate); }

}  // namespace

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid: return "valid";
    case Verdict::duplicate: return "duplicate";
    case Verdict::superseded: return "superseded";
    case Verdict::hole: return "hole";
    case Verdict::control: return "control";
    case Verdict::repeat: return "repeat";
    case Verdict::released: return "released";
    case Verdict::genesis: return "genesis";
    case Verdict::ignored: return "ignored";
    case Verdict::malformed: return "malformed";
    case Verdict::corrupt: return "corrupt";
  }
  SIGNALBOX_ASSERT(false && "a Verdict outside its enum");
  return "";
}

Judged fold(Position& position, const Record& record) {
  SIGNALBOX_ASSERT(record.offset >= position.next_offset);
  Judged judged{Verdict::malformed};
  if (is_control(record)) {
    if (auto decoded = decode_control(record)) {
      judged.verdict = judge_control(position, record, decoded->data);
      judged.control = std::move(decoded->data);
    }
  } else {
    judged.verdict = judge_event(position, record);
  }
  // A corrupt record is where the partition stops: the position stays in front of it.
  if (judged.verdict != Verdict::corrupt) position.next_offset = record.offset.next();
  return judged;
}

void fold_resume(InboundResume& resume, const Position& after, const Judged& judged,
                 const Record& record) {
  if (judged.verdict == Verdict::valid) {
    const auto cause = header_number(record, "ce_inboundoffset");
    if (cause && *cause < kCountMax<std::int64_t>) raise(resume.next, Offset(*cause + 1));
    return;
  }
  if (!judged.control) return;
  if (judged.verdict == Verdict::control || judged.verdict == Verdict::repeat) {
    if (const auto* owned = std::get_if<PartitionOwned>(&*judged.control))
      raise(resume.next, owned->inbound_next);
    if (const auto* checkpoint = std::get_if<PartitionCheckpoint>(&*judged.control)) {
      raise(resume.next, checkpoint->inbound_next);
      if (checkpoint->trying) resume.trying = checkpoint->trying;
    }
  } else if (const auto* released = std::get_if<PartitionReleased>(&*judged.control)) {
    if (is_current_claim(after, released->epoch, released->claim_id))
      resume.released = released->epoch;
  }
}

}  // namespace signalbox::event_store
