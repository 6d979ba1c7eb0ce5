#include "event-store/archive/thread_summary.hpp"

#include <string_view>

#include "event-store/contract/codec.hpp"
#include "event-store/model/utf8.hpp"

namespace signalbox::event_store {

namespace {

// The first words of a message on one line.
std::string first_words_of(std::string_view content) {
  std::string words;
  for (const char c : utf8_prefix(content, 4 * kFirstWordsBytesMax)) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!blank)
      words += c;
    else if (!words.empty() && words.back() != ' ')
      words += ' ';
  }
  words.resize(utf8_prefix(words, kFirstWordsBytesMax).size());
  if (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

}  // namespace

void note_event(ThreadSummary& thread, Seq seq, const Record& event) {
  if (seq <= thread.newest) return;
  thread.newest = seq;
  thread.time = event.header("ce_time").value_or("");
  if (event.header("ce_type") != "dev.signalbox.message_received") return;
  if (++thread.messages > 1) return;
  const auto decoded = decode_event(event);
  const auto* message = decoded ? std::get_if<MessageReceived>(&decoded->data) : nullptr;
  if (message != nullptr) thread.first_words = first_words_of(message->content);
}

}  // namespace signalbox::event_store
