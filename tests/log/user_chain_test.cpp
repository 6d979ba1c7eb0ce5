#include "event-store/log/user_chain.hpp"

#include <gtest/gtest.h>

#include "tests/support/test_records.hpp"

namespace signalbox::event_store {
namespace {

using test_support::at_offset;
using test_support::TestOwner;

class UserChainTest : public testing::Test {
 protected:
  std::optional<ChainBreak> follow_next(NewRecord record) {
    return follow(chain_, at_offset(std::move(record), Offset(next_++)));
  }
  static void set(NewRecord& record, std::string_view name, std::string value) {
    record.headers.set(name, value);
  }

  Random random_{5};
  LogId log_{random_.uuid()};
  TestOwner owner_{log_, Epoch(1), random_};
  UserChain chain_ = start_of_chain(log_, UserId("anna"));
  std::int64_t next_ = 0;
};

TEST_F(UserChainTest, AWholeHistoryFollows) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(follow_next(owner_.event("anna", Offset(i))));
  EXPECT_EQ(chain_.seq, Seq(5));
}

TEST_F(UserChainTest, AMissingEventIsNamedOnceAndTheRestFollows) {
  EXPECT_FALSE(follow_next(owner_.event("anna", Offset(0))));
  const NewRecord lost = owner_.event("anna", Offset(1));
  const auto broken = follow_next(owner_.event("anna", Offset(2)));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->kind, ChainBreak::Kind::seq);
  EXPECT_EQ(broken->offset, Offset(1));
  EXPECT_EQ(broken->what, "expected ce_userseq 2, found 3");
  EXPECT_FALSE(follow_next(owner_.event("anna", Offset(3)))) << "each break is named once";
}

TEST_F(UserChainTest, AChangedByteBreaksTheHash) {
  NewRecord record = owner_.event("anna", Offset(0), "the truth");
  record.value[record.value.find("truth")] = 'T';
  const auto broken = follow_next(std::move(record));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->kind, ChainBreak::Kind::hash);
  EXPECT_FALSE(follow_next(owner_.event("anna", Offset(1))));
}

TEST_F(UserChainTest, AnUnreadableLinkIsABreakToo) {
  NewRecord record = owner_.event("anna", Offset(0));
  set(record, "ce_chainhash", "zz");
  const auto broken = follow_next(std::move(record));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->kind, ChainBreak::Kind::unreadable);
  EXPECT_FALSE(follow_next(owner_.event("anna", Offset(1))))
      << "what it did not state goes on as if it were right";
  NewRecord without = owner_.event("anna", Offset(2));
  set(without, "ce_userseq", "");
  ASSERT_TRUE(follow_next(std::move(without)));
  EXPECT_FALSE(follow_next(owner_.event("anna", Offset(3))));
}

// Found by reading: the next seq after it overflowed.
TEST_F(UserChainTest, ASeqBeyondCountingIsNoneAndTheChainGoesOnWithoutIt) {
  for (const char* seq : {"9223372036854775807", "4611686018427387904", "18446744073709551615"}) {
    NewRecord record = owner_.event("anna", Offset(next_));
    set(record, "ce_userseq", seq);
    const Seq before = chain_.seq;
    const auto broken = follow_next(std::move(record));
    ASSERT_TRUE(broken) << seq;
    EXPECT_EQ(broken->kind, ChainBreak::Kind::unreadable) << seq;
    EXPECT_EQ(chain_.seq, before.next()) << seq;
  }
}

TEST_F(UserChainTest, AnotherLogHasAnotherStart) {
  chain_ = start_of_chain(LogId(random_.uuid()), UserId("anna"));
  EXPECT_TRUE(follow_next(owner_.event("anna", Offset(0))));
}

}  // namespace
}  // namespace signalbox::event_store
