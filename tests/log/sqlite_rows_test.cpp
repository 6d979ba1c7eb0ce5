// Bytes on disk, held fast: computed independently (Python's hashlib) from the grammar in
// sqlite_rows.hpp, and of the witness beside it.
#include "event-store/log/sqlite_rows.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "event-store/log/head_witness.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::event_store {
namespace {

using namespace std::string_literals;

const Headers kHeaders{{"ce_id", "7"}, {"x", ""}};

TEST(SqliteRows, HeadersArePackedWithTheirLengths) {
  const std::string packed = "\0\0\0\5ce_id\0\0\0\0017\0\0\0\1x\0\0\0\0"s;
  EXPECT_EQ(kHeaders.bytes(), packed);
  EXPECT_EQ(Headers::parse(packed), kHeaders);
  EXPECT_EQ(Headers::parse(""), Headers{});
  for (std::size_t cut = 1; cut < packed.size(); ++cut) {
    const auto half = Headers::parse(packed.substr(0, cut));
    EXPECT_EQ(half, cut == 14 ? std::optional(Headers{{"ce_id", "7"}}) : std::nullopt) << cut;
  }
  EXPECT_FALSE(Headers::parse("\xff\xff\xff\xff"s));
}

TEST(SqliteRows, ChecksumsAreTheDocumentedBytes) {
  const Hash with_key = content_checksum("anna", kHeaders.bytes(), "{}");
  EXPECT_EQ(to_hex(with_key), "5978f6dc926e7e763852b086d1a99680922dd4ce89c3dd0f7245e00ce215820c");
  EXPECT_EQ(to_hex(content_checksum(std::nullopt, "", "")),
            "dd46c3eebb1884ff3b5258c0a2fc9398e560a29e0780d4b53869b6254aa46a96");
  EXPECT_NE(content_checksum(std::nullopt, "", ""), content_checksum("", "", ""));
  const TopicPartition at{Topic::quarantine, Partition(258)};
  EXPECT_EQ(
      to_hex(row_checksum(at, Offset(1LL << 40),
                          Timestamp(std::chrono::microseconds(1'795'000'000'000'000)), with_key)),
      "6e86298dae54986579fd2e466454081b69a7d7758a6f7b7edfe495491273c681");
}

TEST(HeadWitness, IsTheDocumentedPage) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/head";
  const LogId log(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));
  ASSERT_EQ(std::endian::native, std::endian::little) << "the count is in the machine's order";
  const auto page = [](std::string_view rows) {
    std::string bytes = "sbxhead1\x01\x92\xf5\xa0\x7c\x3e\x7d\x11\x9b\x0a\x3f\x6d\x2e\x8c\x4b\x15"s;
    bytes += rows;
    bytes.resize(4096, '\0');
    return bytes;
  };
  {
    auto head = HeadWitness::open(directory.path(), log, 5);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(read_file(path), page("\x05\0\0\0\0\0\0\0"s));
    head->set(0x0102030405060708);
  }
  EXPECT_EQ(read_file(path), page("\x08\x07\x06\x05\x04\x03\x02\x01"s));
  write_file(path, page("\x2a\0\0\0\0\0\0\0"s));
  EXPECT_TRUE(HeadWitness::open(directory.path(), log, 42));
  const auto lost = HeadWitness::open(directory.path(), log, 41);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::corrupt);
}

TEST(SqliteRows, APlaceIsTopicAndPartition) {
  EXPECT_EQ(place_number({Topic::inbound, Partition(7)}), 7);
  EXPECT_EQ(place_number({Topic::events, Partition(7)}), (1 << 24) + 7);
  EXPECT_EQ(place_number({Topic::quarantine, Partition(0)}), 5LL << 24);
}

}  // namespace
}  // namespace signalbox::event_store
