#include "event-store/contract/http_errors.hpp"

#include <array>

namespace signalbox::event_store {
namespace {

constexpr std::array kRows{
    HttpErrorRow{400, "bad_field", "a parameter or member has a value that is not allowed",
                 "the message says what `field` may be"},
    HttpErrorRow{400, "bad_json", "the body is not the JSON object that is wanted",
                 "send the object that the message shows"},
    HttpErrorRow{400, "bad_request", "the request is no HTTP that everybody reads the same way",
                 "mend the client or the proxy in between; the connection is closed"},
    HttpErrorRow{400, "missing_field", "a member that must be there is not",
                 "send what `field` names"},
    HttpErrorRow{400, "protocol", "the handshake of a WebSocket lacks something",
                 "send the header that `field` names; offer the subprotocol `signalbox.v1`"},
    HttpErrorRow{401, "token_invalid", "there is no token, or it is not good",
                 "send `Authorization: Bearer TOKEN`; get a new token if it has ended"},
    HttpErrorRow{403, "forbidden", "this Host, Origin or role may not do that",
                 "use the name the service has, add the page to `gateway.origins`, or use a token "
                 "with the role that is named"},
    HttpErrorRow{403, "history_damaged",
                 "the auditor's own record was changed on the disk, and takes no look any more",
                 "ask under another name; the operator: `signalbox replay verify` names it"},
    HttpErrorRow{403, "token_invalid", "the token is not good for this service",
                 "the message says why; get a new token"},
    HttpErrorRow{404, "not_found", "there is nothing at this path, or no such thing of this user",
                 "look at path and ids; audit paths are on the admin port only"},
    HttpErrorRow{405, "method_not_allowed", "the path does not take this method",
                 "use one that `Allow` names"},
    HttpErrorRow{411, "bad_request", "a body comes without its length", "send `Content-Length`"},
    HttpErrorRow{413, "bad_request", "the body is longer than the service takes",
                 "send less; no body of this service is longer than 64 KiB"},
    HttpErrorRow{413, "too_large", "the answer would be larger than one answer may be",
                 "ask for less, or use `signalbox replay` on the data folder"},
    HttpErrorRow{414, "bad_request", "the request line is longer than 8 KiB",
                 "send a shorter path or query"},
    HttpErrorRow{421, "other_event_store", "another event store keeps this user's partition",
                 "ask the other event stores; `event_store.partitions` says what each keeps"},
    HttpErrorRow{426, "protocol",
                 "what came to `/ws` asks for no WebSocket, or for one of another version than 13",
                 "use a client of RFC 6455; a proxy in between must pass on `Upgrade` and "
                 "`Connection`"},
    HttpErrorRow{429, "rate_limited",
                 "too many connects of this address, or requests of this user, at a time",
                 "wait as long as `Retry-After` says"},
    HttpErrorRow{431, "bad_request", "the headers are longer than 16,000 bytes",
                 "send fewer or shorter headers, cookies above all"},
    HttpErrorRow{501, "bad_request", "the body is coded in a way the service does not know",
                 "send it as it is, with `Content-Length`"},
    HttpErrorRow{503, "log_unavailable", "log or archive cannot be read at the moment",
                 "come back after `Retry-After`; the operator: `signalbox doctor`"},
    HttpErrorRow{503, "overloaded", "too many requests are under way, or the service stops",
                 "come back after `Retry-After`"},
    HttpErrorRow{505, "bad_request", "the request is not of HTTP/1.1", "use HTTP/1.1"},
};

}  // namespace

std::span<const HttpErrorRow> http_errors() { return kRows; }

}  // namespace signalbox::event_store
