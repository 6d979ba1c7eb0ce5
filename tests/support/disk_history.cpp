#include "tests/support/disk_history.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::test_support {
namespace {

constexpr std::size_t kSectorBytes = 512;

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

void put(std::string& file, std::size_t at, std::string_view bytes) {
  file.resize(std::max(file.size(), at + bytes.size()));
  file.replace(at, bytes.size(), bytes);
}

void do_all(std::string& file, const Disk::Change& change) {
  if (change.kind == Disk::Change::Kind::cut)
    file.resize(change.at);
  else
    put(file, change.at, change.bytes);
}

// Of so many chances in four, one.
bool happens(Random& random, std::uint64_t chances) { return random.below(4) < chances; }

void do_some(std::string& file, const Disk::Change& change, std::uint64_t chances, Random& random) {
  if (change.kind == Disk::Change::Kind::cut) {
    if (happens(random, chances)) file.resize(change.at);
    return;
  }
  const std::string_view bytes = change.bytes;
  for (std::size_t from = 0; from < bytes.size();) {
    const std::size_t to =
        std::min(bytes.size(), from + kSectorBytes - (change.at + from) % kSectorBytes);
    if (happens(random, chances)) put(file, change.at + from, bytes.substr(from, to - from));
    from = to;
  }
  // The file may have become longer without the bytes that made it so.
  if (happens(random, 1)) file.resize(std::max(file.size(), change.at + bytes.size()));
}

}  // namespace

void Disk::apply(const Change& change) {
  if (change.kind == Change::Kind::names_synced) return sync_names(change.path);
  const auto found = names_.find(change.path);
  switch (change.kind) {
    case Change::Kind::found:
      names_[change.path] = durable_names_[change.path] =
          std::make_shared<File>(File{change.bytes, change.bytes, {}});
      return;
    case Change::Kind::created: names_[change.path] = std::make_shared<File>(); return;
    case Change::Kind::removed: names_.erase(change.path); return;
    default: break;
  }
  SIGNALBOX_ASSERT(found != names_.end());
  File& file = *found->second;
  switch (change.kind) {
    case Change::Kind::linked: names_[change.to] = found->second; return;
    case Change::Kind::renamed:
      names_[change.to] = found->second;
      names_.erase(change.path);
      return;
    case Change::Kind::synced:
      for (const Change& waiting : file.waiting) do_all(file.durable, waiting);
      [[fallthrough]];
    case Change::Kind::sync_failed: file.waiting.clear(); return;
    default: do_all(file.content, change); file.waiting.push_back(change);
  }
}

void Disk::sync_names(const std::string& folder) {
  std::erase_if(durable_names_, [&](const auto& name) { return folder_of(name.first) == folder; });
  for (const auto& [path, file] : names_)
    if (folder_of(path) == folder) durable_names_[path] = file;
}

Files Disk::left_by(Crash crash, Random& random) const {
  Names names = crash == Crash::kill ? names_ : durable_names_;
  if (crash == Crash::torn) {
    Names all = names_;
    all.insert(durable_names_.begin(), durable_names_.end());
    for (const auto& [path, file] : all) {
      const Names& kept = happens(random, 2) ? names_ : durable_names_;
      names.erase(path);
      if (const auto name = kept.find(path); name != kept.end()) names.insert(*name);
    }
  }
  Files left;
  for (const auto& [path, file] : names) {
    std::string bytes = crash == Crash::kill ? file->content : file->durable;
    const std::uint64_t chances = 1 + random.below(3);
    if (crash == Crash::torn)
      for (const Change& change : file->waiting) do_some(bytes, change, chances, random);
    left[path] = std::move(bytes);
  }
  return left;
}

}  // namespace signalbox::test_support
