// Revocations: which tokens count no longer although their signature and time are good (contract
// 11, `[auth] revoked_file`). A file of lines, in UTF-8; empty lines and lines that begin with #
// say nothing:
//   jti ID                   the token with this jti
//   sub USER                 every token of this user
//   sub USER TIME            every token of this user issued (iat) before TIME, RFC 3339 in UTC; a
//                            token without iat counts as issued before it
// Immutable once read; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::gateway {

class Revocations {
 public:
  // Errors: bad_config, with the number of the line.
  [[nodiscard]] static Result<Revocations> parse(std::string_view text);

  [[nodiscard]] bool covers(const UserId& user, const std::string& token_id,
                            std::optional<Timestamp> issued) const;
  [[nodiscard]] std::size_t size() const { return tokens_.size() + users_.size(); }

 private:
  [[nodiscard]] Result<void> add_line(std::string_view line);

  std::unordered_set<std::string> tokens_;
  std::unordered_map<std::string, Timestamp> users_;  // issued before this
};

}  // namespace signalbox::gateway
