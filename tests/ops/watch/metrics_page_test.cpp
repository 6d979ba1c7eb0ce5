#include "ops/watch/metrics_page.hpp"

#include <gtest/gtest.h>

#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <optional>
#include <string>

#include "tests/support/no_descriptors.hpp"

namespace signalbox::watch {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

std::string answer_to(tcp::socket& client, asio::io_context& io) {
  asio::write(client, asio::buffer(std::string("GET /metrics HTTP/1.1\r\n\r\n")));
  std::string answer;
  asio::async_read(client, asio::dynamic_buffer(answer),
                   [&](const asio::error_code&, std::size_t) { io.stop(); });
  io.run_for(30s);
  io.restart();
  return answer.substr(0, 15);
}

TEST(MetricsPage, WaitsWhereThereIsNoDescriptorForAConnectionAndAnswersItLater) {
  prometheus::Registry registry;
  asio::io_context io;
  const auto page = MetricsPage::listen(io, "127.0.0.1:0", registry);
  ASSERT_TRUE(page);
  const std::string address = (*page)->address();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  // Once with descriptors, a timer too: UndefinedBehaviorSanitizer wants one for itself whenever it
  // meets an object of a new type.
  tcp::socket first(io);
  first.connect(endpoint);
  EXPECT_EQ(answer_to(first, io), "HTTP/1.1 200 OK");
  asio::steady_timer moment(io, 1ms);
  moment.async_wait([](const asio::error_code&) {});
  io.run_for(10ms);
  io.restart();

  tcp::socket client(io);
  client.connect(endpoint);
  std::optional<test_support::NoDescriptors> none(std::in_place);
  EXPECT_LT(io.run_for(300ms), 50u) << "it tries again without a pause";
  none.reset();
  EXPECT_EQ(answer_to(client, io), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace signalbox::watch
