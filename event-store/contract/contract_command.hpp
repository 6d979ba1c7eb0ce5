// `signalbox contract list|show|check|map`, without its options parser.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace signalbox::event_store {

// `args` are the words after `contract`:
//   list                       every contract and its versions
//   show [KIND/]NAME[:VERSION] its schema; the current version unless told
//   check [--against DIR]      compares with the last release, or with the schemas in DIR
//   map                        every field's writers and readers
// Returns the exit code: 0 ok, 1 failed, 2 usage, 3 an incompatibility was found.
[[nodiscard]] int run_contract_command(std::span<const std::string> args, std::ostream& out,
                                       std::ostream& err);

}  // namespace signalbox::event_store
