#include "ops/cli/service_data.hpp"

#include <filesystem>

namespace signalbox::cli {

namespace fs = std::filesystem;

Result<void> check_service_data(const std::string& data) {
  const std::string log = data + "/log.db";
  std::error_code error;
  if (fs::exists(log, error)) return {};
  if (error && error != std::errc::not_a_directory)
    return failure(Errc::io_error,
                   "cannot look at " + log + ": " + error.message() +
                       "; do this as the user whom the service runs as",
                   "--data");
  const auto kind = fs::status(data, error).type();
  const char* const why = kind == fs::file_type::not_found   ? "no such folder"
                          : kind == fs::file_type::directory ? "the file log.db is missing"
                                                             : "it is no folder";
  return failure(Errc::not_found,
                 "there is no service's data in " + data + ": " + why +
                     "; name the folder it was started with",
                 "--data");
}

}  // namespace signalbox::cli
