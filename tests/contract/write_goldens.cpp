// Writes the schema and golden files of current versions that are missing, from the descriptions
// and samples in C++. A file that is there is left alone, whatever it holds: what was released is
// never edited in place. One that was never released is written anew with `--replace KIND/NAME`.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

#include "tests/contract/described.hpp"

namespace signalbox::event_store {
namespace {

// True where a schema says nothing yet: the placeholder that lets a new type compile.
bool is_placeholder(const std::string& path) {
  const std::string text = read_file(path);
  return text == "{}" || text == "{}\n";
}

void write(const std::string& path, const std::string& text, bool replace) {
  if (std::filesystem::exists(path) && !replace && !is_placeholder(path)) return;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  std::cout << "wrote " << path << "\n";
}

std::string label(ContractKind kind, const std::string& name) {
  return std::string(to_text(kind)) + "/" + name;
}

int run(const std::set<std::string>& replaced) {
  for (const DescribedContract& one : described_contracts())
    write(schema_path(one.kind, one.name, one.version), one.schema.dump(2) + "\n",
          replaced.contains(label(one.kind, one.name)));
  for (const Golden& one : current_goldens())
    write(golden_path(one.kind, one.name, one.version), to_golden_text(one.bytes),
          replaced.contains(label(one.kind, one.name)));
  return 0;
}

}  // namespace
}  // namespace signalbox::event_store

int main(int argc, char** argv) {
  std::set<std::string> replaced;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) != "--replace" || i + 1 == argc) {
      std::cerr << "usage: contract_write_goldens [--replace KIND/NAME]...\n";
      return 2;
    }
    replaced.insert(argv[++i]);
  }
  return signalbox::event_store::run(replaced);
}
