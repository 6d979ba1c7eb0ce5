// The pages a browser opens: their files are part of the program (gateway/web), and nothing of them
// comes from anywhere else. `/` is the chat page, `/audit` the auditors'; every other file is at
// its own name. Both need those that they share; where both are served on one port, the first one
// of a path answers, which is the same. Each answer has an ETag and is asked for again every time,
// so that a new release shows at once and an unchanged file costs a 304. Pure; the handlers run on
// any thread.
#pragma once

#include <string>
#include <vector>

#include "event-store/model/http.hpp"

namespace signalbox::gateway {

struct PageOptions {
  bool dev = false;                 // whether a name is enough to sign in
  std::vector<std::string> agents;  // whom a user may talk to; the first unless he says otherwise
};

// Of the public port.
[[nodiscard]] std::vector<HttpRoute> make_page_routes(const PageOptions& options);
// Of the admin port. `by_name`: a name is enough to sign in, for /dev/token is on the same port.
[[nodiscard]] std::vector<HttpRoute> make_audit_page_routes(bool by_name);

}  // namespace signalbox::gateway
