# What is mended in the installed headers of websocketpp 0.8.2 at configure time; nothing of the
# library is in this tree. They must come before /usr/include. There are two sets of them.
# WEBSOCKETPP_PLAIN is the library as it is, for what the gateway is measured against:
# 1. It does not compile as C++20 with g++ 12: constructors and destructors named by a template-id.
# WEBSOCKETPP_OVERLAY, for the gateway, has this and:
# 2. When a frame breaks the protocol it closes at once, ahead of the answers to the frames before
#    it that its user has made but not yet sent; now it tells its connection_base first.
# 3. A length in more bytes than it needs, or of more than 63 bits, is an error of the peer (1002),
#    not one of ours (1011).
# 4. A connection keeps what only its handshake needs, a buffer to read into, a maker of messages,
#    room for two of Asio's operations and a queue's first block. Its connection_base has the
#    handshake, of which it lets go, with what came behind it, and the buffer and the maker, which
#    many share; operations and queue take memory while they need it. Its own handlers fit into
#    their std::function.
# 5. Every connection is described for a log, also where that log is a stub.
# 6. Names of headers are compared letter by letter through the locale, dozens of times a request;
#    they are ASCII.
# 7. Of a text in several frames that ends within a code point nobody noticed it: only where the
#    last frame itself was one of text.
set(WEBSOCKETPP_INSTALLED /usr/include/websocketpp CACHE PATH "headers of Debian's libwebsocketpp-dev")
set(WEBSOCKETPP_PLAIN ${CMAKE_BINARY_DIR}/websocketpp-plain)
set(WEBSOCKETPP_OVERLAY ${CMAKE_BINARY_DIR}/websocketpp-overlay)
set(WEBSOCKETPP_CHANGED_LINES_EXPECTED 31)

file(STRINGS ${WEBSOCKETPP_INSTALLED}/version.hpp version_lines
  REGEX "^static int const (major|minor|patch)_version = [0-9]+;")
string(REGEX REPLACE "[^0-9;]" "" version_numbers "${version_lines}")
string(REGEX REPLACE ";+" "." websocketpp_version "${version_numbers}")
string(REGEX REPLACE "\\.$" "" websocketpp_version "${websocketpp_version}")
if(NOT websocketpp_version STREQUAL "0.8.2")
  message(FATAL_ERROR "websocketpp is '${websocketpp_version}'; the overlay is made for 0.8.2")
endif()

set(changed_lines 0)
set(changed_files)
# signalbox_overlay(FILE REGEX REPLACEMENT): rewrites each matching line of FILE into the overlay.
function(signalbox_overlay file regex replacement)
  set(from ${WEBSOCKETPP_INSTALLED})
  if(file IN_LIST changed_files)
    set(from ${WEBSOCKETPP_OVERLAY}/websocketpp)
  endif()
  file(READ ${from}/${file} text)
  string(REGEX MATCHALL "\n[ \t]*~?${regex}" matches "${text}")
  list(LENGTH matches count)
  string(REGEX REPLACE "\n([ \t]*~?)${regex}" "\n\\1${replacement}" text "${text}")
  file(CONFIGURE OUTPUT ${WEBSOCKETPP_OVERLAY}/websocketpp/${file} CONTENT "@text@" @ONLY)
  math(EXPR total "${changed_lines} + ${count}")
  set(changed_lines ${total} PARENT_SCOPE)
  set(changed_files ${changed_files} ${file} PARENT_SCOPE)
endfunction()

signalbox_overlay(logger/basic.hpp "basic<concurrency,names>\\(" "basic(")
signalbox_overlay(endpoint.hpp "endpoint<connection,config>\\(" "endpoint(")
signalbox_overlay(roles/server_endpoint.hpp "server<config>\\(" "server(")
signalbox_overlay(roles/client_endpoint.hpp "client<config>\\(" "client(")
foreach(file ${changed_files})
  configure_file(${WEBSOCKETPP_OVERLAY}/websocketpp/${file} ${WEBSOCKETPP_PLAIN}/websocketpp/${file}
    COPYONLY)
endforeach()
signalbox_overlay(impl/connection_impl.hpp "log_err\\(log::elevel::rerror, \"consume\", "
  "this->protocol_broken(); log_err(log::elevel::rerror, \"consume\", ")
signalbox_overlay(processors/base.hpp "return close::status::protocol_error"
  "case error::non_minimal_encoding: case error::requires_64bit: return close::status::protocol_error")
signalbox_overlay(processors/hybi13.hpp "if \\(frame::get_opcode\\(m_basic_header\\) == frame::opcode::TEXT\\)"
  "if (m_current_msg->msg_ptr->get_opcode() == frame::opcode::TEXT)")
signalbox_overlay(connection.hpp "char                    m_buf\\[config::connection_read_buffer_size\\]"
  "char (&m_buf)[config::connection_read_buffer_size] = this->read_buffer()")
signalbox_overlay(connection.hpp "std::queue<message_ptr> m_send_queue"
  "std::queue<message_ptr, std::list<message_ptr> > m_send_queue")
signalbox_overlay(transport/asio/base.hpp "static const size_t size = 1024"
  "static const size_t size = 1")
signalbox_overlay(impl/connection_impl.hpp "m_buf_cursor = bytes_transferred-bytes_processed"
  "m_buf_cursor = this->keep_early(m_buf, bytes_transferred-bytes_processed)")
signalbox_overlay(impl/connection_impl.hpp "this->handle_read_frame\\(lib::error_code\\(\\), m_buf_cursor\\)"
  "this->end_handshake(m_buf, m_uri, m_handshake_buffer, m_requested_subprotocols); this->handle_read_frame(lib::error_code(), m_buf_cursor)")
signalbox_overlay(connection.hpp "request_type            m_request"
  "request_type & m_request = this->opening->request")
signalbox_overlay(connection.hpp "response_type           m_response"
  "response_type & m_response = this->opening->response")
signalbox_overlay(connection.hpp ", m_msg_manager\\(new con_msg_manager_type\\(\\)\\)"
  ", m_msg_manager(this->template message_manager<con_msg_manager_type>())")
signalbox_overlay(connection.hpp ", m_handle_read_frame\\(lib::bind\\([^()]*\\)\\)"
  ", m_handle_read_frame([this](lib::error_code const & ec, size_t bytes) { this->handle_read_frame(ec, bytes); })")
signalbox_overlay(connection.hpp ", m_write_frame_handler\\(lib::bind\\([^()]*\\)\\)"
  ", m_write_frame_handler([this](lib::error_code const & ec) { this->handle_write_frame(ec); })")
signalbox_overlay(impl/connection_impl.hpp "void connection<config>::(log_[a-z]+_result\\(\\))[ \n]*{"
  "void connection<config>::\\2 { if (!m_alog->static_test(log::alevel::connect)) return;")
signalbox_overlay(utilities.hpp "return tolower \\(c1\\) < tolower \\(c2\\)"
  "auto const low = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : int(c); }; return low(c1) < low(c2)")
if(NOT changed_lines EQUAL WEBSOCKETPP_CHANGED_LINES_EXPECTED)
  message(FATAL_ERROR "the websocketpp overlay changed ${changed_lines} lines, not "
    "${WEBSOCKETPP_CHANGED_LINES_EXPECTED}: the installed headers are not the ones it was made for")
endif()
