#include "ops/doctor/port_checks.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "event-store/curl/curl_on_demand.hpp"
#include "event-store/model/decimal.hpp"
#include "ops/doctor/http_get.hpp"

namespace signalbox::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListens = "0A";
constexpr const char* kAnyV4 = "00000000";
constexpr const char* kAnyV6 = "00000000000000000000000000000000";
constexpr std::string_view kMapped = "0000000000000000FFFF0000";

struct Endpoint {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  std::string hex;  // as the kernel lists it
  std::uint16_t port = 0;
};

std::string hex_words(const void* address, std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(address) + i * sizeof(word), sizeof(word));
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08X", word);
    text += digits.data();
  }
  return text;
}

// Of what the settings allow: a numeric address or localhost, and a port.
std::optional<Endpoint> endpoint_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  Endpoint endpoint;
  const std::string port = address.substr(colon + 1);
  const auto number = parse_decimal<std::uint16_t>(port);
  if (!number) return std::nullopt;
  endpoint.port = *number;
  if (auto* const v4 = reinterpret_cast<sockaddr_in*>(&endpoint.bytes);
      ::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    endpoint.size = sizeof(*v4);
    endpoint.hex = hex_words(&v4->sin_addr, 1);
    return endpoint;
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&endpoint.bytes);
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(endpoint.port);
  endpoint.size = sizeof(*v6);
  endpoint.hex = hex_words(&v6->sin6_addr, 4);
  return endpoint;
}

bool is_any(const std::string& hex) { return hex == kAnyV4 || hex == kAnyV6; }

std::string without_mapping(const std::string& hex) {
  return hex.starts_with(kMapped) ? hex.substr(kMapped.size()) : hex;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Listening> all_listening() {
  std::vector<Listening> all = parse_listening(read_text("/proc/net/tcp"));
  for (Listening& more : parse_listening(read_text("/proc/net/tcp6")))
    all.push_back(std::move(more));
  return all;
}

// The process that has this socket open.
std::optional<pid_t> owner_of(std::uint64_t inode) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  std::error_code error;
  for (fs::directory_iterator process("/proc", error);
       !error && process != fs::directory_iterator(); process.increment(error)) {
    const auto number = parse_decimal<pid_t>(process->path().filename().string());
    if (!number) continue;
    std::error_code unseen;
    for (fs::directory_iterator file(process->path() / "fd", unseen);
         !unseen && file != fs::directory_iterator(); file.increment(unseen))
      if (std::error_code gone; fs::read_symlink(file->path(), gone) == wanted) return number;
  }
  return std::nullopt;
}

// Where a client of this machine finds who listens there.
std::string url_of(const std::string& address, bool is_tls, const std::string& path) {
  std::string host = address;
  if (host.starts_with("0.0.0.0:")) host = "127.0.0.1" + host.substr(7);
  if (host.starts_with("[::]:")) host = "[::1]" + host.substr(4);
  return (is_tls ? "https://" : "http://") + host + path;
}

bool answers_as_signalbox(const std::string& address, bool is_tls) {
  const auto health = http_get(url_of(address, is_tls, "/healthz"));
  if (!health || health->status != 200) return false;
  const auto ready = http_get(url_of(address, is_tls, "/readyz"));
  if (!ready) return false;
  const auto body = nlohmann::json::parse(ready->body, nullptr, false);
  return body.is_object() && body.contains("ready");
}

std::string service_text(pid_t holder) {
  return holder == 0 ? "the service (a process that cannot be seen from here)"
                     : "the service (pid " + std::to_string(holder) + ")";
}

// With which words it was started. Whom we may not see root can, where he runs.
std::string look_command(pid_t holder, const Subject& subject) {
  return holder == 0 ? "sudo fuser -v " + shell_word(subject.data + "/lock")
                     : "tr '\\0' ' ' < /proc/" + std::to_string(holder) + "/cmdline";
}

// Nobody listens there: may we?
Finding check_free(const std::string& check, const std::string& address, const Endpoint& endpoint,
                   std::optional<pid_t> holder, const Subject& subject) {
  if (holder)
    return warning(check,
                   service_text(*holder) + " that runs on this data does not listen on " + address,
                   "it was started with other settings than those that are checked here",
                   look_command(*holder, subject));
  const int file = ::socket(endpoint.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  const bool is_bound =
      file >= 0 && ::setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
      ::bind(file, reinterpret_cast<const sockaddr*>(&endpoint.bytes), endpoint.size) == 0;
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (is_bound) return ok(check, address + " is free");
  const std::string what = "nobody can listen on " + address + ": " + std::strerror(reason);
  const std::string why = "a service does not start";
  if (reason == EACCES)
    return fault(
        check, what, why,
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=" + std::to_string(endpoint.port));
  return fault(check, what, why,
               reason == EADDRNOTAVAIL
                   ? "ip -brief address"
                   : "sudo ss -ltnp 'sport = :" + std::to_string(endpoint.port) + "'");
}

Finding check_port(const std::string& check, const std::string& address, bool is_tls,
                   std::optional<pid_t> holder, const Subject& subject) {
  const auto endpoint = endpoint_of(address);
  if (!endpoint)
    return fault(check, address + " is no HOST:PORT", "a service does not start",
                 subject.serve_command + " --print-config");
  if (endpoint->port == 0) return ok(check, address + ": any free port");
  const auto taken = find_listening(all_listening(), address);
  if (!taken) return check_free(check, address, *endpoint, holder, subject);
  Taker taker{.process = owner_of(taken->inode),
              .is_signalbox = answers_as_signalbox(address, is_tls)};
  if (taker.process) {
    taker.name = read_text("/proc/" + std::to_string(*taker.process) + "/comm");
    while (taker.name.ends_with('\n')) taker.name.pop_back();
  }
  return judge_taken(check, address, taker, holder, subject);
}

Finding check_service(const Subject& subject, std::optional<pid_t> holder) {
  const bool is_tls = subject.tls_certificate.has_value();
  if (!holder) return ok("service", "none is running on " + subject.data);
  const std::string who = service_text(*holder);
  if (const auto endpoint = endpoint_of(subject.listen); endpoint && endpoint->port == 0)
    return ok("service", who + " runs, and at which port is not known from " + subject.listen);
  const std::string url = url_of(subject.listen, is_tls, "/readyz");
  if (const std::string& why = event_store::why_no_libcurl(); !why.empty())
    return warning("service", who + " was not asked: " + why,
                   "neither it nor who else listens there can be asked how it is",
                   "apt-get install libcurl4");
  const auto answer = http_get(url);
  if (!answer)
    return warning("service", who + " gives no answer at " + url + ": " + answer.error().message,
                   "either it listens elsewhere or it hangs", look_command(*holder, subject));
  if (answer->status == 200) return ok("service", who + " is ready");
  std::string reasons;
  const auto body = nlohmann::json::parse(answer->body, nullptr, false);
  if (body.is_object() && body.contains("reasons") && body["reasons"].is_array())
    for (const auto& reason : body["reasons"])
      if (reason.is_string()) reasons += (reasons.empty() ? "" : "; ") + reason.get<std::string>();
  return fault("service", who + " is not ready: " + (reasons.empty() ? answer->body : reasons),
               "some users get no answer, or wait for one",
               "signalbox replay verify --data " + shell_word(subject.data));
}

}  // namespace

std::vector<Listening> parse_listening(std::string_view table) {
  std::vector<Listening> found;
  std::istringstream lines{std::string(table)};
  // `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 ...`
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::array<std::string, 10> word;
    for (std::string& each : word) words >> each;
    const auto colon = word[1].find(':');
    if (word[3] != kListens || colon == std::string::npos) continue;
    Listening one{word[1].substr(0, colon), 0, 0};
    const std::string port = word[1].substr(colon + 1);
    std::from_chars(port.data(), port.data() + port.size(), one.port, 16);
    std::from_chars(word[9].data(), word[9].data() + word[9].size(), one.inode);
    found.push_back(std::move(one));
  }
  return found;
}

std::optional<Listening> find_listening(const std::vector<Listening>& all,
                                        const std::string& address) {
  const auto endpoint = endpoint_of(address);
  if (!endpoint) return std::nullopt;
  const std::string wanted = without_mapping(endpoint->hex);
  for (const Listening& one : all) {
    if (one.port != endpoint->port) continue;
    const std::string has = without_mapping(one.address);
    // One on every address of IPv6 has those of IPv4 too, unless it was made otherwise.
    if (has == wanted || is_any(wanted) || has == kAnyV6 ||
        (has == kAnyV4 && wanted.size() == has.size()))
      return one;
  }
  return std::nullopt;
}

Finding judge_taken(const std::string& check, const std::string& address, const Taker& taker,
                    std::optional<pid_t> holder, const Subject& subject) {
  const std::string who = (taker.name.empty() ? std::string("somebody") : taker.name) +
                          (taker.process ? " (pid " + std::to_string(*taker.process) + ")" : "");
  // A process is known by its number, whatever it answers: it may hang. Only where one of both may
  // not be seen the one that answers is believed to be ours.
  const bool is_seen = holder && *holder > 0 && taker.process;
  const bool is_ours = holder && (is_seen ? *holder == *taker.process : taker.is_signalbox);
  if (is_ours) return ok(check, address + " is taken by the service of this data, " + who);
  const std::string port = address.substr(address.rfind(':') + 1);
  const std::string mend =
      taker.process ? "kill " + std::to_string(*taker.process) : "sudo fuser -k " + port + "/tcp";
  if (taker.is_signalbox)
    return fault(check, address + " is taken by a signalbox with other data, " + who,
                 "a service with this data does not start there, and clients talk to the other one",
                 mend);
  return fault(check, address + " is taken by " + who + ", which is no signalbox that answers",
               "a service does not start there",
               mend + (subject.listen == address ? "  # or serve elsewhere: --listen HOST:PORT"
                                                 : "  # or serve elsewhere: --admin-listen "
                                                   "HOST:PORT"));
}

std::vector<Finding> check_ports(const Subject& subject, std::optional<pid_t> holder) {
  std::vector<Finding> findings;
  findings.push_back(
      check_port("listen", subject.listen, subject.tls_certificate.has_value(), holder, subject));
  if (subject.admin_listen && *subject.admin_listen != subject.listen)
    findings.push_back(check_port("admin-listen", *subject.admin_listen, false, holder, subject));
  findings.push_back(check_service(subject, holder));
  return findings;
}

}  // namespace signalbox::doctor
