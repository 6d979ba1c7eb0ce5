// Finding: what one check of the doctor found: that all is well, or what is wrong, why it matters
// and the command that mends it. Names of checks are for programs too: they stay as they are.
// Pure; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/count_text.hpp"

namespace signalbox::doctor {

enum class Level { ok, warning, fault };
[[nodiscard]] std::string_view to_text(Level level);

struct Finding {
  std::string check;
  Level level;
  std::string what;    // a sentence
  std::string why{};   // a sentence; empty where all is well
  std::string mend{};  // a command of the shell; empty where all is well
};

[[nodiscard]] Finding ok(std::string check, std::string what);
[[nodiscard]] Finding warning(std::string check, std::string what, std::string why,
                              std::string mend);
[[nodiscard]] Finding fault(std::string check, std::string what, std::string why, std::string mend);

// One word of a command, whatever is in it.
[[nodiscard]] std::string shell_word(std::string_view text);
// That command, of one program, once the service has ended that runs on this data: its lock says
// so, however long it drains. `holder`: as lock_holder() gives it.
[[nodiscard]] std::string once_ended(const std::string& data, pid_t holder,
                                     const std::string& command);
// Puts what is damaged aside and BACKUP in its place, once the holder, if there is one, has ended.
[[nodiscard]] std::string restore_command(const std::string& data, std::optional<pid_t> holder);
// `2.5 GiB`
[[nodiscard]] std::string bytes_text(double bytes);

}  // namespace signalbox::doctor
