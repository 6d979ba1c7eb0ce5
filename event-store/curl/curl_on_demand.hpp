// libcurl is loaded at the first call of one of its functions (curl_on_demand.cpp), and where that
// cannot be done the process ends. Who has something else to say then asks here first. Any thread.
#pragma once

#include <string>

namespace signalbox::event_store {

// Loads libcurl if nobody has. Empty: it can be called; else why not, and what to install.
[[nodiscard]] const std::string& why_no_libcurl();

}  // namespace signalbox::event_store
