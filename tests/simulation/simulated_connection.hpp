// SimulatedConnection: one WebSocket over a simulated network: texts arrive in order, late, or
// never once the network is cut, which each side learns by itself and later. It carries a real
// SocketLink. One real thread; shared by both sides and by what is on its way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/socket_link.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::simulation {

// The client's side. Called on no executor.
class ConnectionUser {
 public:
  virtual ~ConnectionUser() = default;
  virtual void on_text(std::string_view text) = 0;
  // Once; nothing follows.
  virtual void on_end(gateway::CloseCode code) = 0;
};

// Upper limits of seeded choices.
struct NetworkDelays {
  std::chrono::milliseconds one_way_max{20};
  std::chrono::milliseconds notice_of_cut_max{3000};
};

class SimulatedConnection final : public gateway::SocketWriter,
                                  public std::enable_shared_from_this<SimulatedConnection> {
 public:
  // `user` lives until on_end or forget_user().
  SimulatedConnection(test_support::SimulatedScheduler& scheduler, const NetworkDelays& delays,
                      ConnectionUser& user)
      : scheduler_(scheduler), delays_(delays), user_(&user) {}

  // ---- client side
  void say(std::string text);
  void forget_user() { user_ = nullptr; }

  // ---- gateway side
  void accepted(std::shared_ptr<gateway::SocketLink> link, Executor& shard);
  // The process is gone: nothing is called any more, and the client learns of it later.
  void server_died();

  // ---- network
  // From now on nothing arrives; both sides learn of it later.
  void cut();
  // The same, and neither is told: each waits until it gives the other up.
  void vanish();
  // The peer's kernel takes nothing until it is let go.
  void stall(bool stalled);

  // SocketWriter
  [[nodiscard]] std::size_t in_flight() const override { return in_flight_; }
  [[nodiscard]] std::size_t queued() const override { return 0; }
  [[nodiscard]] std::uint64_t progress() const override { return progress_; }
  [[nodiscard]] std::optional<gateway::SocketEnd> own_end() const override { return std::nullopt; }
  void write(std::span<const gateway::FramePtr> frames) override;
  void ping() override;
  void hold_reading(bool hold) override;
  void close(const gateway::SocketEnd& end) override;
  void terminate() override;

 private:
  using Duration = test_support::SimulatedScheduler::Duration;

  [[nodiscard]] Duration chosen(std::chrono::milliseconds most);
  // Runs `arrive` after the delay of one way, behind what left that side before.
  void send(MonotonicTime& last, std::function<void()> arrive);
  // The same to the client, once it takes something.
  void send_to_client(std::function<void()> arrive);
  void deliver_to_client(const std::vector<std::string>& texts, std::size_t bytes);
  void give_to_link(std::string text);
  // Posts to the shard while the process lives.
  void on_shard(std::function<void(gateway::SocketLink&)> what);
  void end_client(gateway::CloseCode code);
  void end_server(gateway::CloseCode code, const std::string& reason);

  test_support::SimulatedScheduler& scheduler_;
  const NetworkDelays& delays_;
  ConnectionUser* user_;  // null: it has ended
  std::shared_ptr<gateway::SocketLink> link_;
  Executor* shard_ = nullptr;
  MonotonicTime last_to_client_{};
  MonotonicTime last_to_server_{};
  std::size_t in_flight_ = 0;
  std::uint64_t progress_ = 0;
  bool cut_ = false;
  bool is_told_ = false;  // of the cut
  bool stalled_ = false;
  bool reading_held_ = false;
  std::vector<std::string> held_;            // came while reading was held
  std::vector<std::function<void()>> kept_;  // for the client, while it takes nothing
};

}  // namespace signalbox::simulation
