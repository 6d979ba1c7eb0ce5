// FallbackHistory: UserHistory of event stores elsewhere, and of the log itself where none of them
// answers (contract 13). A question that the second one does not answer either gets its error.
// Threads and lifetime: those of the two, which outlive it and every answer.
#pragma once

#include <functional>
#include <utility>

#include "event-store/archive/user_history.hpp"

namespace signalbox::gateway {

class FallbackHistory final : public event_store::UserHistory {
 public:
  FallbackHistory(event_store::UserHistory& first, event_store::UserHistory& second)
      : first_(first), second_(second) {}

  void read(event_store::HistoryQuery query, Executor& where,
            std::function<void(Result<event_store::HistoryPage>)> done) override {
    first_.read(query, where, [this, query, &where, done = std::move(done)](auto page) mutable {
      if (is_answer(page)) return done(std::move(page));
      second_.read(std::move(query), where, std::move(done));
    });
  }
  void read_threads(event_store::ThreadQuery query, Executor& where,
                    std::function<void(Result<event_store::ThreadPage>)> done) override {
    first_.read_threads(query, where,
                        [this, query, &where, done = std::move(done)](auto page) mutable {
                          if (is_answer(page)) return done(std::move(page));
                          second_.read_threads(std::move(query), where, std::move(done));
                        });
  }

 private:
  template <class Page>
  [[nodiscard]] static bool is_answer(const Result<Page>& page) {
    return page || page.error().code != Errc::unavailable;
  }

  event_store::UserHistory& first_;
  event_store::UserHistory& second_;
};

}  // namespace signalbox::gateway
