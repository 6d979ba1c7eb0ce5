#include "event-store/contract/envelope.hpp"

#include <algorithm>

#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kSchemaPrefix = "urn:signalbox:contract:";
constexpr std::size_t kSourceBytesMax = 1024;
// An event with all its headers, mostly: then they are allocated once.
constexpr std::size_t kHeaderBytesUsual = 960;
constexpr int kVersionMax = 1'000'000;

Error malformed_header(HeaderName name, Error error) {
  return Error{Errc::malformed, std::move(error.message), std::string(name.text())};
}

Error missing_header(HeaderName name) {
  return Error{Errc::malformed, "is missing", std::string(name.text())};
}

// Parsed once: whether it has the form is what the parser says.
template <class Parsed>
Result<Parsed> parsed_header(const KnownHeaders& headers, HeaderName name, TextForm form,
                             std::optional<Parsed> (*parse)(std::string_view)) {
  const auto value = headers.find(name);
  if (!value) return tl::unexpected(missing_header(name));
  if (const auto parsed = parse(*value)) return *parsed;
  return tl::unexpected(malformed_header(name, refusal_of(*value, {.form = form}).value()));
}

Result<Timestamp> time_header(const KnownHeaders& headers, HeaderName name) {
  return parsed_header<Timestamp>(headers, name, TextForm::timestamp, parse_timestamp);
}

// The version that ce_dataschema names, which must speak of the same type as ce_type.
Result<int> read_version(const KnownHeaders& headers, std::string_view name) {
  const auto header = headers.find("ce_dataschema");
  if (!header) return 1;
  const bool is_wanted = header->starts_with(kSchemaPrefix) &&
                         header->substr(kSchemaPrefix.size()).starts_with(name) &&
                         header->substr(kSchemaPrefix.size() + name.size()).starts_with(':');
  if (!is_wanted)
    return failure(Errc::malformed,
                   "must be " + std::string(kSchemaPrefix) + std::string(name) + ": and a version",
                   "ce_dataschema");
  const auto version = version_of_schema(header->substr(kSchemaPrefix.size() + name.size()));
  if (!version) return failure(Errc::malformed, "must end in a version", "ce_dataschema");
  return *version;
}

}  // namespace

EnvelopeWriter::EnvelopeWriter(const Identity& identity, const Type& type, const UserId* user) {
  headers_.reserve(kHeaderBytesUsual);
  std::string name(type.prefix);
  name += type.name;
  std::string schema(kSchemaPrefix);
  schema.append(type.name).append(":").append(std::to_string(type.version));
  add("content-type", kContentType);
  add("ce_specversion", "1.0");
  add("ce_id", identity.id);
  add("ce_source", identity.source);
  add("ce_type", name);
  add("ce_time", signalbox::to_text(identity.time));
  if (user) add("ce_subject", user->value());
  add("ce_dataschema", schema);
  if (user) add("ce_partitionkey", user->value());
}

void EnvelopeWriter::add(std::string_view name, std::string_view value) {
  headers_.add(name, value);
}

void EnvelopeWriter::add(std::string_view name, std::int64_t value) {
  headers_.add(name, std::to_string(value));
}

Result<Envelope> read_envelope(const KnownHeaders& headers, std::string_view type_prefix) {
  const auto type = headers.find("ce_type");
  if (!type) return failure(Errc::malformed, "is missing", "ce_type");
  if (!type->starts_with(type_prefix))
    return failure(Errc::malformed, "must begin with " + std::string(type_prefix), "ce_type");
  const std::string_view name = type->substr(type_prefix.size());
  const auto id = text_header(headers, "ce_id", JsonForm<UserId>::kBounds);
  if (!id) return tl::unexpected(id.error());
  const auto source = text_header(
      headers, "ce_source", {.bytes_min = 1, .bytes_max = kSourceBytesMax, .form = TextForm::any});
  if (!source) return tl::unexpected(source.error());
  const auto time = time_header(headers, "ce_time");
  if (!time) return tl::unexpected(time.error());
  const auto version = read_version(headers, name);
  if (!version) return tl::unexpected(version.error());
  if (headers.find("content-type") == kSealedContentType)
    return failure(Errc::unsupported_version, "sealed values cannot be read yet", "content-type");
  return Envelope{*id, *source, *time, name, *version};
}

Result<std::string_view> text_header(const KnownHeaders& headers, HeaderName name,
                                     const Bounds& bounds) {
  const auto value = headers.find(name);
  if (!value) return tl::unexpected(missing_header(name));
  if (auto refusal = refusal_of(*value, bounds))
    return tl::unexpected(malformed_header(name, *std::move(refusal)));
  return *value;
}

Result<Uuid> uuid_header(const KnownHeaders& headers, HeaderName name) {
  return parsed_header<Uuid>(headers, name, TextForm::uuid, Uuid::parse);
}

Result<std::int64_t> number_header(const KnownHeaders& headers, HeaderName name,
                                   const Bounds& bounds) {
  const auto value = headers.find(name);
  if (!value) return tl::unexpected(missing_header(name));
  const auto number = parse_decimal<std::int64_t>(*value);
  if (!number || *number < bounds.smallest || *number > bounds.largest)
    return failure(Errc::malformed,
                   "must be a decimal number from " + std::to_string(bounds.smallest) + " to " +
                       std::to_string(bounds.largest),
                   std::string(name.text()));
  return *number;
}

std::optional<int> version_of_schema(std::string_view schema) {
  const auto version = parse_decimal<std::int64_t>(schema.substr(schema.rfind(':') + 1));
  if (!version) return std::nullopt;
  return static_cast<int>(std::min<std::int64_t>(*version, kVersionMax));
}

std::optional<std::int64_t> header_number(const Record& record, std::string_view name) {
  const auto value = record.header(name);
  return value ? parse_decimal<std::int64_t>(*value) : std::nullopt;
}

std::optional<std::int64_t> header_number(std::span<const Header> headers, std::string_view name) {
  const auto value = find_header(headers, name);
  return value ? parse_decimal<std::int64_t>(*value) : std::nullopt;
}

std::optional<std::string> read_traceparent(const KnownHeaders& headers) {
  const auto value = headers.find("ce_traceparent");
  if (!value || !is_opaque_id(*value)) return std::nullopt;
  return std::string(*value);
}

Result<UserId> read_user(const Record& record, const KnownHeaders& headers) {
  if (!record.key) return failure(Errc::malformed, "is missing", "key");
  if (!is_opaque_id(*record.key))
    return failure(Errc::malformed,
                   "must be a user id: 1 to 128 bytes of UTF-8 without control characters", "key");
  const auto subject = id_header<UserId>(headers, "ce_subject");
  if (!subject) return subject;
  if (subject->value() != *record.key)
    return failure(Errc::key_mismatch, "must equal the key of the record", "ce_subject");
  return subject;
}

Error malformed_data(Error error) {
  const std::string field = error.field.empty() ? "data" : "data." + error.field;
  return Error{Errc::malformed, std::move(error.message), field};
}

}  // namespace signalbox::event_store
