#include "router/agents/input_schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "event-store/model/utf8.hpp"

namespace signalbox::router {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 7> kTypes = {"null",   "boolean", "object", "array",
                                                    "number", "string",  "integer"};
constexpr std::array<std::string_view, 6> kAnnotations = {"title",    "description", "default",
                                                          "examples", "$schema",     "$comment"};
constexpr std::array<std::string_view, 4> kSizes = {"minLength", "maxLength", "minItems",
                                                    "maxItems"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Json parse(const JsonText& text) { return Json::parse(text.value(), nullptr, false); }

// ---- schemas

Result<void> check_schema(const Json& schema, const std::string& path);

tl::unexpected<Error> bad_schema(std::string message, std::string path) {
  return failure(Errc::malformed, std::move(message), std::move(path));
}

Result<void> check_type_keyword(const Json& type, const std::string& path) {
  const auto known = [](const Json& name) {
    return name.is_string() && is_one_of(kTypes, name.get_ref<const std::string&>());
  };
  if (known(type)) return {};
  if (type.is_array() && !type.empty() && std::all_of(type.begin(), type.end(), known)) return {};
  return bad_schema("must be a type of JSON Schema or a list of them", path);
}

Result<void> check_required_keyword(const Json& required, const std::string& path) {
  const auto is_text = [](const Json& name) { return name.is_string(); };
  if (required.is_array() && std::all_of(required.begin(), required.end(), is_text)) return {};
  return bad_schema("must be a list of property names", path);
}

Result<void> check_properties_keyword(const Json& properties, const std::string& path) {
  if (!properties.is_object()) return bad_schema("must be an object of schemas", path);
  for (const auto& [name, schema] : properties.items())
    if (auto checked = check_schema(schema, path + "." + name); !checked) return checked;
  return {};
}

Result<void> check_keyword(std::string_view keyword, const Json& value, const std::string& path) {
  if (keyword == "type") return check_type_keyword(value, path);
  if (keyword == "required") return check_required_keyword(value, path);
  if (keyword == "properties") return check_properties_keyword(value, path);
  if (keyword == "items") return check_schema(value, path);
  if (keyword == "enum" && !value.is_array()) return bad_schema("must be a list of values", path);
  if (keyword == "additionalProperties" && !value.is_boolean())
    return bad_schema("must be true or false", path);
  if ((keyword == "minimum" || keyword == "maximum") && !value.is_number())
    return bad_schema("must be a number", path);
  if (is_one_of(kSizes, keyword) && !value.is_number_unsigned())
    return bad_schema("must be a whole number, 0 or more", path);
  const bool known = keyword == "enum" || keyword == "additionalProperties" ||
                     keyword == "minimum" || keyword == "maximum" || is_one_of(kSizes, keyword) ||
                     is_one_of(kAnnotations, keyword);
  // A rule that is silently not applied would let wrong answers in.
  if (!known) return bad_schema("is not a keyword that answers are checked for", path);
  return {};
}

Result<void> check_schema(const Json& schema, const std::string& path) {
  if (!schema.is_object()) return bad_schema("must be a JSON Schema object", path);
  for (const auto& [keyword, value] : schema.items())
    if (auto checked = check_keyword(keyword, value, path + "." + keyword); !checked)
      return checked;
  return {};
}

// ---- answers

Result<void> check_value(const Json& schema, const Json& data, const std::string& path);

tl::unexpected<Error> bad_value(std::string message, const std::string& path) {
  return failure(Errc::bad_field, std::move(message), path);
}

bool is_whole(const Json& data) {
  if (data.is_number_integer()) return true;
  return data.is_number_float() && std::trunc(data.get<double>()) == data.get<double>();
}

bool has_type(const Json& data, std::string_view type) {
  if (type == "null") return data.is_null();
  if (type == "boolean") return data.is_boolean();
  if (type == "object") return data.is_object();
  if (type == "array") return data.is_array();
  if (type == "string") return data.is_string();
  if (type == "number") return data.is_number();
  return is_whole(data);
}

Result<void> check_type(const Json& type, const Json& data, const std::string& path) {
  if (type.is_string()) {
    const auto& name = type.get_ref<const std::string&>();
    if (has_type(data, name)) return {};
    return bad_value("must be of type " + name, path);
  }
  for (const auto& name : type)
    if (has_type(data, name.get_ref<const std::string&>())) return {};
  return bad_value("must be of one of the types " + type.dump(), path);
}

Result<void> check_enum(const Json& allowed, const Json& data, const std::string& path) {
  if (std::find(allowed.begin(), allowed.end(), data) != allowed.end()) return {};
  return bad_value("must be one of " + allowed.dump(), path);
}

Result<void> check_size(const Json& schema, std::size_t size, const std::string& path,
                        const char* minimum, const char* maximum, const std::string& of_what) {
  if (schema.contains(minimum) && size < schema[minimum].get<std::size_t>())
    return bad_value("must have at least " + schema[minimum].dump() + " " + of_what, path);
  if (schema.contains(maximum) && size > schema[maximum].get<std::size_t>())
    return bad_value("must have at most " + schema[maximum].dump() + " " + of_what, path);
  return {};
}

Result<void> check_number(const Json& schema, const Json& data, const std::string& path) {
  if (schema.contains("minimum") && data < schema["minimum"])
    return bad_value("must be at least " + schema["minimum"].dump(), path);
  if (schema.contains("maximum") && data > schema["maximum"])
    return bad_value("must be at most " + schema["maximum"].dump(), path);
  return {};
}

Result<void> check_object(const Json& schema, const Json& data, const std::string& path) {
  if (schema.contains("required"))
    for (const auto& name : schema["required"])
      if (!data.contains(name.get_ref<const std::string&>()))
        return failure(Errc::missing_field, "is required",
                       path + "." + name.get_ref<const std::string&>());
  const Json none = Json::object();
  const Json& properties = schema.contains("properties") ? schema["properties"] : none;
  const bool closed = !schema.value("additionalProperties", true);
  for (const auto& [name, value] : data.items()) {
    const std::string inner = path + "." + name;
    if (properties.contains(name)) {
      if (auto checked = check_value(properties[name], value, inner); !checked) return checked;
    } else if (closed) {
      return bad_value("is not a field of this answer", inner);
    }
  }
  return {};
}

Result<void> check_array(const Json& schema, const Json& data, const std::string& path) {
  if (auto checked = check_size(schema, data.size(), path, "minItems", "maxItems", "items");
      !checked)
    return checked;
  if (!schema.contains("items")) return {};
  for (std::size_t i = 0; i < data.size(); ++i)
    if (auto checked = check_value(schema["items"], data[i], path + "[" + std::to_string(i) + "]");
        !checked)
      return checked;
  return {};
}

Result<void> check_value(const Json& schema, const Json& data, const std::string& path) {
  if (schema.contains("type"))
    if (auto checked = check_type(schema["type"], data, path); !checked) return checked;
  if (schema.contains("enum"))
    if (auto checked = check_enum(schema["enum"], data, path); !checked) return checked;
  if (data.is_string())
    return check_size(schema, count_code_points(data.get_ref<const std::string&>()), path,
                      "minLength", "maxLength", "characters");
  if (data.is_number()) return check_number(schema, data, path);
  if (data.is_object()) return check_object(schema, data, path);
  if (data.is_array()) return check_array(schema, data, path);
  return {};
}

}  // namespace

Result<void> check_input_schema(const JsonText& schema) {
  const Json parsed = parse(schema);
  if (parsed.is_discarded()) return bad_schema("must be JSON", "schema");
  return check_schema(parsed, "schema");
}

Result<void> check_input(const JsonText& schema, const JsonText& data) {
  if (auto checked = check_input_schema(schema); !checked) return checked;
  const Json parsed = parse(data);
  if (parsed.is_discarded()) return failure(Errc::bad_json, "must be JSON", "data");
  return check_value(parse(schema), parsed, "data");
}

}  // namespace signalbox::router
