# Texts of the source tree that the program carries, so that it needs no files wherever it runs.
include_guard()

# The file as a C++ string literal; configuring runs again when it changes.
function(signalbox_embed_text path out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(READ ${path} text)
  set(${out} "R\"embedded(${text})embedded\"" PARENT_SCOPE)
endfunction()
