// The headers every record has (contract 3): how they are written and read. Pure; any thread.
// Errors of reading: Errc::malformed, Errc::unsupported_version, with the header's name as field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/field.hpp"
#include "event-store/contract/known_headers.hpp"

namespace signalbox::event_store {

inline constexpr std::string_view kEventTypePrefix = "dev.signalbox.";
inline constexpr std::string_view kCommandTypePrefix = "dev.signalbox.command.";
inline constexpr std::string_view kControlTypePrefix = "dev.signalbox.control.";
inline constexpr std::string_view kContentType = "application/json";
// Reserved: a value that is encrypted under its user's key.
inline constexpr std::string_view kSealedContentType = "application/vnd.signalbox.sealed";

// What writes the headers of one record, in their fixed order: the constructor those all records
// have, then the caller what its kind of record has.
class EnvelopeWriter {
 public:
  struct Identity {
    std::string_view id;
    std::string_view source;
    Timestamp time;
  };
  struct Type {
    std::string_view prefix;  // of ce_type
    std::string_view name;
    int version;
  };
  // `user` is ce_subject and ce_partitionkey; records of nobody have neither.
  EnvelopeWriter(const Identity& identity, const Type& type, const UserId* user);

  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::int64_t value);
  template <class T>
  void add(std::string_view name, const std::optional<T>& value) {
    if (!value) return;
    if constexpr (requires { value->value().to_string(); })
      add(name, value->value().to_string());
    else if constexpr (requires { value->value(); })
      add(name, value->value());
    else
      add(name, std::string_view(*value));
  }

  [[nodiscard]] Headers take() { return std::move(headers_); }

 private:
  Headers headers_;
};

// What a reader needs to know of a record before its data. The texts lie in the record.
struct Envelope {
  std::string_view id;
  std::string_view source;
  Timestamp time;
  std::string_view name;  // ce_type without its prefix
  int version;            // of ce_dataschema; 1 where there is none
};

[[nodiscard]] Result<Envelope> read_envelope(const KnownHeaders& headers,
                                             std::string_view type_prefix);

// The version at the end of a ce_dataschema; what is beyond every range that will ever be used is
// cut to it. nullopt: it does not end in one.
[[nodiscard]] std::optional<int> version_of_schema(std::string_view schema);

// Each checked like a field of data. What text_header() gives lies in the record.
[[nodiscard]] Result<std::string_view> text_header(const KnownHeaders& headers, HeaderName name,
                                                   const Bounds& bounds);
[[nodiscard]] Result<Uuid> uuid_header(const KnownHeaders& headers, HeaderName name);
[[nodiscard]] Result<std::int64_t> number_header(const KnownHeaders& headers, HeaderName name,
                                                 const Bounds& bounds);

template <class Id>
[[nodiscard]] Result<Id> id_header(const KnownHeaders& headers, HeaderName name) {
  constexpr Bounds kBounds = JsonForm<Id>::kBounds;
  if constexpr (std::same_as<typename Id::value_type, std::string>)
    return text_header(headers, name, kBounds).map([](std::string_view text) {
      return Id(std::string(text));
    });
  else if constexpr (std::same_as<typename Id::value_type, Uuid>)
    return uuid_header(headers, name).map([](const Uuid& uuid) { return Id(uuid); });
  else
    return number_header(
               headers, name,
               {.smallest = kBounds.smallest, .largest = kCountMax<typename Id::value_type>})
        .map([](std::int64_t number) { return Id(static_cast<typename Id::value_type>(number)); });
}

// nullopt where the header is absent; what is there must be right.
template <class Id>
[[nodiscard]] Result<std::optional<Id>> optional_id_header(const KnownHeaders& headers,
                                                           HeaderName name) {
  if (!headers.find(name)) return std::optional<Id>();
  return id_header<Id>(headers, name).map([](Id id) { return std::optional<Id>(std::move(id)); });
}

// W3C trace context, passed on unread; what could be none is left out.
[[nodiscard]] std::optional<std::string> read_traceparent(const KnownHeaders& headers);

// The key of the record as the user it names. Errors: malformed; key_mismatch where ce_subject is
// another.
[[nodiscard]] Result<UserId> read_user(const Record& record, const KnownHeaders& headers);

// An error of data, as the error of the record: its field below `data`.
[[nodiscard]] Error malformed_data(Error error);

// The entry of DataCodec that reads the record's data, if name and version are known to it.
template <class Codec>
[[nodiscard]] Result<const typename Codec::Entry*> find_entry(const Envelope& envelope,
                                                              Errc if_unknown) {
  const auto* entry = Codec::find(envelope.name);
  if (entry == nullptr) return failure(if_unknown, "is no type that this version knows", "ce_type");
  if (envelope.version < 1 || envelope.version > entry->version)
    return failure(Errc::unsupported_version,
                   "this version reads " + std::string(envelope.name) + " up to version " +
                       std::to_string(entry->version),
                   "ce_dataschema");
  return entry;
}

}  // namespace signalbox::event_store
