// Session: one client's protocol without a socket (contract 11): sign-in, its stream of events, and
// one answer to every send. A command is given to the log as it comes and acknowledged when it is
// durable; nothing else about it is decided here. Lifetime: held by its socket, and by appends in
// flight only weakly. Thread: its shard.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/command.hpp"
#include "event-store/model/frame.hpp"
#include "event-store/model/random.hpp"
#include "gateway/auth.hpp"
#include "gateway/auth_emitter.hpp"
#include "gateway/callback_count.hpp"
#include "gateway/client_link.hpp"
#include "gateway/client_registry.hpp"
#include "gateway/feed.hpp"
#include "gateway/handshake.hpp"
#include "gateway/hub.hpp"
#include "gateway/limits.hpp"
#include "gateway/metrics.hpp"

namespace signalbox::gateway {

struct SessionOptions {
  GatewayLimits limits;
  std::vector<std::string> agents{"assistant", "playbook"};
  std::string gateway;                    // name of this instance, for connection records
  std::string source;                     // ce_source of commands
  std::chrono::seconds token_leeway{30};  // as TokenRules has it
  std::chrono::milliseconds expiry_warning{60'000};  // before a token expires
  event_store::LogDescription log;
};

// What the sessions of one shard share. All of it outlives them.
struct SessionParts {
  std::size_t shard;
  Executor& executor;
  Hub& hub;
  Feed& feed;
  event_store::EventLog& log;
  const Clock& clock;
  Random& random;
  const Authenticator& authenticator;
  ClientRegistry& registry;
  InboundLag& inbound_lag;
  ConnectionJournal& journal;
  GatewayMetrics& metrics;
  CallbackCount& callbacks;
  FrameFactory make_frame;
  const SessionOptions& options;
};

class Session final : public SocketSession,
                      public StreamSink,
                      public std::enable_shared_from_this<Session> {
 public:
  // With an identity the socket is signed in when it opens; else its first frame must do it.
  Session(const SessionParts& parts, SessionId id, Handshake handshake,
          std::optional<Identity> identity);

  // SocketSession
  void on_open(ClientLink& link) override;
  void on_text(std::string_view text) override;
  void on_binary(std::string_view bytes) override;
  void on_alive() override;
  void on_writable() override;
  void on_lagging(const StreamPlace& kept) override;
  void on_tick() override;
  void on_closed(CloseCode code, std::string_view reason) override;
  // StreamSink
  void on_stream(std::uint32_t generation, StreamUpdate update) override;
  void drain(std::chrono::milliseconds reconnect_after) override;

 private:
  static constexpr std::int64_t kRetryAfterMs = 1000;
  enum class State { opening, joining, ready, closing };

  void admit(Identity identity);
  void authenticate(std::string_view text);
  // States a fact about the socket, which is signed in.
  void emit(ConnectionData fact);
  void emit_within_rate(ConnectionData fact);
  void ask_stream(StreamFrom from, std::string cursor);
  void ask_what_waits();
  void handle_text(std::string_view text);

  void handle(const std::optional<std::string>& id, AuthenticateFrame frame);
  void handle(const std::optional<std::string>& id, UserMessageFrame frame);
  void handle(const std::optional<std::string>& id, CancelRunFrame frame);
  void handle(const std::optional<std::string>& id, RunInputFrame frame);
  void handle(const std::optional<std::string>& id, ResumeFrame frame);
  void handle(const std::optional<std::string>& id, RefreshTokenFrame frame);
  void handle(const std::optional<std::string>& id, PingFrame frame);
  // Gives a command to the log; `ack` answers it once it is durable.
  void append(CommandData data, std::optional<std::string> traceparent, AckFrame ack);
  // Why the command is not taken, if it is not.
  [[nodiscard]] std::optional<ErrorFrame> refuse_send(bool is_message, const AckFrame& ack);
  [[nodiscard]] std::optional<std::chrono::milliseconds> rate_limit();
  void finish_append(AckFrame ack, const Result<Offset>& appended);

  void take(StreamReady update);
  void take(StreamRefused update);
  void take(StreamPage update);
  void take(StreamCaughtUp update);
  void take(StreamHistoryDamaged update);
  void take(StreamUnavailable update);
  void take(StreamPosition update);
  void take(StreamOverloaded update);
  std::optional<std::string> end_resume();  // its id

  void become_ready(std::optional<std::string> cursor);
  void ask_more_when_drained();
  void set_pulling(bool pulling);
  void check_token();
  void warn_of_expiry();
  void end_token(const std::string& why);
  void close_when_answered();
  void send(const ServerFrame& frame, FrameKind kind = FrameKind::answer);
  void send_error(ErrorFrame error);
  [[nodiscard]] static ErrorFrame make_error(std::optional<std::string> id, Errc code,
                                             std::string message);
  void close(CloseCode code, std::string_view reason);
  [[nodiscard]] StreamTicket ticket() const;

  const SessionParts& parts_;
  const SessionId id_;
  const event_store::WireDialect dialect_;
  std::unique_ptr<Handshake> handshake_;  // until it is signed in
  std::optional<Identity> identity_;
  State state_ = State::opening;
  ClientLink* link_ = nullptr;
  std::optional<ClientRegistry::Place> place_;
  Partition partition_{0};        // of the user, once signed in
  std::uint32_t generation_ = 0;  // of what was asked of the feed
  // The feed reads for the question before: one socket never has two of them there.
  bool asking_ = false;
  std::optional<StreamRequest> waits_;     // the newest question, for when it has answered
  bool resuming_ = false;                  // a resume frame has not had its answer
  std::optional<std::string> resume_id_;   // of that frame
  std::vector<std::string> early_frames_;  // came before connection_ready
  std::size_t early_bytes_ = 0;
  std::uint64_t token_revision_ = 0;  // of the revocations the token was last held against
  bool expiry_told_ = false;          // of the token in force
  TokenBucket facts_;                 // that the client causes by new tokens
  std::size_t unanswered_ = 0;        // sends given to the log
  std::optional<MonotonicTime> limited_since_;  // sends have been refused again and again
  MonotonicTime limited_last_{};
  bool wants_more_ = false;
  bool pulling_ = false;  // read too slowly to be live; nothing of it is told to the client
  std::optional<std::chrono::milliseconds> draining_;
  bool draining_told_ = false;
  int ticks_draining_ = 0;
  MonotonicTime opened_{};
  MonotonicTime heard_{};
  MonotonicTime pinged_{};
};

}  // namespace signalbox::gateway
