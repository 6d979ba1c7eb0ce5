#include "event-store/contract/cursor.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "event-store/contract/base64.hpp"
#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

Cursor cursor_of(const OrderedJson& row) {
  return Cursor{vectors_log(),
                Partition(row.at("partition").get<std::int32_t>()),
                Offset(row.at("next_offset").get<std::int64_t>()),
                Epoch(row.at("epoch").get<std::int64_t>()),
                OwnerSeq(row.at("ownerseq").get<std::int64_t>()),
                Seq(row.at("last_seq").get<std::int64_t>())};
}

TEST(Cursor, ComesOutAsInTheVectorsAndIsReadBack) {
  ASSERT_EQ(vectors().at("cursors").size(), 2u);
  for (const auto& row : vectors().at("cursors")) {
    const UserId user(row.at("user_id").get<std::string>());
    const Cursor cursor = cursor_of(row);
    const std::string text = encode_cursor(cursor, user);
    EXPECT_EQ(text, row.at("cursor").get<std::string>());
    EXPECT_EQ(decode_cursor(text, user, vectors_log(), cursor.partition), cursor);
  }
}

struct CursorFaults : testing::Test {
  UserId user{"u"};
  LogId log = vectors_log();
  LogId elsewhere{Uuid{}};
  Cursor cursor{log, Partition(3), Offset(9), Epoch(2), OwnerSeq(7), Seq(4)};
  std::string text = encode_cursor(cursor, user);

  CursorFault fault(std::string_view of, const UserId& reader, const LogId& reader_log,
                    Partition partition) {
    const auto read = decode_cursor(of, reader, reader_log, partition);
    EXPECT_FALSE(read.has_value());
    return read ? CursorFault::expired : read.error();
  }
};

TEST_F(CursorFaults, NameWhatIsOther) {
  EXPECT_EQ(fault(text, UserId("v"), log, Partition(3)), CursorFault::other_user);
  EXPECT_EQ(fault(text, user, elsewhere, Partition(3)), CursorFault::other_log);
  EXPECT_EQ(fault(text, user, log, Partition(4)), CursorFault::other_partition);
}

TEST_F(CursorFaults, AnyOtherTextIsDamaged) {
  EXPECT_EQ(fault("", user, log, Partition(3)), CursorFault::damaged);
  EXPECT_EQ(fault("latest", user, log, Partition(3)), CursorFault::damaged);
  EXPECT_EQ(fault(text + "A", user, log, Partition(3)), CursorFault::damaged);
  EXPECT_EQ(fault(text.substr(1), user, log, Partition(3)), CursorFault::damaged);
  EXPECT_EQ(fault(text, UserId("v"), elsewhere, Partition(3)), CursorFault::damaged);
}

TEST_F(CursorFaults, AnotherVersionIsDamaged) {
  std::string bytes = parse_base64url(text).value();
  bytes[0] = 2;
  EXPECT_EQ(fault(to_base64url(bytes), user, log, Partition(3)), CursorFault::damaged);
}

TEST_F(CursorFaults, NoChangedByteIsTaken) {
  const std::string bytes = parse_base64url(text).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decode_cursor(to_base64url(changed), user, log, Partition(3))) << i;
  }
}

TEST_F(CursorFaults, ACountNoLogCanReachIsDamaged) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  // Of the last one the next seq overflowed: whoever makes a cursor makes its check too.
  for (const Cursor& made :
       {Cursor{log, Partition(3), Offset(-1), Epoch(2), OwnerSeq(7), Seq(4)},
        Cursor{log, Partition(3), Offset(9), Epoch(most), OwnerSeq(7), Seq(4)},
        Cursor{log, Partition(3), Offset(9), Epoch(2), OwnerSeq(most), Seq(4)},
        Cursor{log, Partition(3), Offset(9), Epoch(2), OwnerSeq(7), Seq(most)}})
    EXPECT_EQ(fault(encode_cursor(made, user), user, log, Partition(3)), CursorFault::damaged);
}

}  // namespace
}  // namespace signalbox::event_store
