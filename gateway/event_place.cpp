#include "gateway/event_place.hpp"

#include "event-store/contract/codec.hpp"
#include "event-store/log/user_chain.hpp"

namespace signalbox::gateway {

event_store::Position position_after(const Record& event) {
  return event_store::Position{
      event.offset.next(), Epoch(event_store::header_number(event, "ce_ownerepoch").value_or(0)),
      std::nullopt, OwnerSeq(event_store::header_number(event, "ce_ownerseq").value_or(0))};
}

Seq seq_of(const Record& event) { return event_store::stated_seq(event).value_or(Seq(0)); }

}  // namespace signalbox::gateway
