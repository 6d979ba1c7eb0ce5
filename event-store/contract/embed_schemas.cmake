# Writes the schema files into a header, so that the compiler can check that every contract has its
# schemas, and the program can show and compare them wherever it runs. Runs at configure time, and
# again when a file is added, removed or changed.
include(${CMAKE_CURRENT_LIST_DIR}/embed_text.cmake)

# One constexpr array of every file <kind>/<name>.v<version>.json below `folder`.
function(signalbox_embed_array variable folder out)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*.json)
  list(SORT files)
  set(rows "")
  foreach(path IN LISTS files)
    if(NOT path MATCHES "^([a-z_]+)/([a-z_]+)\\.v([0-9]+)\\.json$")
      message(FATAL_ERROR "${folder}/${path}: a schema is named <kind>/<name>.v<version>.json")
    endif()
    set(kind ${CMAKE_MATCH_1})
    set(name ${CMAKE_MATCH_2})
    set(version ${CMAKE_MATCH_3})
    signalbox_embed_text(${folder}/${path} literal)
    string(APPEND rows "    {\"${kind}\", \"${name}\", ${version}, ${literal}},\n")
  endforeach()
  set(${out} "inline constexpr EmbeddedSchema ${variable}[] = {\n${rows}};\n" PARENT_SCOPE)
endfunction()

function(signalbox_embed_schemas header)
  signalbox_embed_array(kSchemas ${CMAKE_CURRENT_SOURCE_DIR}/schemas current)
  signalbox_embed_array(kReleasedSchemas ${CMAKE_CURRENT_SOURCE_DIR}/released released)
  file(CONFIGURE OUTPUT ${header} @ONLY CONTENT
    "// Made by event-store/contract/embed_schemas.cmake from schemas/ and released/.
#pragma once

#include <string_view>

namespace signalbox::event_store {

struct EmbeddedSchema {
  std::string_view kind;
  std::string_view name;
  int version;
  std::string_view text;
};

@current@
@released@
}  // namespace signalbox::event_store
")
endfunction()
