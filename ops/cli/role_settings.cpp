#include "ops/cli/role_settings.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event-store/archive/partition_ranges.hpp"
#include "ops/cli/event_store_client.hpp"

namespace signalbox::cli {
namespace {

constexpr std::int32_t kPartitionsMax = 1 << 20;

// `0-5,8` as 0, 1, 2, 3, 4, 5, 8; nullopt for anything else.
std::optional<std::vector<Partition>> parse_partitions(const std::vector<std::string>& ranges) {
  std::set<Partition> all;
  for (const std::string& range : ranges) {
    const auto parsed = event_store::parse_partition_ranges(range);
    if (!parsed) return std::nullopt;
    for (const auto& [first, last] : *parsed) {
      if (last > kPartitionsMax) return std::nullopt;
      for (std::int32_t p = first; p <= last; ++p) all.insert(Partition(p));
    }
  }
  return std::vector<Partition>(all.begin(), all.end());
}

Setting partitions_setting(std::string key, std::string help, std::vector<Partition>& value) {
  Setting setting;
  setting.key = std::move(key);
  setting.help = std::move(help);
  setting.shape = Setting::Shape::list;
  setting.allowed = "must be a list of numbers and ranges, like 0-5 and 8; empty means all";
  setting.set = [&value](const std::vector<std::string>& texts) {
    auto parsed = parse_partitions(texts);
    if (parsed) value = *std::move(parsed);
    return parsed.has_value();
  };
  setting.show = [&value] {
    std::string shown = "[";
    for (const Partition partition : value)
      shown += (shown.size() > 1 ? ", " : "") + toml_text(std::to_string(partition.value()));
    return shown + "]";
  };
  return setting;
}

// What a process calls itself in records: part of a path of ce_source.
Setting instance_setting(std::string key, std::string help, std::string& value) {
  Setting setting = text_setting(std::move(key), std::move(help), value);
  setting.allowed =
      "must be up to 64 of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`; empty means `gateway` or "
      "`router`, on Kafka HOST:PID";
  setting.set = [&value](const std::vector<std::string>& texts) {
    const std::string& text = texts.front();
    const bool is_good = text.size() <= 64 && std::ranges::all_of(text, [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                  (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' ||
                                  c == '-';
                         });
    if (is_good) value = text;
    return is_good;
  };
  return setting;
}

}  // namespace

void add_role_settings(Config& config, ServeOptions& options) {
  config.add(instance_setting("gateway.instance", "names this gateway in records",
                              options.gateway_instance));
  config.add(instance_setting("router.instance", "names this router in claims and records",
                              options.router_instance));
  config.add(partitions_setting("event_store.partitions",
                                "partitions this event store keeps, like 0-5,8; none: all",
                                options.archived)
                 .with_flag("--partitions"));
  add_event_store(config, options.event_stores);
}

}  // namespace signalbox::cli
