// Files and folders with mode 0600 and 0700: what holds messages or keys is its owner's alone,
// whoever made the folder around it and whatever the umask.
// Threads: any. Errors: disk_full, io_error, with the path and the system's reason.
#pragma once

#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

// An empty file where there is none, for SQLite, which gives its side files the mode of the
// database. One that is there, and its side files, lose what they allow to group and others if they
// are ours. An existing file is never opened: closing a second descriptor would drop the locks this
// process holds on it.
[[nodiscard]] Result<void> make_private_file(const std::string& path);

// The folder, and those above it, where there are none.
[[nodiscard]] Result<void> make_private_folders(const std::string& path);

// Takes from group and others what a file or folder allows them, if it is ours; nothing to do where
// there is none.
[[nodiscard]] Result<void> make_private(const std::string& path);

}  // namespace signalbox::event_store
