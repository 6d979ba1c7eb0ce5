#include "router/agents/answer_pieces.hpp"

#include "event-store/model/utf8.hpp"

namespace signalbox::router {

std::vector<std::string_view> answer_pieces(std::string_view answer) {
  std::vector<std::string_view> pieces;
  while (answer.size() > kPieceBytes) {
    std::string_view piece = utf8_prefix(answer, kPieceBytes);
    if (const auto space = piece.find_last_of(" \n"); space != std::string_view::npos)
      piece = piece.substr(0, space + 1);
    // Text that is no UTF-8 has no prefix to cut; it is one piece.
    if (piece.empty()) break;
    pieces.push_back(piece);
    answer.remove_prefix(piece.size());
  }
  if (!answer.empty()) pieces.push_back(answer);
  return pieces;
}

void respond_in_pieces(AgentRun& run, std::string_view answer) {
  for (const auto piece : answer_pieces(answer)) run.respond(piece);
}

}  // namespace signalbox::router
