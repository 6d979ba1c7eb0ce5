// Can a service listen where it shall, and if one runs on this data, is it ready. Looks at what the
// kernel lists and asks who is there by HTTP; an address nobody listens on is bound for an instant,
// without listening. Any thread. Checks: listen, admin-listen, service.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

// Who listens on an address.
struct Taker {
  std::optional<pid_t> process{};  // none: this process may not see it
  std::string name{};              // of its program
  bool is_signalbox = false;       // it answers as one
};

struct Listening {
  std::string address;  // hexadecimal, as in /proc/net/tcp; 8 digits, or 32 of IPv6
  std::uint16_t port;
  std::uint64_t inode;
};
// Sockets that listen, from the text of /proc/net/tcp or tcp6.
[[nodiscard]] std::vector<Listening> parse_listening(std::string_view table);

// The socket that keeps others from this HOST:PORT, if there is one.
[[nodiscard]] std::optional<Listening> find_listening(const std::vector<Listening>& all,
                                                      const std::string& address);

// `holder`: the process that writes in the data folder, if one does (0: cannot be seen).
[[nodiscard]] Finding judge_taken(const std::string& check, const std::string& address,
                                  const Taker& taker, std::optional<pid_t> holder,
                                  const Subject& subject);

[[nodiscard]] std::vector<Finding> check_ports(const Subject& subject, std::optional<pid_t> holder);

}  // namespace signalbox::doctor
