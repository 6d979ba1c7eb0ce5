// text_of: a text in what a service sent.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace signalbox::bench {

// Empty where there is none, or something else.
[[nodiscard]] inline std::string text_of(const nlohmann::json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace signalbox::bench
