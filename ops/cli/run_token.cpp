#include "ops/cli/run_token.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/auth.hpp"
#include "gateway/jwk_set.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/setting.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::cli {
namespace {

struct TokenArguments {
  std::string user;
  std::vector<std::string> roles;
  std::string time_to_live = "1h";
  std::string data = "signalbox-data";
  std::string key;  // file with a private JWK; empty: the dev key
  std::string issuer;
};

int refuse(const Error& error) {
  std::fprintf(stderr, "signalbox token: %s: %s\n", error.field.c_str(), error.message.c_str());
  return exit_code_of(error);
}

Result<gateway::TokenKey> read_private_key(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) return failure(Errc::io_error, "cannot be read");
  return gateway::parse_private_jwk(text);
}

int run_token(const TokenArguments& arguments) {
  const auto user = parse_id<UserId>(arguments.user, "--user");
  if (!user) return refuse(user.error());
  const auto time_to_live = parse_duration(arguments.time_to_live);
  if (!time_to_live || *time_to_live < std::chrono::seconds(1))
    return refuse(
        {Errc::bad_field, "must be a duration of at least 1s, like 30s, 15m or 1h", "--ttl"});
  // A key made here would be the key of nobody's service.
  if (arguments.key.empty() && !std::filesystem::exists(arguments.data + "/log.db"))
    return refuse({Errc::not_found,
                   "there is no service's data in " + arguments.data +
                       "; name the folder it was started with, or a private JWK with --key",
                   "--data"});
  const std::string file = arguments.key.empty() ? arguments.data + "/dev.key" : arguments.key;
  const auto key = arguments.key.empty() ? gateway::load_dev_key(file) : read_private_key(file);
  if (!key) return refuse({key.error().code, key.error().message, file});
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
      "token", "Prints a token, signed with the key of --dev or with a private JWK.");
  app->add_option("--user", arguments->user, "whose token")->required();
  app->add_option("--role", arguments->roles, "a role it grants, such as auditor; may be repeated");
  app->add_option("--ttl", arguments->time_to_live, "how long it is good for")
      ->capture_default_str();
  app->add_option("--key", arguments->key, "file with a private JWK to sign with");
  app->add_option("--issuer", arguments->issuer, "what iss shall say");
  app->add_option("--data", arguments->data, "data directory of the service")
      ->capture_default_str();
  return {app, [arguments] { return run_token(*arguments); }};
}

}  // namespace signalbox::cli
