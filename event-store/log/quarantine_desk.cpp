#include "event-store/log/quarantine_desk.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::event_store {

Result<void> QuarantineDesk::read(TopicPartition at,
                                  const std::function<void(const Record&)>& visit) {
  const auto bounds = log_.bounds(at);
  if (!bounds) return tl::unexpected<Error>(bounds.error());
  for (Offset next = bounds->first; next < bounds->end;) {
    const auto page = log_.read(at, next, {});
    if (!page) return tl::unexpected<Error>(page.error());
    if (page->empty()) return {};
    for (const RecordPtr& record : *page) visit(*record);
    next = page->back()->offset.next();
  }
  return {};
}

Result<void> QuarantineDesk::scan_partition(TopicPartition at, const Visit& visit) {
  Answers answers;
  auto done = read(at, [&](const Record& record) {
    if (auto answer = decode_quarantine_resolved(record))
      answers.emplace(std::move(answer->quarantined_id), std::move(answer->how));
  });
  if (!done) return done;
  std::set<std::string> seen;  // an owner that was lost may have left it to the next one
  return read(at, [&](const Record& record) {
    auto quarantined = decode_quarantined(record);
    if (!quarantined || !seen.insert(quarantined->id).second) return;
    const auto answer = answers.find(quarantined->id);
    visit({.record = std::move(*quarantined),
           .at = record.at,
           .offset = record.offset,
           .user = record.key,
           .resolved = answer == answers.end() ? std::nullopt : std::optional(answer->second)});
  });
}

Result<void> QuarantineDesk::scan(const Visit& visit) {
  for (std::int32_t p = 0; p < log_.describe().partitions; ++p)
    if (auto done = scan_partition({Topic::quarantine, Partition(p)}, visit); !done) return done;
  return {};
}

Result<QuarantineEntry> QuarantineDesk::find(std::string_view id) {
  std::optional<QuarantineEntry> found;
  const auto done = scan([&](const QuarantineEntry& entry) {
    if (entry.record.id == id) found = entry;
  });
  if (!done) return tl::unexpected<Error>(done.error());
  if (!found)
    return failure(Errc::not_found, "no record with this id is in quarantine: " + std::string(id) +
                                        "; `signalbox quarantine list --all` names them");
  return std::move(*found);
}

Result<QuarantineEntry> QuarantineDesk::find_open(std::string_view id) {
  auto entry = find(id);
  if (entry && entry->resolved)
    return failure(Errc::bad_field, "it is resolved already, by " + *entry->resolved);
  return entry;
}

Result<void> QuarantineDesk::resolve(const QuarantineEntry& entry, std::string how,
                                     const Signature& by, Random& random, const Append& append) {
  const QuarantineResolved resolved{.id = random.uuid().to_string(),
                                    .source = by.source,
                                    .time = by.time,
                                    .quarantined_id = entry.record.id,
                                    .how = std::move(how)};
  const auto appended = append(entry.at, encode_quarantine_resolved(resolved));
  if (!appended) return tl::unexpected<Error>(appended.error());
  return {};
}

Result<Offset> QuarantineDesk::retry(std::string_view id, const Signature& by, Random& random,
                                     const Append& append) {
  const auto entry = find_open(id);
  if (!entry) return tl::unexpected<Error>(entry.error());
  const Quarantined& record = entry->record;
  if (record.cut_from)
    return failure(Errc::bad_field,
                   "only a part of it is kept; the whole stands in inbound at partition " +
                       std::to_string(record.origin.partition.value()) + ", offset " +
                       std::to_string(record.origin_offset.value()));
  const Partition to = record.key && is_opaque_id(*record.key)
                           ? partition_of_key(*record.key, log_.describe().partitions)
                           : record.origin.partition;
  auto appended = append({Topic::inbound, to}, {record.key, record.headers, record.value});
  if (!appended) return appended;
  if (auto resolved = resolve(*entry, "retry", by, random, append); !resolved)
    return tl::unexpected<Error>(resolved.error());
  return appended;
}

Result<void> QuarantineDesk::drop(std::string_view id, const Signature& by, Random& random,
                                  const Append& append) {
  const auto entry = find_open(id);
  if (!entry) return tl::unexpected<Error>(entry.error());
  return resolve(*entry, "drop", by, random, append);
}

}  // namespace signalbox::event_store
