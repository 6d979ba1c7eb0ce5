#include "event-store/snapshot/snapshot_key.hpp"

#include <gtest/gtest.h>

#include "event-store/contract/identity.hpp"

namespace signalbox::event_store {
namespace {

TEST(SnapshotKey, OfAUserIsHisIdAlsoOfOneWhoIsNamedLikeAPartition) {
  for (const char* const name : {"anna", "!", "!anna", "!!", "!partition/3"}) {
    const UserId user{name};
    EXPECT_EQ(user_of_snapshot_key(user_snapshot_key(user)), user);
    EXPECT_EQ(partition_of_snapshot_key(user_snapshot_key(user)), std::nullopt) << name;
    EXPECT_EQ(place_of_snapshot_key(user_snapshot_key(user), 12), partition_of(user, 12));
  }
}

TEST(SnapshotKey, OfAPartitionIsNobodys) {
  EXPECT_EQ(partition_snapshot_key(Partition(3)), "!partition/3");
  EXPECT_EQ(user_of_snapshot_key("!partition/3"), std::nullopt);
  EXPECT_EQ(place_of_snapshot_key("!partition/3", 12), Partition(3));
  EXPECT_EQ(place_of_snapshot_key("!partition/3", 3), std::nullopt);
}

TEST(SnapshotKey, OtherKeysBelongNowhere) {
  for (const char* const key : {"", "!", "!x", "!partition/", "!partition/-1", "!partition/03",
                                "!partition/3 ", "!partition/99999999999", "a\n"})
    EXPECT_EQ(place_of_snapshot_key(key, 12), std::nullopt) << key;
}

}  // namespace
}  // namespace signalbox::event_store
