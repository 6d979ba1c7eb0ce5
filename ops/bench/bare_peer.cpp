// What a bare websocketpp + Asio program does with the same frames and the same clients: the peer
// the gateway's figures stand beside (gateway_bench). No log, no sign-in, no limits, no heartbeat:
// threads with an endpoint and an io_context each, connections dealt to them in turn, one message
// prepared per frame and shared by all it goes to, Nagle off. Prints where it listens; does what
// the lines of its standard input say, answers each with `ok`, and ends with its standard input:
//   send ROUNDS BYTES SHARE   ROUNDS frames of BYTES to every socket; SHARE sockets of a thread,
//                             in the order in which they opened, share a message
//   open COUNT                waits until exactly so many sockets are open
// Arguments: THREADS.
#include <pthread.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <future>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

namespace {

namespace wspp = websocketpp;

// As plain as the library allows where every endpoint has its own thread: no locks, no logs.
struct PeerConfig : wspp::config::asio {
  using type = PeerConfig;
  using concurrency_type = wspp::concurrency::none;
  using alog_type = wspp::log::stub;
  using elog_type = wspp::log::stub;
  static constexpr bool enable_multithreading = false;
  struct transport_config : wspp::config::asio::transport_config {
    using concurrency_type = type::concurrency_type;
    using alog_type = type::alog_type;
    using elog_type = type::elog_type;
    static constexpr bool enable_multithreading = false;
  };
  using transport_type = wspp::transport::asio::endpoint<transport_config>;
};
using Endpoint = wspp::server<PeerConfig>;

// The seq where the bench's clients look for it; the rest fills the frame.
std::string frame_text(std::uint64_t seq, std::size_t bytes) {
  std::string text =
      "{\"type\":\"agent_thinking\",\"seq\":" + std::to_string(seq) + ",\"content\":\"";
  text.append(bytes > text.size() + 2 ? bytes - text.size() - 2 : 0, 'x');
  return text + "\"}";
}

std::atomic<std::size_t> sockets_open{0};

void count_open(std::size_t change) {
  sockets_open += change;
  sockets_open.notify_all();
}

void await_open(std::size_t count) {
  for (std::size_t open = sockets_open; open != count; open = sockets_open) sockets_open.wait(open);
}

class Worker {
 public:
  explicit Worker(int number) : context_(1) {
    endpoint_.init_asio(&context_);
    endpoint_.set_user_agent("");
    endpoint_.set_validate_handler([this](const wspp::connection_hdl& handle) {
      const auto connection = endpoint_.get_con_from_hdl(handle);
      for (const std::string& offered : connection->get_requested_subprotocols())
        connection->select_subprotocol(offered);
      return true;
    });
    endpoint_.set_open_handler([this](const wspp::connection_hdl& handle) {
      open_.push_back(endpoint_.get_con_from_hdl(handle));
      count_open(1);
    });
    endpoint_.set_close_handler([this](const wspp::connection_hdl& handle) {
      std::erase(open_, endpoint_.get_con_from_hdl(handle));
      count_open(static_cast<std::size_t>(-1));
    });
    thread_ = std::thread([this] { context_.run(); });
    pthread_setname_np(thread_.native_handle(), ("peer-" + std::to_string(number)).c_str());
  }
  ~Worker() {
    context_.stop();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void adopt(asio::ip::tcp::socket socket) {
    auto descriptor = socket.release();
    asio::post(context_, [this, descriptor] {
      const auto connection = endpoint_.get_connection();
      connection->get_raw_socket().assign(asio::ip::tcp::v4(), descriptor);
      connection->get_raw_socket().set_option(asio::ip::tcp::no_delay(true));
      connection->start();
    });
  }
  std::future<void> send(std::uint64_t first, std::uint64_t rounds, std::size_t bytes,
                         std::size_t share) {
    const auto done = std::make_shared<std::promise<void>>();
    asio::post(context_, [this, first, rounds, bytes, share, done] {
      for (std::uint64_t seq = first; seq < first + rounds; ++seq)
        for (std::size_t i = 0; i < open_.size(); i += share)
          send_one(seq, bytes, i, std::min(i + share, open_.size()));
      done->set_value();
    });
    return done->get_future();
  }

 private:
  void send_one(std::uint64_t seq, std::size_t bytes, std::size_t begin, std::size_t end) {
    const auto message = messages_->get_message(wspp::frame::opcode::text, bytes);
    message->set_payload(frame_text(seq, bytes));
    const std::size_t size = message->get_payload().size();
    message->set_header(wspp::frame::prepare_header(
        wspp::frame::basic_header(wspp::frame::opcode::text, size, true, false, false),
        wspp::frame::extended_header(size)));
    message->set_prepared(true);
    for (std::size_t i = begin; i < end; ++i) open_[i]->send(message);
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  Endpoint endpoint_;
  std::shared_ptr<PeerConfig::con_msg_manager_type> messages_ =
      std::make_shared<PeerConfig::con_msg_manager_type>();
  std::vector<Endpoint::connection_ptr> open_;
  std::thread thread_;
};

class Listener {
 public:
  explicit Listener(std::vector<std::unique_ptr<Worker>>& workers)
      : workers_(workers), acceptor_(context_, {asio::ip::make_address_v4("127.0.0.1"), 0}) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
    pthread_setname_np(thread_.native_handle(), "listener");
  }
  ~Listener() {
    context_.stop();
    thread_.join();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const std::error_code& error, asio::ip::tcp::socket socket) {
      if (!error) workers_[next_++ % workers_.size()]->adopt(std::move(socket));
      accept();
    });
  }

  std::vector<std::unique_ptr<Worker>>& workers_;
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  std::size_t next_ = 0;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::unique_ptr<Worker>> workers;
  const int threads = argc > 1 ? std::stoi(argv[1]) : 2;
  for (int i = 0; i < threads; ++i) workers.push_back(std::make_unique<Worker>(i));
  const Listener listener(workers);
  std::cout << "listening on http://127.0.0.1:" << listener.port() << std::endl;
  std::uint64_t seq = 1;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    std::uint64_t count = 0;  // rounds, or sockets
    std::size_t bytes = 0;
    std::size_t share = 1;
    words >> verb >> count >> bytes >> share;
    if (verb == "open") {
      await_open(count);
    } else if (verb == "send") {
      std::vector<std::future<void>> sent;
      for (const auto& worker : workers) sent.push_back(worker->send(seq, count, bytes, share));
      for (auto& one : sent) one.wait();
      seq += count;
    }
    std::cout << "ok" << std::endl;
  }
  return 0;
}
