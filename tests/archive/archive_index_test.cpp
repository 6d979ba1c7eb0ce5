#include "event-store/archive/archive_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "event-store/archive/archive_format.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::event_store {
namespace {

using testing::ElementsAre;

const RunId kFirst(*Uuid::parse("00000000-0000-4000-8000-000000000001"));
const RunId kSecond(*Uuid::parse("00000000-0000-4000-8000-000000000002"));

class IndexOfAnArchive : public testing::Test {
 protected:
  // An event of that type in a run; data stays that of message_received, which nobody reads of it.
  void add(const std::string& user, const RunId& run, const std::string& type,
           const std::string& thread = "t") {
    written_.add_event(user, thread, 0, [&](NewRecord& record) {
      record.headers.set("ce_runid", run.value().to_string());
      record.headers.set("ce_type", "dev.signalbox." + type);
    });
  }
  void add_view(const std::string& auditor, const std::string& subject) {
    written_.add_event(auditor, "t", 0, [&](NewRecord& record) {
      record.headers.erase_if([](const Header& header) { return header.name == "ce_threadid"; });
      record.headers.set("ce_type", "dev.signalbox.history_viewed");
      record.headers.set("ce_dataschema", "urn:signalbox:contract:history_viewed:1");
      record.value = R"({"subject":")" + subject + R"(","query":{"n":1}})";
    });
  }
  void archive_all() {
    written_.settle();
    RunningArchive archive(written_.log(), folder_);
    archive.wait_until_complete();
  }
  RunPage runs(RunQuery query) {
    auto page = index_.runs(query);
    EXPECT_TRUE(page) << page.error().message;
    return page ? *page : RunPage{{}, false, {}};
  }
  std::vector<std::string> viewers(const IndexPage<View>& page) {
    std::vector<std::string> names;
    for (const View& view : page.items) names.push_back(view.event->key.value_or(""));
    return names;
  }

  TemporaryFolder temporary_;
  WrittenLog written_{temporary_.path(), 3};
  std::string folder_ = temporary_.path() + "/archive";
  std::vector<std::string> damage_;
  ArchiveIndex index_{
      folder_, 3, {}, [this](Partition, const Error& error) { damage_.push_back(error.message); }};
};

TEST_F(IndexOfAnArchive, TellsOfARunFromItsMessageToItsEnd) {
  add("anna", kSecond, "agent_started");  // of which nobody sent the message
  add("anna", kFirst, "message_received");
  add("other", kFirst, "message_received");
  add("anna", kFirst, "agent_started");
  add("anna", kFirst, "agent_completed");
  add("anna", kFirst, "message_duplicate");
  archive_all();
  const RunPage page = runs({.user = UserId("anna"), .before = Seq(100)});
  ASSERT_EQ(page.runs.size(), 1u);
  const RunSummary& run = page.runs[0];
  EXPECT_EQ(run.id, kFirst);
  EXPECT_EQ(run.thread, "t");
  EXPECT_EQ(run.agent, "assistant");
  EXPECT_EQ(run.status, "completed");
  EXPECT_EQ(run.first, Seq(2));
  EXPECT_EQ(run.last, Seq(4));
  EXPECT_EQ(run.events, 3);
  EXPECT_FALSE(run.started.empty());
  EXPECT_FALSE(run.ended.empty());
  const auto found = index_.run(UserId("anna"), kFirst);
  ASSERT_TRUE(found && found->run);
  EXPECT_EQ(found->run->last, Seq(4));
  EXPECT_FALSE(index_.run(UserId("anna"), kSecond)->run);
  EXPECT_FALSE(index_.run(UserId("nobody"), kFirst)->run);
}

TEST_F(IndexOfAnArchive, FollowsARunAcrossTransactionsAndRestarts) {
  add("anna", kFirst, "message_received");
  archive_all();
  EXPECT_EQ(runs({.user = UserId("anna"), .before = Seq(100)}).runs[0].status, "queued");
  add("anna", kFirst, "agent_started");
  add("anna", kFirst, "input_requested");
  archive_all();
  const RunSummary waiting = runs({.user = UserId("anna"), .before = Seq(100)}).runs[0];
  EXPECT_EQ(waiting.status, "waiting_for_input");
  EXPECT_EQ(waiting.events, 3);
  add("anna", kFirst, "run_input_received");
  archive_all();
  EXPECT_EQ(runs({.user = UserId("anna"), .before = Seq(100)}).runs[0].status, "running");
  add("anna", kFirst, "agent_cancelled");
  archive_all();
  EXPECT_EQ(runs({.user = UserId("anna"), .before = Seq(100)}).runs[0].status, "cancelled");
}

TEST_F(IndexOfAnArchive, PagesRunsNewestFirstAlsoOfOneThread) {
  std::vector<RunId> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(RunId(*Uuid::parse("00000000-0000-4000-8000-00000000001" + std::to_string(i))));
    add("anna", all.back(), "message_received", i % 2 == 0 ? "even" : "odd");
  }
  archive_all();
  RunPage page = runs({.user = UserId("anna"), .before = Seq(100), .runs_max = 3});
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.runs[0].id, all[4]);
  EXPECT_EQ(page.runs[2].id, all[2]);
  page = runs({.user = UserId("anna"), .before = page.runs[2].first, .runs_max = 3});
  EXPECT_FALSE(page.more);
  ASSERT_EQ(page.runs.size(), 2u);
  EXPECT_EQ(page.runs[1].id, all[0]);
  page = runs({.user = UserId("anna"), .before = Seq(100), .thread = ThreadId("odd")});
  ASSERT_EQ(page.runs.size(), 2u);
  EXPECT_EQ(page.runs[0].id, all[3]);
}

TEST_F(IndexOfAnArchive, FindsUsersOfAllPartitionsByTheBeginningOfTheirId) {
  for (const char* name : {"b", "ab", "abc", "abd", "ac", "a%", "ab\xC3\xBC"})
    written_.add_event(name, "t");
  written_.add_event("abc", "t");
  archive_all();
  const auto ids = [&](const UserSearch& search, bool more) {
    const auto page = index_.find_users(search);
    EXPECT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->more, more);
    std::vector<std::string> names;
    for (const UserSummary& user : page->items) names.push_back(user.id);
    return names;
  };
  EXPECT_THAT(ids({.prefix = "ab", .after = ""}, false),
              ElementsAre("ab", "abc", "abd", "ab\xC3\xBC"));
  EXPECT_THAT(ids({.prefix = "ab", .after = "", .users_max = 2}, true), ElementsAre("ab", "abc"));
  EXPECT_THAT(ids({.prefix = "ab", .after = "abc", .users_max = 2}, false),
              ElementsAre("abd", "ab\xC3\xBC"));
  EXPECT_THAT(ids({.prefix = "a%", .after = ""}, false), ElementsAre("a%"));
  EXPECT_EQ(ids({.prefix = "", .after = ""}, false).size(), 7u);
  EXPECT_EQ(index_.find_users({.prefix = "abc", .after = ""})->items[0].newest, Seq(2));
}

TEST_F(IndexOfAnArchive, TellsWhoLookedAtAUserNewestFirst) {
  for (int i = 0; i < 4; ++i) {
    add_view("boss", "anna");
    add_view("chief", "anna");
    add_view("boss", "berta");
  }
  archive_all();
  std::vector<std::string> all;
  ViewQuery query{.subject = "anna", .views_max = 3};
  for (bool more = true; more;) {
    const auto page = index_.views(query);
    ASSERT_TRUE(page) << page.error().message;
    for (const std::string& name : viewers(*page)) all.push_back(name);
    more = page->more;
    query.before = page->items.back().place;
  }
  EXPECT_THAT(all, ElementsAre("chief", "boss", "chief", "boss", "chief", "boss", "chief", "boss"));
  EXPECT_TRUE(index_.views({.subject = "nobody"})->items.empty());
}

TEST_F(IndexOfAnArchive, ViewsThatAreShownNowhereHideNoOthers) {
  const auto view = [&](std::int64_t seq_ahead) {
    written_.add_event("boss", "t", seq_ahead, [&](NewRecord& record) {
      record.headers.set("ce_type", "dev.signalbox.history_viewed");
      record.headers.set("ce_dataschema", "urn:signalbox:contract:history_viewed:1");
      record.value = R"({"subject":"anna","query":{}})";
    });
  };
  for (int i = 0; i < 4; ++i) view(0);
  view(-4);  // from here on his seq goes back, and what came first is kept
  for (int i = 0; i < 2; ++i) view(0);
  archive_all();
  ViewQuery query{.subject = "anna", .views_max = 1};
  std::vector<Offset> places;
  for (bool more = true; more && places.size() < 20;) {
    const auto page = index_.views(query);
    ASSERT_TRUE(page && page->items.size() == 1);
    places.push_back(page->items[0].place.offset);
    more = page->more;
    query.before = page->items[0].place;
  }
  EXPECT_EQ(places.size(), 4u);
  EXPECT_TRUE(*index_.is_damaged(UserId("boss")));
  EXPECT_FALSE(*index_.is_damaged(UserId("anna")));
}

TEST_F(IndexOfAnArchive, OfOneMicrosecondShowsEachViewOnce) {
  for (const char* auditor : {"boss", "chief", "head", "lead", "prior"})
    written_.add_event(auditor, "t", 0, [&](NewRecord& record) {
      record.headers.set("ce_time", "2026-11-20T09:30:00.000000Z");
      record.headers.set("ce_type", "dev.signalbox.history_viewed");
      record.headers.set("ce_dataschema", "urn:signalbox:contract:history_viewed:1");
      record.value = R"({"subject":"anna","query":{}})";
    });
  archive_all();
  std::set<std::string> all;
  std::size_t shown = 0;
  ViewQuery query{.subject = "anna", .views_max = 1};
  for (bool more = true; more && shown < 20; ++shown) {
    const auto page = index_.views(query);
    ASSERT_TRUE(page && page->items.size() == 1);
    all.insert(viewers(*page)[0]);
    more = page->more;
    query.before = page->items[0].place;
  }
  EXPECT_EQ(shown, 5u);
  EXPECT_EQ(all.size(), 5u);
}

TEST_F(IndexOfAnArchive, TellsOfARowThatWasChanged) {
  add("anna", kFirst, "message_received");
  archive_all();
  const std::string path = archive_path(folder_, written_.partition_of("anna"));
  auto file = SqliteDatabase::open(path, SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file && file->execute("UPDATE runs SET status = 'failed'"));
  const auto page = index_.runs({.user = UserId("anna"), .before = Seq(100)});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::corrupt);
  EXPECT_EQ(damage_.size(), 1u);
}

}  // namespace
}  // namespace signalbox::event_store
