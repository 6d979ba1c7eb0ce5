// Listener: accepts connections on one address and hands the file descriptors on. It holds no
// connection itself. When descriptors run out it drops the newcomer by a spare one, says so, and
// waits before it accepts again, instead of spinning. What comes faster than its rate waits in the
// kernel. Thread: its IoThread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "event-store/model/result.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/token_bucket.hpp"

namespace signalbox::gateway {

struct AcceptedSocket {
  int descriptor;  // the receiver owns it
  bool is_v6;
  std::string remote_address;  // without port
  // Kept until the connection has been served for the first time. While many are kept nothing more
  // is accepted, so that what waits for the same threads waits for few handshakes.
  std::shared_ptr<void> turn;
};

class Listener {
 public:
  using OnAccepted = std::function<void(AcceptedSocket)>;
  // Called for every connection that could not be taken, with the reason.
  using OnFailed = std::function<void(const std::string&)>;

  // `address` is HOST:PORT or [HOST]:PORT, numeric or `localhost`; port 0 = any free one. Errors:
  // bad_config, io_error (the address is in use, ...).
  [[nodiscard]] static Result<std::unique_ptr<Listener>> open(IoThread& thread,
                                                              const std::string& address,
                                                              OnAccepted on_accepted,
                                                              OnFailed on_failed,
                                                              std::int64_t accepts_per_second);
  ~Listener();  // after close(), or on a thread that has finished
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  // Any thread but its own; returns when nothing is accepted any more.
  void close();
  // Any thread but its own, before close().
  void replace_rate(std::int64_t accepts_per_second);
  // HOST:PORT as bound.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct State;
  Listener(IoThread& thread, OnAccepted on_accepted, OnFailed on_failed,
           std::int64_t accepts_per_second);
  void accept();
  void accept_those_waiting();
  void accept_after(int fault);
  void accept_in_turn();
  [[nodiscard]] std::shared_ptr<void> take_turn();
  void drop_one();

  IoThread& thread_;
  OnAccepted on_accepted_;
  OnFailed on_failed_;
  TokenBucket accepts_;
  std::shared_ptr<std::atomic<int>> turns_ = std::make_shared<std::atomic<int>>(0);  // kept now
  std::string address_;
  std::unique_ptr<State> state_;
};

// True for addresses only this machine can reach.
[[nodiscard]] bool is_loopback(const std::string& address);

}  // namespace signalbox::gateway
