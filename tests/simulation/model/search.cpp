#include "tests/simulation/model/search.hpp"

namespace signalbox::ownership_model {
namespace {

U64 fingerprint(const State& state) {
  const auto* const bytes = reinterpret_cast<const U8*>(&state);
  const std::size_t size = state.size();
  U64 hash = 0x9E3779B97F4A7C15ULL ^ size;
  for (std::size_t i = 0; i < size; i += 4) {
    U32 word = 0;
    std::memcpy(&word, bytes + i, 4);
    hash ^= word;
    hash *= 0xD6E8FEB86659FD93ULL;
    hash ^= hash >> 32;
  }
  hash ^= hash >> 29;
  hash *= 0xBF58476D1CE4E5B9ULL;
  hash ^= hash >> 32;
  return hash != 0 ? hash : 1;
}

// An open-addressing set of fingerprints.
class Seen {
 public:
  // False: it was there.
  bool add(U64 hash) {
    if (count_ * 3 > table_.size() * 2) {
      std::vector<U64> old(table_.size() * 2);
      old.swap(table_);
      for (const U64 one : old)
        if (one != 0) place(one);
    }
    return place(hash) && ++count_ != 0;
  }

 private:
  bool place(U64 hash) {
    std::size_t i = hash & (table_.size() - 1);
    while (table_[i] != 0) {
      if (table_[i] == hash) return false;
      i = (i + 1) & (table_.size() - 1);
    }
    table_[i] = hash;
    return true;
  }
  std::vector<U64> table_ = std::vector<U64>(1 << 16);
  std::size_t count_ = 0;
};

// States of one depth, each by its number and the bytes of it that are in use.
class Frontier {
 public:
  void add(U32 number, const State& state) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof number + state.size());
    std::memcpy(bytes_.data() + at, &number, sizeof number);
    std::memcpy(bytes_.data() + at + sizeof number, &state, state.size());
  }
  // Of the next one; false at the end.
  bool next(U32& number, State& state) {
    if (read_ == bytes_.size()) return false;
    state = State{};
    std::memcpy(&number, bytes_.data() + read_, sizeof number);
    read_ += sizeof number;
    std::memcpy(static_cast<void*>(&state), bytes_.data() + read_, offsetof(State, log));
    std::memcpy(static_cast<void*>(state.log), bytes_.data() + read_ + offsetof(State, log),
                state.log_size * sizeof(LogRecord));
    read_ += state.size();
    return true;
  }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  void swap(Frontier& other) {
    bytes_.swap(other.bytes_);
    other.bytes_.clear();
    read_ = other.read_ = 0;
  }

 private:
  std::vector<U8> bytes_;
  std::size_t read_ = 0;
};

class Search {
 public:
  Search(const Rules& rules, const Scope& scope, U64 limit, bool liveness)
      : scope_(scope), model_(rules, scope), limit_(limit), liveness_(liveness) {}

  Outcome run() {
    now_.add(0, State{});
    seen_.add(fingerprint(State{}));
    for (; !now_.empty() && model_.fault().empty() && found_.complete; found_.depth++) {
      look_at_a_depth();
      now_.swap(next_);
    }
    found_.states = steps_.size();
    found_.fault = model_.fault();
    found_.met = model_.met();
    if (!found_.fault.empty()) tell_the_way();
    return std::move(found_);
  }

 private:
  struct Step {
    U32 parent;
    U8 nth;
  };

  void look_at_a_depth() {
    State state{};
    while (now_.next(culprit_, state)) {
      if (liveness_ && !model_.live(state)) return;
      successors_.clear();
      model_.expand(state, successors_);
      if (!model_.fault().empty()) return;
      for (std::size_t k = 0; k < successors_.size(); k++) {
        found_.edges++;
        State& successor = successors_[k].state;
        model_.canonical(successor);
        if (!seen_.add(fingerprint(successor))) continue;
        next_.add(U32(steps_.size()), successor);
        steps_.push_back({culprit_, U8(k)});
      }
      if (steps_.size() > limit_) {
        found_.complete = false;
        return;
      }
    }
  }

  // Walks the path again, this time in words.
  void tell_the_way() {
    std::vector<U8> path;
    for (U32 i = culprit_; i != 0; i = steps_[i].parent) path.push_back(steps_[i].nth);
    Model model(model_.rules(), scope_, true);
    State state{};
    std::vector<Successor> successors;
    for (auto nth = path.rbegin(); nth != path.rend(); ++nth) {
      successors.clear();
      model.expand(state, successors);
      found_.trace.push_back(successors[*nth].what);
      state = successors[*nth].state;
      model.canonical(state);
    }
    model.forget_fault();
    successors.clear();
    model.expand(state, successors);
    const bool is_last_step = !successors.empty() && model.fault() == found_.fault;
    if (is_last_step) found_.trace.push_back(successors.back().what);
    tell_the_log(model, is_last_step ? successors.back().state : state);
  }

  void tell_the_log(const Model& model, const State& end) {
    found_.trace.emplace_back("log then:");
    FoldState fold{};
    for (int i = 0; i < end.log_size; i++) {
      const Verdict verdict = fold_step(fold, end.log[i], model.rules());
      found_.trace.push_back("  " + std::to_string(i) + " " + model.text(end.log[i]) + " -> " +
                             name_of(verdict));
    }
  }

  Scope scope_;
  Model model_;
  U64 limit_;
  bool liveness_;
  Outcome found_{};
  std::vector<Step> steps_{{0, 0}};
  Frontier now_, next_;
  Seen seen_;
  std::vector<Successor> successors_;
  U32 culprit_ = 0;
};

}  // namespace

Outcome search(const Rules& rules, const Scope& scope, U64 limit, bool liveness) {
  return Search(rules, scope, limit, liveness).run();
}

}  // namespace signalbox::ownership_model
