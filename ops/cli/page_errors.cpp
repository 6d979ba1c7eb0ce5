#include "ops/cli/page_errors.hpp"

#include <array>

namespace signalbox::cli {
namespace {

constexpr std::string_view kComesBack = "nothing: the page tries again by itself";
constexpr std::string_view kLook = "do it again; what follows the colon is from the tables above";
constexpr std::string_view kProgram = "mend the program that uses signalbox.js";

constexpr std::array kRows{
    // signing in
    PageErrorRow{"You could not be signed in", kLook},
    PageErrorRow{"You could not be signed in: ….", kLook},
    PageErrorRow{"You were signed out: …", "sign in again"},
    PageErrorRow{"Your token is not valid any more. Sign in with a new one.",
                 "get a new token and paste it"},
    PageErrorRow{"the token ends soon and cannot be renewed here", "get a new token and sign in"},
    PageErrorRow{"the token is not of … but of …", "sign out, then in with the token you mean"},
    PageErrorRow{"This is no token", "paste all of it: three parts with points between"},
    PageErrorRow{"paste all of it, three parts with points between them",
                 "paste all of it: the middle part says who you are"},
    PageErrorRow{"it names no user. Ask for another one", "get a token with a `sub`"},
    PageErrorRow{"something else answered for the service (…): try again",
                 "try again; the operator: look at the proxy before the service"},
    PageErrorRow{"something else answered for the service (…): load this page anew",
                 "load the page anew and sign in where something before it asks for that; the "
                 "operator: look at the proxy before the service"},
    PageErrorRow{"…. Ask for a new one, and sign in with it.", "get a new token and sign in"},
    // the connection
    PageErrorRow{"Not connected: …. What you write is kept and sent later.", kComesBack},
    PageErrorRow{"the service cannot be reached",
                 "look at the network; the operator: "
                 "`signalbox doctor`"},
    PageErrorRow{"this device is offline", "look at this device's network"},
    PageErrorRow{"for an unknown reason", kComesBack},
    PageErrorRow{"the service went away", kComesBack},
    PageErrorRow{"the service restarts", kComesBack},
    PageErrorRow{"this device read too slowly", kComesBack},
    PageErrorRow{"nothing was heard from this device", kComesBack},
    PageErrorRow{"the service has too much to do", kComesBack},
    PageErrorRow{"the service cannot read its log", "wait; the operator: `signalbox doctor`"},
    PageErrorRow{"this user may not do that: sign in as another one", "sign in as another user"},
    PageErrorRow{"signing in took too long: load the page anew", "load the page anew"},
    PageErrorRow{"too many windows of this user are open: close some of them",
                 "close some of them"},
    PageErrorRow{"too many messages were sent: wait a minute, then load the page anew",
                 "wait a minute, then load the page anew"},
    PageErrorRow{"no connection_ready in time", kComesBack},
    PageErrorRow{"the connection is silent", kComesBack},
    PageErrorRow{"the service answered …", kLook},
    // the chat page
    PageErrorRow{"This message has … bytes; the most is …. Send it in parts.", "send it in parts"},
    PageErrorRow{
        "The browser keeps no data: this message is lost if you close the page before it is sent.",
        "leave the page open until it is sent, or let the browser keep data of this page"},
    PageErrorRow{
        "Your record at the service is damaged: nothing is answered until its operator has "
        "mended it.",
        "tell the operator, whom `signalbox replay verify` tells what is damaged; a backup "
        "mends it"},
    PageErrorRow{"It was not stopped: …", kLook},
    PageErrorRow{"Your conversations could not be listed: …", kLook},
    PageErrorRow{"Earlier messages could not be loaded: …", kLook},
    PageErrorRow{"The agent could not finish: … (…).",
                 "ask again; the code is in the tables above"},
    PageErrorRow{"This message was not taken: … (…).", "the code is in the tables above"},
    PageErrorRow{"That answer was not taken (…).", "the code is in the tables above"},
    PageErrorRow{"This is not JSON: …", "write the answer as JSON"},
    PageErrorRow{"it waited for more than a day, and may have been received",
                 "look whether it was answered; else send it again"},
    // the audit page
    PageErrorRow{"this token does not have the role auditor. Ask the operator for one that has, "
                 "which is made with “signalbox token --user NAME --role auditor”, and sign in "
                 "with it.",
                 "sign in with such a token"},
    PageErrorRow{"Users could not be listed: …", kLook},
    PageErrorRow{"No user was found.", "another beginning of the name"},
    PageErrorRow{"It could not be verified", kLook},
    PageErrorRow{"there is no such verification of yours: another auditor began it, or the "
                 "service was started anew. Verify again",
                 "verify again"},
    PageErrorRow{"The verification …: …. Verify again.",
                 "verify again; of a failure the service's log says more"},
    PageErrorRow{"It could not be exported", kLook},
    PageErrorRow{"Who looked could not be read", kLook},
    PageErrorRow{"These runs could not be read", kLook},
    PageErrorRow{"This run could not be read", kLook},
    PageErrorRow{"This state could not be read", kLook},
    PageErrorRow{"These events could not be read", kLook},
    PageErrorRow{"Newer events could not be read", kLook},
    PageErrorRow{"There is no event … among these.", "take a filter away, or another seq"},
    PageErrorRow{"There is no event … yet; this is the newest.", "look again when there is more"},
    // signalbox.js, for those who write a client with it
    PageErrorRow{"url must be ws: or wss:", kProgram},
    PageErrorRow{"no global WebSocket: pass options.WebSocket", kProgram},
    PageErrorRow{"this client was closed", kProgram},
    PageErrorRow{"the client was closed", kProgram},
    PageErrorRow{"the token callback gave no token", kProgram},
    PageErrorRow{"next leads to another host", "mend the proxy: it must keep `Host`"},
    PageErrorRow{"no answer of …: …", kComesBack},
    PageErrorRow{"what came is no frame", "look what else listens at this address"},
    PageErrorRow{"…, also on new connections", "mend what is named; it was tried again"},
    PageErrorRow{"a frame has at most … bytes", "send less in one frame"},
    PageErrorRow{"… sends wait for their ack", "wait for acks before sending more"},
    PageErrorRow{"no answer for 24 h", "look whether it was received; else send it with a new id"},
};

}  // namespace

std::span<const PageErrorRow> page_errors() { return kRows; }

}  // namespace signalbox::cli
