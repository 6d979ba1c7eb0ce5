// An emitter that can be made from nothing is none: the concept refuses it.
// expect: error: static assertion failed
#include "event-store/model/context.hpp"
#include "event-store/model/emitter.hpp"

using namespace signalbox;

class UserEmitter {
 public:
  using Context = UserExecutionContext;
  using Fact = int;
#ifdef SIGNALBOX_BROKEN
  UserEmitter() : context_{UserId("u"), ThreadId("t"), RunId(Uuid{}), WebsocketClientId("ws_a")} {}
#else
  explicit UserEmitter(UserExecutionContext context) : context_(std::move(context)) {}
#endif
  [[nodiscard]] const UserExecutionContext& context() const { return context_; }
  [[nodiscard]] Result<void> emit(Fact) { return {}; }

 private:
  UserExecutionContext context_;
};

static_assert(Emitter<UserEmitter>);
