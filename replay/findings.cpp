#include "replay/findings.hpp"

#include "event-store/model/assert.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::replay {

std::string_view to_text(DamageKind kind) {
  switch (kind) {
    case DamageKind::file_unreadable: return "file_unreadable";
    case DamageKind::row_changed: return "row_changed";
    case DamageKind::row_unreadable: return "row_unreadable";
    case DamageKind::row_missing: return "row_missing";
    case DamageKind::row_out_of_order: return "row_out_of_order";
    case DamageKind::row_misplaced: return "row_misplaced";
    case DamageKind::tail_missing: return "tail_missing";
    case DamageKind::row_beyond_the_end: return "row_beyond_the_end";
    case DamageKind::log_shorter_than_it_was: return "log_shorter_than_it_was";
    case DamageKind::wrong_genesis: return "wrong_genesis";
    case DamageKind::unclaimed_epoch: return "unclaimed_epoch";
    case DamageKind::hole_left: return "hole_left";
    case DamageKind::unknown_record: return "unknown_record";
    case DamageKind::wrong_user: return "wrong_user";
    case DamageKind::seq_broken: return "seq_broken";
    case DamageKind::chain_broken: return "chain_broken";
    case DamageKind::chain_unreadable: return "chain_unreadable";
    case DamageKind::archive_unreadable: return "archive_unreadable";
    case DamageKind::archive_changed: return "archive_changed";
    case DamageKind::archive_lacks_event: return "archive_lacks_event";
    case DamageKind::archive_has_more: return "archive_has_more";
    case DamageKind::archive_ahead: return "archive_ahead";
    case DamageKind::anchor_disagrees: return "anchor_disagrees";
    case DamageKind::snapshot_unreadable: return "snapshot_unreadable";
    case DamageKind::snapshot_disagrees: return "snapshot_disagrees";
    case DamageKind::snapshot_ahead: return "snapshot_ahead";
    case DamageKind::log_cut: return "log_cut";
    case DamageKind::control_of_a_user: return "control_of_a_user";
    case DamageKind::anchor_key_changed: return "anchor_key_changed";
  }
  SIGNALBOX_ASSERT(false && "a DamageKind outside its enum");
  return "";
}

std::string to_text(const Finding& finding) {
  constexpr std::size_t kUserCharactersMax = 128;
  std::string text;
  if (finding.at)
    text.append(to_text(finding.at->topic))
        .append(" partition " + std::to_string(finding.at->partition.value()));
  if (finding.offset) text += " offset " + std::to_string(finding.offset->value());
  const auto separator = [&text] { return text.empty() ? "" : ", "; };
  if (!finding.user.empty())
    text.append(separator()).append("user " + shown_text(finding.user, kUserCharactersMax));
  if (finding.seq) text.append(separator()).append("seq " + std::to_string(finding.seq->value()));
  if (!text.empty()) text += ": ";
  return text.append(to_text(finding.kind)) + ": " + finding.what;
}

void Findings::add(Finding finding) {
  if (!only_user_.empty() && !finding.user.empty() && finding.user != only_user_) {
    ++of_others_;
    return;
  }
  // A seq counts the events of somebody who is not named, who may be another.
  if (!only_user_.empty() && finding.user.empty()) finding.seq.reset();
  ++count_;
  if (kept_.size() < kept_max_) kept_.push_back(std::move(finding));
}

}  // namespace signalbox::replay
