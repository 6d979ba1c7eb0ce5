#include "event-store/contract/registry.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "event-store/contract/command_contracts.hpp"
#include "event-store/contract/completeness.hpp"
#include "event-store/contract/connection_contracts.hpp"
#include "event-store/contract/control_contracts.hpp"
#include "event-store/contract/data_codec.hpp"
#include "event-store/contract/event_contracts.hpp"
#include "event-store/contract/frame_contracts.hpp"
#include "event-store/contract/quarantine_contracts.hpp"
#include "event-store/contract/snapshot_contracts.hpp"
#include "event-store/contract/write_version.hpp"

namespace signalbox::event_store {
namespace {

using ProgressData = std::variant<AgentResponding>;
using QuarantineData = std::variant<QuarantinedData, QuarantineResolvedData>;
using SnapshotRecordData = std::variant<SnapshotData>;

static_assert(kComplete<EventData>);
static_assert(kComplete<CommandData>);
static_assert(kComplete<ProgressData>);
static_assert(kComplete<ConnectionData>);
static_assert(kComplete<ControlData>);
static_assert(kComplete<QuarantineData>);
static_assert(kComplete<SnapshotRecordData>);
static_assert(kComplete<ClientFrameData>);
static_assert(kComplete<ServerFrame>);
static_assert(kComplete<RecordFrame>);

template <class T>
void add_versions(std::vector<ContractVersion>& versions) {
  using Described = Contract<T>;
  for (int version = 1; version <= Described::version; ++version)
    versions.push_back({Described::kind, Described::name, version, version == Described::version,
                        schema_of(Described::kind, Described::name, version)});
}

template <class Variant>
struct AddAll;
template <class... T>
struct AddAll<std::variant<T...>> {
  static void to(std::vector<ContractVersion>& versions) { (add_versions<T>(versions), ...); }
};

template <class... Variant>
std::vector<ContractVersion> all_versions() {
  std::vector<ContractVersion> versions;
  (AddAll<Variant>::to(versions), ...);
  std::ranges::sort(versions, {}, [](const ContractVersion& contract) {
    return std::tuple(contract.kind, contract.name, contract.version);
  });
  return versions;
}

}  // namespace

std::span<const ContractVersion> contract_versions() {
  static const std::vector<ContractVersion> versions =
      all_versions<EventData, CommandData, ProgressData, ConnectionData, ControlData,
                   QuarantineData, SnapshotRecordData, ClientFrameData, ServerFrame, RecordFrame>();
  return versions;
}

int newest_write_version() {
  int newest = 1;
  for (const ContractVersion& contract : contract_versions())
    if (!is_frame(contract.kind)) newest = std::max(newest, contract.version);
  return newest;
}

Result<void> check_write_version(WriteVersion write) {
  Result<void> done = DataCodec<EventData>::check_write_version(write);
  if (done) done = DataCodec<CommandData>::check_write_version(write);
  if (done) done = DataCodec<ProgressData>::check_write_version(write);
  if (done) done = DataCodec<ConnectionData>::check_write_version(write);
  if (done) done = DataCodec<ControlData>::check_write_version(write);
  if (done) done = DataCodec<QuarantineData>::check_write_version(write);
  if (done) done = DataCodec<SnapshotRecordData>::check_write_version(write);
  return done;
}

}  // namespace signalbox::event_store
