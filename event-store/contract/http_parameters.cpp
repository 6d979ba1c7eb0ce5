#include "event-store/contract/http_parameters.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include "event-store/contract/http_errors.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::int64_t kLimitMax = 1000;
constexpr std::int64_t kLimit = 100;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// The first parameter of this name, `name` or `name=value`; none where there is none.
std::optional<std::string_view> find_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.substr(0, pair.find('=')) == name) return pair;
  }
  return std::nullopt;
}

std::vector<std::string_view> parameter_names(std::string_view query) {
  std::vector<std::string_view> names;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    // One that begins with `=` has no name but what stands there.
    const std::string_view name = pair.substr(0, pair.find('='));
    names.push_back(name.empty() ? pair : name);
  }
  return names;
}

}  // namespace

HttpResponse http_error(int status, std::string_view code, std::string_view message,
                        std::string_view field) {
  JsonWriter body;
  body.begin_object();
  body.key("error");
  body.begin_object();
  body.key("code");
  body.string(code);
  if (!field.empty()) {
    body.key("field");
    body.string(field);
  }
  body.key("message");
  body.string(message);
  const auto rows = http_errors();
  const auto row = std::ranges::find_if(
      rows, [&](const HttpErrorRow& one) { return one.status == status && one.code == code; });
  if (row != rows.end()) {
    body.key("hint");
    body.string(row->to_do);
  }
  body.end_object();
  body.end_object();
  return HttpResponse{.status = status, .body = body.take() + "\n"};
}

HttpResponse come_back(int status, std::string_view code, std::string_view message) {
  HttpResponse response = http_error(status, code, message);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string encoded;
  for (const unsigned char c : text) {
    if (c < 0x80 && (std::isalnum(c) != 0 || kPlain.find(static_cast<char>(c)) != kPlain.npos))
      encoded += static_cast<char>(c);
    else
      (encoded += '%') += {kDigits[c >> 4], kDigits[c & 15]};
  }
  return encoded;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  const auto pair = find_parameter(query, name);
  if (!pair) return std::nullopt;
  const std::size_t equals = pair->find('=');
  if (equals == pair->npos) return "";
  std::string value(pair->substr(equals + 1));
  std::replace(value.begin(), value.end(), '+', ' ');
  return percent_decode(value);
}

bool has_query_parameter(std::string_view query, std::string_view name) {
  return find_parameter(query, name).has_value();
}

HttpResponse bad_parameter(std::string_view field, const std::string& what) {
  return http_error(400, "bad_field", std::string(field) + " " + what, field);
}

tl::expected<void, HttpResponse> check_parameters(std::string_view query,
                                                  std::span<const std::string_view> known) {
  std::vector<std::string_view> seen;
  for (const std::string_view name : parameter_names(query)) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return tl::unexpected(bad_parameter(name, "is no parameter of this"));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return tl::unexpected(bad_parameter(name, "is given twice"));
    seen.push_back(name);
  }
  return {};
}

tl::expected<std::int64_t, HttpResponse> read_number_parameter(std::string_view query,
                                                               std::string_view name,
                                                               std::int64_t smallest,
                                                               std::int64_t largest,
                                                               std::int64_t without) {
  if (!has_query_parameter(query, name)) return without;
  const std::string text = query_value(query, name).value_or("");
  const auto number = parse_decimal<std::int64_t>(text);
  if (!number || *number < smallest || *number > largest)
    return tl::unexpected(bad_parameter(name, "must be a whole number from " +
                                                  std::to_string(smallest) + " to " +
                                                  std::to_string(largest)));
  return *number;
}

tl::expected<UserId, HttpResponse> read_user_of_path(std::string_view path,
                                                     std::string_view prefix) {
  path.remove_prefix(std::min(path.size(), prefix.size()));
  const auto decoded = percent_decode(path.substr(0, path.find('/')));
  auto user = parse_id<UserId>(decoded.value_or(""), "id");
  if (!user) return tl::unexpected(bad_parameter("id", user.error().message));
  return *std::move(user);
}

tl::expected<std::size_t, HttpResponse> read_limit_parameter(std::string_view query) {
  return read_number_parameter(query, "limit", 1, kLimitMax, kLimit).map([](std::int64_t limit) {
    return static_cast<std::size_t>(limit);
  });
}

tl::expected<SeqBound, HttpResponse> read_seq_bound(std::string_view query) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto after = read_number_parameter(query, "after_seq", 0, kMost, 0);
  if (!after) return tl::unexpected(after.error());
  const auto before = read_number_parameter(query, "before_seq", 0, kMost, kMost);
  if (!before) return tl::unexpected(before.error());
  if (!has_query_parameter(query, "after_seq")) return SeqBound{.before = Seq(*before)};
  if (has_query_parameter(query, "before_seq"))
    return tl::unexpected(bad_parameter("after_seq", "must not stand beside before_seq"));
  return SeqBound{.after = Seq(*after)};
}

tl::expected<std::optional<ThreadId>, HttpResponse> read_thread_parameter(std::string_view query) {
  if (!has_query_parameter(query, "thread_id")) return std::nullopt;
  auto thread = parse_id<ThreadId>(query_value(query, "thread_id").value_or(""), "thread_id");
  if (!thread) return tl::unexpected(bad_parameter("thread_id", thread.error().message));
  return *std::move(thread);
}

}  // namespace signalbox::event_store
