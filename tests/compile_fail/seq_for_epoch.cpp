// A seq compared with an epoch: both are counters, and never the same one.
// expect: no match for 'operator<' .*signalbox::Seq'.*signalbox::Epoch'
#include "event-store/model/ids.hpp"

using namespace signalbox;

bool is_newer(Seq seq, Epoch epoch) {
#ifdef SIGNALBOX_BROKEN
  return seq < epoch;
#else
  return seq < Seq(epoch.value());
#endif
}
