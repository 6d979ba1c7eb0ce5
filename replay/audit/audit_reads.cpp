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
#include "replay/audit/state_difference.hpp"
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
      archive_(sources_.archive_folder, description_.partitions) {}

AuditReads::Answer AuditReads::damaged(const UserId& user, const Error& error) {
  if (error.code == Errc::corrupt) sources_.on_damage(archive_.partition_of(user), error);
  return come_back("log_unavailable", "the history cannot be read now: " + error.message);
}

bool AuditReads::is_behind(const UserId& user, const Position& complete_to, Offset until) {
  return event_store::may_lack_events(sources_.log, user, complete_to, until,
                                      limits_.scan_bytes_max);
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

}  // namespace signalbox::replay
