// ChatUser: one user of the bench. It plays its conversations one after another over a WebSocket of
// its own, comes back with its cursor whenever the socket ends (back-off with jitter), sends again
// under the same message_id what was not acknowledged, and shows everything it sees to its
// StreamChecker. At the end it reads its whole history again and compares.
// Lifetime: ends by itself with on_finished or on_violation, after which it calls nobody; destroyed
// outside its callbacks. Thread: that of the io_context.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/model/random.hpp"
#include "ops/bench/conversations.hpp"
#include "ops/bench/history_file.hpp"
#include "ops/bench/stream_checker.hpp"
#include "ops/bench/token_desk.hpp"
#include "ops/client/websocket_client.hpp"

namespace signalbox::bench {

using BenchTime = std::chrono::steady_clock::time_point;

// What all users count together.
struct ChatCounts {
  std::uint64_t messages = 0;    // sent and acknowledged or received
  std::uint64_t runs = 0;        // ended as recorded
  std::uint64_t events = 0;      // frames with a seq, each once
  std::uint64_t reconnects = 0;  // sockets opened beyond a user's first
  std::uint64_t resends = 0;
  std::vector<float> ack_milliseconds;      // of messages sent once
  std::vector<float> started_milliseconds;  // message to agent_started, of messages sent once
  std::size_t connected = 0;                // sockets that are ready now
  BenchTime last_contact{};                 // when one was, last
};

class ChatUser;

class ChatUserSink {
 public:
  virtual ~ChatUserSink() = default;
  virtual void on_finished(const ChatUser& user) = 0;
  virtual void on_violation(const Violation& violation) = 0;
};

struct ChatUserOptions {
  std::vector<client::WebSocketUrl> services;  // gateways of one service; the next when one ends
  std::string agent = "playbook";
  std::chrono::milliseconds stall_max{120'000};  // connected, but nothing comes of a message
  std::chrono::milliseconds backoff_max{2'000};  // between two tries to connect
  std::chrono::milliseconds pause{0};            // between a run's end and the next message
  bool recheck = true;                           // read everything again at the end
  BenchTime stop_at = BenchTime::max();          // no new message from then on
};

class ChatUser final : private client::WebSocketSink {
 public:
  // All references outlive it. `token` empty: asked of the service. `seed` also says at which of
  // the services it begins.
  ChatUser(asio::io_context& io, std::string user_id, std::string token,
           std::vector<const Conversation*> conversations, const ChatUserOptions& options,
           std::uint64_t seed, ChatCounts& counts, HistoryFile& history, TokenDesk& tokens,
           ChatUserSink& sink);
  ~ChatUser() override;
  ChatUser(const ChatUser&) = delete;
  ChatUser& operator=(const ChatUser&) = delete;

  void start() { connect(); }

 private:
  enum class Phase { connecting, catching_up, live, rechecking, leaving, over };

  void on_open() override;
  void on_text(std::string_view text) override;
  void on_end(const client::WebSocketEnd& end) override;

  void connect();
  void connect_later(std::chrono::milliseconds at_least);
  void ask_for_token();
  void take_token(Result<std::string> token);
  [[nodiscard]] const client::WebSocketUrl& service() const;
  void on_frame(std::string_view text, const nlohmann::json& frame);
  void on_event(const nlohmann::json& frame);
  void on_ready(const nlohmann::json& frame);
  void on_caught_up(const nlohmann::json& frame);
  void on_ack(const nlohmann::json& frame);
  void on_error(const nlohmann::json& frame);
  void on_recheck_event(const nlohmann::json& frame);

  // Sends the turn that is due, or goes on to the next one.
  void go_on();
  void send_message();
  void begin_recheck();
  void finish();
  void hold(std::chrono::milliseconds wait);
  // One timer at a time: setting it anew calls off what it was set to before.
  void after(std::chrono::milliseconds wait, std::function<void()> action);
  void call_off();
  void watch();
  // Passes a verdict on; true when it was one.
  bool fails(Verdict verdict);
  void stop_with(Violation violation);
  void left();
  [[nodiscard]] OutgoingMessage message() const;
  [[nodiscard]] const Turn& turn() const;
  [[nodiscard]] Violation violation(std::string name, const std::string& what) const;

  asio::io_context& io_;
  const std::string user_id_;
  std::string token_;
  const std::vector<const Conversation*> conversations_;
  const ChatUserOptions& options_;
  Random random_;
  ChatCounts& counts_;
  HistoryFile& history_;
  TokenDesk& tokens_;
  ChatUserSink& sink_;

  StreamChecker checker_;
  std::vector<std::uint64_t> seen_;  // hash of every event, to compare with the second reading
  std::size_t rechecked_ = 0;
  std::size_t conversation_ = 0;
  std::size_t turn_ = 0;
  int sends_ = 0;         // of the message that is due
  bool answered_ = true;  // the last send has its ack or error
  bool held_ = false;     // told to come back later with the message that is due
  bool paused_ = false;   // before the message that is due
  BenchTime sent_at_{};
  Phase phase_ = Phase::connecting;
  std::size_t place_;       // in the services
  std::string cursor_;      // goes on after it; empty before the first event or caught_up
  bool was_ready_ = false;  // a first socket was open
  int tries_ = 0;           // to connect, since a socket was ready
  std::chrono::milliseconds told_to_wait_{0};
  std::shared_ptr<client::WebSocketClient> socket_;
  asio::steady_timer timer_;  // back-off, a pause, or the stall of a message
  std::uint64_t timer_round_ = 0;
};

}  // namespace signalbox::bench
