// http_get: one answer of a server on this machine, whatever certificate it shows. Blocks, at most
// 3 s. Any thread. Errors: unavailable.
#pragma once

#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::doctor {

struct HttpAnswer {
  long status;
  std::string body;  // at most 64 KiB of it
};
[[nodiscard]] Result<HttpAnswer> http_get(const std::string& url);

}  // namespace signalbox::doctor
