#include "event-store/contract/contract_command.hpp"

#include <iomanip>
#include <optional>
#include <ostream>
#include <vector>

#include "event-store/contract/contract_check.hpp"
#include "event-store/contract/contract_map.hpp"
#include "event-store/contract/registry.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kFaultFound = 3;

// `what`: which word is wrong, as a sentence.
int usage(std::ostream& err, const std::string& what) {
  err << "signalbox contract: " << what
      << "\n"
         "usage: signalbox contract list\n"
         "       signalbox contract show [KIND/]NAME[:VERSION]\n"
         "       signalbox contract check [--against DIR]\n"
         "       signalbox contract map\n"
         "       signalbox contract errors\n";
  return kUsage;
}

int list(std::ostream& out) {
  for (const ContractVersion& contract : contract_versions()) {
    if (contract.version == 1)
      out << std::left << std::setw(13) << to_text(contract.kind) << std::setw(22) << contract.name;
    out << contract.version << (contract.current ? "\n" : " ");
  }
  return kOk;
}

// What `show` is asked for.
struct Wanted {
  std::string_view kind;  // empty: any
  std::string_view name;
  std::optional<int> version;  // none: the current one
};

std::optional<Wanted> parse_wanted(std::string_view text) {
  Wanted wanted{"", text, std::nullopt};
  if (const auto slash = wanted.name.find('/'); slash != std::string_view::npos) {
    wanted.kind = wanted.name.substr(0, slash);
    wanted.name.remove_prefix(slash + 1);
  }
  const auto colon = wanted.name.find(':');
  if (colon == std::string_view::npos) return wanted;
  wanted.version = parse_decimal<int>(wanted.name.substr(colon + 1));
  if (!wanted.version) return std::nullopt;
  wanted.name = wanted.name.substr(0, colon);
  return wanted;
}

bool is_wanted(const ContractVersion& contract, const Wanted& wanted) {
  if (!wanted.kind.empty() && wanted.kind != to_text(contract.kind)) return false;
  if (wanted.name != contract.name) return false;
  return wanted.version ? *wanted.version == contract.version : contract.current;
}

int show(const std::string& text, std::ostream& out, std::ostream& err) {
  const auto wanted = parse_wanted(text);
  if (!wanted)
    return usage(err, "'" + text + "' is no [KIND/]NAME[:VERSION] like event/tool_executing:2");
  std::vector<const ContractVersion*> found;
  for (const ContractVersion& contract : contract_versions())
    if (is_wanted(contract, *wanted)) found.push_back(&contract);
  if (found.size() == 1) {
    out << found.front()->schema;
    return kOk;
  }
  if (found.size() > 1) {
    err << "signalbox contract: there are several contracts " << text << "; ask for one of them:";
    for (const ContractVersion* contract : found)
      err << " " << to_text(contract->kind) << "/" << text;
    err << "\n";
    return kFailed;
  }
  err << "signalbox contract: there is no contract " << text
      << "; `signalbox contract list` names them all\n";
  return kFailed;
}

int check(const std::optional<std::string>& folder, std::ostream& out, std::ostream& err) {
  const auto released =
      folder ? read_schema_folder(*folder) : Result<std::vector<SchemaFile>>(released_schemas());
  if (!released) {
    err << "signalbox contract: --against: " << released.error().field << " "
        << released.error().message << "\n";
    return kFailed;
  }
  const std::vector<SchemaFile> current = current_schemas();
  const auto findings = compare_schemas(current, *released);
  if (!findings) {
    err << "signalbox contract: " << findings.error().field << " " << findings.error().message
        << "\n";
    return kFailed;
  }
  for (const ContractFinding& finding : *findings) {
    out << finding.contract << " " << finding.field << (finding.field.empty() ? "" : " ")
        << finding.what << " (incompatible: " << to_text(finding.direction) << ")\n";
  }
  if (!findings->empty()) return kFaultFound;
  out << current.size() << " schemas, compatible both ways with the " << released->size() << " of "
      << folder.value_or("the last release") << "\n";
  return kOk;
}

// Of words that are no usage.
std::string what_is_wrong(std::span<const std::string> args) {
  const std::string& verb = args.front();
  if (verb == "show") return "show takes one name, like event/tool_executing";
  if (verb == "check") return "check takes nothing, or --against and a folder of schemas";
  if (verb == "list" || verb == "map" || verb == "errors")
    return verb + " takes no further word, so not '" + args[1] + "'";
  return "there is no subcommand '" + verb + "'";
}

int map(std::ostream& out) {
  out << std::left << std::setw(36) << "contract" << std::setw(24) << "field" << std::setw(18)
      << "written by"
      << "read by\n";
  for (const MappedField& mapped : contract_map())
    out << std::setw(36) << std::string(to_text(mapped.kind)).append("/").append(mapped.name)
        << std::setw(24) << mapped.field << std::setw(18) << mapped.writers << mapped.readers
        << "\n";
  return kOk;
}

}  // namespace

int run_contract_command(std::span<const std::string> args, std::ostream& out, std::ostream& err) {
  if (args.empty()) return usage(err, "name what it shall do");
  const std::string& verb = args.front();
  if (verb == "list" && args.size() == 1) return list(out);
  if (verb == "map" && args.size() == 1) return map(out);
  if (verb == "show" && args.size() == 2) return show(args[1], out, err);
  if (verb == "check" && args.size() == 1) return check(std::nullopt, out, err);
  if (verb == "check" && args.size() == 3 && args[1] == "--against")
    return check(args[2], out, err);
  return usage(err, what_is_wrong(args));
}

}  // namespace signalbox::event_store
