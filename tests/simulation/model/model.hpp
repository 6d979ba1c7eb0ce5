// Model: every step that a small world of the ownership protocol can take from a state. Any router
// may be slow or paused at any step (a zombie is one that does not read), crash and come back
// empty; appends land late, after their producer is gone, twice through a resend, or are dropped
// while later ones of the same session land. A value; one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/model/log_checks.hpp"

namespace signalbox::ownership_model {

struct Successor {
  State state;
  std::string what;  // in words, where they are wanted
};

class Model {
 public:
  Model(Rules rules, Scope scope, bool in_words = false)
      : rules_(rules), scope_(std::move(scope)), in_words_(in_words) {}
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Adds all successors, unless one breaks a check: then it is the last.
  void expand(const State& from, std::vector<Successor>& to);
  // Liveness: once failures stop, one router alone gets everything done, whatever becomes of what
  // is in flight.
  bool live(const State& state);
  // Routers and sessions have no names, an owner reads over records that change nothing for it, and
  // what can no longer land inside the scope is left out.
  void canonical(State& state) const;

  [[nodiscard]] std::string text(const LogRecord& record) const;
  [[nodiscard]] const Rules& rules() const { return rules_; }
  [[nodiscard]] const std::string& fault() const { return check_.fault; }
  void forget_fault() { check_.fault.clear(); }

  // What the search has met, so that "holds" is not empty.
  struct Met {
    U64 calls_by_superseded = 0;
    U64 no_room = 0;
    U64 landed[kVerdicts] = {};
  };
  [[nodiscard]] const Met& met() const { return met_; }

 private:
  // What an owner does (owner_steps.cpp). False: it cannot.
  bool push(State& state, int router, LogRecord record);
  void forget(Router& router) const;
  bool state_event(State& state, int router, Kind kind, int run, int inbound);
  void start_term(State& state, int router, int upto);
  bool claim(State& state, int router);
  bool learn(State& state, int router, bool& won);
  bool tail(State& state, int router, bool& lost);
  bool consume(State& state, int router, int inbound);
  bool answer(State& state, int router, int inbound);
  bool progress(State& state, int router, int run);
  bool next_of_call(State& state, int router, int run);
  [[nodiscard]] int inbound_next(const State& state, int router) const;
  [[nodiscard]] int message_of(int run) const;
  bool call(State& state, int router, int run);
  [[nodiscard]] bool may_call(const State& state, const Router& router, int run) const;
  void check_call(const State& state, const Router& router, int run);
  bool unknown(State& state, int router);
  bool hold_others_first(State& state, int router);
  void reread(State& state, int router);
  bool resend_held(State& state, int router);
  [[nodiscard]] bool something_lost(const State& state, int router) const;

  // What the log does, and all of it (successors.cpp).
  bool land(State& state, int session);
  void expand_sessions(const State& from);
  void expand_router(const State& from, int router);
  void expand_claiming(const State& from, int router);
  void expand_owner(const State& from, int router);
  void expand_doubts(const State& from, int router);
  void emit(const State& state, const auto& words) {
    out_->push_back({state, in_words_ ? words() : std::string()});
  }

  // Recovery (recovery.cpp). Of what is in flight from before:
  enum class Late { is_lost, lands_first, lands_after_the_claim };
  bool heals(State state, int router, Late late, bool keeps_term);
  bool heal_step(State& state, int router, Late late);
  void land_orphans(State& state, int router);

  Rules rules_;
  Scope scope_;
  bool in_words_;
  bool healing_ = false;  // budgets do not count
  std::vector<Successor>* out_ = nullptr;
  LogChecks check_{rules_, scope_, {}};
  Met met_;
};

}  // namespace signalbox::ownership_model
