#include "tests/simulation/simulated_gateway.hpp"

#include <optional>
#include <utility>

namespace signalbox::simulation {
namespace {

using gateway::FramePart;
using gateway::FramePtr;
using gateway::SocketLink;

class TextFrame final : public gateway::WireFrame {
 public:
  TextFrame(std::string text, const FramePart& part) : WireFrame(part), text_(std::move(text)) {}
  [[nodiscard]] std::string_view text() const noexcept override { return text_; }

 private:
  std::string text_;
};

FramePtr make_frame(std::string text, const FramePart& part) {
  return std::make_shared<const TextFrame>(std::move(text), part);
}

constexpr std::chrono::seconds kDrainGrace{5};

// Small, so that a few dozen events do what takes thousands outside: windows that have lost their
// oldest events, catch-ups of several pages, sockets that fall behind; and a few seconds what takes
// a minute: peers that take nothing, or are not heard of.
gateway::GatewayLimits small_limits() {
  gateway::GatewayLimits limits;
  limits.window_bytes_max = 12'000;
  limits.page_bytes_max = 1'500;
  limits.outbox_bytes_max = 4'000;
  limits.partition_idle_max = std::chrono::seconds(5);
  limits.partition_retry_max = std::chrono::seconds(2);
  limits.heartbeat = std::chrono::seconds(4);
  limits.heartbeat_lost = std::chrono::seconds(10);
  return limits;
}

}  // namespace

// What ends with the process. Declared in the order in which it is made.
struct SimulatedGateway::Process final : gateway::SocketShard {
  struct Socket {
    std::shared_ptr<SimulatedConnection> connection;
    std::shared_ptr<SocketLink> link;
    std::shared_ptr<gateway::Session> session;
  };

  Process(const Surroundings& on, gateway::GatewayMetrics& metrics,
          const gateway::SessionOptions& options);
  ~Process() override;

  // SocketShard
  void flush_soon(std::shared_ptr<SocketLink> link) override {
    shard.post([link = std::move(link)] { link->flush(); });
  }
  void forget(SocketLink& link) override {
    std::erase_if(sockets, [&](const Socket& one) { return one.link.get() == &link; });
  }

  void open(const std::shared_ptr<SimulatedConnection>& connection, gateway::Handshake handshake,
            gateway::Identity identity);
  void tick();
  void drain();
  [[nodiscard]] bool has_drained() const {
    const bool is_empty = sockets.empty() && backlog.empty();
    return draining_until && (is_empty || scheduler.clock().monotonic() >= *draining_until);
  }

  test_support::SimulatedScheduler& scheduler;
  Executor& shard;
  Executor& feed_thread;
  Executor& helper;
  std::unique_ptr<event_store::EventLog> log_session;
  ProcessLog log;
  gateway::ClientRegistry clients;
  gateway::InboundLag inbound_lag;
  gateway::Authenticator authenticator;
  gateway::CallbackCount callbacks;
  gateway::Hub hub;
  gateway::ConnectionJournal journal;
  gateway::Feed feed;
  gateway::SocketLimits socket_limits;
  gateway::SessionParts parts;
  std::uint64_t last_session = 0;
  std::vector<std::shared_ptr<SimulatedConnection>> backlog;  // accepted, not yet opened
  std::vector<Socket> sockets;
  std::optional<MonotonicTime> draining_until;
};

SimulatedGateway::Process::Process(const Surroundings& on, gateway::GatewayMetrics& metrics,
                                   const gateway::SessionOptions& options)
    : scheduler(on.scheduler),
      shard(scheduler.make_executor(options.gateway + " shard")),
      feed_thread(scheduler.make_executor(options.gateway + " feed")),
      helper(scheduler.make_executor(options.gateway + " scan")),
      log_session(on.log.open_session()),
      log(*log_session, on.group, nullptr, options.gateway),
      clients(options.limits.sockets_per_user_max, options.limits.messages, scheduler.clock()),
      inbound_lag(options.limits.inbound_lag, options.log.partitions),
      authenticator(scheduler.clock(),
                    *gateway::KeySet::make(
                        {*gateway::TokenKey::from_secret(std::nullopt, std::string(32, 'k'))}),
                    {}),
      journal(log, shard, scheduler.clock(), on.random, callbacks,
              {.source = options.source, .partitions = options.log.partitions}),
      feed({.log = log,
            .history = nullptr,
            .executor = feed_thread,
            .clock = scheduler.clock(),
            .helpers = {&helper},
            .shards = {gateway::ShardPort{&shard, &hub}},
            .make_frame = make_frame,
            .metrics = metrics,
            .callbacks = callbacks,
            .inbound_lag = inbound_lag,
            .random = on.random,
            .limits = options.limits}),
      parts{.shard = 0,
            .executor = shard,
            .hub = hub,
            .feed = feed,
            .log = log,
            .clock = scheduler.clock(),
            .random = on.random,
            .authenticator = authenticator,
            .registry = clients,
            .inbound_lag = inbound_lag,
            .journal = journal,
            .metrics = metrics,
            .callbacks = callbacks,
            .make_frame = make_frame,
            .options = options} {
  socket_limits.outbox_bytes_max = options.limits.outbox_bytes_max;
  socket_limits.writable_bytes = 1'000;
  socket_limits.batch_bytes_max = 2'000;
  socket_limits.stall = std::chrono::seconds(8);
  scheduler.run_on(feed_thread, [this] { feed.open(); });
  scheduler.run_on(shard, [this] { tick(); });
}

// As a kernel ends it: what its threads had to do is not done.
SimulatedGateway::Process::~Process() {
  scheduler.stop(shard);
  scheduler.stop(feed_thread);
  scheduler.stop(helper);
  for (const auto& connection : backlog) connection->server_died();
  for (const Socket& socket : sockets) socket.connection->server_died();
}

void SimulatedGateway::Process::open(const std::shared_ptr<SimulatedConnection>& connection,
                                     gateway::Handshake handshake, gateway::Identity identity) {
  std::erase(backlog, connection);
  if (draining_until) return connection->server_died();
  const auto session = std::make_shared<gateway::Session>(
      parts, gateway::SessionId(++last_session), std::move(handshake), std::move(identity));
  const auto link = std::make_shared<SocketLink>(*this, socket_limits, session);
  sockets.push_back({connection, link, session});
  connection->accepted(link, shard);
  link->opened(*connection);
}

void SimulatedGateway::Process::tick() {
  const auto now_open = sockets;
  for (const Socket& socket : now_open) socket.link->tick(scheduler.clock().monotonic());
  shard.call_at(scheduler.clock().monotonic() + std::chrono::seconds(1), [this] { tick(); });
}

void SimulatedGateway::Process::drain() {
  draining_until = scheduler.clock().monotonic() + kDrainGrace;
  hub.for_each([](gateway::StreamSink& session) { session.drain(std::chrono::milliseconds(200)); });
  feed.tell_positions();
}

SimulatedGateway::SimulatedGateway(Surroundings surroundings, std::string name,
                                   std::vector<std::string> agents)
    : surroundings_(surroundings),
      metrics_(registry_),
      options_{.limits = small_limits(),
               .agents = std::move(agents),
               .gateway = name,
               .source = "/signalbox/simulation/gateway/" + name,
               .log = surroundings.log.open_session()->describe()} {}

SimulatedGateway::~SimulatedGateway() = default;

void SimulatedGateway::start() {
  if (process_) return;
  process_ = std::make_unique<Process>(surroundings_, metrics_, options_);
  paused_ = false;
}

bool SimulatedGateway::kill() { return std::exchange(process_, nullptr) != nullptr; }

bool SimulatedGateway::drain() {
  if (!process_ || paused_ || process_->draining_until) return false;
  surroundings_.scheduler.run_on(process_->shard, [this] { process_->drain(); });
  return true;
}

void SimulatedGateway::end_if_drained() {
  if (process_ && process_->has_drained()) kill();
}

bool SimulatedGateway::pause() {
  if (!process_ || std::exchange(paused_, true)) return false;
  for (Executor* thread : {&process_->shard, &process_->feed_thread, &process_->helper})
    surroundings_.scheduler.pause(*thread);
  return true;
}

void SimulatedGateway::go_on() {
  if (!process_ || !std::exchange(paused_, false)) return;
  for (Executor* thread : {&process_->shard, &process_->feed_thread, &process_->helper})
    surroundings_.scheduler.resume(*thread);
}

bool SimulatedGateway::accept(const std::shared_ptr<SimulatedConnection>& connection,
                              gateway::Handshake handshake, const UserId& user) {
  if (!process_ || process_->draining_until) return false;
  gateway::Identity identity{
      user, {}, surroundings_.scheduler.clock().now() + std::chrono::hours(24)};
  process_->backlog.push_back(connection);
  process_->shard.post(
      [process = process_.get(), connection, handshake = std::move(handshake),
       identity = std::move(identity)] { process->open(connection, handshake, identity); });
  return true;
}

std::size_t SimulatedGateway::cut_off() {
  if (!process_) return 0;
  for (const auto& socket : process_->sockets) socket.connection->cut();
  return process_->sockets.size();
}

}  // namespace signalbox::simulation
