#include "event-store/archive/checkpoint.hpp"

#include <algorithm>
#include <vector>

#include "event-store/contract/base64.hpp"
#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::size_t kNameDigits = 20;
constexpr std::string_view kNameEnd = ".note";

// Decimal without a sign and without zeros in front.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_decimal<Number>(text);
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (auto end = text.find(by); end != std::string_view::npos; end = text.find(by)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

// `signalbox/<log_id>/<partition>`
bool read_origin(std::string_view text, Checkpoint& checkpoint) {
  const auto parts = split(text, '/');
  if (parts.size() != 3 || parts[0] != "signalbox") return false;
  const auto log = Uuid::parse(parts[1]);
  const auto partition = parse_number<std::int32_t>(parts[2]);
  if (!log || log->to_string() != parts[1] || !partition) return false;
  checkpoint.log = LogId(*log);
  checkpoint.partition = Partition(*partition);
  return true;
}

bool read_position(std::string_view text, Checkpoint& checkpoint) {
  const auto parts = split(text, ' ');
  if (parts.size() != 3) return false;
  const auto offset = parse_number<std::int64_t>(parts[0]);
  const auto epoch = parse_number<std::int64_t>(parts[1]);
  const auto owner_seq = parse_number<std::int64_t>(parts[2]);
  if (!offset || !epoch || !owner_seq) return false;
  checkpoint.next_offset = Offset(*offset);
  checkpoint.epoch = Epoch(*epoch);
  checkpoint.owner_seq = OwnerSeq(*owner_seq);
  return true;
}

bool read_tree(std::string_view size, std::string_view root, Checkpoint& checkpoint) {
  const auto number = parse_number<std::uint64_t>(size);
  const auto bytes = parse_base64(root);
  if (!number || !bytes || bytes->size() != checkpoint.root.size()) return false;
  checkpoint.size = *number;
  std::ranges::copy(*bytes, checkpoint.root.begin());
  return true;
}

}  // namespace

std::string checkpoint_origin(const LogId& log, Partition partition) {
  return anchor_key_name(log) + '/' + std::to_string(partition.value());
}

std::string anchor_key_name(const LogId& log) { return "signalbox/" + log.value().to_string(); }

std::string sign_checkpoint(const Checkpoint& checkpoint, const SigningKey& key) {
  const std::string origin = checkpoint_origin(checkpoint.log, checkpoint.partition);
  const std::string_view root(reinterpret_cast<const char*>(checkpoint.root.data()),
                              checkpoint.root.size());
  return key.sign(origin, origin + '\n' + std::to_string(checkpoint.size) + '\n' + to_base64(root) +
                              '\n' + std::to_string(checkpoint.next_offset.value()) + ' ' +
                              std::to_string(checkpoint.epoch.value()) + ' ' +
                              std::to_string(checkpoint.owner_seq.value()) + '\n');
}

Result<Checkpoint> open_checkpoint(std::string_view note, const PublicKey& key) {
  const std::string_view origin = note.substr(0, note.find('\n'));
  const auto text = open_note(note, origin, key);
  if (!text) return tl::unexpected(text.error());
  Checkpoint checkpoint{LogId(Uuid{}), Partition(0), 0, {}, Offset(0), Epoch(0), OwnerSeq(0)};
  const auto lines = split(*text, '\n');  // the last one is empty
  if (lines.size() != 5 || !read_origin(lines[0], checkpoint) ||
      !read_tree(lines[1], lines[2], checkpoint) || !read_position(lines[3], checkpoint))
    return failure(Errc::malformed,
                   "the note is signed, but its text is no checkpoint of a partition: origin, tree "
                   "size, root, and one line with offset, epoch and ownerseq");
  return checkpoint;
}

std::string anchor_folder(const std::string& folder, Partition partition) {
  return folder + '/' + std::to_string(partition.value());
}

std::string anchor_name(std::uint64_t size) {
  const std::string digits = std::to_string(size);
  return std::string(kNameDigits - digits.size(), '0') + digits + std::string(kNameEnd);
}

std::optional<std::uint64_t> anchor_size(std::string_view name) {
  if (name.size() != kNameDigits + kNameEnd.size() || !name.ends_with(kNameEnd))
    return std::nullopt;
  const std::string_view digits = name.substr(0, kNameDigits);
  const auto first = digits.find_first_not_of('0');
  const auto number = parse_number<std::uint64_t>(
      first == std::string_view::npos ? std::string_view("0") : digits.substr(first));
  return number && anchor_name(*number) == name ? number : std::nullopt;
}

}  // namespace signalbox::event_store
