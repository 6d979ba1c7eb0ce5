// Shows an answer while it grows, as an agent that works it out word by word would: some words at
// a time, so that a client sees the same frames as from an agent with a model.
#pragma once

#include <string_view>
#include <vector>

#include "router/agents/agent.hpp"

namespace signalbox::router {

// The text in pieces of about kPieceBytes, cut after white space where there is any and never
// inside a code point; together they are the text.
[[nodiscard]] std::vector<std::string_view> answer_pieces(std::string_view answer);
inline constexpr std::size_t kPieceBytes = 48;

// respond() for each of answer_pieces().
void respond_in_pieces(AgentRun& run, std::string_view answer);

}  // namespace signalbox::router
