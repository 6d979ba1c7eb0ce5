#include "replay/export_check.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "event-store/archive/checkpoint.hpp"
#include "event-store/archive/merkle_tree.hpp"
#include "event-store/contract/base64.hpp"
#include "event-store/log/user_chain.hpp"

namespace signalbox::replay {
namespace {

using event_store::Checkpoint;
using event_store::Hash;
using event_store::UserChain;
using event_store::VerifierKey;
using Json = nlohmann::json;

constexpr std::size_t kFaultsKept = 20;

// What a member is, where it is there and of its kind.
std::optional<std::string> text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<std::int64_t> number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  const auto number = found->get<std::int64_t>();
  return number < 0 ? std::nullopt : std::optional(number);
}

std::optional<Hash> hash_of(const Json& value) {
  return value.is_string() ? event_store::parse_hash(value.get<std::string>()) : std::nullopt;
}

struct Anchor {
  std::string name;  // for sentences
  Checkpoint checkpoint;
  std::uint64_t leaf_index;
  std::vector<Hash> proof;
};

class ExportCheck {
 public:
  ExportCheck(std::istream& file, const VerifierKey& key, const Watch& watch)
      : file_(file), key_(key), watch_(watch) {}

  Result<ExportVerdict> run() {
    auto line = next_line();
    if (line && read_manifest(*line)) {
      while ((line = next_line())) {
        check_record(*line);
        if (!goes_on()) return stopped();
      }
      finish();
    } else if (!line) {
      fault("there is no manifest");
    }
    // A file may also end because whoever reads it shall end.
    if (!goes_on()) return stopped();
    return std::move(verdict_);
  }

 private:
  [[nodiscard]] bool goes_on() const {
    return watch_({verdict_.events, verdict_.last - verdict_.first + 1});
  }
  static tl::unexpected<Error> stopped() { return failure(Errc::stopped, "interrupted"); }

  void fault(const std::string& what) {
    if (verdict_.first_faults.size() < kFaultsKept)
      verdict_.first_faults.push_back("line " + std::to_string(line_) + ": " + what);
    ++verdict_.faults;
  }

  // Without its end; none at the end of the file, or where a line is too long to go on.
  std::optional<std::string> next_line() {
    std::string line;
    int c = file_.get();
    if (c == std::istream::traits_type::eof()) return std::nullopt;
    ++line_;
    for (; c != '\n'; c = file_.get()) {
      if (c == std::istream::traits_type::eof()) {
        fault("the file ends within the line");
        return std::nullopt;
      }
      line += static_cast<char>(c);
      if (line.size() > kExportLineBytesMax) {
        fault("it is longer than " + std::to_string(kExportLineBytesMax) + " bytes");
        return std::nullopt;
      }
    }
    return line;
  }

  bool read_manifest(const std::string& line) {
    const Json manifest = Json::parse(line, nullptr, false);
    const auto log = manifest.is_object() ? text_of(manifest, "log_id") : std::nullopt;
    if (!log) return fault("it is no manifest of an export"), false;
    const auto log_id = Uuid::parse(*log);
    const auto user = text_of(manifest, "user_id");
    const auto partition = number_of(manifest, "partition");
    const auto first = number_of(manifest, "first_seq");
    const auto last = number_of(manifest, "last_seq");
    const auto version = number_of(manifest, "contract_version");
    const auto before =
        manifest.contains("chain_before") ? hash_of(manifest["chain_before"]) : std::nullopt;
    const auto anchors = manifest.find("anchors");
    const bool is_whole = log_id && log_id->to_string() == *log && user && is_opaque_id(*user) &&
                          partition && *partition <= INT32_MAX && first && *first >= 1 && last &&
                          *last >= *first && *last <= kCountMax<std::int64_t> && version &&
                          before && anchors != manifest.end() && anchors->is_array();
    if (!is_whole)
      return fault("the manifest lacks a field, or one of them cannot be what it says"), false;
    log_ = LogId(*log_id);
    verdict_.user = *user;
    verdict_.first = Seq(*first);
    verdict_.last = Seq(*last);
    chain_ = {Seq(*first - 1), *before};
    const bool is_start = *before == event_store::chain_start(*log_, UserId(*user));
    if (is_start != (*first == 1))
      fault("chain_before is " + std::string(is_start ? "" : "not ") +
            "where the user's chain starts, and first_seq is " + std::to_string(*first));
    for (const Json& anchor : *anchors) read_anchor(anchor, static_cast<std::int32_t>(*partition));
    return true;
  }

  void read_anchor(const Json& json, std::int32_t partition) {
    const std::string name = "anchor " + std::to_string(++verdict_.anchors);
    const auto note = json.is_object() ? text_of(json, "note") : std::nullopt;
    const auto leaf_index = note ? number_of(json, "leaf_index") : std::nullopt;
    const auto seq = note ? number_of(json, "seq") : std::nullopt;
    if (!leaf_index || !seq || !json.contains("proof") || !json["proof"].is_array())
      return fault(name + " lacks a field");
    std::vector<Hash> proof;
    for (const Json& part : json["proof"]) {
      const auto hash = hash_of(part);
      if (!hash) return fault(name + ": its proof has a part that is no hash");
      proof.push_back(*hash);
    }
    const std::string origin = event_store::checkpoint_origin(*log_, Partition(partition));
    if (key_.name != origin && key_.name != event_store::anchor_key_name(*log_))
      return fault(name + ": the key is that of " + key_.name + ", the export is of " + origin);
    const auto checkpoint = event_store::open_checkpoint(*note, key_.key);
    if (!checkpoint) return fault(name + ": " + checkpoint.error().message);
    if (checkpoint->log != *log_ || checkpoint->partition.value() != partition)
      return fault(name + " is of another log or partition than the manifest says");
    if (checkpoint->size <= newest_size_)
      return fault(name + " is not of a larger tree than the one before");
    newest_size_ = checkpoint->size;
    if (*seq < verdict_.first.value() || *seq > verdict_.last.value())
      return fault(name + " covers seq " + std::to_string(*seq) + ", which is not in the export");
    anchors_.emplace(
        *seq, Anchor{name, *checkpoint, static_cast<std::uint64_t>(*leaf_index), std::move(proof)});
  }

  void check_record(const std::string& line) {
    const auto event = read_record(line);
    if (!event) return fault("it is no record of an export");
    ++verdict_.events;
    if (event->offset <= last_offset_) fault("its offset is not greater than the one before");
    last_offset_ = event->offset;
    if (event->key != verdict_.user || event->header("ce_subject") != verdict_.user)
      fault("it is of another user");
    const auto followed = event_store::follow_hashed(chain_, *event);
    if (followed.broken) fault(followed.broken->what);
    if (chain_.seq > verdict_.last)
      fault("seq " + std::to_string(chain_.seq.value()) + " is beyond the manifest's last_seq");
    const Hash leaf = event_store::leaf_hash(event_store::leaf_input(*event, followed.content));
    const auto [begin, end] = anchors_.equal_range(chain_.seq.value());
    for (auto anchor = begin; anchor != end; ++anchor) check_anchor(anchor->second, leaf, *event);
    anchors_.erase(begin, end);
  }

  void check_anchor(const Anchor& anchor, const Hash& leaf, const Record& event) {
    const Checkpoint& stated = anchor.checkpoint;
    if (event.offset >= stated.next_offset)
      return fault(anchor.name + " was signed before this offset was in the log");
    if (!event_store::verify_inclusion(leaf, anchor.leaf_index, stated.size, anchor.proof,
                                       stated.root))
      return fault(anchor.name + ": this event is not leaf " + std::to_string(anchor.leaf_index) +
                   " of the signed tree of " + std::to_string(stated.size) + " events");
    if (chain_.seq < verdict_.anchored) return;
    verdict_.anchored = chain_.seq;
    verdict_.anchored_size = std::max(verdict_.anchored_size, stated.size);
  }

  [[nodiscard]] std::optional<Record> read_record(const std::string& line) const {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto offset = number_of(json, "offset");
    auto key = text_of(json, "key");
    const auto value = text_of(json, "value");
    auto bytes = value ? event_store::parse_base64(*value) : std::nullopt;
    const auto headers = json.find("headers");
    if (!offset || !key || !bytes || headers == json.end() || !headers->is_object())
      return std::nullopt;
    Record record{
        {Topic::events, Partition(0)}, Offset(*offset), {}, std::move(key), {}, *std::move(bytes)};
    for (const auto& [name, text] : headers->items()) {
      if (!text.is_string()) return std::nullopt;
      record.headers.add(name, text.get_ref<const std::string&>());
    }
    return record;
  }

  void finish() {
    if (chain_.seq != verdict_.last)
      fault("the export ends at seq " + std::to_string(chain_.seq.value()) +
            ", its manifest says " + std::to_string(verdict_.last.value()));
    for (const auto& [seq, anchor] : anchors_)
      fault(anchor.name + " covers seq " + std::to_string(seq) + ", which is not in the export");
  }

  std::istream& file_;
  const VerifierKey& key_;
  const Watch& watch_;
  ExportVerdict verdict_;
  std::int64_t line_ = 0;
  std::optional<LogId> log_;
  UserChain chain_{Seq(0), {}};
  Offset last_offset_{-1};
  std::uint64_t newest_size_ = 0;
  std::multimap<std::int64_t, Anchor> anchors_;  // not met yet, by the seq they cover
};

}  // namespace

std::string to_text(const ExportVerdict& verdict) {
  std::string text;
  for (const std::string& what : verdict.first_faults) text += what + '\n';
  const auto kept = static_cast<std::int64_t>(verdict.first_faults.size());
  if (verdict.faults > kept)
    text += "and " + std::to_string(verdict.faults - kept) + " faults more\n";
  const std::string range = "seq " + std::to_string(verdict.first.value()) + " to " +
                            std::to_string(verdict.last.value());
  if (!verdict.is_whole())
    return text + "NOT WHOLE: " + std::to_string(verdict.faults) + " faults in " +
           std::to_string(verdict.events) + " events, " + range + "\n";
  text += "whole: " + std::to_string(verdict.events) + " events, " + range +
          ", none changed, missing in between, inserted or reordered\n";
  if (verdict.anchored > Seq(0))
    text += "anchored up to seq " + std::to_string(verdict.anchored.value()) +
            ", in a signed tree of " + std::to_string(verdict.anchored_size) + " events\n";
  if (verdict.anchored < verdict.last)
    text += "unanchored: a removed tail cannot be seen, and nothing but the chain speaks for seq " +
            std::to_string(std::max(verdict.anchored.next(), verdict.first).value()) + " to " +
            std::to_string(verdict.last.value()) + "\n";
  else
    text += "what the user did after seq " + std::to_string(verdict.last.value()) +
            ", if anything, an export cannot show\n";
  return text;
}

Result<ExportVerdict> check_export(std::istream& file, const VerifierKey& key, const Watch& watch) {
  return ExportCheck(file, key, watch).run();
}

}  // namespace signalbox::replay
