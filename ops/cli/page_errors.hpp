// What the pages and the client library in gateway/web can say of an error, word by word as it
// stands there (… is what they put in), and what whoever reads it can do.
// tests/ops/errors_test.py fails where a sentence of theirs has no row.
#pragma once

#include <span>
#include <string_view>

namespace signalbox::cli {

struct PageErrorRow {
  std::string_view said;
  std::string_view to_do;
};
[[nodiscard]] std::span<const PageErrorRow> page_errors();

}  // namespace signalbox::cli
