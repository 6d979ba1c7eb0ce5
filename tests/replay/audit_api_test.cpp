#include "replay/audit/audit_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "event-store/archive/archive_file.hpp"
#include "event-store/archive/checkpoint.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/log/log_reader.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::replay {
namespace {

using namespace std::chrono_literals;
using event_store::RunningArchive;
using event_store::TemporaryFolder;
using event_store::WrittenLog;
using testing::HasSubstr;
using Json = nlohmann::json;

const std::string kEvents = "/v1/audit/users/{id}/events";
const std::string kState = "/v1/audit/users/{id}/state";
const std::string kVerify = "/v1/audit/users/{id}/verify";

class AuditOfALog : public testing::Test {
 protected:
  ~AuditOfALog() override {
    if (api_) api_->stop();
  }

  void start(AuditApi::Options options = {}, event_store::EventLog* log = nullptr,
             std::set<Partition> kept = {}) {
    options.source = "/signalbox/test/event-store/audit";
    api_.emplace(AuditSources{.log = log != nullptr ? *log : written_.log(),
                              .open_history =
                                  [this] { return event_store::open_file_history(folder_.path()); },
                              .archive_folder = folder_.path() + "/archive",
                              .anchor_folder = folder_.path() + "/anchors",
                              .snapshots = folder_.path() + "/snapshots.db",
                              .anchor_key = anchor_key_,
                              .kept = std::move(kept),
                              .on_damage =
                                  [this](Partition partition, const Error&) {
                                    ++damages_;
                                    if (begins_anew_) begin_anew(partition);
                                  }},
                 AuditApi::Parts{pages_, scans_, {&verifier_}, clock_, 7}, std::move(options));
    routes_ = api_->routes([](const HttpRequest& request) -> tl::expected<UserId, HttpResponse> {
      if (const auto bearer = request.header("authorization"))
        return UserId(bearer == "Bearer other" ? "other-boss" : "boss");
      return tl::unexpected(event_store::http_error(401, "token_invalid", "who are you?"));
    });
  }
  void write(int events, const std::string& user = "anna") {
    for (int i = 0; i < events; ++i) written_.add_event(user, "t");
    written_.settle();
  }
  void archive_all() {
    RunningArchive archive(written_.log(), folder_.path() + "/archive");
    archive.wait_until_complete();
  }

  // As an archive does whose file was found damaged: there is a whole one again, which is empty.
  void begin_anew(Partition partition) {
    const std::string path = event_store::archive_path(folder_.path() + "/archive", partition);
    std::filesystem::remove(path);
    const auto made = event_store::PartitionArchive::open(path, written_.log().describe().log_id,
                                                          10, [](const std::string&) {});
    EXPECT_TRUE(made) << made.error().message;
  }

  std::future<HttpResponse> begin(const std::string& route, const std::string& target,
                                  const std::string& method = "GET",
                                  const std::string& token = "x") {
    HttpRequest request{.method = method,
                        .path = target.substr(0, target.find('?')),
                        .query = {},
                        .headers = {},
                        .body = {},
                        .remote_address = {}};
    if (target.find('?') != target.npos) request.query = target.substr(target.find('?') + 1);
    if (!token.empty()) request.headers.emplace_back("authorization", "Bearer " + token);
    const auto promise = std::make_shared<std::promise<HttpResponse>>();
    for (const HttpRoute& one : routes_) {
      if (one.path != route || one.method != method) continue;
      const auto answer = [promise](HttpResponse response) {
        promise->set_value(std::move(response));
      };
      if (const auto* late = std::get_if<LateHttpHandler>(&one.handler))
        (*late)(request, answer);
      else
        answer(std::get<HttpHandler>(one.handler)(request));
    }
    return promise->get_future();
  }
  HttpResponse ask(const std::string& route, const std::string& target,
                   const std::string& method = "GET", const std::string& token = "x") {
    auto answer = begin(route, target, method, token);
    if (answer.wait_for(30s) == std::future_status::ready) return answer.get();
    ADD_FAILURE() << "no answer to " << target;
    return {};
  }
  Json events(const std::string& query = "") {
    const HttpResponse answer = ask(kEvents, "/v1/audit/users/anna/events" + query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  std::vector<RecordPtr> looks() {
    const auto read =
        written_.log().read({Topic::inbound, written_.partition_of("boss")}, Offset(0), {});
    EXPECT_TRUE(read);
    return read ? *read : std::vector<RecordPtr>{};
  }

  TemporaryFolder folder_;
  WrittenLog written_{folder_.path(), 2};
  cli::SystemClock clock_;
  cli::RoleThread pages_{"audit"};
  cli::RoleThread scans_{"audit-scan"};
  cli::RoleThread verifier_{"audit-verify"};
  std::atomic<int> damages_ = 0;
  bool begins_anew_ = false;  // on damage; set before start()
  std::optional<KnownAnchorKey> anchor_key_;
  std::optional<AuditApi> api_;
  std::vector<HttpRoute> routes_;
};

TEST_F(AuditOfALog, StatesALookBeforeItIsAnswered) {
  write(3);
  archive_all();
  start();
  EXPECT_EQ(events("?limit=2")["events"].size(), 2u);
  const auto stated = looks();
  ASSERT_EQ(stated.size(), 1u);
  const auto command = event_store::decode_command(*stated[0]);
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(stated[0]->key, "boss");
  EXPECT_EQ(command->user_id, UserId("boss"));
  EXPECT_EQ(command->source, "/signalbox/test/event-store/audit");
  EXPECT_EQ(command->websocket_client_id, WebsocketClientId("svc_audit"));
  EXPECT_EQ(std::get<ViewHistory>(command->data),
            (ViewHistory{"anna", JsonText(R"({"path":"/v1/audit/users/anna/events",)"
                                          R"("parameters":{"limit":"2"}})")}));
}

TEST_F(AuditOfALog, ShowsNothingWhereTheLookCannotBeStated) {
  write(3);
  archive_all();
  written_.close();
  const auto closed = event_store::SqliteEventLog::open_read_only(folder_.path());
  ASSERT_TRUE(closed);
  start({}, closed->get());
  const HttpResponse answer = ask(kEvents, "/v1/audit/users/anna/events");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("log_unavailable"));
  EXPECT_THAT(answer.body, testing::Not(HasSubstr("content")));
  api_.reset();
}

TEST_F(AuditOfALog, LetsNobodyInWhomTheAuthorizerRefuses) {
  write(1);
  archive_all();
  start();
  for (const HttpRoute& route : routes_)
    EXPECT_EQ(ask(route.path, "/v1/audit/users/anna/x", route.method, "").status, 401)
        << route.path;
  EXPECT_TRUE(looks().empty());
}

TEST_F(AuditOfALog, LetsNobodyLookWhoseOwnHistoryCannotTakeIt) {
  write(1);
  written_.add_event("boss", "t", 2);
  written_.settle();
  archive_all();
  start();
  const HttpResponse answer = ask(kEvents, "/v1/audit/users/anna/events");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr("history_damaged"));
  EXPECT_TRUE(looks().empty());
  EXPECT_EQ(ask(kEvents, "/v1/audit/users/anna/events", "GET", "other").status, 200);
}

TEST_F(AuditOfALog, WaitsForAnArchiveThatIsBehindAndThenSaysHowFarItGoes) {
  write(3);
  archive_all();
  const std::int64_t archived =
      written_.log().bounds({Topic::events, written_.partition_of("anna")})->end.value();
  write(1);
  start({.source = "", .patience = 100ms, .look_again = 5ms});
  const Json behind = events();
  EXPECT_EQ(behind["events"].size(), 3u);
  EXPECT_EQ(behind["complete_to"]["offset"], archived);
  const std::string runs = "/v1/audit/users/{id}/runs";
  EXPECT_EQ(Json::parse(ask(runs, "/v1/audit/users/anna/runs").body)["complete_to"]["offset"],
            archived);
  // That there is no such run cannot be said.
  EXPECT_EQ(
      ask(runs + "/{run_id}", "/v1/audit/users/anna/runs/00000000-0000-4000-8000-000000000000")
          .status,
      503);
  archive_all();
  const Json whole = events();
  EXPECT_EQ(whole["events"].size(), 4u);
  EXPECT_EQ(whole["complete_to"]["offset"], archived + 1);
}

TEST_F(AuditOfALog, OfAllUsersWaitsForThoseThatAreLookedFor) {
  write(3);
  archive_all();
  write(1, "berta");
  written_.add_event("boss", "t", 0, [](NewRecord& record) {
    record.headers.set("ce_type", "dev.signalbox.history_viewed");
    record.headers.set("ce_dataschema", "urn:signalbox:contract:history_viewed:1");
    record.value = R"({"subject":"anna","query":{}})";
  });
  written_.settle();
  start({.source = "", .patience = 50ms, .look_again = 5ms});
  const std::string users = "/v1/audit/users";
  const auto incomplete = [this](const std::string& route, const std::string& target) {
    const Json answer = Json::parse(ask(route, target).body);
    return answer.contains("incomplete") ? answer["incomplete"][0]["partition"].get<int>() : -1;
  };
  EXPECT_EQ(incomplete(users, users + "?prefix=an"), -1);
  EXPECT_EQ(incomplete(users, users + "?prefix=be"), written_.partition_of("berta").value());
  const std::string views = "/v1/audit/users/{id}/views";
  EXPECT_EQ(incomplete(views, users + "/berta/views"), -1);
  EXPECT_EQ(incomplete(views, users + "/anna/views"), written_.partition_of("boss").value());
  archive_all();
  EXPECT_EQ(incomplete(users, users + "?prefix=be"), -1);
  EXPECT_THAT(ask(users, users + "?prefix=be").body, HasSubstr("berta"));
  EXPECT_THAT(ask(views, users + "/anna/views").body, HasSubstr("\"auditor\":\"boss\""));
}

TEST_F(AuditOfALog, NamesThePartitionsThatAnotherEventStoreKeeps) {
  const Partition here = written_.partition_of("anna");
  const Partition there(1 - here.value());
  std::string other = "berta";
  while (written_.partition_of(other) != there) other += "a";
  write(1);
  write(1, other);
  archive_all();
  start({}, nullptr, {here});
  const Json elsewhere =
      Json::parse(R"([{"complete_to":{"epoch":0,"offset":0,"ownerseq":0},"partition":)" +
                  std::to_string(there.value()) + "}]");
  const std::string users = "/v1/audit/users";
  const Json found = Json::parse(ask(users, users).body);
  EXPECT_EQ(found["users"].size(), 1u);
  EXPECT_EQ(found["users"][0]["user_id"], "anna");
  EXPECT_EQ(found["incomplete"], elsewhere);
  const std::string views = "/v1/audit/users/{id}/views";
  EXPECT_EQ(Json::parse(ask(views, users + "/anna/views").body)["incomplete"], elsewhere);
}

// They were once answered with 503 until every partition had its archive.
TEST_F(AuditOfALog, ListsWhatThereIsWhereAPartitionHasNoArchiveOrADamagedOne) {
  const Partition lost = written_.partition_of("anna");
  std::string other = "berta";
  while (written_.partition_of(other) == lost) other += "a";
  write(1);
  write(1, other);
  archive_all();
  const std::string path = event_store::archive_path(folder_.path() + "/archive", lost);
  start({.source = "", .patience = 50ms});
  const auto expect_other_alone = [&] {
    const HttpResponse answer = ask("/v1/audit/users", "/v1/audit/users");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json found = Json::parse(answer.body);
    ASSERT_EQ(found["users"].size(), 1u);
    EXPECT_EQ(found["users"][0]["user_id"], other);
    ASSERT_EQ(found["incomplete"].size(), 1u);
    EXPECT_EQ(found["incomplete"][0]["partition"], lost.value());
    EXPECT_EQ(found["incomplete"][0]["complete_to"]["offset"], 0);
    const HttpResponse views =
        ask("/v1/audit/users/{id}/views", "/v1/audit/users/" + other + "/views");
    EXPECT_EQ(views.status, 200) << views.body;
  };
  {
    auto file =
        event_store::SqliteDatabase::open(path, event_store::SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file && file->execute("UPDATE users SET hash = zeroblob(32)"));
  }
  expect_other_alone();
  EXPECT_GE(damages_, 1);
  // Nobody waits for it: it is made anew, which takes longer.
  start({.source = "", .patience = 1h});
  const Json at_once = Json::parse(ask("/v1/audit/users", "/v1/audit/users").body);
  EXPECT_EQ(at_once["incomplete"][0]["reason"], "archive_damaged");
  start({.source = "", .patience = 50ms});
  std::filesystem::remove(path);
  expect_other_alone();
  // Of one that is no database nobody was told, so that it was never made anew.
  std::ofstream(path, std::ios::binary) << std::string(9000, 'x');
  const int damages = damages_;
  expect_other_alone();
  EXPECT_GT(damages_, damages);
  // Of him alone nothing can be said.
  EXPECT_EQ(ask(kEvents, "/v1/audit/users/anna/events").status, 503);
  std::filesystem::remove_all(folder_.path() + "/archive");
  EXPECT_EQ(ask("/v1/audit/users", "/v1/audit/users").status, 503);
}

// Only who found the damage was answered at once: the next found a file that was only behind.
TEST_F(AuditOfALog, WaitsForNoArchiveThatIsMadeAnew) {
  const Partition lost = written_.partition_of("anna");
  write(1);
  archive_all();
  begins_anew_ = true;
  start({.source = "", .patience = 1h});
  {
    auto file = event_store::SqliteDatabase::open(
        event_store::archive_path(folder_.path() + "/archive", lost),
        event_store::SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file && file->execute("UPDATE users SET hash = zeroblob(32)"));
  }
  const auto users = [this] { return Json::parse(ask("/v1/audit/users", "/v1/audit/users").body); };
  for (int i = 0; i < 2; ++i) {
    const Json found = users();
    EXPECT_TRUE(found["users"].empty()) << found;
    ASSERT_EQ(found["incomplete"].size(), 1u) << found;
    EXPECT_EQ(found["incomplete"][0]["partition"], lost.value());
    EXPECT_EQ(found["incomplete"][0]["reason"], "archive_damaged");
  }
  EXPECT_EQ(damages_, 1);
  archive_all();
  const Json whole = users();
  EXPECT_EQ(whole["users"].size(), 1u) << whole;
  EXPECT_FALSE(whole.contains("incomplete")) << whole;
}

TEST_F(AuditOfALog, AnswersOnlySoManyAtATime) {
  write(1);
  archive_all();
  start({.source = "", .requests_max = 2, .scans_max = 1});
  // An answer that is not sent yet holds its place.
  std::optional<HttpResponse> first = ask(kState, "/v1/audit/users/anna/state");
  EXPECT_EQ(first->status, 200);
  const HttpResponse scan = ask(kState, "/v1/audit/users/anna/state");
  EXPECT_EQ(scan.status, 503);
  EXPECT_THAT(scan.body, HasSubstr("overloaded"));
  const HttpResponse second = ask(kEvents, "/v1/audit/users/anna/events");
  EXPECT_EQ(second.status, 200);
  const HttpResponse third = ask(kEvents, "/v1/audit/users/anna/events");
  EXPECT_EQ(third.status, 503);
  EXPECT_EQ(third.headers, (decltype(third.headers){{"Retry-After", "1"}}));
  first.reset();
  EXPECT_EQ(ask(kState, "/v1/audit/users/anna/state").status, 200);
}

TEST_F(AuditOfALog, AnswersWhatIsUnderWayWhenItStops) {
  write(1);
  archive_all();
  write(1);
  start({.source = "", .patience = 1h, .look_again = 1ms});
  auto waiting = begin(kEvents, "/v1/audit/users/anna/events");
  while (looks().empty()) std::this_thread::yield();
  api_->stop();
  ASSERT_EQ(waiting.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(waiting.get().status, 503);
  EXPECT_EQ(ask(kEvents, "/v1/audit/users/anna/events").status, 503);
}

TEST_F(AuditOfALog, LooksAtSoManyEventsForAPageWithFilters) {
  write(25);
  archive_all();
  start({.source = "", .reads = {.events_looked_at_max = 10}});
  Json page = events("?type=agent_failed");
  EXPECT_TRUE(page["events"].empty());
  EXPECT_EQ(page["next"], "/v1/audit/users/anna/events?before_seq=16&type=agent_failed&limit=100");
  page = events("?before_seq=6&type=agent_failed");
  EXPECT_FALSE(page.contains("next"));
  page = events("?after_seq=0&type=message_received&limit=4");
  EXPECT_EQ(page["events"].size(), 4u);
  EXPECT_EQ(page["next"], "/v1/audit/users/anna/events?after_seq=4&type=message_received&limit=4");
}

TEST_F(AuditOfALog, EndsAPageAtSoManyBytesButShowsAtLeastOneEvent) {
  write(20);
  archive_all();
  start({.source = "", .reads = {.page_bytes_max = 4096 + 1500}});
  Json page = events();
  const std::size_t shown = page["events"].size();
  EXPECT_GT(shown, 1u);
  EXPECT_LT(shown, 20u);
  EXPECT_EQ(page["events"].back()["seq"], 20);
  EXPECT_EQ(page["next"],
            "/v1/audit/users/anna/events?before_seq=" + std::to_string(21 - shown) + "&limit=100");
  start({.source = "", .reads = {.page_bytes_max = 4096 + 1}});
  EXPECT_EQ(events()["events"].size(), 1u);
}

TEST_F(AuditOfALog, RefusesAStateThatIsTooLarge) {
  write(20);
  archive_all();
  start({.source = "", .reads = {.state_bytes_max = 500}});
  EXPECT_EQ(ask(kState, "/v1/audit/users/anna/state?at=3").status, 200);
  const HttpResponse answer = ask(kState, "/v1/audit/users/anna/state");
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("too_large"));
}

TEST_F(AuditOfALog, RefusesWhatTakesTooLong) {
  write(3);
  archive_all();
  start({.source = "", .scan_time_max = 0ms});
  for (const std::string what : {"state", "export"}) {
    const HttpResponse answer = ask("/v1/audit/users/{id}/" + what, "/v1/audit/users/anna/" + what);
    EXPECT_EQ(answer.status, 413) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("signalbox replay " + what));
  }
}

TEST_F(AuditOfALog, RefusesAStateWhoseAnswerIsTooLarge) {
  write(20);
  archive_all();
  start({.source = "", .reads = {.answer_bytes_max = 100}});
  EXPECT_EQ(ask(kState, "/v1/audit/users/anna/state").status, 413);
}

TEST_F(AuditOfALog, EndsAFilteredPageAtSoManyBytesLookedAt) {
  write(25);
  archive_all();
  start({.source = "", .reads = {.bytes_looked_at_max = 1}});
  EXPECT_EQ(events("?type=agent_failed")["next"],
            "/v1/audit/users/anna/events?before_seq=25&type=agent_failed&limit=100");
}

TEST_F(AuditOfALog, LooksNoFurtherThanTheTimesItIsAskedFor) {
  write(25);
  archive_all();
  start({.source = "", .reads = {.events_looked_at_max = 10}});
  const Json later = events("?from=2999-01-01T00:00:00Z");
  EXPECT_TRUE(later["events"].empty());
  EXPECT_FALSE(later.contains("next")) << later;
  const Json earlier = events("?after_seq=0&to=2001-01-01T00:00:00Z");
  EXPECT_TRUE(earlier["events"].empty());
  EXPECT_FALSE(earlier.contains("next")) << earlier;
  EXPECT_TRUE(events("?to=2001-01-01T00:00:00Z").contains("next"));
}

TEST_F(AuditOfALog, PagesPastAnEventThatDoesNotStateItsSeq) {
  write(3);
  written_.add_event("anna", "t", 0,
                     [](NewRecord& record) { record.headers.set("ce_userseq", "x"); });
  write(3);
  archive_all();
  start();
  std::string query = "?limit=2";
  int shown = 0;
  for (int pages = 0; pages < 10 && !query.empty(); ++pages) {
    const Json page = events(query);
    shown += static_cast<int>(page["events"].size());
    const std::string next = page.value("next", "");
    query = next.empty() ? "" : next.substr(next.find('?'));
  }
  EXPECT_EQ(query, "");
  EXPECT_EQ(shown, 7);
}

TEST_F(AuditOfALog, TellsOfADamagedRowOfTheArchive) {
  write(3);
  archive_all();
  const std::string path =
      event_store::archive_path(folder_.path() + "/archive", written_.partition_of("anna"));
  auto file =
      event_store::SqliteDatabase::open(path, event_store::SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file && file->execute("UPDATE events SET place = place + 1 WHERE seq = 2"));
  start();
  const HttpResponse answer = ask(kEvents, "/v1/audit/users/anna/events");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(damages_, 1);
}

TEST_F(AuditOfALog, KeepsTheVerdictsOfTheNewestVerifications) {
  write(3);
  archive_all();
  start({.source = "", .jobs = {.jobs_max = 2}});
  std::vector<std::string> jobs;
  while (jobs.size() < 3) {
    const HttpResponse begun = ask(kVerify, "/v1/audit/users/anna/verify", "POST");
    if (begun.status == 503) continue;  // the one before goes on
    ASSERT_EQ(begun.status, 202) << begun.body;
    jobs.push_back(begun.headers.at(0).second);
  }
  EXPECT_EQ(ask(kVerify + "/{job}", jobs[0]).status, 404);
  Json newest;
  do {
    newest = Json::parse(ask(kVerify + "/{job}", jobs[2]).body);
  } while (newest["state"] == "running");
  EXPECT_EQ(newest["verdict"]["whole"], true) << newest;
  EXPECT_THAT(newest["verdict"]["cannot_show"][0].get<std::string>(), HasSubstr("unanchored"));
  EXPECT_EQ(ask(kVerify + "/{job}", jobs[2], "GET", "other").status, 404);
  EXPECT_EQ(ask(kVerify + "/{job}", "/v1/audit/users/other" + jobs[2].substr(20)).status, 404);
}

// Review of issue 5: it believed whatever anchor.pub lay beside the anchors.
TEST_F(AuditOfALog, JudgesAnchorsByTheKeyTheServiceSignsWith) {
  write(3);
  archive_all();
  const std::string name = event_store::anchor_key_name(written_.log().describe().log_id);
  const event_store::VerifierKey ours{name, event_store::SigningKey::from_seed({1}).public_key()};
  const event_store::VerifierKey other{name, event_store::SigningKey::from_seed({2}).public_key()};
  ASSERT_TRUE(std::filesystem::create_directories(folder_.path() + "/anchors"));
  ASSERT_TRUE(event_store::write_durably(folder_.path() + "/anchors/anchor.pub", to_text(other)));
  anchor_key_ = KnownAnchorKey{ours, "the service's"};
  start();
  const HttpResponse begun = ask(kVerify, "/v1/audit/users/anna/verify", "POST");
  ASSERT_EQ(begun.status, 202) << begun.body;
  Json job;
  do {
    job = Json::parse(ask(kVerify + "/{job}", begun.headers.at(0).second).body);
  } while (job["state"] == "running");
  EXPECT_EQ(job["verdict"]["whole"], false) << job;
  EXPECT_EQ(job["verdict"]["findings"][0]["kind"], "anchor_key_changed") << job;
}

TEST_F(AuditOfALog, StopsAVerificationThatRuns) {
  write(3);
  archive_all();
  start();
  std::promise<void> begun;
  std::promise<void> go_on;
  verifier_.post([&] {
    begun.set_value();
    go_on.get_future().wait();
  });
  begun.get_future().wait();
  const HttpResponse job = ask(kVerify, "/v1/audit/users/anna/verify", "POST");
  ASSERT_EQ(job.status, 202);
  EXPECT_EQ(ask(kVerify, "/v1/audit/users/anna/verify", "POST").status, 503);
  std::thread stopping([this] { api_->stop(); });
  while (ask(kEvents, "/v1/audit/users/anna/events").status != 503) std::this_thread::yield();
  go_on.set_value();
  stopping.join();
  EXPECT_EQ(Json::parse(ask(kVerify + "/{job}", job.headers.at(0).second).body)["state"],
            "stopped");
}

}  // namespace
}  // namespace signalbox::replay
