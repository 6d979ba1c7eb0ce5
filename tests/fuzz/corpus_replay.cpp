// Drives a fuzz target without libFuzzer: on every file of its corpus, of which it has to accept
// all whose names do not begin with `refused_`, then on seeded mutations of them. usage: TARGET
// CORPUS [MUTATIONS [SEED]], with a folder, or one file, as CORPUS.
//
// The inputs run in a child process. When one ends it, the parent writes that input into the
// current folder and names it; the same file as CORPUS shows the fault again.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/mutation.hpp"

namespace signalbox::fuzz {
namespace {

constexpr std::size_t kInputBytesMax = 1 << 20;
constexpr int kCorpusIsWrong = 3;  // exit code of the child
constexpr std::string_view kRefused = "refused_";
constexpr unsigned kSecondsMax = 60;  // for one input; reading without end is a fault too

// What the child works on, readable for the parent after its end.
struct UnderTest {
  std::size_t size;
  char bytes[kInputBytesMax];
};

UnderTest* shared_input() {
  void* const room =
      mmap(nullptr, sizeof(UnderTest), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SIGNALBOX_ASSERT(room != MAP_FAILED);
  return static_cast<UnderTest*>(room);
}

struct Input {
  std::string name;  // of its file; empty: whether it is accepted is not asked
  std::string bytes;
};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// In the order of their names: the mutations depend on it.
std::vector<Input> read_corpus(const std::filesystem::path& corpus) {
  if (!std::filesystem::is_directory(corpus)) return {{"", read_file(corpus)}};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(corpus))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> inputs;
  for (const auto& file : files) inputs.push_back({file.filename().string(), read_file(file)});
  return inputs;
}

// Whether the target took the input for what it reads.
bool test_one(UnderTest& under_test, const std::string& input) {
  is_accepted = false;
  alarm(kSecondsMax);
  under_test.size = std::min(input.size(), kInputBytesMax);
  std::memcpy(under_test.bytes, input.data(), under_test.size);
  // A copy of its own, so that the sanitizers see where it ends.
  const std::vector<std::uint8_t> bytes(under_test.bytes, under_test.bytes + under_test.size);
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return is_accepted;
}

// How many files of the corpus are no longer what their names say.
int test_corpus(UnderTest& under_test, const std::vector<Input>& corpus) {
  int wrong = 0;
  for (const Input& input : corpus) {
    const bool accepted = test_one(under_test, input.bytes);
    if (input.name.empty() || accepted != input.name.starts_with(kRefused)) continue;
    std::cerr << input.name << (accepted ? " is accepted\n" : " is no longer accepted\n");
    ++wrong;
  }
  return wrong;
}

int report(const UnderTest& under_test, const std::string& program, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCorpusIsWrong) return 1;
  const std::string path = std::filesystem::path(program).filename().string() + ".crash";
  std::ofstream(path, std::ios::binary)
      .write(under_test.bytes, static_cast<std::streamsize>(under_test.size));
  std::cerr << "an input of " << under_test.size
            << " bytes ended the target; to see it again: " << program << ' ' << path << '\n';
  return 1;
}

int run(const std::string& program, const std::vector<Input>& corpus, long mutations,
        std::uint64_t seed) {
  if (corpus.empty()) {
    std::cerr << "the corpus is empty\n";
    return 2;
  }
  UnderTest& under_test = *shared_input();
  const pid_t child = fork();
  SIGNALBOX_ASSERT(child >= 0);
  if (child == 0) {
    const int wrong = test_corpus(under_test, corpus);
    std::vector<std::string> inputs;
    for (const Input& input : corpus) inputs.push_back(input.bytes);
    Mutation mutation(inputs, seed);
    for (long i = 0; i < mutations; ++i) test_one(under_test, mutation.next());
    std::exit(wrong == 0 ? 0 : kCorpusIsWrong);
  }
  int status = 0;
  SIGNALBOX_ASSERT(waitpid(child, &status, 0) == child);
  std::cout << corpus.size() << " inputs and " << mutations << " mutations of seed " << seed
            << '\n';
  return report(under_test, program, status);
}

}  // namespace
}  // namespace signalbox::fuzz

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::cerr << "usage: " << argv[0] << " CORPUS [MUTATIONS [SEED]]\n";
    return 2;
  }
  const long mutations = argc > 2 ? std::atol(argv[2]) : 0;
  const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  return signalbox::fuzz::run(argv[0], signalbox::fuzz::read_corpus(argv[1]), mutations, seed);
}
