#include "gateway/revocations.hpp"

#include <algorithm>

#include "event-store/model/timestamp.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::string_view kSpace = " \t\r";

// The next word of a line, which loses it.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(kSpace)));
  const std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

tl::unexpected<Error> bad(std::string why) { return failure(Errc::bad_config, std::move(why)); }

}  // namespace

Result<Revocations> Revocations::parse(std::string_view text) {
  Revocations revocations;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto added = revocations.add_line(line); !added)
      return bad("line " + std::to_string(number) + ": " + added.error().message);
  }
  return revocations;
}

Result<void> Revocations::add_line(std::string_view line) {
  const std::string_view kind = take_word(line);
  if (kind.empty() || kind.starts_with('#')) return {};
  const std::string_view name = take_word(line);
  if (name.empty()) return bad("nobody is named");
  const std::string_view time = take_word(line);
  if (!take_word(line).empty()) return bad("there is more than a line may hold");
  if (kind == "jti") {
    if (!time.empty()) return bad("jti takes one id");
    tokens_.emplace(name);
    return {};
  }
  if (kind != "sub") return bad("must begin with jti or sub");
  const auto user = parse_id<UserId>(name, "sub");
  if (!user) return bad("sub " + user.error().message);
  const std::optional<Timestamp> before = time.empty() ? Timestamp::max() : parse_timestamp(time);
  if (!before) return bad("the time must be like 2026-01-31T12:00:00Z");
  auto& known = users_.try_emplace(user->value(), *before).first->second;
  known = std::max(known, *before);
  return {};
}

bool Revocations::covers(const UserId& user, const std::string& token_id,
                         std::optional<Timestamp> issued) const {
  if (!token_id.empty() && tokens_.contains(token_id)) return true;
  const auto found = users_.find(user.value());
  return found != users_.end() && (!issued || *issued < found->second);
}

}  // namespace signalbox::gateway
