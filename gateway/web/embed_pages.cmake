# Writes the files of the pages into a header, so that one program serves them wherever it runs.
include(${PROJECT_SOURCE_DIR}/event-store/contract/embed_text.cmake)

# signalbox_embed_pages(HEADER FILE...): files of gateway/web.
function(signalbox_embed_pages header)
  set(rows "")
  foreach(name IN LISTS ARGN)
    signalbox_embed_text(${CMAKE_CURRENT_SOURCE_DIR}/web/${name} literal)
    string(APPEND rows "    {\"${name}\", ${literal}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${header} @ONLY CONTENT
    "// Made by gateway/web/embed_pages.cmake from the files beside it.
#pragma once

#include <string_view>

namespace signalbox::gateway {

struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};

inline constexpr EmbeddedFile kPages[] = {
@rows@};

}  // namespace signalbox::gateway
")
endfunction()
