// Probe: one message of nobody's along the whole path, over a WebSocket of its own, each stage
// timed. It is sent by a user of its own in a thread of the day, under a message_id that tells it
// from people's, and its answer is looked at.
// Lifetime: calls `done` once, with what became of it, and nobody after that; destroyed outside its
// callbacks. Thread: that of the io_context.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/clock.hpp"
#include "event-store/model/result.hpp"
#include "ops/client/websocket_client.hpp"

namespace signalbox::watch {

// In the order of the path. The first three are timed from the stage before, the others from the
// sending of the message: between an ack and the events of its run no order is promised.
enum class Stage {
  connect,           // TCP, and TLS where the url is wss
  token,             // the upgrade was granted to the token
  ready,             // connection_ready
  ack,               // the message is durable
  message_received,  // a router took it
  agent_started,
  first_piece,  // of the answer; may be lost on the way, which is no failure
  agent_completed,
};
inline constexpr std::size_t kStages = 8;
[[nodiscard]] std::string_view to_text(Stage stage);

struct ProbeOptions {
  client::WebSocketUrl service;
  std::shared_ptr<asio::ssl::context> tls{};  // for a secure url
  std::string agent = "assistant";
  std::string content = "what is 17 * 23?";
  std::string expected = "391";                     // must stand in the answer
  std::chrono::milliseconds stage_deadline{5'000};  // from one stage to the next
  std::chrono::milliseconds deadline{10'000};       // for all of them
};

struct ProbeMessage {
  std::string message_id;
  std::string thread_id;
};

struct ProbeFailure {
  Stage stage;        // the first one that was not passed
  std::string words;  // what happened there
};

struct ProbeReport {
  std::string message_id;
  Timestamp started;
  std::array<std::optional<std::chrono::microseconds>, kStages> stages{};
  std::chrono::microseconds total{};
  std::optional<ProbeFailure> failure{};  // none: it succeeded
};

class Probe final : private client::WebSocketSink {
 public:
  using Done = std::function<void(const ProbeReport&)>;
  // How long a service that does not answer the closing keeps a probe beyond its deadline.
  static constexpr std::chrono::milliseconds kLeaveMax{1'000};
  // Clock and options outlive it.
  Probe(asio::io_context& io, const Clock& clock, const ProbeOptions& options, ProbeMessage message,
        Done done);
  ~Probe() override;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // `done` is not called before it returns. An error is why there is no token.
  void start(const Result<std::string>& token);

 private:
  enum class Phase { under_way, leaving, over };

  void on_connected() override;
  void on_open() override;
  void on_text(std::string_view text) override;
  void on_end(const client::WebSocketEnd& end) override;

  void on_frame(const nlohmann::json& frame);
  void on_event(const std::string& type, const nlohmann::json& frame);
  void on_answer(const std::string& type, const nlohmann::json& data);
  void send_message();
  void pass(Stage stage);
  [[nodiscard]] bool passed(Stage stage) const;
  // The first stage that must still be passed.
  [[nodiscard]] std::optional<Stage> missing() const;
  void watch();
  [[nodiscard]] std::string told_by(const client::WebSocketEnd& end) const;
  void fail(Stage stage, std::string words);
  void fail(std::string words);
  // The report stands; the socket is closed as a client does.
  void leave();
  void finish();

  const Clock& clock_;
  const ProbeOptions& options_;
  const ProbeMessage message_;
  Done done_;
  ProbeReport report_;
  Phase phase_ = Phase::under_way;
  MonotonicTime started_;
  MonotonicTime base_;  // what the next stage is timed from
  std::string run_id_;  // once it is known
  std::shared_ptr<client::WebSocketClient> socket_;
  asio::io_context& io_;
  asio::steady_timer timer_;
};

}  // namespace signalbox::watch
