#include "gateway/tcp_send.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace signalbox::gateway {

std::size_t send_at_once(int descriptor, std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  ssize_t sent = -1;
  do sent = ::sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace signalbox::gateway
