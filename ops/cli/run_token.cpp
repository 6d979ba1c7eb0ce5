#include "ops/cli/run_token.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/auth.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/log_settings.hpp"
#include "ops/cli/setting.hpp"
#include "ops/cli/signing_key.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/usage_error.hpp"

namespace signalbox::cli {
namespace {

struct TokenArguments {
  std::string user;
  std::vector<std::string> roles;
  std::string time_to_live = "1h";
  LogSettings log;
  std::string key;  // file with a private JWK; empty: the dev key
  std::string issuer;
};

int run_token(TokenArguments& arguments) {
  const auto wanted = arguments.log.read();
  if (!wanted) return refuse("token", wanted.error());
  if (!*wanted) return kExitOk;
  const auto user = parse_id<UserId>(arguments.user, "--user");
  if (!user) return refuse("token", user.error());
  const auto time_to_live = parse_duration(arguments.time_to_live);
  if (!time_to_live || *time_to_live < std::chrono::seconds(1))
    return refuse("token", {Errc::bad_field,
                            "must be a duration of at least 1s, like 30s, 15m or 1h", "--ttl"});
  const auto key = arguments.key.empty() && arguments.log.on_kafka()
                       ? kafka_signing_key(arguments.log.kafka())
                       : load_signing_key(arguments.log.data(), arguments.key);
  if (!key) return refuse("token", key.error());
  const gateway::TokenClaims claims{
      .user_id = *user,
      .roles = arguments.roles,
      .issuer = arguments.issuer.empty() ? std::nullopt : std::optional(arguments.issuer),
      .time_to_live = std::chrono::duration_cast<std::chrono::seconds>(*time_to_live)};
  std::printf("%s\n", gateway::sign_token(*key, claims, SystemClock().now()).c_str());
  return kExitOk;
}

}  // namespace

Subcommand add_token(CLI::App& program) {
  const auto arguments = std::make_shared<TokenArguments>();
  CLI::App* app = program.add_subcommand(
      "token",
      "Prints a token, signed with the key of --dev (of a data directory, or of a log on Kafka) or "
      "with a private JWK.");
  app->add_option("--user", arguments->user, "whose token")->required();
  app->add_option("--role", arguments->roles, "a role it grants, such as auditor; may be repeated");
  app->add_option("--ttl", arguments->time_to_live, "how long it is good for")
      ->capture_default_str();
  app->add_option("--key", arguments->key, "file with a private JWK to sign with");
  app->add_option("--issuer", arguments->issuer, "what iss shall say");
  arguments->log.add_to(*app);
  app->footer(
      "Examples:\n"
      "  signalbox token --user alice\n"
      "  signalbox token --user carol --role auditor --ttl 15m --data box\n"
      "  signalbox token --user carol --role auditor --kafka 127.0.0.1:9092\n"
      "  signalbox token --user alice --key private.jwk --issuer https://id.example.org");
  return {app, [arguments] { return run_token(*arguments); }};
}

}  // namespace signalbox::cli
