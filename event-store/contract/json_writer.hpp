// Compact JSON as our records and frames have it: members in the order they were given, UTF-8 as it
// is, and only `"`, `\` and control characters escaped. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace signalbox::event_store {

// Appends text as a JSON string. The result is valid UTF-8 whatever text holds: what is not UTF-8
// becomes U+FFFD, because a value nobody can decode would be worse than a changed character.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  void begin_object() { open('{'); }
  void end_object() { out_ += '}'; }
  void begin_array() { open('['); }
  void end_array() { out_ += ']'; }
  void key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
  }
  void string(std::string_view text) {
    separate();
    append_json_string(out_, text);
  }
  void integer(std::int64_t number) {
    separate();
    out_ += std::to_string(number);
  }
  // A complete JSON value, taken as it is.
  void raw(std::string_view json) {
    separate();
    out_ += json;
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void open(char bracket) {
    separate();
    out_ += bracket;
  }
  // No JSON value ends in one of these, so the last character tells whether a comma is due.
  void separate() {
    if (out_.empty() || out_.back() == '{' || out_.back() == '[' || out_.back() == ':') return;
    out_ += ',';
  }

  std::string out_;
};

}  // namespace signalbox::event_store
