#include "event-store/archive/archive_reader.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "event-store/archive/archive.hpp"
#include "event-store/contract/codec.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::event_store {
namespace {

using namespace std::chrono_literals;

class ReadArchive : public testing::Test {
 protected:
  // 12 events of one user, those with odd seq in thread `odd`, beside another user's.
  ReadArchive() {
    for (int seq = 1; seq <= 12; ++seq) {
      written_.add_event("anna", seq % 2 == 1 ? "odd" : "even");
      written_.add_event("other", "odd");
    }
    const Offset last = written_.settle();
    cli::RoleThread thread("archive");
    const cli::SystemClock clock;
    std::unique_ptr<ArchiveWriter> writer;
    thread.run([&] {
      writer = std::move(
          *ArchiveWriter::open(written_.log(), thread, clock, folder_, {Partition(0)}, {}));
    });
    for (int i = 0; i < 15'000 && writer->status()[0].complete_to.next_offset <= last; ++i)
      std::this_thread::sleep_for(2ms);
    thread.run([&] { writer.reset(); });
  }

  static std::vector<std::int64_t> seqs(const HistoryPage& page) {
    std::vector<std::int64_t> all;
    for (const RecordPtr& record : page.events) {
      EXPECT_EQ(record->key, "anna");
      all.push_back(header_number(*record, "ce_userseq").value_or(-1));
    }
    return all;
  }
  HistoryPage read(HistoryQuery query) {
    auto page = reader_.read(query);
    EXPECT_TRUE(page) << page.error().message;
    return std::move(*page);
  }
  using Seqs = std::vector<std::int64_t>;

  TemporaryFolder temporary_;
  WrittenLog written_{temporary_.path(), 1};
  std::string folder_ = temporary_.path() + "/archive";
  ArchiveReader reader_{folder_, 1};
  const UserId anna_{"anna"};
};

TEST_F(ReadArchive, PagesForwardUntilThereIsNoMore) {
  HistoryQuery query{.user = anna_, .after = Seq(0), .before = std::nullopt, .events_max = 5};
  HistoryPage page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{1, 2, 3, 4, 5}));
  EXPECT_TRUE(page.more);
  query.after = Seq(5);
  page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{6, 7, 8, 9, 10}));
  query.after = Seq(10);
  page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{11, 12}));
  EXPECT_FALSE(page.more);
}

TEST_F(ReadArchive, PagesBackNewestFirst) {
  HistoryQuery query{.user = anna_, .after = std::nullopt, .before = Seq(13), .events_max = 7};
  HistoryPage page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{12, 11, 10, 9, 8, 7, 6}));
  EXPECT_TRUE(page.more);
  query.before = Seq(6);
  page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{5, 4, 3, 2, 1}));
  EXPECT_FALSE(page.more);
}

TEST_F(ReadArchive, PagesOneThreadBothWays) {
  const ThreadId odd("odd");
  EXPECT_EQ(seqs(read({.user = anna_, .after = Seq(3), .before = std::nullopt, .thread = odd})),
            (Seqs{5, 7, 9, 11}));
  const HistoryPage back = read(
      {.user = anna_, .after = std::nullopt, .before = Seq(11), .thread = odd, .events_max = 2});
  EXPECT_EQ(seqs(back), (Seqs{9, 7}));
  EXPECT_TRUE(back.more);
  EXPECT_TRUE(
      read({.user = anna_, .after = Seq(0), .before = std::nullopt, .thread = ThreadId("none")})
          .events.empty());
}

TEST_F(ReadArchive, ListsThreadsNewestFirstWithTheirFirstWords) {
  auto page = reader_.read_threads({.user = anna_, .before = Seq(100), .threads_max = 1});
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->threads.size(), 1U);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->threads[0].id, ThreadId("even"));
  EXPECT_EQ(page->threads[0].newest, Seq(12));
  EXPECT_EQ(page->threads[0].messages, 6);
  EXPECT_EQ(page->threads[0].first_words, "content 2");
  EXPECT_FALSE(page->threads[0].time.empty());
  page = reader_.read_threads({.user = anna_, .before = Seq(12)});
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->threads.size(), 1U);
  EXPECT_FALSE(page->more);
  EXPECT_EQ(page->threads[0].id, ThreadId("odd"));
  EXPECT_EQ(page->threads[0].newest, Seq(11));
  EXPECT_EQ(page->threads[0].first_words, "content 1");
  EXPECT_TRUE(reader_.read_threads({.user = UserId("nobody"), .before = Seq(9)})->threads.empty());
}

TEST_F(ReadArchive, KeepsToItsLimitInBytesButGivesAtLeastOne) {
  HistoryQuery query{.user = anna_, .after = Seq(0), .before = std::nullopt};
  query.bytes_max = 1;
  HistoryPage page = read(query);
  EXPECT_EQ(seqs(page), (Seqs{1}));
  EXPECT_TRUE(page.more);
}

TEST_F(ReadArchive, SaysHowFarItIsCompleteAlsoForAUserWithoutEvents) {
  const HistoryPage page =
      read({.user = UserId("nobody"), .after = Seq(0), .before = std::nullopt});
  EXPECT_TRUE(page.events.empty());
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.complete_to.next_offset,
            written_.log().bounds({Topic::events, Partition(0)})->end);
  EXPECT_EQ(page.complete_to.epoch, Epoch(1));
  EXPECT_EQ(page.complete_to.owner_seq, OwnerSeq(24));
  EXPECT_TRUE(page.complete_to.claim);
}

TEST_F(ReadArchive, SaysUnavailableWhereThereIsNoFile) {
  ArchiveReader nowhere(temporary_.path() + "/nowhere", 1);
  const auto page = nowhere.user_events(anna_, Seq(0), 10);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::unavailable);
}

TEST_F(ReadArchive, AnswersOnTheCallersExecutor) {
  cli::RoleThread reading("reading");
  cli::RoleThread asking("asking");
  LocalUserHistory history(folder_, 1, reading, {});
  std::promise<std::pair<bool, Result<HistoryPage>>> answer;
  history.read({.user = anna_, .after = Seq(9), .before = std::nullopt}, asking,
               [&](Result<HistoryPage> page) {
                 answer.set_value({asking.is_current(), std::move(page)});
               });
  const auto [on_asking, page] = answer.get_future().get();
  EXPECT_TRUE(on_asking);
  ASSERT_TRUE(page);
  EXPECT_EQ(seqs(*page), (Seqs{10, 11, 12}));
}

TEST_F(ReadArchive, RefusesReadsBeyondItsLimitAtOnce) {
  cli::RoleThread reading("reading");
  cli::RoleThread asking("asking");
  LocalUserHistoryOptions options;
  options.reads_waiting_max = 2;
  LocalUserHistory history(folder_, 1, reading, options);
  std::promise<void> hold;
  reading.post([&] { hold.get_future().wait(); });
  std::vector<Errc> refused;
  std::size_t answered = 0;
  for (int i = 0; i < 5; ++i)
    history.read({.user = anna_, .after = Seq(0), .before = std::nullopt}, asking,
                 [&](const Result<HistoryPage>& page) {
                   if (page) {
                     ++answered;
                   } else {
                     refused.push_back(page.error().code);
                   }
                 });
  asking.run([] {});
  EXPECT_EQ(refused, (std::vector<Errc>(3, Errc::unavailable)));
  hold.set_value();
  reading.run([] {});
  asking.run([] {});
  EXPECT_EQ(answered, 2u);
}

TEST_F(ReadArchive, TellsOfDamageItFinds) {
  {
    auto file = SqliteDatabase::open(folder_ + "/0.db", SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file && file->execute("UPDATE events SET headers = x'00' WHERE seq = 2"));
  }
  cli::RoleThread reading("reading");
  std::vector<Partition> damaged;
  LocalUserHistoryOptions options;
  options.on_damage = [&](Partition partition, const Error&) { damaged.push_back(partition); };
  std::promise<Errc> answer;
  {
    LocalUserHistory history(folder_, 1, reading, options);
    history.read({.user = anna_, .after = Seq(0), .before = std::nullopt}, reading,
                 [&](const Result<HistoryPage>& page) { answer.set_value(page.error().code); });
    EXPECT_EQ(answer.get_future().get(), Errc::corrupt);
  }
  reading.stop();
  EXPECT_EQ(damaged, std::vector<Partition>{Partition(0)});
}

}  // namespace
}  // namespace signalbox::event_store
