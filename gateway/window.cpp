#include "gateway/window.hpp"

#include <algorithm>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::gateway {
namespace {

std::size_t occupied(const WindowEvent& event) {
  std::size_t bytes = sizeof(WindowEvent) + size_bytes(*event.record);
  if (event.frame) bytes += event.frame->text().size();
  if (event.legacy_frame) bytes += event.legacy_frame->text().size();
  return bytes;
}

}  // namespace

WindowEvent& Window::add(RecordPtr record, const event_store::Position& after, Seq seq,
                         MonotonicTime now) {
  const std::uint64_t number = first_ + events_.size();
  const std::string& user = *record->key;
  WindowEvent& added = events_.emplace_back(WindowEvent{std::move(record), after, seq, now});
  const auto [found, is_new] = users_.try_emplace(user, OfUser{number, number});
  if (!is_new) {
    added.previous_of_user = found->second.last;
    event(found->second.last).next_of_user = number;
    found->second.last = number;
  }
  bytes_ += occupied(added);
  return added;
}

void Window::trim(std::size_t bytes_max, MonotonicTime oldest) {
  while (!events_.empty() && (bytes_ > bytes_max || events_.front().at < oldest)) drop_oldest();
}

void Window::drop_oldest() {
  const WindowEvent& leaving = events_.front();
  bytes_ -= occupied(leaving);
  const auto user = users_.find(*leaving.record->key);
  if (leaving.next_of_user == 0) {
    users_.erase(user);
  } else {
    user->second.first = leaving.next_of_user;
    event(leaving.next_of_user).previous_of_user = 0;
  }
  start_ = leaving.after;
  events_.pop_front();
  ++first_;
  while (!marks_.empty() && marks_.front().next_offset <= start_.next_offset) marks_.pop_front();
}

event_store::Position Window::position_at(Offset offset) const {
  SIGNALBOX_ASSERT(offset >= start_.next_offset);
  event_store::Position found = start_;
  const auto newest_before = [&](const auto& sorted, auto position_of) {
    const auto after = std::upper_bound(
        sorted.begin(), sorted.end(), offset,
        [&](Offset wanted, const auto& one) { return wanted < position_of(one).next_offset; });
    if (after != sorted.begin() && position_of(*std::prev(after)).next_offset > found.next_offset)
      found = position_of(*std::prev(after));
  };
  newest_before(events_, [](const WindowEvent& event) -> const event_store::Position& {
    return event.after;
  });
  newest_before(marks_,
                [](const event_store::Position& p) -> const event_store::Position& { return p; });
  found.next_offset = offset;
  return found;
}

std::uint64_t Window::first_at(std::string_view user, Offset offset) const {
  const auto found = users_.find(user);
  if (found == users_.end()) return 0;
  std::uint64_t number = 0;
  for (std::uint64_t i = found->second.last; i != 0; i = at(i).previous_of_user) {
    if (at(i).record->offset < offset) break;
    number = i;
  }
  return number;
}

const WindowEvent* Window::newest_before(std::string_view user, Offset offset) const {
  const std::uint64_t next = first_at(user, offset);
  if (next == 0) return newest_of(user);
  const std::uint64_t before = at(next).previous_of_user;
  return before == 0 ? nullptr : &at(before);
}

const WindowEvent* Window::newest_of(std::string_view user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &at(found->second.last);
}

}  // namespace signalbox::gateway
