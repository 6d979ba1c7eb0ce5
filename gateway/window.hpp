// Window: the recent valid events of one partition, in memory, with the positions that hold between
// them and an index by user. Bounded by bytes and age; the oldest events leave. Thread: the feed's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/record.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

// Lets maps by id be asked with a view of it.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// Whether an event continues the chain of its user's event before it.
enum class ChainLink : std::uint8_t { unknown, whole, broken };

struct WindowEvent {
  RecordPtr record;
  event_store::Position after;  // position once this event is folded
  Seq seq;
  MonotonicTime at;
  FramePtr frame{};                   // signalbox.v1; made when the first socket wants it
  FramePtr legacy_frame{};            // signalbox.v1+legacy
  std::uint64_t previous_of_user{0};  // numbers of events; 0 = none
  std::uint64_t next_of_user{0};
  ChainLink link = ChainLink::unknown;
};

class Window {
 public:
  explicit Window(event_store::Position start) : start_(start) {}

  WindowEvent& add(RecordPtr record, const event_store::Position& after, Seq seq,
                   MonotonicTime now);
  // A new epoch began here, or what counts and is no event of anybody: it moves the position alone.
  void mark(const event_store::Position& after) { marks_.push_back(after); }
  // A frame was made for an event of the window.
  void add_bytes(std::size_t bytes) { bytes_ += bytes; }
  void trim(std::size_t bytes_max, MonotonicTime oldest);

  // Before the oldest event: whoever stands here or later is served from the window.
  [[nodiscard]] const event_store::Position& start() const { return start_; }
  // What holds at this offset, which is at or after start() and not beyond what was added: whoever
  // claims another epoch or ownerseq there has read another log.
  [[nodiscard]] event_store::Position position_at(Offset offset) const;

  // Number of the user's first event at or after the offset; 0 = none.
  [[nodiscard]] std::uint64_t first_at(std::string_view user, Offset offset) const;
  // The user's last event before the offset; none where that is not in the window.
  [[nodiscard]] const WindowEvent* newest_before(std::string_view user, Offset offset) const;
  [[nodiscard]] WindowEvent& event(std::uint64_t number) { return events_[number - first_]; }
  [[nodiscard]] const WindowEvent* newest_of(std::string_view user) const;

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return events_.size(); }

 private:
  struct OfUser {
    std::uint64_t first;
    std::uint64_t last;
  };
  void drop_oldest();
  [[nodiscard]] const WindowEvent& at(std::uint64_t number) const {
    return events_[number - first_];
  }

  event_store::Position start_;
  std::deque<WindowEvent> events_;
  std::uint64_t first_ = 1;  // number of events_.front()
  std::deque<event_store::Position> marks_;
  TextMap<OfUser> users_;
  std::size_t bytes_ = 0;
};

}  // namespace signalbox::gateway
