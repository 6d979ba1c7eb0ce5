#include "event-store/contract/field.hpp"

#include <algorithm>
#include <charconv>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/uuid.hpp"

namespace signalbox::event_store {
namespace {

bool has_form(std::string_view text, TextForm form) {
  switch (form) {
    case TextForm::any: return true;
    case TextForm::opaque_id: return is_opaque_id(text);
    case TextForm::client_id: return is_websocket_client_id(text) || is_service_client_id(text);
    case TextForm::uuid: return Uuid::parse(text).has_value();
    case TextForm::timestamp: return parse_timestamp(text).has_value();
    case TextForm::sha256_hex: return parse_hash(text).has_value();
    case TextForm::base64: return parse_base64(text).has_value();
  }
  return false;
}

std::string_view what_it_must_be(TextForm form) {
  switch (form) {
    case TextForm::any: return "must be a string";
    case TextForm::opaque_id: return "must be 1 to 128 bytes of UTF-8 without control characters";
    case TextForm::client_id:
      return "must be ws_ or svc_ and 1 to 60 of the characters A-Z, a-z, 0-9 and _";
    case TextForm::uuid: return "must be a UUID";
    case TextForm::timestamp: return "must be a time as RFC 3339 has it";
    case TextForm::sha256_hex: return "must be 64 lowercase hexadecimal digits";
    case TextForm::base64: return "must be base64";
  }
  return "";
}

Result<std::string_view> text_of(const JsonMember& member) {
  if (member.type != JsonType::string) return failure(Errc::bad_field, "must be a string");
  if (member.lone_surrogate) return failure(Errc::bad_field, "holds half of a code point");
  return member.text;
}

// Parsed once: whether it has the form is what the parser says.
template <class Parsed>
Result<Parsed> read_parsed(const JsonMember& member, TextForm form,
                           std::optional<Parsed> (*parse)(std::string_view)) {
  const auto text = text_of(member);
  if (!text) return tl::unexpected(text.error());
  if (const auto parsed = parse(*text)) return *parsed;
  return failure(Errc::bad_field, std::string(what_it_must_be(form)));
}

std::string listed(std::span<const std::string_view> names) {
  std::string text = "must be one of";
  for (const std::string_view name : names) text.append(" ").append(name);
  return text;
}

}  // namespace

std::optional<Error> refusal_of(std::string_view text, const Bounds& bounds) {
  if (!bounds.one_of.empty() && std::ranges::find(bounds.one_of, text) == bounds.one_of.end())
    return Error{Errc::bad_field, listed(bounds.one_of)};
  if (!has_form(text, bounds.form))
    return Error{Errc::bad_field, std::string(what_it_must_be(bounds.form))};
  if (text.size() < bounds.bytes_min)
    return Error{Errc::bad_field,
                 "must have at least " + std::to_string(bounds.bytes_min) + " bytes"};
  if (text.size() > bounds.bytes_max)
    return Error{Errc::too_large,
                 "must have at most " + std::to_string(bounds.bytes_max) + " bytes"};
  return std::nullopt;
}

Result<std::string_view> read_text(const JsonMember& member, const Bounds& bounds) {
  if (auto text = text_of(member); !text) return text;
  if (auto refusal = refusal_of(member.text, bounds)) return tl::unexpected(*std::move(refusal));
  return member.text;
}

Result<Uuid> read_uuid(const JsonMember& member) {
  return read_parsed<Uuid>(member, TextForm::uuid, Uuid::parse);
}

Result<Timestamp> read_timestamp(const JsonMember& member) {
  return read_parsed<Timestamp>(member, TextForm::timestamp, parse_timestamp);
}

Result<std::int64_t> read_integer(const JsonMember& member, const Bounds& bounds) {
  std::int64_t number = 0;
  const char* const end = member.raw.data() + member.raw.size();
  const auto [stop, error] = std::from_chars(member.raw.data(), end, number);
  const bool whole = member.type == JsonType::number && error == std::errc() && stop == end;
  if (whole && number >= bounds.smallest && number <= bounds.largest) return number;
  return failure(Errc::bad_field, "must be a whole number from " + std::to_string(bounds.smallest) +
                                      " to " + std::to_string(bounds.largest));
}

Result<std::string> read_any(const JsonMember& member) {
  if (member.lone_surrogate) return failure(Errc::bad_field, "holds half of a code point");
  return std::string(member.raw);
}

}  // namespace signalbox::event_store
