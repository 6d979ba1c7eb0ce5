# Three things are mended in the installed headers of websocketpp 0.8.2 at configure time; nothing of
# the library is in this tree. They must come before /usr/include.
# 1. It does not compile as C++20 with g++ 12: constructors and destructors named by a template-id.
# 2. When a frame breaks the protocol it closes at once, ahead of the answers to the frames before
#    it that its user has made but not yet sent; now it tells its connection_base first.
# 3. A length in more bytes than it needs, or of more than 63 bits, is an error of the peer (1002),
#    not one of ours (1011).
set(WEBSOCKETPP_INSTALLED /usr/include/websocketpp CACHE PATH "headers of Debian's libwebsocketpp-dev")
set(WEBSOCKETPP_OVERLAY ${CMAKE_BINARY_DIR}/websocketpp-overlay)
set(WEBSOCKETPP_CHANGED_LINES_EXPECTED 13)

file(STRINGS ${WEBSOCKETPP_INSTALLED}/version.hpp version_lines
  REGEX "^static int const (major|minor|patch)_version = [0-9]+;")
string(REGEX REPLACE "[^0-9;]" "" version_numbers "${version_lines}")
string(REGEX REPLACE ";+" "." websocketpp_version "${version_numbers}")
string(REGEX REPLACE "\\.$" "" websocketpp_version "${websocketpp_version}")
if(NOT websocketpp_version STREQUAL "0.8.2")
  message(FATAL_ERROR "websocketpp is '${websocketpp_version}'; the overlay is made for 0.8.2")
endif()

set(changed_lines 0)
# signalbox_overlay(FILE REGEX REPLACEMENT): rewrites each matching line of FILE into the overlay.
function(signalbox_overlay file regex replacement)
  file(READ ${WEBSOCKETPP_INSTALLED}/${file} text)
  string(REGEX MATCHALL "\n[ \t]*~?${regex}" matches "${text}")
  list(LENGTH matches count)
  string(REGEX REPLACE "\n([ \t]*~?)${regex}" "\n\\1${replacement}" text "${text}")
  file(CONFIGURE OUTPUT ${WEBSOCKETPP_OVERLAY}/websocketpp/${file} CONTENT "@text@" @ONLY)
  math(EXPR total "${changed_lines} + ${count}")
  set(changed_lines ${total} PARENT_SCOPE)
endfunction()

signalbox_overlay(logger/basic.hpp "basic<concurrency,names>\\(" "basic(")
signalbox_overlay(endpoint.hpp "endpoint<connection,config>\\(" "endpoint(")
signalbox_overlay(roles/server_endpoint.hpp "server<config>\\(" "server(")
signalbox_overlay(roles/client_endpoint.hpp "client<config>\\(" "client(")
signalbox_overlay(impl/connection_impl.hpp "log_err\\(log::elevel::rerror, \"consume\", "
  "this->protocol_broken(); log_err(log::elevel::rerror, \"consume\", ")
signalbox_overlay(processors/base.hpp "return close::status::protocol_error"
  "case error::non_minimal_encoding: case error::requires_64bit: return close::status::protocol_error")
if(NOT changed_lines EQUAL WEBSOCKETPP_CHANGED_LINES_EXPECTED)
  message(FATAL_ERROR "the websocketpp overlay changed ${changed_lines} lines, not "
    "${WEBSOCKETPP_CHANGED_LINES_EXPECTED}: the installed headers are not the ones it was made for")
endif()
