// An auth emitter without a context: only create_auth_emitter makes one.
// expect: no matching function for call to '.*AuthEmitter::AuthEmitter\(\)'|use of deleted function
#include "gateway/auth_emitter.hpp"

using namespace signalbox;

gateway::AuthEmitter make(const ConnectionContext& context, gateway::ConnectionJournal& journal) {
#ifdef SIGNALBOX_BROKEN
  (void)context;
  (void)journal;
  return gateway::AuthEmitter();
#else
  return gateway::create_auth_emitter(context, journal);
#endif
}
