// RemoteUserHistory against event stores on loopback: honest ones, and such as hang, lie or flood.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "event-store/archive/remote_user_history.hpp"
#include "event-store/archive/user_history_api.hpp"
#include "event-store/contract/identity.hpp"
#include "ops/cli/role_thread.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const LogDescription kLog{LogId(*Uuid::parse("00000000-0000-4000-8000-000000000001")), 4};
const UserId kAnn("ann /ü");

// Connections are handled one after another on a thread of its own; each gets what `behave` makes
// of its request.
class TinyServer {
 public:
  using Behave = std::function<void(int connection, const HttpRequest& request)>;
  explicit TinyServer(Behave behave) : behave_(std::move(behave)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~TinyServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string url;
  std::atomic<int> requests = 0;

  static void say(int connection, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  static void answer(int connection, int status, std::string_view body) {
    say(connection, "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n");
    say(connection, body);
  }
  // Until the other side is gone.
  static void hang(int connection) {
    char ignored = 0;
    while (::recv(connection, &ignored, 1, 0) > 0) {
    }
  }

 private:
  void serve() {
    while (true) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      ++requests;
      behave_(connection, read_request(connection));
      ::close(connection);
    }
  }
  static HttpRequest read_request(int connection) {
    std::string text;
    char byte = 0;
    while (!text.ends_with("\r\n\r\n") && ::recv(connection, &byte, 1, 0) == 1) text += byte;
    const std::size_t begin = text.find(' ') + 1;
    const std::string target = text.substr(begin, text.find(' ', begin) - begin);
    const std::size_t query = target.find('?');
    HttpRequest request{.method = text.substr(0, begin - 1),
                        .path = target.substr(0, query),
                        .query = query == target.npos ? "" : target.substr(query + 1),
                        .headers = {},
                        .body = {},
                        .remote_address = "127.0.0.1"};
    const std::string name = "Authorization: ";
    const std::size_t at = text.find(name);
    if (at != text.npos)
      request.headers.emplace_back(
          "authorization", text.substr(at + name.size(), text.find('\r', at) - at - name.size()));
    return request;
  }

  const Behave behave_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// What an event store has: ten events of Ann in two threads.
class KnownHistory final : public UserHistory {
 public:
  static RecordPtr event(std::int64_t seq, const UserId& user = kAnn) {
    return std::make_shared<const Record>(
        Record{.at = {Topic::events, partition_of(user, kLog.partitions)},
               .offset = Offset(10 * seq),
               .appended_at = {},
               .key = user.value(),
               .headers = {{"ce_type", "dev.signalbox.x"},
                           {"ce_userseq", std::to_string(seq)},
                           {"Weird \"header\"", "with\ttext"}},
               .value = std::string("{\"a\":\0 \xff}", 9) + std::to_string(seq)});
  }
  void read(HistoryQuery query, Executor& where,
            std::function<void(Result<HistoryPage>)> done) override {
    asked = query;
    HistoryPage page{{}, false, {Offset(1000), Epoch(3), std::nullopt, OwnerSeq(77)}};
    std::vector<std::int64_t> seqs;
    for (std::int64_t i = 1; i <= 10; ++i) seqs.push_back(query.after ? i : 11 - i);
    for (const std::int64_t seq : seqs) {
      if (query.after ? Seq(seq) <= *query.after : Seq(seq) >= *query.before) continue;
      if (page.events.size() == query.events_max) {
        page.more = true;
        break;
      }
      page.events.push_back(event(seq));
      page.seqs.emplace_back(seq);
    }
    where.post([done = std::move(done), page = std::move(page)] { done(page); });
  }
  void read_threads(ThreadQuery, Executor& where,
                    std::function<void(Result<ThreadPage>)> done) override {
    ThreadPage page{{{ThreadId("two"), Seq(10), "2026-11-20T09:30:00.000000Z", 3, "hé\"llo"},
                     {ThreadId("one"), Seq(7), "2026-11-20T09:29:00.000000Z", 1, ""}},
                    true,
                    {Offset(1000), Epoch(3), std::nullopt, OwnerSeq(77)}};
    where.post([done = std::move(done), page = std::move(page)] { done(page); });
  }
  std::optional<HistoryQuery> asked;
};

class RemoteUserHistoryTest : public testing::Test {
 protected:
  // Behaves as a real one, for who brings the token "good".
  TinyServer::Behave honest() {
    return [this](int connection, const HttpRequest& request) {
      for (const HttpRoute& route : routes) {
        const std::string end = route.path.substr(route.path.rfind('/'));
        if (!request.path.ends_with(end)) continue;
        std::promise<HttpResponse> given;
        std::get<LateHttpHandler>(route.handler)(
            request, [&](HttpResponse response) { given.set_value(std::move(response)); });
        const HttpResponse response = given.get_future().get();
        return TinyServer::answer(connection, response.status, response.body);
      }
      TinyServer::answer(connection, 404, "");
    };
  }
  static TinyServer::Behave says(std::string body, int status = 200) {
    return
        [=](int connection, const HttpRequest&) { TinyServer::answer(connection, status, body); };
  }
  static TinyServer::Behave hangs() {
    return [](int connection, const HttpRequest&) { TinyServer::hang(connection); };
  }

  RemoteUserHistory& remote(const std::vector<std::string>& urls) {
    RemoteUserHistoryOptions options = base;
    for (const std::string& url : urls) options.urls.push_back(*parse_event_store_url(url));
    options.token = [this]() -> Result<std::string> { return token; };
    options.warn = [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      warnings.push_back(text);
    };
    return *histories.emplace_back(std::make_unique<RemoteUserHistory>(kLog, std::move(options)));
  }
  Result<HistoryPage> read(RemoteUserHistory& history, HistoryQuery query) {
    auto given = std::make_shared<std::promise<Result<HistoryPage>>>();
    history.read(std::move(query), thread,
                 [given](Result<HistoryPage> page) { given->set_value(std::move(page)); });
    return given->get_future().get();
  }
  Result<HistoryPage> read(const std::vector<std::string>& urls, Seq after = Seq(0)) {
    return read(remote(urls), {.user = kAnn, .after = after, .before = std::nullopt});
  }
  static std::string page_text(const HistoryPage& page, const LogDescription& log = kLog,
                               const UserId& user = kAnn, int partition_off = 0) {
    const Partition partition(partition_of(user, log.partitions).value() + partition_off);
    return encode_history_page({log.log_id, partition}, page, 1 << 20,
                               [](Seq) { return std::string("/next"); });
  }
  static HistoryPage page_of(std::vector<std::int64_t> seqs, const UserId& user = kAnn) {
    HistoryPage page{{}, false, {Offset(1000), Epoch(3), std::nullopt, OwnerSeq(77)}};
    for (const std::int64_t seq : seqs) {
      page.events.push_back(KnownHistory::event(seq, user));
      page.seqs.emplace_back(seq);
    }
    return page;
  }

  cli::RoleThread thread{"answers"};
  KnownHistory known;
  UserHistoryApi api{known, kLog, thread};
  std::vector<HttpRoute> routes =
      api.routes([](const HttpRequest& request) -> tl::expected<UserId, HttpResponse> {
        if (request.header("authorization") == "Bearer good") return UserId("svc_gateway");
        return tl::unexpected(HttpResponse{.status = 403});
      });
  std::string token = "good";
  std::mutex mutex;
  std::vector<std::string> warnings;
  RemoteUserHistoryOptions base{.urls = {},
                                .ca_file = {},
                                .token = {},
                                .connect_max = milliseconds(10'000),
                                .try_max = milliseconds(10'000),
                                .rest = milliseconds(60'000),
                                .answer_bytes_max = 1 << 20};
  std::vector<std::unique_ptr<RemoteUserHistory>> histories;
};

TEST_F(RemoteUserHistoryTest, gives_what_the_event_store_has_byte_for_byte) {
  TinyServer store(honest());
  auto& history = remote({store.url});
  const auto page = read(history, {.user = kAnn,
                                   .after = Seq(2),
                                   .before = std::nullopt,
                                   .thread = ThreadId("t & ü"),
                                   .events_max = 3,
                                   .bytes_max = 5000});
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->events.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const RecordPtr stored = KnownHistory::event(static_cast<std::int64_t>(i) + 3);
    EXPECT_EQ(page->events[i]->headers, stored->headers);
    EXPECT_EQ(page->events[i]->value, stored->value);
    EXPECT_EQ(page->events[i]->offset, stored->offset);
    EXPECT_EQ(page->events[i]->key, stored->key);
    EXPECT_EQ(page->events[i]->at, stored->at);
  }
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->seqs, (std::vector<Seq>{Seq(3), Seq(4), Seq(5)}));
  EXPECT_EQ(page->complete_to, (Position{Offset(1000), Epoch(3), std::nullopt, OwnerSeq(77)}));
  EXPECT_EQ(known.asked->user, kAnn);
  EXPECT_EQ(known.asked->thread, ThreadId("t & ü"));
  EXPECT_EQ(known.asked->bytes_max, 5000U);

  const auto newest = read(history, {.user = kAnn,
                                     .after = std::nullopt,
                                     .before = Seq(std::numeric_limits<std::int64_t>::max()),
                                     .events_max = 1});
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->seqs, std::vector<Seq>{Seq(10)});
}

TEST_F(RemoteUserHistoryTest, gives_the_user_s_threads) {
  TinyServer store(honest());
  std::promise<Result<ThreadPage>> given;
  remote({store.url})
      .read_threads({.user = kAnn, .before = Seq(11), .threads_max = 2}, thread,
                    [&](Result<ThreadPage> page) { given.set_value(std::move(page)); });
  const auto page = given.get_future().get();
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->threads.size(), 2U);
  EXPECT_EQ(page->threads[0].first_words, "hé\"llo");
  EXPECT_EQ(page->threads[1].newest, Seq(7));
  EXPECT_EQ(page->threads[1].messages, 1);
  EXPECT_TRUE(page->more);
}

TEST_F(RemoteUserHistoryTest, takes_a_seq_that_somebody_made_up_for_the_beginning) {
  TinyServer store(honest());
  const auto page = read({store.url}, Seq(-5));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->events.size(), 10U);
}

TEST_F(RemoteUserHistoryTest, asks_another_one_when_the_first_is_gone_and_leaves_that_alone) {
  std::string gone;
  {
    TinyServer short_lived(hangs());
    gone = short_lived.url;
  }
  TinyServer store(honest());
  auto& history = remote({gone, store.url});
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(read(history, {.user = kAnn, .after = Seq(0), .before = std::nullopt}));
  EXPECT_EQ(store.requests, 3);
  EXPECT_EQ(warnings.size(), 1U);  // it rests
}

TEST_F(RemoteUserHistoryTest, asks_only_those_that_serve_the_partition) {
  const std::int32_t partition = partition_of(kAnn, kLog.partitions).value();
  TinyServer other(honest());
  TinyServer store(honest());
  const std::string others = partition == 0 ? "#1-3" : "#0-" + std::to_string(partition - 1);
  ASSERT_TRUE(read({other.url + others, store.url + "#" + std::to_string(partition)}));
  EXPECT_EQ(other.requests, 0);
  EXPECT_EQ(store.requests, 1);
  const auto none = read({other.url + others});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unavailable);
}

struct BadStore {
  std::string name;
  std::string why;  // in the error
  TinyServer::Behave behave;
  friend void PrintTo(const BadStore& store, std::ostream* out) { *out << store.name; }
};

TEST_F(RemoteUserHistoryTest, takes_nothing_of_a_store_that_hangs_lies_or_floods) {
  const LogDescription other_log{LogId(*Uuid::parse("00000000-0000-4000-8000-000000000002")), 4};
  HistoryPage beyond = page_of({1});
  beyond.complete_to.next_offset = Offset(10);
  HistoryPage false_more = page_of({});
  false_more.more = true;
  std::string changed = page_text(page_of({1}));
  changed.replace(changed.find("\"value\":\"") + 9, 1, "*");
  const std::string whole = page_text(page_of({1, 2}));
  const std::string flood = "{\"x\":\"" + std::string(10 << 20, 'x') + "\"}";
  const std::vector<BadStore> stores{
      {"hangs", "cannot be asked", hangs()},
      {"half", "cannot be asked",
       [whole](int connection, const HttpRequest&) {
         TinyServer::say(connection,
                         "HTTP/1.1 200 x\r\nContent-Length: " + std::to_string(whole.size()) +
                             "\r\n\r\n" + whole.substr(0, whole.size() / 2));
       }},
      {"drips", "cannot be asked",
       [](int connection, const HttpRequest&) {
         TinyServer::say(connection, "HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n{");
         TinyServer::hang(connection);
       }},
      {"floods", "sends more than", says(flood)},
      {"half_a_json", "something else", says(whole.substr(0, whole.size() / 2))},
      {"no_json", "something else", says("hello")},
      {"nothing", "something else", says("")},
      {"another_log", "log_id", says(page_text(page_of({1}), other_log))},
      {"another_partition", "partition", says(page_text(page_of({1}), kLog, kAnn, 1))},
      {"another_user", "key", says(page_text(page_of({1}, UserId("bob"))))},
      {"out_of_order", "seqs", says(page_text(page_of({2, 1})))},
      {"twice", "seqs", says(page_text(page_of({2, 2})))},
      {"beyond_its_end", "beyond complete_to", says(page_text(beyond))},
      {"more_of_nothing", "more", says(page_text(false_more))},
      {"a_value_that_is_no_base64", "value", says(changed)},
      {"refuses", "403", says("{}", 403)},
      {"fails", "500", says("{}", 500)}};
  for (const BadStore& bad : stores) {
    SCOPED_TRACE(bad.name);
    TinyServer store(bad.behave);
    const bool is_silent = bad.name == "hangs" || bad.name == "drips";
    base.try_max = milliseconds(is_silent ? 300 : 10'000);
    auto& alone = remote({store.url});
    const auto page = read(alone, {.user = kAnn, .after = Seq(0), .before = std::nullopt});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, Errc::unavailable);
    EXPECT_THAT(page.error().message, HasSubstr(bad.why));
    // It rests: the next one is told at once.
    const auto again = read(alone, {.user = kAnn, .after = Seq(0), .before = std::nullopt});
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message, HasSubstr("rests"));
    EXPECT_EQ(store.requests, 1);
    TinyServer good(honest());
    base.try_max = milliseconds(is_silent ? 3'000 : 10'000);
    const auto other = read({store.url, good.url});
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(other->events.size(), 10U);
    histories.clear();  // their connections, before the servers
  }
}

TEST_F(RemoteUserHistoryTest, asks_one_that_is_busy_again) {
  TinyServer busy(says("{}", 503));
  auto& history = remote({busy.url});
  for (int i = 0; i < 2; ++i) {
    const auto page = read(history, {.user = kAnn, .after = Seq(0), .before = std::nullopt});
    ASSERT_FALSE(page);
    EXPECT_THAT(page.error().message, HasSubstr("503"));
  }
  EXPECT_EQ(busy.requests, 2);
}

TEST_F(RemoteUserHistoryTest, asks_at_most_as_many_as_it_may) {
  base.tries_max = 2;
  TinyServer one(says("", 500));
  TinyServer two(says("", 500));
  TinyServer three(honest());
  EXPECT_FALSE(read({one.url, two.url, three.url}));
  EXPECT_EQ(three.requests, 0);
}

TEST_F(RemoteUserHistoryTest, prefers_the_store_that_is_complete_furthest) {
  HistoryPage little = page_of({1});
  little.complete_to.next_offset = Offset(500);
  TinyServer behind(says(page_text(little)));
  std::atomic<bool> busy = false;
  TinyServer ahead(
      [&, answer = says(page_text(page_of({1, 2})))](int connection, const HttpRequest& request) {
        busy ? TinyServer::answer(connection, 503, "") : answer(connection, request);
      });
  auto& history = remote({ahead.url, behind.url});
  const HistoryQuery query{.user = kAnn, .after = Seq(0), .before = std::nullopt};
  // The second question goes to the one that has not said anything yet, and then to the better one.
  for (int i = 0; i < 4; ++i) {
    const auto page = read(history, query);
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->complete_to.next_offset, Offset(1000));
  }
  EXPECT_EQ(behind.requests, 1);
  EXPECT_EQ(ahead.requests, 4);
  busy = true;
  const auto page = read(history, query);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->complete_to.next_offset, Offset(500));
}

TEST_F(RemoteUserHistoryTest, takes_the_lesser_answer_where_the_better_store_has_none) {
  HistoryPage little = page_of({1});
  little.complete_to.next_offset = Offset(500);
  TinyServer behind(says(page_text(little)));
  int answers = 0;
  TinyServer ahead(
      [&, answer = says(page_text(page_of({1, 2})))](int connection, const HttpRequest& request) {
        ++answers == 1 ? answer(connection, request) : TinyServer::answer(connection, 503, "");
      });
  auto& history = remote({ahead.url, behind.url});
  const HistoryQuery query{.user = kAnn, .after = Seq(0), .before = std::nullopt};
  EXPECT_EQ(read(history, query)->complete_to.next_offset, Offset(1000));
  EXPECT_EQ(read(history, query)->complete_to.next_offset, Offset(500));
  EXPECT_EQ(ahead.requests, 2);
}

TEST_F(RemoteUserHistoryTest, goes_on_to_the_next_where_the_partition_is_not_kept) {
  const Partition partition = partition_of(kAnn, kLog.partitions);
  UserHistoryApi elsewhere(known, kLog, thread,
                           {.kept = {Partition((partition.value() + 1) % kLog.partitions)}});
  const auto all = elsewhere.routes(
      [](const HttpRequest&) -> tl::expected<UserId, HttpResponse> { return UserId("svc"); });
  int asked = 0;
  TinyServer other([&](int connection, const HttpRequest& request) {
    std::get<LateHttpHandler>(all.front().handler)(request, [&](const HttpResponse& response) {
      ++asked;
      EXPECT_EQ(response.status, 421);
      EXPECT_THAT(response.body, HasSubstr("other_event_store"));
      TinyServer::answer(connection, response.status, response.body);
    });
  });
  TinyServer store(honest());
  auto& history = remote({other.url, store.url});
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(read(history, {.user = kAnn, .after = Seq(0), .before = std::nullopt}));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(store.requests, 3);
  EXPECT_TRUE(warnings.empty());  // it is no fault of it
}

TEST_F(RemoteUserHistoryTest, one_that_does_not_keep_the_partition_takes_no_try_away_and_is_known) {
  base.tries_max = 1;
  base.remember = milliseconds(0);
  TinyServer one(says("", 421));
  TinyServer two(says("", 421));
  TinyServer three(says("", 421));
  TinyServer store(honest());
  auto& history = remote({one.url, two.url, three.url, store.url});
  for (int i = 0; i < 3; ++i) {
    const auto page = read(history, {.user = kAnn, .after = Seq(0), .before = std::nullopt});
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->events.size(), 10U);
  }
  for (const TinyServer* const other : {&one, &two, &three}) EXPECT_EQ(other->requests, 1);
  EXPECT_EQ(store.requests, 3);
}

TEST_F(RemoteUserHistoryTest, without_a_token_asks_nobody) {
  token = "bad";
  TinyServer store(honest());
  const auto page = read({store.url});
  ASSERT_FALSE(page);
  EXPECT_THAT(page.error().message, HasSubstr("403"));
}

TEST_F(RemoteUserHistoryTest, answers_everybody_when_many_ask_at_once_and_refuses_too_many) {
  base.in_flight_max = 2;
  base.waiting_max = 50;
  base.try_max = milliseconds(10'000);
  std::promise<void> all_have_asked;
  TinyServer store([honestly = honest(), asked = all_have_asked.get_future().share()](
                       int connection, const HttpRequest& request) {
    asked.wait();
    honestly(connection, request);
  });
  auto& history = remote({store.url});
  std::atomic<int> given = 0;
  std::atomic<int> refused = 0;
  std::promise<void> all;
  constexpr int kMany = 300;
  for (int i = 0; i < kMany; ++i)
    history.read({.user = kAnn, .after = Seq(0), .before = std::nullopt}, thread,
                 [&](const Result<HistoryPage>& page) {
                   (page ? given : refused)++;
                   if (given + refused == kMany) all.set_value();
                 });
  all_have_asked.set_value();
  all.get_future().get();
  EXPECT_GE(given, 50);  // those that waited
  EXPECT_LE(given, 52);  // and those in flight
}

TEST_F(RemoteUserHistoryTest, ends_with_questions_under_way) {
  base.try_max = milliseconds(60'000);
  TinyServer store(hangs());
  auto& history = remote({store.url});
  for (int i = 0; i < 40; ++i)
    history.read({.user = kAnn, .after = Seq(0), .before = std::nullopt}, thread,
                 [](const Result<HistoryPage>&) { FAIL() << "nobody answered"; });
  histories.clear();
  thread.run([] {});
}

TEST(EventStoreUrl, names_a_host_and_maybe_partitions) {
  const auto all = parse_event_store_url("http://127.0.0.1:8081/");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->base, "http://127.0.0.1:8081");
  EXPECT_TRUE(all->serves(Partition(239)));
  const auto some = parse_event_store_url("https://store-1:8081#0-5,9");
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->serves(Partition(5)) && some->serves(Partition(9)));
  EXPECT_FALSE(some->serves(Partition(6)) || some->serves(Partition(10)));
  for (const char* const bad :
       {"", "store:80", "ftp://store", "http://", "http://a/b", "http://a?b", "http://u@a",
        "http://a#", "http://a#5-1", "http://a#x", "http://a#1,", "http://a#-1", "http://a b"}) {
    const auto parsed = parse_event_store_url(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::bad_config);
    EXPECT_EQ(parsed.error().field, "event_store.urls");
  }
}

}  // namespace
}  // namespace signalbox::event_store
