// What somebody who may write to the files can do to a history, and what `verify` says of it: the
// kind and the place of the damage, or that it cannot be seen without an anchor.
#include <fstream>
#include <future>

#include "event-store/archive/archive.hpp"
#include "event-store/log/log_reader.hpp"
#include "replay/archive_check.hpp"
#include "replay/state.hpp"
#include "replay/state_report.hpp"
#include "replay/verify_report.hpp"
#include "tests/replay/attacked_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using event_store::TemporaryFolder;
using event_store::WrittenLog;

const Watch kPatient = [](const Progress&) { return true; };

// Made once: anna in one partition, dora and carla in the other; every test takes a copy.
class WholeLog {
 public:
  WholeLog() {
    WrittenLog log(folder_.path());
    for (int i = 0; i < 6; ++i)
      for (const char* const user : {"anna", kNeighbour, "carla"}) log.add_event(user, "t");
    append_inbound(log);
    log.settle();
    archive(log);
    std::filesystem::create_directory(older_.path() + "/data");
    log.close();
    std::filesystem::copy(folder_.path(), older_.path() + "/data",
                          std::filesystem::copy_options::recursive);
    log.open();
    log.add_event("anna", "t");
    log.add_event("anna", "t");
    log.settle();
    archive(log);
  }
  [[nodiscard]] std::string path() const { return folder_.path(); }
  [[nodiscard]] std::string older() const { return older_.path() + "/data"; }

  static constexpr const char* kNeighbour = "dora";

 private:
  void append_inbound(WrittenLog& log) {
    cli::RoleThread thread("test");
    for (int i = 0; i < 4; ++i) {
      std::promise<void> done;
      log.log().append({Topic::inbound, Partition(0)}, {"anna", {{"a", "b"}}, "value"}, thread,
                       [&](const Result<Offset>& offset) {
                         EXPECT_TRUE(offset);
                         done.set_value();
                       });
      done.get_future().wait();
    }
  }
  void archive(WrittenLog& log) {
    cli::RoleThread thread("archive");
    std::promise<void> done;
    bool is_done = false;
    std::unique_ptr<event_store::ArchiveWriter> writer;
    cli::SystemClock clock;
    thread.run([&] {
      event_store::ArchiveOptions options;
      options.progress = [&](const event_store::ArchiveProgress& progress) {
        if (progress.done == progress.total && !std::exchange(is_done, true)) done.set_value();
      };
      auto opened =
          event_store::ArchiveWriter::open(log.log(), thread, clock, folder_.path() + "/archive",
                                           {Partition(0), Partition(1)}, options);
      ASSERT_TRUE(opened) << opened.error().message;
      writer = std::move(*opened);
    });
    EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    thread.run([&] { writer.reset(); });
  }

  TemporaryFolder folder_;
  TemporaryFolder older_;
};

const WholeLog& whole_log() {
  static const WholeLog log;
  return log;
}

VerifyReport verify(const std::string& dir, std::optional<UserId> user = std::nullopt,
                    std::size_t rows_at_once = RowBatch::kRowsMax) {
  auto log = LogReader::open(dir);
  EXPECT_TRUE(log) << log.error().message;
  ArchiveCheck archive(dir + "/archive", log->describe(), user);
  auto report = verify_log(
      *log, {.user = user, .rows_at_once = rows_at_once, .observers = {&archive}}, kPatient);
  EXPECT_TRUE(report) << report.error().message;
  return std::move(*report);
}

struct Attack {
  const char* name;
  std::function<void(Attacker&)> change;
  std::optional<DamageKind> kind;  // of the first finding; none: it cannot be seen
  const char* named = "";          // part of the first finding
};
void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

std::function<void(Attacker&)> by_sql(const char* change) {
  return [change](Attacker& a) {
    a.sql(std::string("UPDATE records SET ") + change + " WHERE" + a.where("anna", 3));
  };
}
std::function<void(Attacker&)> by_edit(std::function<void(EditedRow&)> change) {
  return [change = std::move(change)](Attacker& a) { a.edit("anna", 3, change); };
}
std::function<void(Attacker&)> by_header(const char* name, const char* value) {
  return by_edit([=](EditedRow& row) { row.headers.set(name, value); });
}
std::function<void(Attacker&)> without_header(const char* name) {
  return by_edit([=](EditedRow& row) {
    row.headers.erase_if([&](const Header& header) { return header.name == name; });
  });
}
std::function<void(Attacker&)> in_archive(const char* change) {
  return [change](Attacker& a) {
    std::string statement = change;
    const auto at = statement.find("OFFSET");
    if (at != std::string::npos) statement.replace(at, 6, std::to_string(a.offset("anna", 3)));
    a.sql_in(a.archive("anna"), statement);
  };
}
std::string claim_of(const std::string& user, Attacker& a) {
  return "place = " + std::to_string(a.place(user)) + " AND \"offset\" = 1";
}
void exchange_contents(Attacker& a) {
  EditedRow third;
  a.edit("anna", 3, [&](EditedRow& row) { third = row; });
  a.edit("anna", 4, [&](EditedRow& row) {
    std::swap(row.headers, third.headers);
    std::swap(row.value, third.value);
  });
  a.edit("anna", 3, [&](EditedRow& row) {
    row.headers = third.headers;
    row.value = third.value;
  });
}
void exchange_offsets(Attacker& a) {
  const std::int64_t third = a.offset("anna", 3);
  const std::int64_t fourth = a.offset("anna", 4);
  a.edit("anna", 3, [&](EditedRow& row) { row.offset = 1000; });
  a.edit(
      "place = " + std::to_string(a.place("anna")) + " AND \"offset\" = " + std::to_string(fourth),
      [&](EditedRow& row) { row.offset = third; });
  a.edit("place = " + std::to_string(a.place("anna")) + " AND \"offset\" = 1000",
         [&](EditedRow& row) { row.offset = fourth; });
}
void rewrite_with_chain(Attacker& a) {
  a.edit("anna", 3,
         [](EditedRow& row) { row.value.replace(row.value.find("content 3"), 9, "content 9"); });
  a.chain_again("anna");
}
void close_the_gap(Attacker& a) {
  const std::string at = std::to_string(a.place("anna"));
  const std::int64_t gone = a.offset("anna", 3);
  a.sql("DELETE FROM records WHERE" + a.where("anna", 3));
  a.edit("place = " + at + " AND \"offset\" > " + std::to_string(gone),
         [](EditedRow& row) { --row.offset; });
  a.sql("UPDATE counters SET next = next - 1 WHERE place = " + at);
}
void overwrite_pages(Attacker& a) {
  const std::string path = a.dir() + "/log.db";
  const auto bytes = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  for (std::uintmax_t at = 5 * 4096; at + 4096 <= bytes; at += 4096) {
    file.seekp(static_cast<std::streamoff>(at));
    file.write(std::string(64, '\xee').data(), 64);
  }
}
// The newest event, its archived copy and every count of it, but for how far the archive has read.
void cut_log_and_archive(Attacker& a) {
  const std::string newest = std::to_string(a.offset("anna", 8));
  a.cut_tail("anna", 1);
  a.forget("head");
  a.sql_in(a.archive("anna"), "DELETE FROM events WHERE place = " + newest);
}
void of_another_log(Attacker& a) {
  a.sql_in(a.archive("anna"), "UPDATE owner SET log_id = zeroblob(16)");
}

using Kind = DamageKind;
const std::vector<Attack> kAttacks{
    {"AByteOfTheValue",
     by_sql("value = CAST(replace(CAST(value AS TEXT), 'content', 'kontent') AS BLOB)"),
     Kind::row_changed, "user anna, seq 3"},
    {"AByteOfTheHeaders",
     by_sql("headers = CAST(replace(CAST(headers AS TEXT), 'ce_', 'cf_') AS BLOB)"),
     Kind::row_changed, "offset"},
    {"AByteOfTheChecksum", by_sql("sha256 = zeroblob(32)"), Kind::row_changed, "user anna, seq 3"},
    {"NoChecksum", by_sql("sha256 = x''"), Kind::row_changed, "user anna, seq 3"},
    {"TheKey", by_sql("key = CAST('berta' AS BLOB)"), Kind::row_changed, "user berta"},
    {"NoKey", by_sql("key = NULL"), Kind::row_changed, "seq 3"},
    {"TheTimeOfAppend", by_sql("appended_at = appended_at + 1"), Kind::row_changed, "seq 3"},
    {"ValueAndChecksum", by_edit([](EditedRow& row) { row.value += " "; }), Kind::chain_broken,
     "user anna, seq 3"},
    {"TimeAndChecksum", by_header("ce_time", "2020-01-01T00:00:00.000000Z"), Kind::chain_broken,
     "user anna, seq 3"},
    {"ThreadAndChecksum", by_header("ce_threadid", "other"), Kind::chain_broken,
     "user anna, seq 3"},
    {"AnUnknownHeaderMore", by_header("ce_other", "x"), Kind::chain_broken, "user anna, seq 3"},
    {"AHeaderOfAMirror", by_header("x-mirror", "\xff"), Kind::archive_changed,
     "headers is another"},
    {"AHeaderOfAMirrorAndNoArchive",
     [](Attacker& a) {
       by_header("x-mirror", "\xff")(a);
       a.forget("archive");
     },
     std::nullopt},
    {"ContentType", by_header("content-type", "text/plain"), Kind::chain_broken, "seq 3"},
    {"TheChainHash",
     by_header("ce_chainhash", "0000000000000000000000000000000000000000000000000000000000000000"),
     Kind::chain_broken, "seq 3"},
    {"NoChainHash", without_header("ce_chainhash"), Kind::chain_unreadable, "user anna, seq 3"},
    {"TheSeq", by_header("ce_userseq", "9"), Kind::seq_broken, "expected ce_userseq 3, found 9"},
    {"NoSeq", without_header("ce_userseq"), Kind::chain_unreadable, "user anna"},
    {"TheOwnerSeq", by_header("ce_ownerseq", "99"), Kind::hole_left, "user anna, seq 3"},
    {"NoOwnerSeq", without_header("ce_ownerseq"), Kind::unknown_record, "user anna, seq 3"},
    {"AnEpochNobodyClaimed", by_header("ce_ownerepoch", "7"), Kind::unclaimed_epoch, "epoch 7"},
    {"AnOlderEpoch", [](Attacker& a) { by_header("ce_ownerepoch", "0")(a); }, Kind::unknown_record,
     "user anna"},
    {"KeyAndChecksum", by_edit([](EditedRow& row) { row.key = "berta"; }), Kind::wrong_user,
     "key and ce_subject"},
    {"NoUser", by_edit([](EditedRow& row) { row.key.reset(); }), Kind::wrong_user, "names no user"},
    {"HeadersThatAreNone", by_edit([](EditedRow& row) { row.raw_headers = "x"; }),
     Kind::row_unreadable, "user anna"},
    {"ARowDeleted", [](Attacker& a) { a.sql("DELETE FROM records WHERE" + a.where("anna", 3)); },
     Kind::row_missing, "the row is missing"},
    {"TheGenesisDeleted",
     [](Attacker& a) { a.sql("DELETE FROM records WHERE \"offset\" = 0 AND place = 16777216"); },
     Kind::row_missing, "partition 0 offset 0"},
    {"TheClaimDeleted",
     [](Attacker& a) { a.sql("DELETE FROM records WHERE \"offset\" = 1 AND place = 16777216"); },
     Kind::row_missing, "partition 0 offset 1"},
    {"AClaimWithAKey",
     [](Attacker& a) { a.edit(claim_of("anna", a), [](EditedRow& row) { row.key = "anna"; }); },
     Kind::control_of_a_user, "offset 1, user anna: control_of_a_user: a control record has a key"},
    {"AClaimWithASubject",
     [](Attacker& a) {
       a.edit(claim_of("anna", a), [](EditedRow& row) { row.headers.set("ce_subject", "anna"); });
     },
     Kind::control_of_a_user, "the header ce_subject"},
    {"AGenesisWithAKey",
     [](Attacker& a) {
       a.edit("place = 16777216 AND \"offset\" = 0", [](EditedRow& row) { row.key = "anna"; });
     },
     Kind::control_of_a_user, "partition 0 offset 0"},
    {"ACommandDeleted",
     [](Attacker& a) { a.sql("DELETE FROM records WHERE place = 0 AND \"offset\" = 2"); },
     Kind::row_missing, "inbound partition 0 offset 2"},
    {"ACommandChanged",
     [](Attacker& a) {
       a.sql("UPDATE records SET value = x'00' WHERE place = 0 AND \"offset\" = 2");
     },
     Kind::row_changed, "inbound partition 0 offset 2"},
    {"ARowDeletedAndTheGapClosed", close_the_gap, Kind::hole_left, "counts for nobody"},
    {"TwoRowsExchanged", exchange_offsets, Kind::row_out_of_order, "events partition"},
    {"TwoContentsExchangedAndNoArchive",
     [](Attacker& a) {
       exchange_contents(a);
       a.forget("archive");
     },
     Kind::hole_left, "user anna, seq 4"},
    {"TheTailTheCountersAndTheArchive",
     [](Attacker& a) {
       a.cut_tail("anna", 2);
       a.forget("archive");
     },
     Kind::log_shorter_than_it_was, "newest 2 rows"},
    {"TwoContentsExchanged", exchange_contents, Kind::archive_has_more, "user anna, seq 3"},
    {"ARowOfNoPlace",
     [](Attacker& a) {
       a.sql("UPDATE records SET place = 999999999 WHERE place = 0 AND \"offset\" = 3");
     },
     Kind::row_misplaced, "place 999999999"},
    {"ARowInserted",
     [](Attacker& a) {
       a.sql(
           "INSERT INTO records SELECT 1000, place, 1000, appended_at, key, headers, value, "
           "sha256 FROM records WHERE" +
           a.where("anna", 3));
     },
     Kind::row_beyond_the_end, "greater numbers"},
    {"AnOldEventInsertedAndCounted",
     [](Attacker& a) {
       a.sql(
           "INSERT INTO records SELECT (SELECT next + 1 FROM counters WHERE place = -1), place, "
           "1000, appended_at, key, headers, value, sha256 FROM records WHERE" +
           a.where("anna", 3) + ";UPDATE counters SET next = next + 1 WHERE place = -1");
     },
     Kind::row_missing, "the next one there has offset 1000"},
    {"TheTail", [](Attacker& a) { a.sql("DELETE FROM records WHERE" + a.where("anna", 8)); },
     Kind::tail_missing, "newest 1 rows"},
    {"TheTailAndTheCounters", [](Attacker& a) { a.cut_tail("anna", 1); }, Kind::archive_has_more,
     "user anna, seq 8"},
    {"TheTailAndEveryWitnessButTheArchive",
     [](Attacker& a) {
       a.cut_tail("anna", 2);
       a.forget("head");
     },
     Kind::archive_has_more, "user anna, seq 7"},
    {"TheTailAndEveryWitness",
     [](Attacker& a) {
       a.cut_tail("anna", 2);
       a.forget("head");
       a.forget("archive");
     },
     std::nullopt},
    {"AllOfAUser",
     [](Attacker& a) { a.sql("DELETE FROM records WHERE key = CAST('carla' AS BLOB)"); },
     Kind::row_missing, "the row is missing"},
    {"AllOfAUserMadeToFit",
     [](Attacker& a) {
       a.remove_user("dora");
       a.forget("head");
     },
     Kind::archive_changed, "log and archive disagree"},
    {"AllOfAUserMadeToFitWithoutWitness",
     [](Attacker& a) {
       a.remove_user("dora");
       a.forget("head");
       a.forget("archive");
     },
     std::nullopt},
    {"AllOfAUserMadeToFitButTheHead",
     [](Attacker& a) {
       a.remove_user("dora");
       a.forget("archive");
     },
     Kind::log_shorter_than_it_was, "has seen"},
    {"AChangeWithItsChain", rewrite_with_chain, Kind::archive_changed, "user anna, seq 3"},
    {"AChangeWithItsChainAndNoArchive",
     [](Attacker& a) {
       rewrite_with_chain(a);
       a.forget("archive");
     },
     std::nullopt},
    {"AnotherGenesis",
     [](Attacker& a) {
       a.edit("place = 16777216 AND \"offset\" = 0", [](EditedRow& row) {
         row.value.replace(row.value.find("\"partitions\":2"), 14, "\"partitions\":3");
       });
     },
     Kind::wrong_genesis, "with 3 partitions"},
    {"NoGenesis",
     [](Attacker& a) {
       a.edit("place = 16777216 AND \"offset\" = 0",
              [](EditedRow& row) { row.headers.set("ce_type", "x"); });
     },
     Kind::wrong_genesis, "does not begin with"},
    {"AnotherLogId",
     [](Attacker& a) {
       a.sql("UPDATE meta SET log_id = zeroblob(16)");
       a.forget("archive");
     },
     Kind::wrong_genesis, "genesis of log"},
    {"PagesOfTheFile", overwrite_pages, Kind::file_unreadable, "log.db"},
    {"AnOlderFile",
     [](Attacker& a) {
       std::filesystem::copy_file(whole_log().older() + "/log.db", a.dir() + "/log.db",
                                  std::filesystem::copy_options::overwrite_existing);
     },
     Kind::archive_has_more, "user anna, seq 7"},
    {"AnOlderFileWithoutArchive",
     [](Attacker& a) {
       std::filesystem::copy_file(whole_log().older() + "/log.db", a.dir() + "/log.db",
                                  std::filesystem::copy_options::overwrite_existing);
       a.forget("archive");
     },
     Kind::log_shorter_than_it_was, "newest 2 rows"},
    {"AnArchivedValue", in_archive("UPDATE events SET value = x'00' WHERE place = OFFSET"),
     Kind::archive_changed, "user anna, seq 3: archive_changed: log and archive disagree: value"},
    {"ArchivedHeaders", in_archive("UPDATE events SET headers = x'' WHERE place = OFFSET"),
     Kind::archive_changed, "headers is another"},
    {"AnArchivedChecksum", in_archive("UPDATE events SET hash = zeroblob(32) WHERE place = OFFSET"),
     Kind::archive_changed, "SHA-256 is another"},
    {"AnArchivedThread", in_archive("UPDATE events SET thread = 'other' WHERE place = OFFSET"),
     Kind::archive_changed, "thread is another"},
    {"AnArchivedSeq", in_archive("UPDATE events SET seq = 99 WHERE place = OFFSET"),
     Kind::archive_changed, "seq is another"},
    {"AnArchivedEventDeleted", in_archive("DELETE FROM events WHERE place = OFFSET"),
     Kind::archive_lacks_event, "user anna, seq 3"},
    {"AnArchivedUser", in_archive("UPDATE users SET name = 'zora' WHERE name = 'anna'"),
     Kind::archive_changed, "user is another"},
    {"AnArchivedEventMoved", in_archive("UPDATE events SET place = 0 WHERE place = OFFSET"),
     Kind::archive_has_more, "offset 0, user anna, seq 3"},
    {"TheTailOfLogAndArchive", cut_log_and_archive, Kind::archive_ahead,
     "the log has lost its newest records, or is an older copy"},
    {"ThePositionOfTheArchive", in_archive("UPDATE position SET next_offset = next_offset + 5"),
     Kind::archive_unreadable, "position does not match"},
    {"AnArchiveOfAnotherLog", of_another_log, Kind::archive_unreadable, "is of another log"},
    {"AnArchiveThatIsNone",
     [](Attacker& a) {
       std::ofstream(a.archive("anna"), std::ios::binary | std::ios::trunc)
           << std::string(9000, 'x');
     },
     Kind::archive_unreadable, "not a database"},
};

class Damage : public testing::TestWithParam<Attack> {};

TEST_P(Damage, IsFoundAndNamedOrSaidToBeUnseen) {
  const TemporaryFolder copy;
  Attacker attacker(whole_log().path(), copy.path());
  GetParam().change(attacker);
  const VerifyReport report = verify(copy.path());
  const std::string verdict = verdict_text(report, {});
  EXPECT_NE(verdict.find("unanchored: a removed tail cannot be seen"), std::string::npos);
  for (const std::size_t rows_at_once : {1, 3})
    EXPECT_EQ(verdict_text(verify(copy.path(), std::nullopt, rows_at_once), {}), verdict);
  if (!GetParam().kind) {
    EXPECT_TRUE(is_whole(report)) << verdict;
    return;
  }
  ASSERT_FALSE(is_whole(report));
  const Finding& first = report.findings.kept().front();
  EXPECT_EQ(to_text(first.kind), to_text(*GetParam().kind)) << verdict;
  EXPECT_NE(to_text(first).find(GetParam().named), std::string::npos) << verdict;
}

INSTANTIATE_TEST_SUITE_P(Of, Damage, testing::ValuesIn(kAttacks),
                         [](const auto& attack) { return std::string(attack.param.name); });

std::string state_of_anna(const std::string& dir, const Instant& at) {
  auto log = LogReader::open(dir);
  EXPECT_TRUE(log) << log.error().message;
  const auto state = read_state(*log, dir + "/archive", UserId("anna"), at, kPatient);
  EXPECT_TRUE(state) << state.error().message;
  return state_json(*state);
}

// Whose rows are read without their checksums: the user's chain tells, also of the one event that
// is read last and is beyond the instant.
TEST(State, IsTheLogsWhereTheArchiveIsDamaged) {
  for (const char* const change :
       {"value = CAST(replace(CAST(value AS TEXT), 'content 3', 'content 4') AS BLOB)",
        "headers = x''", "seq = 99",
        "headers = CAST(substr(headers, 1, instr(headers, CAST('ce_userseq' AS BLOB)) + 13) ||"
        " x'39' || substr(headers, instr(headers, CAST('ce_userseq' AS BLOB)) + 15) AS BLOB)"}) {
    const TemporaryFolder copy;
    Attacker attacker(whole_log().path(), copy.path());
    in_archive((std::string("UPDATE events SET ") + change + " WHERE place = OFFSET").c_str())(
        attacker);
    for (const Instant& at : {Instant{}, Instant{.seq = Seq(2)}, Instant{.seq = Seq(3)}})
      EXPECT_EQ(state_of_anna(copy.path(), at), state_of_anna(whole_log().path(), at)) << change;
  }
}

TEST(Verify, AnUntouchedLogIsWholeForAllAndForEachUser) {
  const VerifyReport all = verify(whole_log().path());
  EXPECT_TRUE(is_whole(all)) << verdict_text(all, {});
  EXPECT_EQ(all.events, 20);
  EXPECT_EQ(all.users, 3);
  const VerifyReport anna = verify(whole_log().path(), UserId("anna"));
  EXPECT_TRUE(is_whole(anna)) << verdict_text(anna, {});
  EXPECT_EQ(anna.events, 8);
  EXPECT_EQ(anna.users, 1);
}

TEST(Verify, DamageOfOneUserIsNotAnothers) {
  const TemporaryFolder copy;
  Attacker attacker(whole_log().path(), copy.path());
  attacker.edit("carla", 3, [](EditedRow& row) { row.value += " "; });
  attacker.chain_again("carla");
  EXPECT_FALSE(is_whole(verify(copy.path(), UserId("carla"))));
  EXPECT_TRUE(is_whole(verify(copy.path(), UserId(WholeLog::kNeighbour))));
}

TEST(Verify, SeesNoDamageInWhatReadersDrop) {
  const TemporaryFolder folder;
  WrittenLog log(folder.path());
  NewRecord again;
  log.add_event("anna", "t", 0, [&](NewRecord& record) { again = record; });
  event_store::add_chain_hash(again, event_store::Hash{});
  log.append(log.partition_of("anna"), again);  // sent again
  log.claim(log.partition_of("anna"));
  log.append(log.partition_of("anna"), again);  // by a zombie
  log.add_event("anna", "t");
  log.settle();
  const VerifyReport report = verify(folder.path());
  EXPECT_TRUE(is_whole(report)) << verdict_text(report, {});
  EXPECT_EQ(report.events, 2);
  EXPECT_EQ(report.dropped, 2);
}

TEST(Verify, EndsWhenItIsStopped) {
  auto log = LogReader::open(whole_log().path());
  ASSERT_TRUE(log);
  const auto report = verify_log(*log, {}, [](const Progress&) { return false; });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::stopped);
}

}  // namespace
}  // namespace signalbox::replay
