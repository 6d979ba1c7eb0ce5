// The AsyncAPI 3.0 document of signalbox.v1, which GET /contract/asyncapi.json answers: one message
// per frame a client may send and per frame it may get, events by their names. All of it is made
// from the contract registry, that is from what this program encodes and decodes. Pure; any thread.
#pragma once

#include <string>

namespace signalbox::gateway {

[[nodiscard]] std::string make_asyncapi_document();

}  // namespace signalbox::gateway
