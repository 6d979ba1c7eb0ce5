// RemoteUserHistory: UserHistory over the read API of event stores elsewhere
// (user_history_api.hpp). Of those that serve the user's partition one after another is asked until
// one answers what was asked (history_page.hpp tells), at most tries_max: first the one whose
// partition was complete furthest when it last said so, before it one that has not said it for
// remember. An answer that is less complete than another store is known to be is only taken where
// that one has none. One that could not be reached, took too long, sent too much or something else
// is not asked again for `rest`, while there is another or none; one that does not keep the
// partition (421) counts as no try, and is asked last for remember_elsewhere.
//
// Errors: unavailable, within at most tries_max * try_max once a question has begun, and the time
// in which those without the partition say so: too many wait, none answers or serves the partition,
// or all rest. Whoever asks then has the log.
//
// Threads: read() on any; `token`, `warn` and all of curl on one of its own. Lifetime: executors
// outlive their answers; the destructor drops what is under way without an answer, as that of
// LocalUserHistory does.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event-store/archive/event_store_url.hpp"
#include "event-store/archive/user_history.hpp"
#include "event-store/log/event_log.hpp"

namespace signalbox::event_store {

struct PageOrigin;

struct RemoteUserHistoryOptions {
  std::vector<EventStoreUrl> urls;
  std::string ca_file{};  // PEM https is checked with; empty: the system's
  // Of the header Authorization, asked for each try. Errors count as a store that cannot be
  // reached.
  std::function<Result<std::string>()> token;
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  std::chrono::milliseconds connect_max{1'000};
  std::chrono::milliseconds try_max{3'000};
  std::chrono::milliseconds rest{2'000};
  std::chrono::milliseconds remember{30'000};
  // That a store does not keep a partition: that changes only when it is set up anew.
  std::chrono::milliseconds remember_elsewhere{600'000};
  std::size_t tries_max = 3;
  std::size_t in_flight_max = 16;  // further ones wait
  std::size_t waiting_max = 256;   // further ones: unavailable at once
  std::size_t answer_bytes_max = 4 << 20;
};

class RemoteUserHistory final : public UserHistory {
 public:
  RemoteUserHistory(const LogDescription& log, RemoteUserHistoryOptions options);
  ~RemoteUserHistory() override;
  RemoteUserHistory(const RemoteUserHistory&) = delete;
  RemoteUserHistory& operator=(const RemoteUserHistory&) = delete;

  void read(HistoryQuery query, Executor& where,
            std::function<void(Result<HistoryPage>)> done) override;
  void read_threads(ThreadQuery query, Executor& where,
                    std::function<void(Result<ThreadPage>)> done) override;

 private:
  class Client;
  template <class Page, class Query>
  void ask(Query query, std::string path, Executor& where, std::function<void(Result<Page>)> done,
           Result<Page> (*decode)(std::string_view, const PageOrigin&, const Query&));

  const LogDescription log_;
  std::unique_ptr<Client> client_;
};

}  // namespace signalbox::event_store
