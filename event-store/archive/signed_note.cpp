#include "event-store/archive/signed_note.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/utf8.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // em dash and space
constexpr char kEd25519 = '\x01';
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kSignaturesMax = 100;
constexpr std::size_t kKeyFileBytesMax = 4096;

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* thing) const noexcept {
    kFree(thing);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string key_bytes(const PublicKey& key) {
  return kEd25519 + std::string(key.begin(), key.end());
}

std::string key_id(std::string_view name, const PublicKey& key) {
  const Hash hash = sha256(std::string(name) + '\n' + key_bytes(key));
  return {hash.begin(), hash.begin() + kKeyIdBytes};
}

std::string hex_of(std::string_view bytes) {
  return to_hex(std::span(bytes_of(bytes), bytes.size()));
}

bool is_signed_by(std::string_view text, std::string_view signature, const PublicKey& key) {
  const PkeyPtr pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const DigestContextPtr context(EVP_MD_CTX_new());
  return pkey && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

struct SignatureLine {
  std::string_view name;
  std::string bytes;  // key id and signature
};

std::optional<SignatureLine> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) return std::nullopt;
  line.remove_prefix(kDash.size());
  const auto space = line.find(' ');
  if (space == 0 || space == std::string_view::npos) return std::nullopt;
  auto bytes = parse_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes) return std::nullopt;
  return SignatureLine{line.substr(0, space), *std::move(bytes)};
}

struct SplitNote {
  std::string_view text;
  std::vector<SignatureLine> signatures;
};

Result<SplitNote> split(std::string_view note) {
  const bool clean = std::ranges::none_of(
      note, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
  if (!clean || !is_utf8(note))
    return failure(Errc::malformed, "the note is not text without control characters");
  const auto gap = note.rfind("\n\n");
  if (gap == std::string_view::npos || !note.ends_with('\n') || gap + 2 == note.size())
    return failure(Errc::malformed, "the note has no signature behind an empty line");
  SplitNote found{note.substr(0, gap + 1), {}};
  for (std::string_view rest = note.substr(gap + 2); !rest.empty();) {
    const auto end = rest.find('\n');
    auto line = parse_signature(rest.substr(0, end));
    if (!line || found.signatures.size() == kSignaturesMax)
      return failure(Errc::malformed, "the note has a line that is no signature");
    found.signatures.push_back(*std::move(line));
    rest.remove_prefix(end + 1);
  }
  return found;
}

Result<std::string> pem_of(EVP_PKEY* key) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  char* bytes = nullptr;
  if (!memory ||
      PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failure(Errc::io_error, "OpenSSL cannot write a key");
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

PkeyPtr read_pem(std::string_view pem) {
  const BioPtr memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a password there is nothing to ask for one.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  return PkeyPtr(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr));
}

}  // namespace

struct SigningKey::Pkey {
  PkeyPtr key;
};

SigningKey::SigningKey(std::shared_ptr<const Pkey> pkey) : pkey_(std::move(pkey)), public_key_{} {
  std::size_t size = public_key_.size();
  const bool got = EVP_PKEY_get_raw_public_key(pkey_->key.get(), public_key_.data(), &size) == 1 &&
                   size == public_key_.size();
  SIGNALBOX_ASSERT(got);
}

Result<SigningKey> SigningKey::load(const std::string& path) {
  const auto stored = read_small_file(path, kKeyFileBytesMax);
  if (!stored) return tl::unexpected(stored.error());
  PkeyPtr key = read_pem(*stored);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1)
    return failure(Errc::bad_config,
                   path +
                       " holds no Ed25519 key (PKCS#8, PEM); restore it, or move it and the "
                       "anchors that were signed with it aside");
  return SigningKey(std::make_shared<const Pkey>(Pkey{std::move(key)}));
}

Result<SigningKey> SigningKey::load_or_make(const std::string& path) {
  if (auto mine = make_private(path); !mine) return tl::unexpected(mine.error());
  auto stored = load(path);
  if (stored || stored.error().code != Errc::not_found) return stored;
  PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return failure(Errc::io_error, "OpenSSL cannot make an Ed25519 key");
  const auto pem = pem_of(key.get());
  if (!pem) return tl::unexpected(pem.error());
  if (auto written = write_durably(path, *pem); !written) return tl::unexpected(written.error());
  return SigningKey(std::make_shared<const Pkey>(Pkey{std::move(key)}));
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  SIGNALBOX_ASSERT(key);
  return SigningKey(std::make_shared<const Pkey>(Pkey{std::move(key)}));
}

std::string SigningKey::sign(std::string_view name, std::string_view text) const {
  SIGNALBOX_ASSERT(text.ends_with('\n') && !name.empty());
  std::string bytes = key_id(name, public_key_);
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const DigestContextPtr context(EVP_MD_CTX_new());
  const bool done =
      context &&
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey_->key.get()) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(text), text.size()) == 1 &&
      size == signature.size();
  SIGNALBOX_ASSERT(done);
  bytes.append(signature.begin(), signature.end());
  return std::string(text) + '\n' + std::string(kDash) + std::string(name) + ' ' +
         to_base64(bytes) + '\n';
}

std::string to_text(const VerifierKey& key) {
  return key.name + '+' + hex_of(key_id(key.name, key.key)) + '+' + to_base64(key_bytes(key.key));
}

Result<VerifierKey> parse_verifier_key(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const auto name_end = text.find('+');
  const auto id_end = name_end == std::string_view::npos ? name_end : text.find('+', name_end + 1);
  const auto refused = [](const std::string& what) {
    return failure(Errc::malformed, "no C2SP verifier key (NAME+ID+KEY in one line): " + what);
  };
  if (name_end == 0 || id_end == std::string_view::npos) return refused("a part is missing");
  const auto bytes = parse_base64(text.substr(id_end + 1));
  VerifierKey parsed{std::string(text.substr(0, name_end)), {}};
  if (!bytes || bytes->size() != parsed.key.size() + 1 || bytes->front() != kEd25519)
    return refused("the last part holds no Ed25519 key");
  std::copy(bytes->begin() + 1, bytes->end(), parsed.key.begin());
  if (text.substr(name_end + 1, id_end - name_end - 1) != hex_of(key_id(parsed.name, parsed.key)))
    return refused("the id is not that of name and key");
  return parsed;
}

Result<std::string> open_note(std::string_view note, std::string_view name, const PublicKey& key) {
  const auto found = split(note);
  if (!found) return tl::unexpected(found.error());
  const std::string id = key_id(name, key);
  bool is_signed = false;
  for (const SignatureLine& line : found->signatures) {
    if (line.name != name || !line.bytes.starts_with(id)) continue;
    if (!is_signed_by(found->text, std::string_view(line.bytes).substr(kKeyIdBytes), key))
      return failure(Errc::forbidden, "the signature of " + std::string(name) + " is wrong");
    is_signed = true;
  }
  if (!is_signed)
    return failure(Errc::forbidden,
                   "the note is not signed with this key under the name " + std::string(name));
  return std::string(found->text);
}

}  // namespace signalbox::event_store
