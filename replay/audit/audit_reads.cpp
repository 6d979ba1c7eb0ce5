#include "replay/audit/audit_reads.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/contract/json_writer.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/log/log_scan.hpp"
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

// Events one after the other as they are looked at, until the page is full or enough was seen.
class EventsPage {
 public:
  EventsPage(const EventsQuery& query, const AuditReadLimits& limits)
      : query_(query),
        bytes_max_(limits.page_bytes_max - kPageFrameBytes),
        looked_at_max_(query.has_filter() ? limits.events_looked_at_max : query.limit) {}

  // False: the page takes no more, and the event was not looked at.
  bool take(const Record& event) {
    if (is_full()) return false;
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
    last_ = seq_of(event);
    return true;
  }
  [[nodiscard]] bool is_full() const {
    return items_.size() >= query_.limit || looked_at_ >= looked_at_max_ || bytes_ >= bytes_max_;
  }
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
  std::vector<std::string> items_;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
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
    if (taken_ > 0 && bytes_ + item.size() > bytes_max_) return false;
    bytes_ += item.size() + 1;
    ++taken_;
    json_.raw(item);
    return true;
  }
  // `source`: what the items were made of, of which there may be more; `link` makes the path of the
  // page behind one of them.
  template <class Source, class Link>
  HttpResponse answer(bool more, const std::vector<Source>& source, const Link& link) {
    json_.end_array();
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

void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  json.string(text);
}

void write_summary(JsonWriter& json, const event_store::RunSummary& run) {
  write_text(json, "run_id", run.id.value().to_string());
  write_text(json, "thread_id", run.thread);
  write_text(json, "agent", run.agent);
  write_text(json, "status", run.status);
  if (!run.started.empty()) write_text(json, "started", run.started);
  if (!run.ended.empty()) write_text(json, "ended", run.ended);
  if (const auto duration = milliseconds_between(run.started, run.ended)) {
    json.key("duration_ms");
    json.integer(*duration);
  }
  json.key("first_seq");
  json.integer(run.first.value());
  json.key("last_seq");
  json.integer(run.last.value());
  json.key("events");
  json.integer(run.events);
}

HttpResponse unreadable(const Error& error) {
  return come_back("log_unavailable", "the history cannot be read now: " + error.message);
}

bool looks_at(const Record& event, const std::string& subject) {
  if (bare_type(event) != "history_viewed") return false;
  const auto decoded = event_store::decode_event(event);
  const auto* viewed = decoded ? std::get_if<HistoryViewed>(&decoded->data) : nullptr;
  return viewed != nullptr && viewed->subject == subject;
}

void write_position(JsonWriter& json, const Position& position) {
  json.begin_object();
  json.key("offset");
  json.integer(position.next_offset.value());
  json.key("epoch");
  json.integer(position.epoch.value());
  json.key("ownerseq");
  json.integer(position.owner_seq.value());
  json.end_object();
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

HttpResponse come_back(std::string_view code, std::string_view message) {
  HttpResponse response = event_store::http_error(503, code, message);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

AuditReads::AuditReads(AuditSources sources, AuditReadLimits limits,
                       const std::atomic<bool>& stopping)
    : sources_(std::move(sources)),
      limits_(limits),
      description_(sources_.log.describe()),
      stopping_(stopping),
      archive_(sources_.archive_folder, description_.partitions),
      index_(sources_.archive_folder, description_.partitions, sources_.on_damage) {}

HttpResponse AuditReads::damaged(const UserId& user, const Error& error) {
  if (error.code == Errc::corrupt) sources_.on_damage(archive_.partition_of(user), error);
  return unreadable(error);
}

bool AuditReads::is_behind(const UserId& user, const Position& complete_to, Offset until) {
  return event_store::may_lack_events(sources_.log, user, complete_to, until,
                                      limits_.scan_bytes_max);
}

bool AuditReads::is_behind(const std::vector<Position>& complete_to,
                           const std::vector<Offset>& until,
                           const std::function<bool(const Record&)>& concerns) {
  for (std::size_t i = 0; i < until.size(); ++i)
    if (event_store::may_hold(sources_.log, Partition(static_cast<std::int32_t>(i)), complete_to[i],
                              until[i], limits_.scan_bytes_max, concerns))
      return true;
  return false;
}

Watch AuditReads::watch() const {
  return [&stopping = stopping_](const Progress&) { return !stopping.load(); };
}

AuditReads::Answer AuditReads::events(const HttpRequest& request, const EventsQuery& query,
                                      Offset until) {
  EventsPage page(query, limits_);
  std::optional<Position> complete_to;
  HistoryQuery history{.user = query.user,
                       .after = query.after,
                       .before = query.before,
                       .thread = query.filter.thread};
  bool more = true;
  while (more && !page.is_full()) {
    history.events_max = std::min<std::size_t>(page.room(), 1000);
    const auto read = archive_.read(history);
    if (!read) return damaged(query.user, read.error());
    if (!complete_to && is_behind(query.user, read->complete_to, until)) return std::nullopt;
    if (!complete_to) complete_to = read->complete_to;
    more = read->more;
    for (const RecordPtr& event : read->events)
      if (!page.take(*event)) more = true;
    if (page.last()) (query.after ? history.after : history.before) = *page.last();
  }
  JsonWriter json;
  json.begin_object();
  json.key("user_id");
  json.string(query.user.value());
  json.key("partition");
  json.integer(archive_.partition_of(query.user).value());
  json.key("complete_to");
  write_position(json, *complete_to);
  json.key("events");
  page.write(json);
  if (more && page.last()) {
    json.key("next");
    json.string(next_link(request, query, *page.last()));
  }
  json.end_object();
  return HttpResponse{.body = json.take() + "\n"};
}

Result<KnownState> AuditReads::read_one_state(const UserId& user, const Instant& at) {
  auto log = event_store::LogReader::open(sources_.data);
  if (!log) return tl::unexpected(log.error());
  return read_state(*log, sources_.archive_folder, user, at, watch(), limits_.state_bytes_max);
}

AuditReads::Answer AuditReads::state(const StateQuery& query) {
  const auto refuse = [](const Error& error) -> HttpResponse {
    if (error.code == Errc::too_large)
      return event_store::http_error(413, "too_large", error.message, "id");
    return come_back("log_unavailable", "the state cannot be read now: " + error.message);
  };
  const auto at = read_one_state(query.user, query.at);
  if (!at) return refuse(at.error());
  JsonWriter json;
  json.begin_object();
  json.key("at");
  json.raw(without_line_end(state_json(*at)));
  if (query.to) {
    const auto to = read_one_state(query.user, *query.to);
    if (!to) return refuse(to.error());
    json.key("to");
    json.raw(without_line_end(state_json(*to)));
    json.key("differences");
    json.raw(state_differences(*at, *to));
  }
  json.end_object();
  return HttpResponse{.body = json.take() + "\n"};
}

AuditReads::Answer AuditReads::users(const event_store::UserSearch& search,
                                     const std::vector<Offset>& until) {
  const auto page = index_.find_users(search);
  if (!page) return unreadable(page.error());
  const auto is_found = [&](const Record& event) {
    return event.key && event.key->starts_with(search.prefix);
  };
  if (is_behind(page->complete_to, until, is_found)) return std::nullopt;
  ListPage list("users", limits_.page_bytes_max);
  for (const event_store::UserSummary& user : page->users) {
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
  return list.answer(page->more, page->users, [&](const event_store::UserSummary& last) {
    return next_link(search, last.id);
  });
}

AuditReads::Answer AuditReads::runs(const HttpRequest& request, const event_store::RunQuery& query,
                                    Offset until) {
  const auto page = index_.runs(query);
  if (!page) return unreadable(page.error());
  if (is_behind(query.user, page->complete_to, until)) return std::nullopt;
  ListPage list("runs", limits_.page_bytes_max);
  for (const event_store::RunSummary& run : page->runs) {
    JsonWriter item;
    item.begin_object();
    write_summary(item, run);
    item.end_object();
    if (!list.take(item.take())) break;
  }
  return list.answer(page->more, page->runs, [&](const event_store::RunSummary& last) {
    return next_link(request, query, last.first);
  });
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
  while (*history.after < run.last) {
    const auto page = archive_.read(history);
    if (!page) return tl::unexpected(page.error());
    for (const RecordPtr& event : page->events) {
      history.after = seq_of(*event);
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

AuditReads::Answer AuditReads::run(const RunTreeQuery& query, Offset until) {
  const auto found = index_.run(query.user, query.run);
  if (!found) return unreadable(found.error());
  if (is_behind(query.user, found->complete_to, until)) return std::nullopt;
  if (!found->run)
    return event_store::http_error(404, "not_found", "this user has no such run", "run_id");
  const auto events = events_of(query.user, *found->run);
  if (!events && events.error().code == Errc::too_large)
    return event_store::http_error(413, "too_large", events.error().message, "run_id");
  if (!events) return damaged(query.user, events.error());
  if (events->empty()) return come_back("log_unavailable", "the archive is made anew");
  JsonWriter json;
  json.begin_object();
  write_summary(json, *found->run);
  json.key("tree");
  json.raw(run_tree(*events));
  json.end_object();
  return HttpResponse{.body = json.take() + "\n"};
}

AuditReads::Answer AuditReads::export_part(const ExportQuery& query) {
  auto log = event_store::LogReader::open(sources_.data);
  if (!log) return unreadable(log.error());
  auto part = make_export_part(*log, query.user, sources_.anchor_folder, query.first,
                               limits_.export_bytes_max, watch());
  if (!part && part.error().code == Errc::not_found)
    return event_store::http_error(404, "not_found", part.error().message, "first_seq");
  if (!part) return unreadable(part.error());
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
                                     const std::vector<Offset>& until) {
  const auto page = index_.views(query.views);
  if (!page) return unreadable(page.error());
  const auto is_view = [&](const Record& event) { return looks_at(event, query.views.subject); };
  if (is_behind(page->complete_to, until, is_view)) return std::nullopt;
  ListPage list("views", limits_.page_bytes_max);
  for (const event_store::View& view : page->views) {
    const auto decoded = event_store::decode_event(*view.event);
    const auto* viewed = decoded ? std::get_if<HistoryViewed>(&decoded->data) : nullptr;
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
  return list.answer(page->more, page->views, [&](const event_store::View& last) {
    return next_link(request, query, last.place);
  });
}

}  // namespace signalbox::replay
