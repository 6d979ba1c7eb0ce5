#include "ops/watch/metrics_page.hpp"

#include <prometheus/text_serializer.h>

#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <utility>

namespace signalbox::watch {
namespace {

using asio::ip::tcp;

constexpr std::size_t kRequestBytesMax = 8192;
constexpr std::chrono::milliseconds kAcceptAgainAfter{100};  // where it failed

std::string response(const std::string& status, const std::string& type, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" + body;
}

std::string answer(const std::string& request, const prometheus::Registry& registry) {
  const std::string line = request.substr(0, request.find("\r\n"));
  const std::string target = line.substr(0, line.rfind(' '));
  if (target == "GET /metrics")
    return response("200 OK", "text/plain; version=0.0.4; charset=utf-8",
                    prometheus::TextSerializer().Serialize(registry.Collect()));
  const bool is_get = target.starts_with("GET ");
  return response(is_get ? "404 Not Found" : "405 Method Not Allowed", "text/plain",
                  "there is only GET /metrics here\n");
}

}  // namespace

// Keeps itself until it is answered or its time is up.
class MetricsPage::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<std::size_t> count)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), count_(std::move(count)) {
    ++*count_;
  }
  ~Connection() { --*count_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void serve(const prometheus::Registry& registry) {
    timer_.expires_after(kConnectionMax);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      const auto self = weak.lock();
      asio::error_code ignored;
      if (!error && self) self->socket_.close(ignored);
    });
    asio::async_read_until(
        socket_, asio::dynamic_buffer(text_, kRequestBytesMax), "\r\n\r\n",
        [self = shared_from_this(), &registry](const asio::error_code& error, std::size_t) {
          if (!error) self->write(answer(self->text_, registry));
        });
  }

 private:
  void write(std::string text) {
    text_ = std::move(text);
    asio::async_write(socket_, asio::buffer(text_),
                      [self = shared_from_this()](const asio::error_code&, std::size_t) {
                        asio::error_code ignored;  // the peer may have gone before
                        self->socket_.shutdown(tcp::socket::shutdown_both, ignored);
                      });
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<std::size_t> count_;
  std::string text_;
};

MetricsPage::MetricsPage(asio::io_context& io, const prometheus::Registry& registry)
    : registry_(registry), acceptor_(io), accept_again_(io) {}

Result<std::unique_ptr<MetricsPage>> MetricsPage::listen(asio::io_context& io,
                                                         const std::string& address,
                                                         const prometheus::Registry& registry) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  asio::error_code error;
  const auto found =
      tcp::resolver(io).resolve(host, address.substr(colon + 1), tcp::resolver::passive, error);
  std::unique_ptr<MetricsPage> page(new MetricsPage(io, registry));
  if (!error) {
    const tcp::endpoint endpoint = found.begin()->endpoint();
    page->acceptor_.open(endpoint.protocol(), error);
    if (!error) page->acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) page->acceptor_.bind(endpoint, error);
    if (!error) page->acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error)
    return failure(Errc::unavailable, "cannot listen on " + address + ": " + error.message());
  page->accept();
  return page;
}

std::string MetricsPage::address() const {
  const tcp::endpoint bound = acceptor_.local_endpoint();
  const std::string host = bound.address().to_string();
  return (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
}

void MetricsPage::accept() {
  acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) return accept_later();
    if (*connections_ < kConnectionsMax)
      std::make_shared<Connection>(std::move(socket), connections_)->serve(registry_);
    accept();
  });
}

// Without a descriptor for it, who waits goes on waiting, and accepting would fail at once again.
void MetricsPage::accept_later() {
  accept_again_.expires_after(kAcceptAgainAfter);
  accept_again_.async_wait([this](const asio::error_code& error) {
    if (!error) accept();
  });
}

}  // namespace signalbox::watch
