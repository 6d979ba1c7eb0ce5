// Notes and checkpoints, held by golden files: what is signed with a known key is the golden note,
// byte for byte (Ed25519 signatures are the same each time).
#include "event-store/archive/signed_note.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "event-store/archive/checkpoint.hpp"
#include "event-store/sqlite/durable_file.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/support/file_modes.hpp"

namespace signalbox::event_store {
namespace {

const LogId kLog(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));

SigningKey key_number(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return SigningKey::from_seed(seed);
}

Checkpoint example() {
  // The root after the five events of contract-vectors.json.
  return {kLog,
          Partition(10),
          5,
          parse_hash("10e3c68ca7d92364d5020c2302e691cd709f7482c5b2b0935b9056eb04f008ec").value(),
          Offset(18),
          Epoch(3),
          OwnerSeq(45)};
}

std::string golden(const std::string& name) {
  const auto read = read_small_file(SIGNALBOX_SOURCE_DIR "/tests/archive/golden/" + name, 65536);
  EXPECT_TRUE(read) << read.error().message;
  return read.value_or("");
}

std::string note() { return sign_checkpoint(example(), key_number(7)); }

TEST(SignedNote, ACheckpointIsTheGoldenOne) { EXPECT_EQ(note(), golden("checkpoint.note")); }

TEST(SignedNote, AVerifierKeyIsTheGoldenOne) {
  const VerifierKey key{anchor_key_name(kLog), key_number(7).public_key()};
  EXPECT_EQ(to_text(key) + "\n", golden("anchor.pub"));
  const auto parsed = parse_verifier_key(golden("anchor.pub"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->name, key.name);
  EXPECT_EQ(parsed->key, key.key);
}

TEST(SignedNote, SignaturesOfOthersArePassedOver) {
  const std::string text = "a text\n\nwith an empty line\n";
  const SigningKey ours = key_number(7);
  const std::string by_both =
      key_number(8).sign("ours", text) + ours.sign("ours", text).substr(text.size() + 1);
  const auto opened = open_note(by_both, "ours", ours.public_key());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(*opened, text);
  EXPECT_FALSE(open_note(key_number(8).sign("ours", text), "ours", ours.public_key()));
  EXPECT_FALSE(open_note(ours.sign("theirs", text), "ours", ours.public_key()));
  EXPECT_FALSE(open_note(by_both + "no signature\n", "ours", ours.public_key()));
}

TEST(Checkpoint, IsReadBack) {
  const auto opened = open_checkpoint(note(), key_number(7).public_key());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(*opened, example());
}

TEST(Checkpoint, OfAnotherKeyIsRefused) {
  const auto opened = open_checkpoint(note(), key_number(8).public_key());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::forbidden);
}

TEST(Checkpoint, WithAnyByteChangedIsRefused) {
  const std::string good = note();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x20}) {
      std::string changed = good;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      EXPECT_FALSE(open_checkpoint(changed, key_number(7).public_key())) << i << changed;
    }
    std::string shorter = good;
    shorter.erase(i, 1);
    EXPECT_FALSE(open_checkpoint(shorter, key_number(7).public_key())) << i << shorter;
  }
}

TEST(Checkpoint, SignedTextThatIsNoneIsRefused) {
  const SigningKey key = key_number(7);
  const std::string origin = checkpoint_origin(kLog, Partition(10));
  const std::string root = "EOPGjKfZI2TVAgwjAuaRzXCfdILFsrCTW5BW6wTwCOw=\n";
  const auto open = [&](const std::string& name, const std::string& rest) {
    return open_checkpoint(key.sign(name, name + '\n' + rest), key.public_key()).has_value();
  };
  EXPECT_TRUE(open(origin, "5\n" + root + "18 3 45\n"));
  EXPECT_FALSE(open(origin, "05\n" + root + "18 3 45\n"));
  EXPECT_FALSE(open(origin, "-5\n" + root + "18 3 45\n"));
  EXPECT_FALSE(open(origin, "5\n" + root));
  EXPECT_FALSE(open(origin, "5\n" + root + "18 3\n"));
  EXPECT_FALSE(open(origin, "5\n" + root + "18 3 45\nmore\n"));
  EXPECT_FALSE(open(origin, "5\n" + root.substr(4) + "18 3 45\n"));
  EXPECT_FALSE(open("signalbox/" + kLog.value().to_string(), "5\n" + root + "18 3 45\n"));
  EXPECT_FALSE(open("elsewhere/" + kLog.value().to_string() + "/10", "5\n" + root + "18 3 45\n"));
}

TEST(AnchorName, IsTheTreeSizeInTwentyDigits) {
  EXPECT_EQ(anchor_name(5), "00000000000000000005.note");
  EXPECT_EQ(anchor_size("00000000000000000005.note"), 5u);
  EXPECT_EQ(anchor_size(anchor_name(~0ULL)), ~0ULL);
  EXPECT_FALSE(anchor_size("5.note"));
  EXPECT_FALSE(anchor_size("0000000000000000000x.note"));
  EXPECT_FALSE(anchor_size("00000000000000000005.note.new"));
  EXPECT_FALSE(anchor_size("99999999999999999999.note"));
}

TEST(VerifierKeyText, ThatIsNoneIsRefused) {
  const std::string good = golden("anchor.pub");
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(parse_verifier_key(changed)) << changed;
  }
  EXPECT_FALSE(parse_verifier_key(""));
  EXPECT_FALSE(parse_verifier_key(good + good));
}

TEST(SigningKeyFile, IsMadeOnceAndForItsOwnerAlone) {
  const TemporaryFolder folder;
  const test_support::OpenUmask open;
  const std::string path = folder.path() + "/anchor.key";
  const auto made = SigningKey::load_or_make(path);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(test_support::open_to_others(folder.path()).empty());
  const auto loaded = SigningKey::load_or_make(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->public_key(), made->public_key());
  const auto other = SigningKey::load_or_make(folder.path() + "/other.key");
  ASSERT_TRUE(other);
  EXPECT_NE(other->public_key(), made->public_key());
}

TEST(SigningKeyFile, ThatHoldsNoKeyIsNotReplaced) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/anchor.key";
  ASSERT_TRUE(write_durably(path, "no key"));
  const auto loaded = SigningKey::load_or_make(path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::bad_config);
  EXPECT_EQ(read_small_file(path, 100).value(), "no key");
}

}  // namespace
}  // namespace signalbox::event_store
