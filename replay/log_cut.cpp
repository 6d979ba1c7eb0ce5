#include "replay/log_cut.hpp"

#include "event-store/contract/codec.hpp"
#include "event-store/log/stored_row.hpp"

namespace signalbox::replay {

std::string to_text(const LogCut& cut) {
  return event_store::name_place(cut.at, cut.first) +
         " is the oldest record that is left; what was before is gone (retention, or records were "
         "deleted)";
}

Error lost_history(const LogCut& cut) {
  return {Errc::not_found,
          to_text(cut) +
              ": this needs the history from its beginning; an archive made before may still have "
              "it (--data: an event store's data directory)"};
}

std::optional<event_store::Position> stated_before(const Record& record) {
  const auto epoch = event_store::header_number(record, "ce_ownerepoch");
  const auto number = event_store::header_number(record, "ce_ownerseq");
  if (!epoch || !number) return std::nullopt;
  return event_store::Position{
      .next_offset = record.offset, .epoch = Epoch(*epoch), .owner_seq = OwnerSeq(*number - 1)};
}

}  // namespace signalbox::replay
