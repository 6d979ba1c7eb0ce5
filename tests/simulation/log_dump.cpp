#include "tests/simulation/log_dump.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

namespace signalbox::simulation {
namespace {

nlohmann::json line_of(const Record& record) {
  nlohmann::json line{
      {"topic", to_text(record.at.topic)},   {"partition", record.at.partition.value()},
      {"offset", record.offset.value()},     {"key", nullptr},
      {"headers", nlohmann::json::object()}, {"value", record.value}};
  if (record.key) line["key"] = *record.key;
  for (const Header& header : record.headers.split())
    line["headers"][std::string(header.name)] = std::string(header.value);
  return line;
}

}  // namespace

void dump_log(const test_support::SimulatedEventLog& log, std::int32_t partitions,
              const RecordPtr& changed, const std::string& path) {
  std::ofstream out(path, std::ios::trunc);
  const RecordPtr first = log.records({Topic::events, Partition(0)}).front();
  const auto genesis = nlohmann::json::parse(first->value);
  out << nlohmann::json{{"log_id", genesis.at("log_id")}, {"partitions", partitions}} << '\n';
  for (std::int32_t i = 0; i < partitions; ++i)
    for (const Topic topic : {Topic::inbound, Topic::events})
      for (const RecordPtr& record : log.records({topic, Partition(i)})) {
        const bool is_changed =
            changed && record->at == changed->at && record->offset == changed->offset;
        out << line_of(is_changed ? *changed : *record).dump() << '\n';
      }
}

}  // namespace signalbox::simulation
