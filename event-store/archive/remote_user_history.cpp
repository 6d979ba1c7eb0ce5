#include "event-store/archive/remote_user_history.hpp"

#include <curl/curl.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "event-store/archive/history_page.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

struct FreeRequest {
  void operator()(CURL* held) const { curl_easy_cleanup(held); }
};
struct FreeMulti {
  void operator()(CURLM* held) const { curl_multi_cleanup(held); }
};
struct FreeHeaders {
  void operator()(curl_slist* held) const { curl_slist_free_all(held); }
};
using MonotonicClock = std::chrono::steady_clock;

constexpr long kOk = 200;
constexpr long kBusy = 503;       // it lives, but has no answer now
constexpr long kElsewhere = 421;  // it does not keep the partition
constexpr int kPollMs = 1000;

// A cursor may say any seq; what is smaller than none is none.
std::optional<Seq> not_negative(std::optional<Seq> seq) {
  return seq ? std::optional(std::max(*seq, Seq(0))) : std::nullopt;
}
std::size_t page_limit(std::size_t wanted) { return std::clamp<std::size_t>(wanted, 1, 1000); }
std::size_t page_bytes(std::size_t wanted) { return std::clamp<std::size_t>(wanted, 1, 1 << 20); }

std::string users_path(const UserId& user, std::string_view what) {
  return "/internal/v1/users/" + percent_encode(user.value()) + "/" + std::string(what);
}

}  // namespace

// One thread that asks for all.
class RemoteUserHistory::Client {
 public:
  struct Judged {
    Task give;
    Offset complete_to;
  };
  struct Question {
    std::string path;
    Partition partition;
    // Judges a body: what to do with the page, or why it is none.
    std::function<Result<Judged>(std::string_view)> judge;
    std::function<Task(Error)> give_up;
    Executor& where;
  };

  explicit Client(RemoteUserHistoryOptions options);
  ~Client();
  void ask(Question question);

 private:
  // How far a store said it has a partition; below any offset: it does not keep it.
  struct Known {
    Offset complete_to;
    MonotonicClock::time_point until;
  };
  struct Store {
    EventStoreUrl url;
    MonotonicClock::time_point rests_until{};
    std::map<Partition, Known> known{};
  };
  struct Try {
    Question question;
    std::vector<std::size_t> asked{};  // stores, in order
    std::size_t elsewhere = 0;         // of them those that do not keep the partition
    std::unique_ptr<CURL, FreeRequest> request{};
    std::unique_ptr<curl_slist, FreeHeaders> headers{};
    std::string body{};
    std::size_t bytes_max = 0;
    Task fallback{};  // gives an answer of a store that is behind another one
  };
  using Tries = std::list<Try>;

  void loop();
  void begin_waiting();
  // At the next store, or gives up.
  void begin(Tries::iterator one, std::string why);
  [[nodiscard]] std::optional<std::size_t> choose(const Try& one) const;
  // What a store has of a partition, as far as it said; nothing known is more than anything.
  [[nodiscard]] static Offset expected_of(const Store& store, Partition partition);
  // A store that may still be asked is known to have more than this.
  [[nodiscard]] bool is_behind(const Try& one, Offset complete_to) const;
  [[nodiscard]] bool may_ask(const Try& one) const {
    return one.asked.size() - one.elsewhere < options_.tries_max;
  }
  [[nodiscard]] Result<void> send(Try& one, const Store& store);
  void take_answers();
  void take_answer(Tries::iterator one, CURLcode done);
  void let_rest(Store& store, const std::string& why);
  static std::size_t take_bytes(const char* bytes, std::size_t one, std::size_t count, void* to);

  const RemoteUserHistoryOptions options_;
  std::vector<Store> stores_;
  std::unique_ptr<CURLM, FreeMulti> multi_{curl_multi_init()};
  Tries tries_;  // in flight
  std::mutex mutex_;
  std::deque<Question> waiting_;  // guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

RemoteUserHistory::Client::Client(RemoteUserHistoryOptions options) : options_(std::move(options)) {
  for (const EventStoreUrl& url : options_.urls) stores_.push_back({url});
  thread_ = std::thread([this] { loop(); });
}

RemoteUserHistory::Client::~Client() {
  stopping_ = true;
  curl_multi_wakeup(multi_.get());
  thread_.join();
  for (Try& one : tries_)
    if (one.request) curl_multi_remove_handle(multi_.get(), one.request.get());
}

void RemoteUserHistory::Client::ask(Question question) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.waiting_max) {
      waiting_.push_back(std::move(question));
      curl_multi_wakeup(multi_.get());
      return;
    }
  }
  question.where.post(
      question.give_up({Errc::unavailable, "too many reads wait for the event stores"}));
}

void RemoteUserHistory::Client::loop() {
  pthread_setname_np(pthread_self(), "history-remote");
  while (!stopping_) {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    take_answers();
    begin_waiting();
    curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr);
  }
}

void RemoteUserHistory::Client::begin_waiting() {
  while (tries_.size() < options_.in_flight_max) {
    std::unique_lock lock(mutex_);
    if (waiting_.empty()) return;
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::string why = "every event store of partition " +
                      std::to_string(question.partition.value()) + " rests, or there is none";
    begin(tries_.insert(tries_.end(), Try{std::move(question)}), std::move(why));
  }
}

std::optional<std::size_t> RemoteUserHistory::Client::choose(const Try& one) const {
  const auto now = MonotonicClock::now();
  std::optional<std::size_t> best;
  Offset most(0);
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    if (!stores_[i].url.serves(one.question.partition) || stores_[i].rests_until > now ||
        std::find(one.asked.begin(), one.asked.end(), i) != one.asked.end())
      continue;
    const Offset expected = expected_of(stores_[i], one.question.partition);
    if (best && expected <= most) continue;
    best = i;
    most = expected;
  }
  return best;
}

Offset RemoteUserHistory::Client::expected_of(const Store& store, Partition partition) {
  const auto known = store.known.find(partition);
  return known != store.known.end() && known->second.until > MonotonicClock::now()
             ? known->second.complete_to
             : Offset(std::numeric_limits<std::int64_t>::max());
}

bool RemoteUserHistory::Client::is_behind(const Try& one, Offset complete_to) const {
  if (!may_ask(one)) return false;
  const auto next = choose(one);
  if (!next) return false;
  const Offset expected = expected_of(stores_[*next], one.question.partition);
  return expected > complete_to && expected < Offset(std::numeric_limits<std::int64_t>::max());
}

void RemoteUserHistory::Client::begin(Tries::iterator one, std::string why) {
  while (may_ask(*one)) {
    const auto chosen = choose(*one);
    if (!chosen) break;
    one->asked.push_back(*chosen);
    const auto sent = send(*one, stores_[*chosen]);
    if (sent) return;
    why = sent.error().message;
    let_rest(stores_[*chosen], why);
  }
  one->question.where.post(one->fallback
                               ? std::move(one->fallback)
                               : one->question.give_up({Errc::unavailable, std::move(why)}));
  tries_.erase(one);
}

Result<void> RemoteUserHistory::Client::send(Try& one, const Store& store) {
  const auto token = options_.token();
  if (!token) return tl::unexpected(token.error());
  one.body.clear();
  one.bytes_max = options_.answer_bytes_max;
  one.headers.reset(curl_slist_append(nullptr, ("Authorization: Bearer " + *token).c_str()));
  one.request.reset(curl_easy_init());
  CURL* const request = one.request.get();
  if (request == nullptr || !one.headers) return failure(Errc::unavailable, "out of memory");
  curl_easy_setopt(request, CURLOPT_URL, (store.url.base + one.question.path).c_str());
  curl_easy_setopt(request, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(request, CURLOPT_PROXY, "");  // the environment's is for others
  curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(request, CURLOPT_HTTPHEADER, one.headers.get());
  curl_easy_setopt(request, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_max.count()));
  curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.try_max.count()));
  curl_easy_setopt(request, CURLOPT_USERAGENT, "signalbox");
  if (!options_.ca_file.empty())
    curl_easy_setopt(request, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(request, CURLOPT_WRITEDATA, &one);
  curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, &take_bytes);
  curl_easy_setopt(request, CURLOPT_PRIVATE, &one);
  if (curl_multi_add_handle(multi_.get(), request) != CURLM_OK)
    return failure(Errc::unavailable, "the request could not be begun");
  return {};
}

std::size_t RemoteUserHistory::Client::take_bytes(const char* bytes, std::size_t one,
                                                  std::size_t count, void* to) {
  Try& of = *static_cast<Try*>(to);
  if (of.body.size() + one * count > of.bytes_max) return 0;
  of.body.append(bytes, one * count);
  return one * count;
}

void RemoteUserHistory::Client::take_answers() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const request = message->easy_handle;
    const CURLcode done = message->data.result;
    const auto one = std::find_if(tries_.begin(), tries_.end(), [&](const Try& candidate) {
      return candidate.request.get() == request;
    });
    SIGNALBOX_ASSERT(one != tries_.end());
    curl_multi_remove_handle(multi_.get(), request);
    take_answer(one, done);
  }
}

void RemoteUserHistory::Client::take_answer(Tries::iterator one, CURLcode done) {
  Store& store = stores_[one->asked.back()];
  long status = 0;
  curl_easy_getinfo(one->request.get(), CURLINFO_RESPONSE_CODE, &status);
  std::string why;
  if (done != CURLE_OK) {
    why = done == CURLE_WRITE_ERROR
              ? "sends more than " + std::to_string(options_.answer_bytes_max) + " bytes"
              : std::string("cannot be asked: ") + curl_easy_strerror(done);
  } else if (status != kOk) {
    why = "answers with HTTP status " + std::to_string(status);
  } else if (auto judged = one->question.judge(one->body)) {
    const auto until = MonotonicClock::now() + options_.remember;
    store.known.insert_or_assign(one->question.partition, Known{judged->complete_to, until});
    if (is_behind(*one, judged->complete_to)) {
      one->fallback = std::move(judged->give);
      return begin(one, "");
    }
    one->question.where.post(std::move(judged->give));
    tries_.erase(one);
    return;
  } else {
    why = "answers something else than was asked: " + judged.error().message;
  }
  if (done == CURLE_OK && status == kElsewhere) {
    ++one->elsewhere;
    store.known.insert_or_assign(
        one->question.partition,
        Known{Offset(-1), MonotonicClock::now() + options_.remember_elsewhere});
  } else if (done != CURLE_OK || status != kBusy) {
    let_rest(store, why);
  }
  begin(one, store.url.base + " " + why);
}

void RemoteUserHistory::Client::let_rest(Store& store, const std::string& why) {
  store.rests_until = MonotonicClock::now() + options_.rest;
  options_.warn("event store " + store.url.base + " " + why);
}

RemoteUserHistory::RemoteUserHistory(const LogDescription& log, RemoteUserHistoryOptions options)
    : log_(log), client_(std::make_unique<Client>(std::move(options))) {}

RemoteUserHistory::~RemoteUserHistory() = default;

template <class Page, class Query>
void RemoteUserHistory::ask(Query query, std::string path, Executor& where,
                            std::function<void(Result<Page>)> done,
                            Result<Page> (*decode)(std::string_view, const PageOrigin&,
                                                   const Query&)) {
  const PageOrigin origin{log_.log_id, partition_of(query.user, log_.partitions)};
  client_->ask(
      {.path = std::move(path),
       .partition = origin.partition,
       .judge = [origin, decode, done,
                 query = std::move(query)](std::string_view body) -> Result<Client::Judged> {
         auto page = decode(body, origin, query);
         if (!page) return tl::unexpected(page.error());
         const Offset complete_to = page->complete_to.next_offset;
         return Client::Judged{[done, page = *std::move(page)] { done(page); }, complete_to};
       },
       .give_up = [done](Error error) -> Task {
         return [done, error = std::move(error)] { done(tl::unexpected(error)); };
       },
       .where = where});
}

void RemoteUserHistory::read(HistoryQuery query, Executor& where,
                             std::function<void(Result<HistoryPage>)> done) {
  SIGNALBOX_ASSERT(query.after.has_value() != query.before.has_value());
  query.events_max = page_limit(query.events_max);
  query.after = not_negative(query.after);
  query.before = not_negative(query.before);
  std::string path = users_path(query.user, "events") +
                     (query.after ? "?after_seq=" + std::to_string(query.after->value())
                                  : "?before_seq=" + std::to_string(query.before->value())) +
                     "&limit=" + std::to_string(query.events_max) +
                     "&bytes_max=" + std::to_string(page_bytes(query.bytes_max));
  if (query.thread) path += "&thread_id=" + percent_encode(query.thread->value());
  ask<HistoryPage, HistoryQuery>(std::move(query), std::move(path), where, std::move(done),
                                 &decode_history_page);
}

void RemoteUserHistory::read_threads(ThreadQuery query, Executor& where,
                                     std::function<void(Result<ThreadPage>)> done) {
  query.threads_max = page_limit(query.threads_max);
  query.before = std::max(query.before, Seq(0));
  std::string path = users_path(query.user, "threads") +
                     "?before_seq=" + std::to_string(query.before.value()) +
                     "&limit=" + std::to_string(query.threads_max);
  ask<ThreadPage, ThreadQuery>(std::move(query), std::move(path), where, std::move(done),
                               &decode_thread_page);
}

}  // namespace signalbox::event_store
