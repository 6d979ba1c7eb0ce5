#include "tests/contract/schema_violation.hpp"

#include <regex>

#include "event-store/contract/base64.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/timestamp.hpp"
#include "event-store/model/utf8.hpp"
#include "event-store/model/uuid.hpp"

namespace signalbox::event_store {
namespace {

using Json = nlohmann::json;

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "integer") return value.is_number_integer();
  return type == "string" && value.is_string();
}

bool has_format(const std::string& text, const std::string& format) {
  if (format == "uuid") return Uuid::parse(text).has_value();
  return format == "date-time" && parse_timestamp(text).has_value();
}

bool has_all(const Json& value, const Json& names) {
  for (const Json& name : names)
    if (!value.contains(name.get<std::string>())) return false;
  return true;
}

// std::regex knows bytes only, so the one pattern about code points is told by its meaning.
bool matches(const std::string& text, const std::string& pattern) {
  if (pattern == "^[^\\u0000-\\u001f\\u007f-\\u009f]+$") return is_opaque_id(text);
  return std::regex_search(text, std::regex(pattern));
}

int count_met(const Json& schemas, const Json& value) {
  int met = 0;
  for (const Json& schema : schemas) met += schema_violation(schema, value).empty() ? 1 : 0;
  return met;
}

bool means_nothing(const std::string& keyword) {
  return keyword == "$schema" || keyword == "$id" || keyword == "title" || keyword == "description";
}

// Keywords about the value itself; false also for one that nobody knows.
bool meets(const std::string& keyword, const Json& wanted, const Json& value) {
  if (keyword == "type") return has_type(value, wanted);
  if (keyword == "const") return value == wanted;
  if (keyword == "enum") return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
  if (keyword == "minimum") return value >= wanted;
  if (keyword == "maximum") return value <= wanted;
  if (keyword == "minLength") return count_code_points(value.get<std::string>()) >= wanted;
  if (keyword == "maxLength") return count_code_points(value.get<std::string>()) <= wanted;
  if (keyword == "x-bytes-max") return value.get<std::string>().size() <= wanted;
  if (keyword == "format") return has_format(value, wanted);
  if (keyword == "contentEncoding") return parse_base64(value.get<std::string>()).has_value();
  if (keyword == "pattern") return matches(value, wanted);
  if (keyword == "required") return has_all(value, wanted);
  if (keyword == "oneOf") return count_met(wanted, value) == 1;
  return means_nothing(keyword);
}

std::string violation_below(const Json& schema, const Json& value) {
  if (value.is_object() && schema.contains("properties"))
    for (const auto& [name, below] : schema["properties"].items())
      if (value.contains(name))
        if (const auto found = schema_violation(below, value[name]); !found.empty())
          return name + "." + found;
  if (value.is_array() && schema.contains("items"))
    for (const Json& element : value)
      if (const auto found = schema_violation(schema["items"], element); !found.empty())
        return "[]." + found;
  return "";
}

}  // namespace

std::string schema_violation(const Json& schema, const Json& value) {
  for (const auto& [keyword, wanted] : schema.items()) {
    if (keyword == "properties" || keyword == "items") continue;
    if (!meets(keyword, wanted, value)) return keyword;
  }
  return violation_below(schema, value);
}

}  // namespace signalbox::event_store
