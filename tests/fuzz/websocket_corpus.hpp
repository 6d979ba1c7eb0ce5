// Corpus of the target websocket: every kind of frame, each violation of RFC 6455 once (their names
// begin with `refused_`), and requests with what comes behind them. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace signalbox::fuzz {

// Name of the file, its bytes.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> websocket_corpus();

}  // namespace signalbox::fuzz
