#include "gateway/listener.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "event-store/model/decimal.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::chrono::milliseconds kBackOff{100};
constexpr int kBacklog = 4096;
constexpr int kAtOnce = 64;
constexpr int kTurns = 64;  // about 5 ms of handshakes
constexpr std::chrono::milliseconds kTurnsLook{1};

Result<asio::ip::tcp::endpoint> parse_endpoint(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const auto port = colon == address.npos
                        ? std::nullopt
                        : parse_decimal<std::uint16_t>(std::string_view(address).substr(colon + 1));
  if (!port) return failure(Errc::bad_config, "'" + address + "' is not HOST:PORT");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  std::error_code error;
  const auto parsed = asio::ip::make_address(host, error);
  if (error)
    return failure(Errc::bad_config, "'" + host + "' is no numeric address and not localhost");
  return asio::ip::tcp::endpoint(parsed, *port);
}

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(endpoint.port());
}

}  // namespace

struct Listener::State {
  explicit State(asio::io_context& context) : acceptor(context) {}
  asio::ip::tcp::acceptor acceptor;
  int spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
};

Listener::Listener(IoThread& thread, OnAccepted on_accepted, OnFailed on_failed,
                   std::int64_t accepts_per_second)
    : thread_(thread),
      on_accepted_(std::move(on_accepted)),
      on_failed_(std::move(on_failed)),
      accepts_({accepts_per_second, accepts_per_second}, std::chrono::steady_clock::now()),
      state_(std::make_unique<State>(thread.context())) {}

Listener::~Listener() {
  if (state_->spare >= 0) ::close(state_->spare);
}

Result<std::unique_ptr<Listener>> Listener::open(IoThread& thread, const std::string& address,
                                                 OnAccepted on_accepted, OnFailed on_failed,
                                                 std::int64_t accepts_per_second) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) return tl::unexpected(endpoint.error());
  std::unique_ptr<Listener> listener(
      new Listener(thread, std::move(on_accepted), std::move(on_failed), accepts_per_second));
  auto& acceptor = listener->state_->acceptor;
  std::error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error)
    return failure(Errc::io_error, "cannot listen on " + address + ": " + error.message() +
                                       "; `signalbox doctor` with the same flags says why, and "
                                       "what mends it");
  listener->address_ = text_of(acceptor.local_endpoint());
  return listener;
}

void Listener::start() {
  thread_.post([this] { accept(); });
}

void Listener::accept() {
  if (!state_->acceptor.is_open()) return;
  state_->acceptor.async_wait(asio::socket_base::wait_read, [this](const std::error_code& error) {
    if (error != asio::error::operation_aborted) accept_those_waiting();
  });
}

void Listener::accept_those_waiting() {
  if (!state_->acceptor.is_open()) return;
  for (int i = 0; i < kAtOnce; ++i) {
    if (*turns_ >= kTurns) {
      thread_.call_at(std::chrono::steady_clock::now() + kTurnsLook,
                      [this] { accept_those_waiting(); });
      return;
    }
    asio::ip::tcp::endpoint remote;
    auto size = static_cast<socklen_t>(remote.capacity());
    const int descriptor = ::accept4(state_->acceptor.native_handle(), remote.data(), &size,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) return accept_after(errno);
    remote.resize(size);
    // Set here, because websocketpp offers no moment for it that works.
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_accepted_({descriptor, remote.address().is_v6(), remote.address().to_string(), take_turn()});
    const auto now = std::chrono::steady_clock::now();
    if (!accepts_.take(now)) return accept_in_turn();
  }
  thread_.post([this] { accept_those_waiting(); });  // others have their turn on the thread
}

std::shared_ptr<void> Listener::take_turn() {
  ++*turns_;
  return {nullptr, [turns = turns_](void*) { --*turns; }};
}

void Listener::accept_after(int fault) {
  if (fault == EAGAIN || fault == EINTR || fault == ECONNABORTED) return accept();
  on_failed_(std::error_code(fault, std::system_category()).message());
  if (fault == EMFILE) drop_one();
  thread_.call_at(std::chrono::steady_clock::now() + kBackOff, [this] { accept(); });
}

void Listener::accept_in_turn() {
  const auto now = std::chrono::steady_clock::now();
  if (accepts_.take(now)) return accept_those_waiting();
  thread_.call_at(now + accepts_.wait(now), [this] { accept_in_turn(); });
}

// With no descriptor left the connection stays in the kernel's queue and would wake us for ever:
// the spare one is given up for a moment to take it and close it.
void Listener::drop_one() {
  if (state_->spare < 0) return;
  ::close(state_->spare);
  const int newcomer =
      ::accept4(state_->acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (newcomer >= 0) ::close(newcomer);
  state_->spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void Listener::replace_rate(std::int64_t accepts_per_second) {
  thread_.run_and_wait([this, accepts_per_second] {
    accepts_.replace_rate({accepts_per_second, accepts_per_second},
                          std::chrono::steady_clock::now());
  });
}

void Listener::close() {
  thread_.run_and_wait([this] {
    std::error_code ignored;
    state_->acceptor.close(ignored);
  });
}

bool is_loopback(const std::string& address) {
  const auto endpoint = parse_endpoint(address);
  return endpoint && endpoint->address().is_loopback();
}

}  // namespace signalbox::gateway
