#include "event-store/archive/history_page.hpp"

#include <optional>
#include <utility>

#include "event-store/contract/json_reader.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/contract/record_json.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

// Room for the members around the list and for the link.
constexpr std::size_t kFrameBytes = 2048;

tl::unexpected<Error> malformed(std::string_view field, std::string_view what) {
  return failure(Errc::malformed, std::string(field) + " " + std::string(what), std::string(field));
}

void begin_page(JsonWriter& json, const PageOrigin& origin, const Position& complete_to,
                bool more) {
  json.begin_object();
  json.key("log_id");
  json.string(origin.log.value().to_string());
  json.key("partition");
  json.integer(origin.partition.value());
  json.key("complete_to");
  json.begin_object();
  json.key("offset");
  json.integer(complete_to.next_offset.value());
  json.key("epoch");
  json.integer(complete_to.epoch.value());
  json.key("ownerseq");
  json.integer(complete_to.owner_seq.value());
  json.end_object();
  json.key("more");
  json.raw(more ? "true" : "false");
}

std::string end_page(JsonWriter& json, const std::optional<std::string>& next) {
  if (next) {
    json.key("next");
    json.string(*next);
  }
  json.end_object();
  return json.take() + "\n";
}

Result<std::int64_t> read_number(const JsonMember* member, std::string_view field) {
  if (member == nullptr) return malformed(field, "is missing");
  const auto number = parse_decimal<std::int64_t>(member->raw);
  if (!number) return malformed(field, "must be a whole number");
  return *number;
}

Result<std::int64_t> read_number(const JsonMembers& members, std::string_view field) {
  return read_number(find_member(members, field), field);
}

Result<std::string> read_text(const JsonMembers& members, std::string_view field) {
  const JsonMember* const member = find_member(members, field);
  if (member == nullptr || member->type != JsonType::string)
    return malformed(field, "must be a string");
  return std::string(member->text);
}

Result<JsonMembers> read_list(const JsonMembers& members, std::string_view field,
                              std::size_t most) {
  const JsonMember* const member = find_member(members, field);
  if (member == nullptr || member->type != JsonType::array)
    return malformed(field, "must be an array");
  auto items = read_json_array(member->raw);
  if (items && items->size() > most) return malformed(field, "has more than was asked for");
  return items;
}

Result<Position> read_complete_to(const JsonMembers& page) {
  const JsonMember* const member = find_member(page, "complete_to");
  if (member == nullptr) return malformed("complete_to", "is missing");
  auto members = read_json_object(member->raw);
  if (!members) return malformed("complete_to", members.error().message);
  const auto offset = read_number(*members, "offset");
  if (!offset) return tl::unexpected(offset.error());
  const auto epoch = read_number(*members, "epoch");
  if (!epoch) return tl::unexpected(epoch.error());
  const auto owner_seq = read_number(*members, "ownerseq");
  if (!owner_seq) return tl::unexpected(owner_seq.error());
  return Position{Offset(*offset), Epoch(*epoch), std::nullopt, OwnerSeq(*owner_seq)};
}

// What stands on every page; the rest is left to the caller.
struct PageHead {
  JsonMembers members;
  Position complete_to;
  bool more;
};
Result<PageHead> read_head(std::string_view text, const PageOrigin& origin) {
  auto members = read_json_object(text);
  if (!members) return tl::unexpected(members.error());
  const auto log = read_text(*members, "log_id");
  if (!log) return tl::unexpected(log.error());
  if (*log != origin.log.value().to_string()) return malformed("log_id", "is that of another log");
  const auto partition = read_number(*members, "partition");
  if (!partition) return tl::unexpected(partition.error());
  if (*partition != origin.partition.value())
    return malformed("partition", "is not that of the user");
  auto complete_to = read_complete_to(*members);
  if (!complete_to) return tl::unexpected(complete_to.error());
  const JsonMember* const more = find_member(*members, "more");
  if (more == nullptr || more->type != JsonType::boolean)
    return malformed("more", "must be true or false");
  const bool has_more = more->raw == "true";
  return PageHead{*std::move(members), *std::move(complete_to), has_more};
}

// Whether the next one stands where the query looks, after the one before it.
bool is_next(const HistoryQuery& query, const std::optional<Seq>& last, Seq seq) {
  if (query.after) return seq > last.value_or(*query.after);
  return seq < last.value_or(*query.before);
}

}  // namespace

std::string encode_history_page(const PageOrigin& origin, const HistoryPage& page,
                                std::size_t bytes_max, const NextLink& next) {
  const std::size_t room = bytes_max > kFrameBytes ? bytes_max - kFrameBytes : 0;
  JsonWriter events;
  JsonWriter seqs;
  events.begin_array();
  seqs.begin_array();
  std::size_t bytes = 0;
  bool more = page.more;
  std::optional<Seq> last;
  for (std::size_t i = 0; i < page.events.size(); ++i) {
    const std::string record = record_json(*page.events[i]);
    const std::string seq = std::to_string(page.seqs[i].value());
    bytes += record.size() + seq.size() + 2;
    if (last && bytes > room) {
      more = true;
      break;
    }
    events.raw(record);
    seqs.raw(seq);
    last = page.seqs[i];
  }
  events.end_array();
  seqs.end_array();
  JsonWriter json;
  json.reserve(bytes + kFrameBytes);
  begin_page(json, origin, page.complete_to, more);
  json.key("seqs");
  json.raw(seqs.take());
  json.key("events");
  json.raw(events.take());
  return end_page(json, more && last ? std::optional(next(*last)) : std::nullopt);
}

Result<HistoryPage> decode_history_page(std::string_view text, const PageOrigin& origin,
                                        const HistoryQuery& query) {
  auto head = read_head(text, origin);
  if (!head) return tl::unexpected(head.error());
  const auto seqs = read_list(head->members, "seqs", query.events_max);
  if (!seqs) return tl::unexpected(seqs.error());
  const auto events = read_list(head->members, "events", query.events_max);
  if (!events) return tl::unexpected(events.error());
  if (seqs->size() != events->size()) return malformed("seqs", "must have one for each event");
  if (head->more && events->empty()) return malformed("more", "is true of a page without events");
  HistoryPage page{{}, head->more, head->complete_to};
  std::optional<Seq> last;
  for (std::size_t i = 0; i < events->size(); ++i) {
    const auto seq = read_number(&(*seqs)[i], "seqs");
    if (!seq) return tl::unexpected(seq.error());
    if (!is_next(query, last, Seq(*seq))) return malformed("seqs", "are not those asked for");
    last = Seq(*seq);
    auto record = parse_record_json((*events)[i].raw, {Topic::events, origin.partition});
    if (!record) return tl::unexpected(record.error());
    if (record->key != query.user.value()) return malformed("key", "is that of another user");
    if (record->offset >= page.complete_to.next_offset)
      return malformed("offset", "is beyond complete_to");
    page.events.push_back(std::make_shared<const Record>(*std::move(record)));
    page.seqs.push_back(*last);
  }
  return page;
}

std::string encode_thread_page(const PageOrigin& origin, const ThreadPage& page,
                               const NextLink& next) {
  JsonWriter json;
  begin_page(json, origin, page.complete_to, page.more);
  json.key("threads");
  json.begin_array();
  for (const ThreadSummary& thread : page.threads) {
    json.begin_object();
    json.key("thread_id");
    json.string(thread.id.value());
    json.key("newest_seq");
    json.integer(thread.newest.value());
    json.key("time");
    json.string(thread.time);
    json.key("messages");
    json.integer(thread.messages);
    json.key("first_words");
    json.string(thread.first_words);
    json.end_object();
  }
  json.end_array();
  const bool has_next = page.more && !page.threads.empty();
  return end_page(json, has_next ? std::optional(next(page.threads.back().newest)) : std::nullopt);
}

Result<ThreadPage> decode_thread_page(std::string_view text, const PageOrigin& origin,
                                      const ThreadQuery& query) {
  auto head = read_head(text, origin);
  if (!head) return tl::unexpected(head.error());
  const auto threads = read_list(head->members, "threads", query.threads_max);
  if (!threads) return tl::unexpected(threads.error());
  if (head->more && threads->empty()) return malformed("more", "is true of a page without threads");
  ThreadPage page{{}, head->more, head->complete_to};
  Seq before = query.before;
  for (const JsonMember& item : *threads) {
    auto members = read_json_object(item.raw);
    if (!members) return malformed("threads", members.error().message);
    auto id = read_text(*members, "thread_id");
    if (!id) return tl::unexpected(id.error());
    const auto newest = read_number(*members, "newest_seq");
    if (!newest) return tl::unexpected(newest.error());
    if (Seq(*newest) >= before) return malformed("newest_seq", "is not in order");
    before = Seq(*newest);
    auto time = read_text(*members, "time");
    if (!time) return tl::unexpected(time.error());
    const auto messages = read_number(*members, "messages");
    if (!messages) return tl::unexpected(messages.error());
    auto words = read_text(*members, "first_words");
    if (!words) return tl::unexpected(words.error());
    page.threads.push_back(
        {ThreadId(*std::move(id)), before, *std::move(time), *messages, *std::move(words)});
  }
  return page;
}

}  // namespace signalbox::event_store
