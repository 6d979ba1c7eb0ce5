#include "tests/simulation/simulated_connection.hpp"

#include <algorithm>
#include <utility>

namespace signalbox::simulation {

using gateway::CloseCode;
using gateway::SocketLink;

SimulatedConnection::Duration SimulatedConnection::chosen(std::chrono::milliseconds most) {
  const auto nanoseconds = std::chrono::duration_cast<Duration>(most).count();
  return Duration(static_cast<std::int64_t>(
      scheduler_.random().below(static_cast<std::uint64_t>(nanoseconds) + 1)));
}

void SimulatedConnection::send(MonotonicTime& last, std::function<void()> arrive) {
  const MonotonicTime now = scheduler_.clock().monotonic();
  last = std::max(now + chosen(delays_.one_way_max), last);
  scheduler_.call_after(last - now, [self = shared_from_this(), arrive = std::move(arrive)] {
    if (!self->cut_) arrive();
  });
}

void SimulatedConnection::say(std::string text) {
  send(last_to_server_, [this, text = std::move(text)]() mutable {
    if (reading_held_)
      held_.push_back(std::move(text));
    else
      give_to_link(std::move(text));
  });
}

void SimulatedConnection::give_to_link(std::string text) {
  on_shard([text = std::move(text)](SocketLink& link) { link.received(text); });
}

void SimulatedConnection::on_shard(std::function<void(SocketLink&)> what) {
  if (!link_) return;
  shard_->post([self = shared_from_this(), what = std::move(what)] {
    if (const auto link = self->link_) what(*link);
  });
}

void SimulatedConnection::accepted(std::shared_ptr<SocketLink> link, Executor& shard) {
  link_ = std::move(link);
  shard_ = &shard;
  // A process that stood still learns of the end when it takes the connection.
  if (is_told_) end_server(CloseCode::abnormal, "");
}

void SimulatedConnection::server_died() {
  link_.reset();
  cut();
}

void SimulatedConnection::vanish() {
  cut_ = true;
  kept_.clear();
}

void SimulatedConnection::cut() {
  vanish();
  if (std::exchange(is_told_, true)) return;
  scheduler_.call_after(chosen(delays_.notice_of_cut_max),
                        [self = shared_from_this()] { self->end_client(CloseCode::abnormal); });
  scheduler_.call_after(chosen(delays_.notice_of_cut_max),
                        [self = shared_from_this()] { self->end_server(CloseCode::abnormal, ""); });
}

void SimulatedConnection::stall(bool stalled) {
  stalled_ = stalled;
  if (stalled_) return;
  for (auto& arrival : std::exchange(kept_, {})) send(last_to_client_, std::move(arrival));
}

void SimulatedConnection::write(std::span<const gateway::FramePtr> frames) {
  std::vector<std::string> texts;
  std::size_t bytes = 0;
  for (const auto& frame : frames) {
    texts.emplace_back(frame->text());
    bytes += texts.back().size();
  }
  in_flight_ += bytes;
  send_to_client([this, texts = std::move(texts), bytes] { deliver_to_client(texts, bytes); });
}

void SimulatedConnection::send_to_client(std::function<void()> arrive) {
  if (stalled_)
    kept_.push_back(std::move(arrive));
  else
    send(last_to_client_, std::move(arrive));
}

void SimulatedConnection::deliver_to_client(const std::vector<std::string>& texts,
                                            std::size_t bytes) {
  for (const std::string& text : texts)
    if (user_ != nullptr) user_->on_text(text);
  on_shard([this, bytes](SocketLink& link) {
    in_flight_ -= bytes;
    progress_ += bytes;
    link.written();
  });
}

void SimulatedConnection::ping() {
  send_to_client([this] {
    send(last_to_server_, [this] { on_shard([](SocketLink& link) { link.alive(); }); });
  });
}

void SimulatedConnection::hold_reading(bool hold) {
  reading_held_ = hold;
  if (hold) return;
  for (std::string& text : std::exchange(held_, {})) give_to_link(std::move(text));
}

void SimulatedConnection::close(const gateway::SocketEnd& end) {
  send_to_client([this, end] {
    end_client(end.code);
    end_server(end.code, end.reason);
  });
}

void SimulatedConnection::terminate() { cut(); }

void SimulatedConnection::end_client(CloseCode code) {
  if (ConnectionUser* const user = std::exchange(user_, nullptr)) user->on_end(code);
}

void SimulatedConnection::end_server(CloseCode code, const std::string& reason) {
  on_shard([self = shared_from_this(), code, reason](SocketLink& link) {
    const auto kept = std::exchange(self->link_, nullptr);
    link.closed(code, reason);
  });
}

}  // namespace signalbox::simulation
