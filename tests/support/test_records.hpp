// Records of the topic events as an owner writes them, for tests of whatever reads them: control
// records, and events that are numbered and chained like real ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/contract/sha256.hpp"
#include "event-store/model/control.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::test_support {

[[nodiscard]] NewRecord control_record(ControlData data);
// At a place in the log, as a reader gets it.
[[nodiscard]] Record at_offset(NewRecord record, Offset offset, Partition partition = Partition(0));

// What one owner states in one epoch. It knows nothing of what landed: that is the test's.
class TestOwner {
 public:
  TestOwner(LogId log, Epoch epoch, Random& random)
      : log_(std::move(log)), epoch_(epoch), claim_(random.uuid()) {}

  [[nodiscard]] NewRecord owned(Offset inbound_next = Offset(0)) const;
  [[nodiscard]] NewRecord checkpoint(FoldPoint fold_at, Offset inbound_next,
                                     std::optional<Trying> trying = std::nullopt) const;
  [[nodiscard]] NewRecord released() const;
  // The user's next event, chained to the one before.
  [[nodiscard]] NewRecord event(std::string_view user, Offset cause, std::string_view text = "");
  // The same with this type, ce_dataschema and value, whatever they are.
  [[nodiscard]] NewRecord event_of(std::string_view user, Offset cause, std::string_view name,
                                   int version, std::string value);
  // An owner that goes on from where another one's valid events ended.
  void continue_users_of(const TestOwner& other) { users_ = other.users_; }
  // As a faulty owner would: the next event of this user gets this seq.
  void break_seq(std::string_view user, Seq next_seq);
  void break_chain(std::string_view user);

  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] const ClaimId& claim() const { return claim_; }

 private:
  struct UserState {
    Seq seq;
    event_store::Hash hash;
  };
  [[nodiscard]] UserState& state_of(std::string_view user);
  [[nodiscard]] NewRecord next_event(std::string_view user, Offset cause, std::string_view name,
                                     std::optional<int> version, std::string value);

  LogId log_;
  Epoch epoch_;
  ClaimId claim_;
  OwnerSeq owner_seq_{0};
  std::map<std::string, UserState, std::less<>> users_;
};

}  // namespace signalbox::test_support
