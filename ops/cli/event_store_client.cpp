#include "ops/cli/event_store_client.hpp"

#include <utility>

#include "gateway/auth.hpp"
#include "gateway/text_source.hpp"

namespace signalbox::cli {
namespace {

constexpr std::size_t kTokenBytesMax = 8192;
constexpr std::string_view kWhiteSpace = " \t\r\n";

using TokenGiver = std::function<Result<std::string>()>;

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == text.npos) return "";
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

// What stands in the file now; the last one while it cannot be read.
Result<TokenGiver> giver_of_file(const std::string& file) {
  const std::shared_ptr<gateway::TextSource> source =
      gateway::make_file_source(file, kTokenBytesMax);
  const auto bad = [&](const std::string& what) {
    return failure(Errc::bad_config, file + " " + what, "event_store.token_file");
  };
  auto first = source->read_if_changed();
  if (!first) return bad(first.error().message);
  std::string token = trim(first->value_or(""));
  if (token.empty()) return bad("has no token");
  return TokenGiver([source, token = std::move(token)]() mutable -> Result<std::string> {
    if (auto read = source->read_if_changed(); read && *read)
      if (std::string changed = trim(**read); !changed.empty()) token = std::move(changed);
    return token;
  });
}

}  // namespace

void add_event_store(Config& config, EventStoreSettings& settings) {
  config.add(list_setting("event_store.urls",
                          "where event stores answer, asked in this order; #0-5 behind one: those "
                          "partitions",
                          settings.urls));
  config.add(optional_text_setting("event_store.token_file",
                                   "file with a token that has the role service",
                                   settings.token_file));
  config.add(optional_text_setting(
      "event_store.ca_file", "certificates an https address is checked with", settings.ca_file));
}

Result<std::unique_ptr<event_store::RemoteUserHistory>> make_remote_history(
    const EventStoreSettings& settings, const event_store::LogDescription& log,
    const std::optional<gateway::TokenKey>& dev_key, const Clock& clock,
    std::function<void(const std::string&)> warn) {
  if (settings.urls.empty()) return std::unique_ptr<event_store::RemoteUserHistory>();
  event_store::RemoteUserHistoryOptions options{
      .urls = {}, .ca_file = settings.ca_file.value_or(""), .token = {}, .warn = std::move(warn)};
  for (const std::string& text : settings.urls) {
    auto url = event_store::parse_event_store_url(text);
    if (!url) return tl::unexpected(url.error());
    options.urls.push_back(*std::move(url));
  }
  if (settings.token_file) {
    auto giver = giver_of_file(*settings.token_file);
    if (!giver) return tl::unexpected(giver.error());
    options.token = *std::move(giver);
  } else if (dev_key) {
    options.token = [key = *dev_key, &clock]() -> Result<std::string> {
      return gateway::sign_token(key, {UserId("svc_gateway"), {"service"}}, clock.now());
    };
  } else {
    return failure(Errc::bad_config,
                   "is needed with event_store.urls: a file with a token that has the role service",
                   "event_store.token_file");
  }
  return std::make_unique<event_store::RemoteUserHistory>(log, std::move(options));
}

}  // namespace signalbox::cli
