#include "ops/watch/metrics_page.hpp"

#include <gtest/gtest.h>

#include <asio/read.hpp>
#include <asio/write.hpp>
#include <optional>

#include "tests/support/no_descriptors.hpp"

namespace signalbox::watch {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

TEST(MetricsPage, WaitsWhereThereIsNoDescriptorForAConnectionAndAnswersItLater) {
  prometheus::Registry registry;
  asio::io_context io;
  const auto page = MetricsPage::listen(io, "127.0.0.1:0", registry);
  ASSERT_TRUE(page);
  const std::string address = (*page)->address();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port});
  std::optional<test_support::NoDescriptors> none(std::in_place);
  EXPECT_LT(io.run_for(300ms), 50u) << "it tries again without a pause";
  none.reset();

  asio::write(client, asio::buffer(std::string("GET /metrics HTTP/1.1\r\n\r\n")));
  std::string answer;
  asio::async_read(client, asio::dynamic_buffer(answer),
                   [&](const asio::error_code&, std::size_t) { io.stop(); });
  io.run_for(30s);
  EXPECT_EQ(answer.substr(0, 15), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace signalbox::watch
