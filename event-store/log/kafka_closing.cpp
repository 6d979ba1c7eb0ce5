#include "event-store/log/kafka_closing.hpp"

#include <spdlog/spdlog.h>

#include <future>
#include <thread>
#include <utility>

namespace signalbox::event_store {

void close_client(KafkaClient client, std::string_view what) {
  if (!client) return;
  std::promise<void> promise;
  auto closed = promise.get_future();
  std::thread closing([client = std::move(client), promise = std::move(promise)]() mutable {
    client = nullptr;
    promise.set_value();
  });
  if (closed.wait_for(kClosingMax) == std::future_status::ready) return closing.join();
  spdlog::error("the Kafka client of {} does not close in {} ms and is left behind", what,
                kClosingMax.count());
  closing.detach();
}

}  // namespace signalbox::event_store
