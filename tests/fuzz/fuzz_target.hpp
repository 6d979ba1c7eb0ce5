// A fuzz target: one function that is given any bytes, and must neither crash nor break the
// properties it states with SIGNALBOX_ASSERT. Each *_fuzz.cpp of this folder is one; libFuzzer
// drives it (`ops/fuzz`), and corpus_replay.cpp where there is no libFuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Returns 0, as libFuzzer wants it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace signalbox::fuzz {

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Whether the last input was taken for what the target reads. A file of the corpus has to be, but
// for those whose name begins with `refused_` (corpus_replay.cpp): where a format goes on and its
// corpus does not, that is noticed.
inline bool is_accepted = false;
inline void accept() { is_accepted = true; }

}  // namespace signalbox::fuzz
