// WriteVersion: the number of `[contract] write`. Of every type of record the newest version that
// is not above it is written; readers take every version there is (contract 14).
#pragma once

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

// What a service writes until it is told otherwise. A new version of a type leaves it where it is:
// it follows one release later, when every role can read that version.
inline constexpr int kWriteVersionDefault = 2;

struct WriteVersion {
  int number = kWriteVersionDefault;
};

// The highest version of any type of record: more cannot be written.
[[nodiscard]] int newest_write_version();

// For start-up. Errors: bad_config where a type cannot be written as old as that.
[[nodiscard]] Result<void> check_write_version(WriteVersion write);

}  // namespace signalbox::event_store
