// ownership_checker: searches the model of the ownership protocol (ops/decisions/0015).
//   ownership_checker fail [PART OF A NAME]   each rule switched off: every one must give a
//                                             counterexample, which is printed
//   ownership_checker hold [SCOPE]            every scope with the rules on: 6 minutes, 1 GB
//   ownership_checker deep                    larger scopes, up to 20 million states each: 7 GB
// Exit code 1 when a search did not come out as it must, 2 on wrong usage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "tests/simulation/model/scopes.hpp"
#include "tests/simulation/model/search.hpp"

namespace signalbox::ownership_model {
namespace {

constexpr U64 kStatesMax = 100'000'000;
constexpr U64 kDeepStatesMax = 20'000'000;
constexpr U64 kSafetyStatesMax = 3'000'000;

enum class Expected { holds, holds_so_far, fails };

void print_met(const Outcome& outcome) {
  const auto landed = [&](Verdict verdict) {
    return static_cast<unsigned long long>(outcome.met.landed[static_cast<int>(verdict)]);
  };
  std::printf(
      "%45s landed: %llu valid, %llu duplicate, %llu superseded, %llu after a hole, %llu claims "
      "lost or repeated; tool calls of a superseded owner: %llu%s\n",
      "", landed(Verdict::valid), landed(Verdict::duplicate), landed(Verdict::superseded),
      landed(Verdict::hole), landed(Verdict::control_ignored),
      static_cast<unsigned long long>(outcome.met.calls_by_superseded),
      outcome.met.no_room != 0 ? "  (SESSIONS RAN OUT)" : "");
}

// Whether it came out as expected.
bool show(const std::string& name, Rules rules, const Scope& scope, U64 limit, Expected expected) {
  if (rules.window == 0) rules.window = scope.window;
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome;
  // Safety first: its traces say more.
  if (expected == Expected::fails)
    outcome = search(rules, scope, std::min(limit, kSafetyStatesMax), false);
  if (outcome.fault.empty()) outcome = search(rules, scope, limit, true);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const bool found = !outcome.fault.empty();
  const char* const held = outcome.complete ? "holds" : "holds so far (limit)";
  std::printf("%-34s %-9s %9llu states %10llu steps  depth %2d  %6.1f s  %s\n", name.c_str(),
              scope.name.c_str(), static_cast<unsigned long long>(outcome.states),
              static_cast<unsigned long long>(outcome.edges), outcome.depth, took.count(),
              found ? outcome.fault.c_str() : held);
  const bool whole = outcome.complete && outcome.met.no_room == 0;
  if (!found) print_met(outcome);
  for (const std::string& step : outcome.trace) std::printf("      %s\n", step.c_str());
  std::fflush(stdout);
  if (expected == Expected::fails) return found;
  return !found && (whole || expected == Expected::holds_so_far);
}

struct Searches {
  int done = 0;
  int wrong = 0;
};

Searches hold(const std::string& only) {
  Searches searches;
  const auto holds = [&](const char* name, const Rules& rules, const Scope& scope) {
    ++searches.done;
    searches.wrong += show(name, rules, scope, kStatesMax, Expected::holds) ? 0 : 1;
  };
  for (const Scope& scope : scopes()) {
    if (!only.empty() && only != scope.name) continue;
    Rules higher_epoch;
    higher_epoch.unknown = Unknown::higher_epoch;
    Rules one_at_a_time = draft_rules();
    one_at_a_time.window = 1;
    holds("ordinal, resend all", Rules{}, scope);
    holds("ordinal, higher epoch", higher_epoch, scope);
    holds("draft fold, one append at a time", one_at_a_time, scope);
    if (scope.drops == 0) holds("draft fold, no drops", draft_rules(), scope);
  }
  return searches;
}

Searches fail(const std::string& only) {
  Searches searches;
  for (const SwitchedOff& off : switched_off()) {
    if (off.name.find(only) == std::string::npos) continue;
    const auto all = scopes();
    const auto scope = std::find_if(all.begin(), all.end(),
                                    [&](const Scope& each) { return each.name == off.scope; });
    ++searches.done;
    if (scope == all.end())
      std::printf("%s: there is no scope %s\n", off.name.c_str(), off.scope.c_str());
    if (scope == all.end() || !show(off.name, off.rules, *scope, kStatesMax, Expected::fails))
      ++searches.wrong;
  }
  return searches;
}

Searches deep() {
  Searches searches;
  for (const Scope& scope : deep_scopes()) {
    ++searches.done;
    searches.wrong +=
        show("ordinal, resend all", Rules{}, scope, kDeepStatesMax, Expected::holds_so_far) ? 0 : 1;
  }
  return searches;
}

int check(const std::string& what, const std::string& only) {
  const Searches searches = what == "hold" ? hold(only) : what == "fail" ? fail(only) : deep();
  std::printf("%d of %d searches did not come out as expected\n", searches.wrong, searches.done);
  if (searches.done == 0) std::printf("there is nothing of that name\n");
  return searches.wrong == 0 && searches.done > 0 ? 0 : 1;
}

}  // namespace
}  // namespace signalbox::ownership_model

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc > 3 || (what != "hold" && what != "fail" && what != "deep")) {
    std::fprintf(stderr, "usage: ownership_checker hold [SCOPE] | fail [PART OF A NAME] | deep\n");
    return 2;
  }
  return signalbox::ownership_model::check(what, argc > 2 ? argv[2] : "");
}
