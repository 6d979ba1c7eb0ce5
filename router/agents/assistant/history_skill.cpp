// Search in what the user wrote before the message that asks for it, read page by page from the
// newest event back. The search ends at kMatchesMax matches or kEventsMax events, whichever comes
// first, and says so. The archive follows the log by some hundred milliseconds, by more while it is
// made anew: until the message itself is in it, what is not found there proves nothing.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/model/timestamp.hpp"
#include "event-store/model/utf8.hpp"
#include "router/agents/assistant/phrases.hpp"
#include "router/agents/assistant/skill.hpp"
#include "router/agents/timed_result.hpp"

namespace signalbox::router {
namespace {

constexpr std::size_t kMatchesMax = 5;
constexpr std::size_t kEventsMax = 20'000;
constexpr std::size_t kPageEvents = 500;
constexpr std::size_t kExcerptBytesMax = 240;
constexpr std::chrono::milliseconds kAskAgainAfter{50};
constexpr int kAskAgainMax = 100;  // about 5 s, when the archive answers at once

// ---- questions

std::optional<Json> understand(std::string_view question) {
  const std::string_view q = trim_end(question, "?!.");
  const auto for_text = [](std::string_view text) { return Json{{"text", unquote(text)}}; };
  if (const auto text = after_any(q, {"search my history for",
                                      "search the history for",
                                      "search history for",
                                      "search my messages for",
                                      "search my earlier messages for",
                                      "search for",
                                      "find messages about",
                                      "find my messages about",
                                      "find messages with",
                                      "find my messages with",
                                      "what did i say about",
                                      "what did i write about",
                                      "what have i said about",
                                      "what have i written about",
                                      "did i say anything about",
                                      "did i ever mention",
                                      "did i mention",
                                      "when did i mention",
                                      "when did i say",
                                      "when did i write about",
                                      "when did i talk about",
                                      "have i ever mentioned",
                                      "have i mentioned",
                                      "when did i ask about",
                                      "did i ask about"}))
    return for_text(*text);
  if (const auto asked = after_any(q, {"find", "look up", "look for", "search"}))
    if (const auto text =
            before_any(*asked, {"in my history", "in my messages", "in my earlier messages"}))
      return for_text(*text);
  return std::nullopt;
}

// ---- tool

// What is looked for: every word of it, in any case and order.
class Needle {
 public:
  explicit Needle(std::string_view text) {
    std::string word;
    for (const char c : lower(text) + " ") {
      if (!is_space(c)) {
        word.push_back(c);
      } else if (!word.empty()) {
        words_.push_back(std::exchange(word, {}));
      }
    }
  }
  [[nodiscard]] bool is_in(std::string_view text) const {
    const std::string searched = lower(text);
    return std::all_of(words_.begin(), words_.end(), [&](const std::string& word) {
      return searched.find(word) != std::string::npos;
    });
  }
  [[nodiscard]] bool is_empty() const { return words_.empty(); }

 private:
  std::vector<std::string> words_;
};

// One search under way. Held by its execution alone: a page that comes after that is dropped.
class Search : public std::enable_shared_from_this<Search> {
 public:
  Search(event_store::UserHistory& history, ToolCall call, Needle needle, const Clock& clock,
         Executor& executor, ToolDone done)
      : history_(history),
        call_(std::move(call)),
        run_id_(call_.context.run_id.value().to_string()),
        needle_(std::move(needle)),
        clock_(clock),
        executor_(executor),
        done_(std::move(done)) {}
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  ~Search() {
    if (timer_ != TimerId::none) executor_.cancel(timer_);
  }

  void read_page() {
    event_store::HistoryQuery query{call_.context.user_id, std::nullopt, before_};
    query.events_max = kPageEvents;
    history_.read(std::move(query), executor_,
                  [weak = weak_from_this()](Result<event_store::HistoryPage> page) {
                    if (const auto search = weak.lock()) search->take(std::move(page));
                  });
  }

 private:
  void take(Result<event_store::HistoryPage> page) {
    if (!page) return finish(ToolError{"unavailable", page.error().message});
    for (const RecordPtr& record : page->events) {
      if (matches_.size() == kMatchesMax) break;
      look_at(*record);
    }
    const bool more = page->more && !page->events.empty();
    if (more && matches_.size() < kMatchesMax && events_ < kEventsMax) return read_page();
    if (!begun_) return ask_again();
    const bool complete = !more && matches_.size() < kMatchesMax;
    finish(to_json_text(Json{{"matches", matches_}, {"events", events_}, {"complete", complete}}));
  }

  void ask_again() {
    if (asked_again_++ == kAskAgainMax)
      return finish(ToolError{"unavailable", "the archive has not come as far as this message"});
    before_ = kNewest;
    events_ = 0;
    timer_ = executor_.call_at(clock_.monotonic() + kAskAgainAfter, [this] {
      timer_ = TimerId::none;
      read_page();
    });
  }

  void look_at(const Record& record) {
    ++events_;
    if (const auto seq = event_store::header_number(record, "ce_userseq")) before_ = Seq(*seq);
    if (record.header("ce_type") != "dev.signalbox.message_received") return;
    const bool is_own = record.header("ce_runid") == run_id_;
    if (is_own) begun_ = true;
    if (!begun_ || is_own) return;
    const auto event = event_store::decode_event(record);
    // What cannot be read any more cannot be found; verification, not search, names it.
    const auto* message = event ? std::get_if<MessageReceived>(&event->data) : nullptr;
    if (message == nullptr || !needle_.is_in(message->content)) return;
    matches_.push_back({{"time", to_text(event->time)},
                        {"thread_id", event->thread_id ? event->thread_id->value() : ""},
                        {"content", utf8_prefix(message->content, kExcerptBytesMax)}});
  }

  void finish(ToolResult result) {
    const ToolDone done = std::move(done_);  // it runs once, and may end the execution
    done(std::move(result));
  }

  static constexpr Seq kNewest{std::numeric_limits<std::int64_t>::max()};

  event_store::UserHistory& history_;
  ToolCall call_;
  const std::string run_id_;
  Needle needle_;
  const Clock& clock_;
  Executor& executor_;
  ToolDone done_;
  Seq before_ = kNewest;
  bool begun_ = false;  // what is read from here on came before the message that asks
  Json matches_ = Json::array();
  std::size_t events_ = 0;
  int asked_again_ = 0;
  TimerId timer_ = TimerId::none;
};

class SearchExecution : public ToolExecution {
 public:
  explicit SearchExecution(std::shared_ptr<Search> search) : search_(std::move(search)) {}

 private:
  std::shared_ptr<Search> search_;
};

class HistoryTool : public Tool {
 public:
  explicit HistoryTool(event_store::UserHistory* history) : history_(history) {}

  [[nodiscard]] std::string_view name() const override { return "history_search"; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock, Executor& executor,
                                       ToolDone done) override {
    Needle needle(text_of(parse_arguments(call.arguments), "text"));
    std::optional<ToolError> error;
    if (needle.is_empty()) error = bad_arguments("it does not say what to look for");
    if (history_ == nullptr) error = ToolError{"unavailable", "there is no archive to search here"};
    if (error)
      return std::make_unique<TimedResult>(std::chrono::microseconds(0), clock, executor,
                                           std::move(*error), std::move(done));
    auto search = std::make_shared<Search>(*history_, std::move(call), std::move(needle), clock,
                                           executor, std::move(done));
    search->read_page();
    return std::make_unique<SearchExecution>(std::move(search));
  }

 private:
  event_store::UserHistory* history_;
};

// ---- answers

std::string answer(const Json& arguments, const Json& result) {
  const Json matches = result.value("matches", Json::array());
  const std::string what = "\"" + text_of(arguments, "text") + "\"";
  std::string text = matches.empty()
                         ? "I found nothing about " + what + " in your earlier messages."
                         : "Your earlier messages about " + what + ", newest first:";
  for (const Json& match : matches) {
    const std::string time = text_of(match, "time");
    text += "\n" + time.substr(0, 10) + " " +
            time.substr(std::min<std::size_t>(11, time.size()), 5) + " UTC, thread " +
            text_of(match, "thread_id") + ": " + text_of(match, "content");
  }
  if (!result.value("complete", true)) text += "\nThere may be older ones.";
  return text;
}

}  // namespace

Skill history_skill(event_store::UserHistory* history) {
  return {std::make_unique<HistoryTool>(history), "I will look through your earlier messages.",
          "search what you wrote earlier: \"What did I say about coffee?\"", understand, answer};
}

}  // namespace signalbox::router
