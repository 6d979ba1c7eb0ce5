#include "replay/audit/audit_api.hpp"

#include <type_traits>
#include <utility>

#include "event-store/archive/user_history_api.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/contract/json_writer.hpp"

namespace signalbox::replay {
namespace {

// Services write under names of their own (contract 3).
const WebsocketClientId kAuditClient("svc_audit");

// Whom a look is at; of a search the beginning of an id, or all.
template <class Query>
std::string subject_of(const Query& query) {
  if constexpr (requires { query.user; })
    return query.user.value();
  else
    return query.prefix.empty() ? "*" : query.prefix;
}

// Whose partition the answer is in; none: in any.
template <class Query>
std::optional<UserId> user_of(const Query& query) {
  if constexpr (std::is_same_v<Query, ViewsQuery>)
    return std::nullopt;
  else if constexpr (requires { query.user; })
    return query.user;
  else
    return std::nullopt;
}

}  // namespace

struct AuditApi::Slots {
  std::mutex mutex;
  std::size_t taken = 0;
  std::size_t scans = 0;  // of them
};

struct AuditApi::UnderWay {
  Look look;
  HttpAnswer answer;
  std::shared_ptr<const void> slot;
  MonotonicTime patience_ends;
  bool is_begun = false;
  Wanted wanted{};
};

AuditApi::AuditApi(const AuditSources& sources, Parts parts, Options options)
    : log_(sources.log),
      kept_(sources.kept),
      description_(log_.describe()),
      parts_(std::move(parts)),
      options_(std::move(options)),
      random_(parts_.seed),
      page_reads_(sources, options_.reads, stopping_),
      scan_reads_(sources, options_.reads, stopping_),
      jobs_({sources.open_history, sources.archive_folder, sources.anchor_folder, sources.snapshots,
             sources.anchor_key},
            parts_.verifiers, options_.jobs),
      slots_(std::make_shared<Slots>()) {}

AuditApi::~AuditApi() { stop(); }

void AuditApi::stop() {
  stopping_ = true;
  jobs_.stop();
  std::unique_lock lock(mutex_);
  none_under_way_.wait(lock, [this] { return under_way_ == 0; });
}

template <class Query>
HttpRoute AuditApi::route(const HttpAuthorizer& authorize, std::string path, Cost cost,
                          Asked<Query> (*read_query)(const HttpRequest&), LookUp<Query> look_up) {
  return {"GET", std::move(path),
          [=, this, look_up = std::move(look_up)](const HttpRequest& request,
                                                  const HttpAnswer& answer) {
            auto auditor = authorize(request);
            if (!auditor) return answer(std::move(auditor.error()));
            auto query = read_query(request);
            if (!query) return answer(std::move(query.error()));
            Look look{.auditor = *auditor,
                      .subject = subject_of(*query),
                      .query = view_query(request),
                      .of_user = user_of(*query),
                      .cost = cost,
                      .read = {}};
            look.read = [look_up, asker = Asker{request, *std::move(auditor)},
                         query = *std::move(query)](AuditReads& reads, const Wanted& wanted) {
              return look_up(reads, asker, query, wanted);
            };
            if (look.of_user && !keeps(*look.of_user))
              return answer(event_store::kept_elsewhere(
                  event_store::partition_of(*look.of_user, description_.partitions)));
            begin(std::move(look), answer);
          }};
}

bool AuditApi::keeps(const UserId& user) const {
  return kept_.empty() || kept_.contains(event_store::partition_of(user, description_.partitions));
}

std::vector<HttpRoute> AuditApi::routes(const HttpAuthorizer& authorize) {
  using event_store::RunQuery;
  using event_store::UserSearch;
  const std::string user = "/v1/audit/users/{id}";
  std::vector<HttpRoute> all{
      route<UserSearch>(authorize, "/v1/audit/users", Cost::page, read_user_search,
                        [](AuditReads& reads, const Asker&, const UserSearch& search,
                           const Wanted& wanted) { return reads.users(search, wanted); }),
      route<EventsQuery>(
          authorize, user + "/events", Cost::page, read_events_query,
          [](AuditReads& reads, const Asker& asker, const EventsQuery& query,
             const Wanted& wanted) { return reads.events(asker.request, query, wanted); }),
      route<StateQuery>(authorize, user + "/state", Cost::scan, read_state_query,
                        [](AuditReads& reads, const Asker&, const StateQuery& query,
                           const Wanted& wanted) { return reads.state(query, wanted); }),
      route<RunQuery>(
          authorize, user + "/runs", Cost::page, read_runs_query,
          [](AuditReads& reads, const Asker& asker, const RunQuery& query, const Wanted& wanted) {
            return reads.runs(asker.request, query, wanted);
          }),
      route<RunTreeQuery>(authorize, user + "/runs/{run_id}", Cost::scan, read_run_tree_query,
                          [](AuditReads& reads, const Asker&, const RunTreeQuery& query,
                             const Wanted& wanted) { return reads.run(query, wanted); }),
      route<ViewsQuery>(
          authorize, user + "/views", Cost::page, read_views_query,
          [](AuditReads& reads, const Asker& asker, const ViewsQuery& query, const Wanted& wanted) {
            return reads.views(asker.request, query, wanted);
          }),
      route<ExportQuery>(authorize, user + "/export", Cost::scan, read_export_query,
                         [](AuditReads& reads, const Asker&, const ExportQuery& query,
                            const Wanted& wanted) { return reads.export_part(query, wanted); })};
  HttpRoute verify = route<VerifyQuery>(
      authorize, user + "/verify", Cost::page, read_verify_query,
      [this](AuditReads&, const Asker& asker, const VerifyQuery& query, const Wanted&) {
        return begin_job(asker.request, query.user, asker.auditor);
      });
  verify.method = "POST";
  all.push_back(std::move(verify));
  all.push_back({"GET", user + "/verify/{job}", [this, authorize](const HttpRequest& request) {
                   return describe_job(request, authorize);
                 }});
  return all;
}

HttpResponse AuditApi::begin_job(const HttpRequest& request, const UserId& user,
                                 const UserId& auditor) {
  const std::string id = random_.uuid().to_string();
  if (!jobs_.begin(id, user, auditor))
    return event_store::come_back(503, "overloaded",
                                  "as many verifications as may be are under way");
  event_store::JsonWriter json;
  json.begin_object();
  json.key("job");
  json.string(id);
  json.end_object();
  HttpResponse response{.status = 202, .body = json.take() + "\n"};
  response.headers.emplace_back("Location", request.path + "/" + id);
  return response;
}

HttpResponse AuditApi::describe_job(const HttpRequest& request,
                                    const HttpAuthorizer& authorize) const {
  auto auditor = authorize(request);
  if (!auditor) return std::move(auditor.error());
  auto query = read_verify_query(request);
  if (!query) return std::move(query.error());
  auto described = jobs_.describe(query->job, query->user, *auditor);
  if (described) return HttpResponse{.body = *std::move(described)};
  return event_store::http_error(404, "not_found", "there is no such verification", "job");
}

tl::expected<std::shared_ptr<const void>, HttpResponse> AuditApi::take_slot(Cost cost) {
  const std::lock_guard lock(slots_->mutex);
  const bool is_scan = cost == Cost::scan;
  if (slots_->taken >= options_.requests_max || (is_scan && slots_->scans >= options_.scans_max))
    return tl::unexpected(
        event_store::come_back(503, "overloaded", "too many audit requests are under way"));
  ++slots_->taken;
  slots_->scans += is_scan ? 1 : 0;
  return std::shared_ptr<const void>(this, [slots = slots_, is_scan](const void*) {
    const std::lock_guard giving_back(slots->mutex);
    --slots->taken;
    slots->scans -= is_scan ? 1 : 0;
  });
}

void AuditApi::begin(Look look, const HttpAnswer& answer) {
  auto slot = take_slot(look.cost);
  if (!slot) return answer(std::move(slot.error()));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return answer(event_store::come_back(503, "overloaded", "the service stops"));
    ++under_way_;
  }
  const MonotonicTime now = parts_.clock.monotonic();
  const auto request = std::make_shared<UnderWay>(
      UnderWay{std::move(look), answer, *std::move(slot), now + options_.patience});
  if (request->look.cost == Cost::scan)
    request->wanted.is_late = [&clock = parts_.clock, late = now + options_.scan_time_max] {
      return clock.monotonic() >= late;
    };
  parts_.pages.post([this, request] { state_look(request); });
}

void AuditApi::state_look(const UnderWayPtr& request) {
  // Before it is stated: what the look itself adds to the log need not be in the answer.
  if (!note_ends(*request))
    return finish(request,
                  event_store::come_back(503, "log_unavailable", "the log cannot be asked now"));
  const Look& look = request->look;
  // The command would become a rejection, and the look stand nowhere.
  if (page_reads_.is_frozen(look.auditor))
    return finish(request, event_store::http_error(403, "history_damaged",
                                                   "your own history is damaged, so that your "
                                                   "look cannot be written into it"));
  const Timestamp now = parts_.clock.now();
  const Command command{.id = random_.uuid().to_string(),
                        .source = options_.source,
                        .time = now,
                        .user_id = look.auditor,
                        .websocket_client_id = kAuditClient,
                        .traceparent = std::nullopt,
                        .data = ViewHistory{look.subject, JsonText(look.query)}};
  log_.append({Topic::inbound, event_store::partition_of(look.auditor, description_.partitions)},
              event_store::encode_command(command), parts_.pages,
              [this, request](const Result<Offset>& appended) {
                if (!appended)
                  return finish(
                      request, event_store::come_back(503, "log_unavailable",
                                                      "that you looked could not be written down"));
                if (request->look.cost == Cost::page) return read(request);
                parts_.scans.post([this, request] { read(request); });
              });
}

bool AuditApi::note_ends(UnderWay& request) {
  const auto count = static_cast<std::size_t>(description_.partitions);
  request.wanted.ends.assign(count, Offset(0));
  for (std::int32_t p = 0; p < description_.partitions; ++p) {
    const Partition partition(p);
    const auto& user = request.look.of_user;
    if (user && event_store::partition_of(*user, description_.partitions) != partition) continue;
    if (!kept_.empty() && !kept_.contains(partition)) continue;
    const auto bounds = log_.bounds({Topic::events, partition});
    if (!bounds) return false;
    request.wanted.ends[static_cast<std::size_t>(p)] = bounds->end;
  }
  return true;
}

void AuditApi::read(const UnderWayPtr& request) {
  if (stopping_)
    return finish(request, event_store::come_back(503, "overloaded", "the service stops"));
  const bool is_page = request->look.cost == Cost::page;
  const MonotonicTime now = parts_.clock.monotonic();
  const bool is_impatient = now >= request->patience_ends;
  if (!is_page && is_impatient && !std::exchange(request->is_begun, true))
    return finish(request, event_store::come_back(503, "overloaded",
                                                  "too many audit requests are under way"));
  request->is_begun = true;
  request->wanted.at_once = is_impatient;
  auto answer = request->look.read(is_page ? page_reads_ : scan_reads_, request->wanted);
  if (answer) return finish(request, *std::move(answer));
  (is_page ? parts_.pages : parts_.scans).call_at(now + options_.look_again, [this, request] {
    read(request);
  });
}

void AuditApi::finish(const UnderWayPtr& request, HttpResponse response) {
  response.until_sent = std::move(request->slot);
  request->answer(std::move(response));
  const std::lock_guard lock(mutex_);
  if (--under_way_ == 0) none_under_way_.notify_all();
}

}  // namespace signalbox::replay
