// The worked examples of contract-vectors.json, made by an implementation that shares no code with
// the product.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

using OrderedJson = nlohmann::ordered_json;

inline const OrderedJson& vectors() {
  static const OrderedJson loaded = [] {
    std::ifstream file(SIGNALBOX_SOURCE_DIR "/tests/contract/contract-vectors.json");
    if (!file) throw std::runtime_error("contract-vectors.json cannot be read");
    return OrderedJson::parse(file);
  }();
  return loaded;
}

inline LogId vectors_log() {
  return LogId(Uuid::parse(vectors().at("log_id").get<std::string>()).value());
}

inline Headers vectors_headers(const OrderedJson& event) {
  Headers headers;
  for (const auto& [name, value] : event.at("headers").items())
    headers.add(name, value.get<std::string>());
  return headers;
}

}  // namespace signalbox::event_store
