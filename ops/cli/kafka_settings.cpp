#include "ops/cli/kafka_settings.hpp"

#include <algorithm>
#include <string_view>

#include "event-store/kafka/kafka_config.hpp"

namespace signalbox::cli {
namespace {

using event_store::KafkaOptions;

constexpr std::string_view kTable = "kafka.";
constexpr std::size_t kPrefixBytesMax = 200;  // of a topic's name, which has at most 249

bool is_broker(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = parse_integer(text.substr(colon + 1));
  return port && *port > 0 && *port <= 65535 &&
         text.find_first_of(" \t/\"") == std::string_view::npos;
}

bool are_brokers(std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    if (!is_broker(text.substr(begin, comma - begin))) return false;
    begin = comma + 1;
  }
  return true;
}

bool is_topic_prefix(std::string_view text) {
  return !text.empty() && text.size() <= kPrefixBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// Never printed. What is not named here is a file's name, an address or a number.
bool is_secret(std::string_view property) {
  return property.find("password") != std::string_view::npos ||
         property.find("secret") != std::string_view::npos || property == "ssl.key.pem" ||
         property == "sasl.oauthbearer.config";
}

template <class Test>
Setting checked_text(std::string key, std::string help, std::string allowed, std::string& value,
                     Test is_allowed) {
  Setting setting = text_setting(std::move(key), std::move(help), value);
  setting.allowed = std::move(allowed);
  setting.set = [&value, is_allowed](const std::vector<std::string>& texts) {
    if (!is_allowed(texts.front())) return false;
    value = texts.front();
    return true;
  };
  return setting;
}

Result<Setting> property_setting(KafkaOptions& options, const std::string& key,
                                 const std::string& text) {
  const std::string property = key.substr(kTable.size());
  if (auto fine = event_store::check_kafka_property(property, text); !fine)
    return tl::unexpected(fine.error());
  Setting setting = text_setting(key, "a property of librdkafka", options.properties[property]);
  if (is_secret(property)) setting.show = [] { return std::string("\"***\""); };
  setting.set = [&value = options.properties[property]](const std::vector<std::string>& texts) {
    value = texts.front();
    return true;
  };
  return setting;
}

}  // namespace

void add_kafka(Config& config, KafkaOptions& options) {
  config.add(checked_text("kafka.brokers", "the cluster that holds the log, HOST:PORT[,...]",
                          "must be HOST:PORT, or several with commas between them", options.brokers,
                          are_brokers)
                 .with_flag("--kafka"));
  config.add(checked_text("kafka.topic_prefix", "topics are called PREFIX.inbound and so on",
                          "must be 1 to 200 of A-Z, a-z, 0-9, `.`, `_` and `-`",
                          options.topic_prefix, is_topic_prefix)
                 .with_flag("--topic-prefix"));
  config.add(text_setting("kafka.client_id", "how the brokers' logs and quotas name this process",
                          options.client_id));
  config.add_open_table(std::string(kTable),
                        [&options](const std::string& key, const std::string& text) {
                          return property_setting(options, key, text);
                        });
}

}  // namespace signalbox::cli
