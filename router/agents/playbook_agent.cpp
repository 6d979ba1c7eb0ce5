#include "router/agents/playbook_agent.hpp"

#include <charconv>
#include <utility>

#include "event-store/model/utf8.hpp"
#include "router/agents/answer_pieces.hpp"
#include "router/agents/timed_result.hpp"

namespace signalbox::router {
namespace {

constexpr std::string_view kMemoryTag = "playbook ";
constexpr std::size_t kQuotedBytesMax = 400;

const std::string kUnknownOpening =
    "I only play recorded dialogues, and none of them opens with these words. One opens with: ";
const std::string kDeparture =
    "That is not what was said in the recorded dialogue, so I have no answer to it. "
    "It goes on with: ";
const std::string kOver =
    "The recorded dialogue of this thread is over. A new thread can play another one.";

std::chrono::microseconds latency(const CallId& call_id, double scale) {
  // A UUID's last bytes are as good as random, and the same on every router.
  const auto& bytes = call_id.value().bytes;
  const unsigned drawn = (unsigned{bytes[14]} << 8U) | bytes[15];
  const double microseconds = 1000.0 + drawn * (7000.0 / 65535.0);
  return std::chrono::microseconds(static_cast<std::int64_t>(microseconds * scale));
}

// Plays the results recorded for one tool name. Idempotent: the result depends on the run's place
// in the dialogue alone.
class PlaybookTool : public Tool {
 public:
  PlaybookTool(const Playbook& playbook, std::uint32_t index, const PlaybookCues& cues,
               double latency_scale)
      : playbook_(playbook), index_(index), cues_(cues), latency_scale_(latency_scale) {}

  [[nodiscard]] std::string_view name() const override { return playbook_.tool_names()[index_]; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock, Executor& executor,
                                       ToolDone done) override {
    const Playbook::Call* recorded = cues_.find(call.context.run_id);
    ToolResult result = ToolError{"not_found", "no recorded dialogue calls this tool here"};
    if (recorded != nullptr && recorded->tool == index_) result = recorded->result;
    return std::make_unique<TimedResult>(latency(call.call_id, latency_scale_), clock, executor,
                                         std::move(result), std::move(done));
  }

 private:
  const Playbook& playbook_;
  std::uint32_t index_;
  const PlaybookCues& cues_;
  double latency_scale_;
};

// Where a thread stands: the next turn of a dialogue.
struct Place {
  std::string dialogue_id;
  std::size_t turn;
};

std::string to_memory(const Place& place) {
  return std::string(kMemoryTag) + std::to_string(place.turn) + " " + place.dialogue_id;
}

// Nothing for memory that another agent left in the thread.
std::optional<Place> parse_memory(const std::optional<std::string>& memory) {
  if (!memory || !memory->starts_with(kMemoryTag)) return std::nullopt;
  const std::string_view text = std::string_view(*memory).substr(kMemoryTag.size());
  std::size_t turn = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), turn);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used >= text.size() || text[used] != ' ') return std::nullopt;
  return Place{std::string(text.substr(used + 1)), turn};
}

std::string in_quotes(std::string_view text) {
  const std::string_view shown = utf8_prefix(text, kQuotedBytesMax);
  return '"' + std::string(shown) + (shown.size() < text.size() ? " …" : "") + '"';
}

// What to play for a message: a turn, or words that say why there is none.
struct Cast {
  const Playbook::Dialogue* dialogue = nullptr;
  std::size_t turn = 0;
  std::string refusal{};
  std::optional<std::string> memory{};  // that goes with the refusal
};

Cast refuse(std::string words, std::optional<std::string> memory) {
  return {nullptr, 0, std::move(words), std::move(memory)};
}

Cast choose_turn(const Playbook& playbook, const AgentRun& run) {
  auto place = parse_memory(run.memory());
  const Playbook::Dialogue* dialogue =
      playbook.find(place ? place->dialogue_id : run.context().thread_id.value());
  if (place && dialogue == nullptr)
    return refuse("This thread plays the dialogue " + place->dialogue_id +
                      ", which is not in my playbook any more.",
                  run.memory());
  if (dialogue == nullptr) dialogue = playbook.find_opening(run.content());
  if (dialogue == nullptr) {
    const std::string& opening = playbook.dialogues().front().turns.front().user;
    return refuse(kUnknownOpening + in_quotes(opening), std::nullopt);
  }
  if (!place) place = Place{dialogue->id, 0};
  if (place->turn >= dialogue->turns.size()) return refuse(kOver, to_memory(*place));
  const std::string& expected = dialogue->turns[place->turn].user;
  if (words_of(run.content()) != words_of(expected))
    return refuse(kDeparture + in_quotes(expected), to_memory(*place));
  return {dialogue, place->turn};
}

// No recorded call ended with an error, so with one the dialogue is left.
std::string cannot_go_on(std::string_view tool, const ToolError& error) {
  return "The recorded dialogue goes on with a result of its tool " + std::string(tool) +
         ", and there is none: " + error.code + " (" + error.message +
         "). Say the same again to try once more.";
}

std::string note(const Cast& cast) {
  return "Turn " + std::to_string(cast.turn + 1) + " of " +
         std::to_string(cast.dialogue->turns.size()) + ": " + cast.dialogue->scenario;
}

}  // namespace

const Playbook::Call* PlaybookCues::find(const RunId& run) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(run);
  return found == entries_.end() ? nullptr : found->second.call;
}

std::size_t PlaybookCues::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void PlaybookCues::set(const Cue& cue, const Playbook::Call& call) {
  const std::lock_guard lock(mutex_);
  entries_[cue.run_] = Entry{&cue, &call};
}

void PlaybookCues::remove(const Cue& cue) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(cue.run_);
  // An earlier life of the run, still being taken down, must not take the newer one's entry.
  if (found != entries_.end() && found->second.by == &cue) entries_.erase(found);
}

PlaybookAgent::PlaybookAgent(Playbook playbook, double latency_scale)
    : playbook_(std::move(playbook)) {
  for (std::uint32_t i = 0; i < playbook_.tool_names().size(); ++i)
    tools_.push_back(std::make_unique<PlaybookTool>(playbook_, i, cues_, latency_scale));
}

Tool* PlaybookAgent::find_tool(std::string_view tool_name) {
  for (const auto& tool : tools_)
    if (tool->name() == tool_name) return tool.get();
  return nullptr;
}

AgentTask PlaybookAgent::start(AgentRun& run) {
  const Cast cast = choose_turn(playbook_, run);
  if (cast.dialogue == nullptr) {
    respond_in_pieces(run, cast.refusal);
    co_return AgentAnswer{cast.refusal, cast.memory};
  }
  co_await run.think(note(cast));
  const Playbook::Turn& turn = cast.dialogue->turns[cast.turn];
  PlaybookCues::Cue cue(cues_, run.context().run_id);
  for (const Playbook::Call& call : turn.calls) {
    cue.set(call);
    const std::string& tool = playbook_.tool_names()[call.tool];
    const ToolResult result = co_await run.call_tool(tool, call.arguments);
    const auto* error = std::get_if<ToolError>(&result);
    if (error == nullptr) continue;
    const std::string words = cannot_go_on(tool, *error);
    respond_in_pieces(run, words);
    co_return AgentAnswer{words, to_memory({cast.dialogue->id, cast.turn})};
  }
  respond_in_pieces(run, turn.assistant);
  co_return AgentAnswer{turn.assistant, to_memory({cast.dialogue->id, cast.turn + 1})};
}

}  // namespace signalbox::router
