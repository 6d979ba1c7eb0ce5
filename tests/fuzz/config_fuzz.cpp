// The TOML file of an operator, and the same text as a value of the environment.
#include "ops/cli/config.hpp"

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/scratch_file.hpp"

namespace signalbox::cli {
namespace {

// One setting of every kind.
struct Settings {
  std::string listen = "127.0.0.1:8080";
  std::optional<std::string> admin;
  std::string name = "n";
  std::vector<std::string> agents{"assistant"};
  int io_threads = 1;
  bool dev = false;
  std::chrono::milliseconds run{1000};

  [[nodiscard]] Config config() {
    Config made;
    made.add(address_setting("gateway.listen", "an address", listen));
    made.add(optional_address_setting("gateway.admin", "another one", admin));
    made.add(text_setting("gateway.name", "a text", name));
    made.add(list_setting("gateway.agents", "a list", agents));
    made.add(integer_setting("gateway.io_threads", "a number", io_threads, 0, 64));
    made.add(boolean_setting("dev", "yes or no", dev));
    made.add(duration_setting("limits.run", "a duration", run, std::chrono::seconds(1),
                              std::chrono::hours(24)));
    return made;
  }
};

void check_file(const fuzz::ScratchFile& file) {
  Settings settings;
  Config config = settings.config();
  const auto read = config.read_file(file.path());
  if (!read) SIGNALBOX_ASSERT(read.error().message.starts_with(file.path()));
  const auto problems = settings.config().take_file(file.path());
  SIGNALBOX_ASSERT(problems.empty() == read.has_value());
  SIGNALBOX_ASSERT(settings.io_threads >= 0 && settings.io_threads <= 64);
  if (!read) return;
  // What was read is printed so that it is read as the same again.
  const std::string printed = config.print();
  file.put(printed);
  Settings others;
  Config again = others.config();
  SIGNALBOX_ASSERT(again.read_file(file.path()).has_value());
  SIGNALBOX_ASSERT(others.listen == settings.listen && others.admin == settings.admin &&
                   others.name == settings.name && others.agents == settings.agents &&
                   others.run == settings.run && others.dev == settings.dev);
  fuzz::accept();
}

void check_environment(std::string_view text) {
  const std::string variable = "SIGNALBOX_" + std::string(text.substr(0, text.find('\0')));
  const char* const environment[] = {variable.c_str(), nullptr};
  Settings settings;
  const auto read = settings.config().read_environment(environment);
  if (read) return fuzz::accept();
  SIGNALBOX_ASSERT(read.error().message.find("SIGNALBOX_") != std::string::npos);
}

}  // namespace
}  // namespace signalbox::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  static const fuzz::ScratchFile file("signalbox.toml");
  file.put(fuzz::text_of(data, size));
  cli::check_file(file);
  cli::check_environment(fuzz::text_of(data, size));
  return 0;
}
