#include "event-store/log/kafka_record.hpp"

#include <optional>
#include <string>
#include <utility>

namespace signalbox::event_store {
namespace {

std::string_view text_of(const void* bytes, std::size_t size) {
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), size);
}

Headers headers_of(const rd_kafka_message_t& message) {
  Headers headers;
  rd_kafka_headers_t* stored = nullptr;
  if (rd_kafka_message_headers(&message, &stored) != RD_KAFKA_RESP_ERR_NO_ERROR) return headers;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(stored, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
    headers.add(name, text_of(value, size));
  return headers;
}

}  // namespace

RecordPtr to_record(const TopicPartition& at, const rd_kafka_message_t& message) {
  const Timestamp appended_at(
      std::chrono::milliseconds(rd_kafka_message_timestamp(&message, nullptr)));
  std::optional<std::string> key;
  if (message.key != nullptr) key = text_of(message.key, message.key_len);
  return std::make_shared<Record>(Record{at, Offset(message.offset), appended_at, std::move(key),
                                         headers_of(message),
                                         std::string(text_of(message.payload, message.len))});
}

KafkaHeaders to_kafka_headers(const Headers& headers) {
  if (headers.empty()) return nullptr;
  KafkaHeaders made(rd_kafka_headers_new(32));
  for (const Header header : headers)
    rd_kafka_header_add(made.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                        header.value.data(), static_cast<ssize_t>(header.value.size()));
  return made;
}

KafkaOptions with_defaults(KafkaOptions options, KafkaSettings defaults) {
  // librdkafka's other name for it, which a default by the first would win against.
  if (auto codec = options.properties.extract("compression.codec")) {
    codec.key() = "compression.type";
    options.properties.insert(std::move(codec));
  }
  for (const auto& [name, value] : defaults)
    options.properties.try_emplace(std::string(name), value);
  return options;
}

}  // namespace signalbox::event_store
