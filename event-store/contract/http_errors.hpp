// The one table of what HTTP refuses with (contract 12): status, code, what happened and what to
// do. Every http_error() of a handler has a row here, which tests/ops/errors_test.py checks.
#pragma once

#include <span>
#include <string_view>

namespace signalbox::event_store {

struct HttpErrorRow {
  int status;
  std::string_view code;
  std::string_view happened;
  std::string_view to_do;
};
[[nodiscard]] std::span<const HttpErrorRow> http_errors();

}  // namespace signalbox::event_store
