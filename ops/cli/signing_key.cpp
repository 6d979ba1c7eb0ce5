#include "ops/cli/signing_key.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "event-store/log/event_log_history.hpp"
#include "gateway/auth.hpp"
#include "gateway/jwk_set.hpp"
#include "ops/cli/service_data.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"

namespace signalbox::cli {
namespace {

Result<gateway::TokenKey> read_private_key(const std::string& file) {
  const auto no_file = [](const std::string& why) {
    return failure(Errc::io_error, why + "; --key wants a file with a private JWK");
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return no_file("is a folder");
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) return no_file("cannot be read: " + std::string(std::strerror(errno)));
  return gateway::parse_private_jwk(text);
}

}  // namespace

Result<gateway::TokenKey> kafka_signing_key(const event_store::KafkaOptions& kafka) {
  Random random(system_random());
  const auto log = event_store::open_kafka_history(kafka, SystemClock(), random);
  if (!log) return tl::unexpected(log.error());
  return gateway::dev_key_of((*log)->describe().log_id);
}

Result<gateway::TokenKey> load_signing_key(const std::string& data, const std::string& jwk_file) {
  // A key made here would be the key of nobody's service.
  if (jwk_file.empty())
    if (auto checked = check_service_data(data); !checked)
      return failure(checked.error().code,
                     checked.error().message + ", or a private JWK with --key",
                     checked.error().field);
  const std::string file = jwk_file.empty() ? data + "/dev.key" : jwk_file;
  auto key = jwk_file.empty() ? gateway::load_dev_key(file) : read_private_key(file);
  if (!key) return failure(key.error().code, key.error().message, file);
  return key;
}

}  // namespace signalbox::cli
