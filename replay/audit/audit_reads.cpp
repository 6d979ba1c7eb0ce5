#include "replay/audit/audit_reads.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/log/log_scan.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/audit/audit_json.hpp"
#include "replay/audit/run_tree.hpp"
#include "replay/audit/state_difference.hpp"
#include "replay/export.hpp"
#include "replay/state_report.hpp"

namespace signalbox::replay {
namespace {

using event_store::HistoryQuery;
using event_store::JsonWriter;
using event_store::Position;

// Room for the members around a list and for its link.
constexpr std::size_t kPageFrameBytes = 4096;

Seq seq_of(const Record& event) {
  return Seq(event_store::header_number(event, "ce_userseq").value_or(0));
}

// A user's time never goes back: whether everything on from this event lies outside.
bool is_beyond(const EventsQuery& query, const Record& event) {
  const auto& bound = query.before ? query.filter.since : query.filter.until;
  const auto time = bound ? parse_timestamp(event.header("ce_time").value_or("")) : std::nullopt;
  return time && (query.before ? *time < *bound : *time >= *bound);
}

// Events one after the other as they are looked at, until the page is full or enough was seen.
class EventsPage {
 public:
  EventsPage(const EventsQuery& query, const AuditReadLimits& limits)
      : query_(query),
        bytes_max_(limits.page_bytes_max - kPageFrameBytes),
        looked_at_max_(query.has_filter() ? limits.events_looked_at_max : query.limit),
        bytes_looked_at_max_(limits.bytes_looked_at_max) {}

  // False: the page takes no more, and the event was not looked at.
  bool take(const Record& event, Seq seq) {
    if (is_full() || is_through_) return false;
    if (passes(query_.filter, event)) {
      std::string text = event_json(event);
      if (!items_.empty() && bytes_ + text.size() > bytes_max_) {
        bytes_ = bytes_max_;
        return false;
      }
      bytes_ += text.size() + 1;
      items_.push_back(std::move(text));
    }
    ++looked_at_;
    bytes_looked_at_ += size_bytes(event);
    if (is_beyond(query_, event)) is_through_ = true;
    last_ = seq;
    return true;
  }
  [[nodiscard]] bool is_full() const {
    return items_.size() >= query_.limit || looked_at_ >= looked_at_max_ || bytes_ >= bytes_max_ ||
           bytes_looked_at_ >= bytes_looked_at_max_;
  }
  // Nothing behind the event looked at last can pass.
  [[nodiscard]] bool is_through() const { return is_through_; }
  [[nodiscard]] std::size_t room() const { return looked_at_max_ - looked_at_; }
  [[nodiscard]] std::optional<Seq> last() const { return last_; }

  // Ascending by seq.
  void write(JsonWriter& json) {
    if (query_.before) std::reverse(items_.begin(), items_.end());
    json.begin_array();
    for (const std::string& item : items_) json.raw(item);
    json.end_array();
  }

 private:
  const EventsQuery& query_;
  const std::size_t bytes_max_;
  const std::size_t looked_at_max_;
  const std::size_t bytes_looked_at_max_;
  std::vector<std::string> items_;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
  std::size_t bytes_looked_at_ = 0;
  bool is_through_ = false;
  std::optional<Seq> last_{};
};

// {"name":[items],"next":"..."} of items in the order they are taken.
class ListPage {
 public:
  ListPage(std::string_view name, std::size_t bytes_max) : bytes_max_(bytes_max - kPageFrameBytes) {
    json_.begin_object();
    json_.key(name);
    json_.begin_array();
  }
  // False: the page takes no more. One item it takes however large.
  bool take(const std::string& item) {
    if (bytes_ > 0 && bytes_ + item.size() > bytes_max_) return false;
    bytes_ += item.size() + 1;
    ++taken_;
    json_.raw(item);
    return true;
  }
  // Of what the next item would have been made there is none.
  void pass_over() { ++taken_; }
  // `source`: what the items were made of, of which there may be more; `link` makes the path of the
  // page behind one of them.
  template <class Source, class Link>
  HttpResponse answer(bool more, const std::vector<Source>& source, const Link& link,
                      const std::function<void(JsonWriter&)>& write_rest) {
    json_.end_array();
    write_rest(json_);
    if (taken_ > 0 && (more || taken_ < source.size())) {
      json_.key("next");
      json_.string(link(source[taken_ - 1]));
    }
    json_.end_object();
    return HttpResponse{.body = json_.take() + "\n"};
  }

 private:
  const std::size_t bytes_max_;
  JsonWriter json_;
  std::size_t bytes_ = 0;
  std::size_t taken_ = 0;
};

HttpResponse made_anew() {
  return event_store::come_back(503, "log_unavailable", "the archive is made anew");
}

HttpResponse unreadable(const Error& error) {
  return event_store::come_back(503, "log_unavailable",
                                "the history cannot be read now: " + error.message);
}

// A search states as its subject the beginning of an id, which may be somebody's: no look at him.
bool is_search(const HistoryViewed& viewed) {
  const auto query = nlohmann::json::parse(viewed.query.value(), nullptr, false);
  const auto path = query.is_object() ? query.find("path") : query.end();
  return query.is_object() && path != query.end() && *path == "/v1/audit/users";
}

bool looks_at(const Record& event, const std::string& subject) {
  if (bare_type(event) != "history_viewed") return false;
  const auto decoded = event_store::decode_event(event);
  const auto* viewed = decoded ? std::get_if<HistoryViewed>(&decoded->data) : nullptr;
  return viewed != nullptr && viewed->subject == subject && !is_search(*viewed);
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

AuditReads::AuditReads(AuditSources sources, AuditReadLimits limits,
                       const std::atomic<bool>& stopping)
    : sources_(std::move(sources)),
      limits_(limits),
      description_(sources_.log.describe()),
      stopping_(stopping),
      archive_(sources_.archive_folder, description_.partitions),
      index_(sources_.archive_folder, description_.partitions, sources_.kept,
             [this](Partition partition, const Error& error) { note_damage(partition, error); }) {}

bool AuditReads::is_frozen(const UserId& user) { return index_.is_damaged(user).value_or(false); }

void AuditReads::note_damage(Partition partition, const Error& error) {
  const auto bounds = sources_.log.bounds({Topic::events, partition});
  if (bounds) made_anew_to_.insert_or_assign(partition, bounds->end);
  sources_.on_damage(partition, error);
}

HttpResponse AuditReads::damaged(const UserId& user, const Error& error) {
  if (error.code == Errc::corrupt) note_damage(archive_.partition_of(user), error);
  return unreadable(error);
}

bool AuditReads::must_wait(const UserId& user, const Position& complete_to, const Wanted& wanted) {
  if (wanted.at_once) return false;
  const auto partition = static_cast<std::size_t>(archive_.partition_of(user).value());
  return event_store::may_lack_events(sources_.log, user, complete_to, wanted.ends[partition],
                                      limits_.scan_bytes_max);
}

template <class Item>
std::optional<std::set<Partition>> AuditReads::lacking(
    event_store::IndexPage<Item>& page, const Wanted& wanted,
    const std::function<bool(const Record&)>& concerns) {
  // The file of one that is made anew is a whole one, but it begins empty.
  std::erase_if(made_anew_to_, [&](const auto& made) {
    const auto& [partition, end] = made;
    return page.complete_to[static_cast<std::size_t>(partition.value())].next_offset >= end;
  });
  std::set<Partition> found = page.damaged;
  for (std::size_t i = 0; i < wanted.ends.size(); ++i) {
    const Partition partition(static_cast<std::int32_t>(i));
    const bool is_elsewhere = !sources_.kept.empty() && !sources_.kept.contains(partition);
    if (is_elsewhere) found.insert(partition);
    if (found.contains(partition) ||
        !event_store::may_hold(sources_.log, partition, page.complete_to[i], wanted.ends[i],
                               limits_.scan_bytes_max, concerns))
      continue;
    const bool is_made_anew = made_anew_to_.contains(partition);
    if (is_made_anew) page.damaged.insert(partition);
    if (!is_made_anew && !wanted.at_once) return std::nullopt;
    found.insert(partition);
  }
  return found;
}

Watch AuditReads::watch(const Wanted& wanted) const {
  return [&stopping = stopping_, &wanted](const Progress&) {
    return !stopping.load() && !(wanted.is_late && wanted.is_late());
  };
}

HttpResponse AuditReads::ended(const Error& error, std::string_view command) const {
  if (error.code != Errc::stopped || stopping_) return unreadable(error);
  return event_store::http_error(413, "too_large",
                                 "reading this takes too long for one answer; use the command "
                                 "line: signalbox replay " +
                                     std::string(command),
                                 "id");
}

AuditReads::Answer AuditReads::events(const HttpRequest& request, const EventsQuery& query,
                                      const Wanted& wanted) {
  EventsPage page(query, limits_);
  std::optional<Position> complete_to;
  HistoryQuery history{.user = query.user,
                       .after = query.after,
                       .before = query.before,
                       .thread = query.filter.thread};
  bool more = true;
  while (more && !page.is_full() && !page.is_through()) {
    if (stopping_) return event_store::come_back(503, "overloaded", "the service stops");
    history.events_max = std::min<std::size_t>(page.room(), 1000);
    const auto read = archive_.read(history);
    if (!read) return damaged(query.user, read.error());
    if (!complete_to && must_wait(query.user, read->complete_to, wanted)) return std::nullopt;
    // Made anew in the middle of it: what this page has so far would not fit what follows.
    if (complete_to && read->complete_to.next_offset < complete_to->next_offset) return made_anew();
    if (!complete_to) complete_to = read->complete_to;
    more = read->more;
    for (std::size_t i = 0; i < read->events.size(); ++i)
      if (!page.take(*read->events[i], read->seqs[i])) more = true;
    if (page.last()) (query.after ? history.after : history.before) = *page.last();
  }
  JsonWriter json;
  json.begin_object();
  json.key("user_id");
  json.string(query.user.value());
  json.key("partition");
  json.integer(archive_.partition_of(query.user).value());
  write_complete_to(json, *complete_to);
  json.key("events");
  page.write(json);
  if (more && page.last() && !page.is_through()) {
    json.key("next");
    json.string(next_link(request, query, *page.last()));
  }
  json.end_object();
  return HttpResponse{.body = json.take() + "\n"};
}

Result<KnownState> AuditReads::read_one_state(const UserId& user, const Instant& at,
                                              const Wanted& wanted) {
  auto log = sources_.open_history();
  if (!log) return tl::unexpected(log.error());
  return read_state(**log, sources_.archive_folder, user, at, watch(wanted),
                    limits_.state_bytes_max);
}

AuditReads::Answer AuditReads::state(const StateQuery& query, const Wanted& wanted) {
  const auto refuse = [this](const Error& error) -> HttpResponse {
    if (error.code == Errc::too_large)
      return event_store::http_error(413, "too_large", error.message, "id");
    return ended(error, "state");
  };
  const auto at = read_one_state(query.user, query.at, wanted);
  if (!at) return refuse(at.error());
  JsonWriter json;
  json.begin_object();
  json.key("at");
  json.raw(without_line_end(state_json(*at)));
  if (query.to) {
    const auto to = read_one_state(query.user, *query.to, wanted);
    if (!to) return refuse(to.error());
    json.key("to");
    json.raw(without_line_end(state_json(*to)));
    json.key("differences");
    json.raw(state_differences(*at, *to));
  }
  json.end_object();
  std::string body = json.take() + "\n";
  if (body.size() > limits_.answer_bytes_max)
    return event_store::http_error(413, "too_large",
                                   "the state is too large for one answer; ask for an earlier "
                                   "instant, or the command line: signalbox replay state",
                                   "id");
  return HttpResponse{.body = std::move(body)};
}

AuditReads::Answer AuditReads::users(const event_store::UserSearch& search, const Wanted& wanted) {
  auto page = index_.find_users(search);
  if (!page) return unreadable(page.error());
  const auto is_found = [&](const Record& event) {
    return event.key && event.key->starts_with(search.prefix);
  };
  const auto without = lacking(*page, wanted, is_found);
  if (!without) return std::nullopt;
  ListPage list("users", limits_.page_bytes_max);
  for (const event_store::UserSummary& user : page->items) {
    JsonWriter item;
    item.begin_object();
    item.key("user_id");
    item.string(user.id);
    item.key("partition");
    item.integer(user.partition.value());
    item.key("events");
    item.integer(user.newest.value());
    item.key("newest_seq");
    item.integer(user.newest.value());
    item.key("newest_time");
    item.string(user.time);
    item.end_object();
    if (!list.take(item.take())) break;
  }
  return list.answer(
      page->more, page->items,
      [&](const event_store::UserSummary& last) { return next_link(search, last.id); },
      [&](JsonWriter& json) {
        write_incomplete(json, *without, page->complete_to, page->damaged);
      });
}

AuditReads::Answer AuditReads::runs(const HttpRequest& request, const event_store::RunQuery& query,
                                    const Wanted& wanted) {
  const auto page = index_.runs(query);
  if (!page) return unreadable(page.error());
  if (must_wait(query.user, page->complete_to, wanted)) return std::nullopt;
  ListPage list("runs", limits_.page_bytes_max);
  for (const event_store::RunSummary& run : page->runs) {
    JsonWriter item;
    item.begin_object();
    write_summary(item, run);
    item.end_object();
    if (!list.take(item.take())) break;
  }
  return list.answer(
      page->more, page->runs,
      [&](const event_store::RunSummary& last) { return next_link(request, query, last.first); },
      [&](JsonWriter& json) { write_complete_to(json, page->complete_to); });
}

Result<std::vector<RecordPtr>> AuditReads::events_of(const UserId& user,
                                                     const event_store::RunSummary& run) {
  std::vector<RecordPtr> events;
  HistoryQuery history{.user = user,
                       .after = Seq(run.first.value() - 1),
                       .before = std::nullopt,
                       .thread = ThreadId(run.thread)};
  const std::string id = run.id.value().to_string();
  std::size_t bytes = 0;
  Offset complete_to{0};
  while (*history.after < run.last) {
    if (stopping_) return failure(Errc::stopped, "the service stops");
    const auto page = archive_.read(history);
    if (!page) return tl::unexpected(page.error());
    if (page->complete_to.next_offset < complete_to)
      return failure(Errc::unavailable, "the archive is made anew");
    complete_to = page->complete_to.next_offset;
    for (std::size_t i = 0; i < page->events.size(); ++i) {
      const RecordPtr& event = page->events[i];
      history.after = page->seqs[i];
      if (*history.after > run.last || event->header("ce_runid") != id) continue;
      bytes += event->value.size();
      if (bytes > limits_.run_bytes_max)
        return failure(Errc::too_large,
                       "the run's events are too large for one answer; page "
                       "through them: .../events?run_id=" +
                           id);
      events.push_back(event);
    }
    if (!page->more) break;
  }
  return events;
}

AuditReads::Answer AuditReads::run(const RunTreeQuery& query, const Wanted& wanted) {
  const auto found = index_.run(query.user, query.run);
  if (!found) return unreadable(found.error());
  if (must_wait(query.user, found->complete_to, wanted)) return std::nullopt;
  if (!found->run && wanted.at_once)
    return event_store::come_back(503, "log_unavailable",
                                  "the archive is behind the log and has no such run yet");
  if (!found->run)
    return event_store::http_error(404, "not_found", "this user has no such run", "run_id");
  const auto events = events_of(query.user, *found->run);
  if (!events && events.error().code == Errc::too_large)
    return event_store::http_error(413, "too_large", events.error().message, "run_id");
  if (!events) return damaged(query.user, events.error());
  if (events->empty()) return made_anew();
  JsonWriter json;
  json.begin_object();
  write_summary(json, *found->run);
  write_complete_to(json, found->complete_to);
  json.key("tree");
  json.raw(run_tree(*events));
  json.end_object();
  return HttpResponse{.body = json.take() + "\n"};
}

AuditReads::Answer AuditReads::export_part(const ExportQuery& query, const Wanted& wanted) {
  auto log = sources_.open_history();
  if (!log) return unreadable(log.error());
  auto part = make_export_part(**log, query.user, sources_.anchor_folder, query.first,
                               limits_.export_bytes_max, watch(wanted));
  if (!part && part.error().code == Errc::not_found)
    return event_store::http_error(404, "not_found", part.error().message, "first_seq");
  if (!part) return ended(part.error(), "export");
  const std::string id = event_store::percent_encode(query.user.value());
  const std::string first = std::to_string(part->report.first.value());
  HttpResponse response{.content_type = "application/x-ndjson", .body = std::move(part->text)};
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"export-" + first +
                                                           ".jsonl\"; filename*=UTF-8''" + id +
                                                           "-" + first + ".jsonl");
  if (part->next)
    response.headers.emplace_back(
        "Link", "</v1/audit/users/" + id +
                    "/export?first_seq=" + std::to_string(part->next->value()) + ">; rel=\"next\"");
  return response;
}

AuditReads::Answer AuditReads::views(const HttpRequest& request, const ViewsQuery& query,
                                     const Wanted& wanted) {
  auto page = index_.views(query.views);
  if (!page) return unreadable(page.error());
  const auto is_view = [&](const Record& event) { return looks_at(event, query.views.subject); };
  const auto without = lacking(*page, wanted, is_view);
  if (!without) return std::nullopt;
  ListPage list("views", limits_.page_bytes_max);
  for (const event_store::View& view : page->items) {
    const auto decoded = event_store::decode_event(*view.event);
    const auto* viewed = decoded ? std::get_if<HistoryViewed>(&decoded->data) : nullptr;
    if (viewed != nullptr && is_search(*viewed)) {
      list.pass_over();
      continue;
    }
    JsonWriter item;
    item.begin_object();
    item.key("auditor");
    item.string(*view.event->key);
    item.key("time");
    item.string(view.event->header("ce_time").value_or(""));
    item.key("seq");
    item.integer(seq_of(*view.event).value());
    item.key("query");
    item.raw(viewed != nullptr ? viewed->query.value() : "null");
    item.end_object();
    if (!list.take(item.take())) break;
  }
  return list.answer(
      page->more, page->items,
      [&](const event_store::View& last) { return next_link(request, query, last.place); },
      [&](JsonWriter& json) {
        write_incomplete(json, *without, page->complete_to, page->damaged);
      });
}

}  // namespace signalbox::replay
