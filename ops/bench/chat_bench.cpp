#include "ops/bench/chat_bench.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <iomanip>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "ops/bench/chat_user.hpp"
#include "ops/bench/dev_token.hpp"
#include "ops/bench/percentile.hpp"
#include "ops/bench/token_desk.hpp"
#include "ops/cli/progress_bar.hpp"

namespace signalbox::bench {

namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitViolation = 3;
constexpr int kExitTryAgain = 75;
constexpr milliseconds kTick(250);
constexpr milliseconds kTokenWaitMax(5'000);

// All users of one run of the bench, on one thread.
class Crowd final : private ChatUserSink {
 public:
  Crowd(const ChatBenchOptions& options, std::vector<client::WebSocketUrl> services,
        const std::vector<Conversation>& conversations, HistoryFile& history, std::ostream& err)
      : options_(options),
        user_options_{.services = std::move(services),
                      .stall_max = options.stall_max,
                      .pause = options.pause,
                      .recheck = options.recheck},
        conversations_(conversations),
        history_(history),
        err_(err),
        bar_(err, options.progress_bar),
        tick_(io_),
        tokens_(io_) {
    if (options_.seed == 0)
      options_.seed =
          static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    for (std::size_t round = 0; round < options_.rounds; ++round) deal();
  }

  int run() {
    counts_.last_contact = started_ = ended_ = std::chrono::steady_clock::now();
    const std::size_t at_once = std::min(options_.users, plans_.size());
    if (!fetch_tokens(at_once)) return kExitTryAgain;
    started_ = std::chrono::steady_clock::now();
    if (options_.duration.count() > 0) user_options_.stop_at = started_ + options_.duration;
    tick();
    for (std::size_t i = 0; i < at_once; ++i) start_next();
    io_.run();
    ended_ = std::chrono::steady_clock::now();
    bar_.end();
    if (violation_)
      err_ << "violation: " << violation_->name << ": " << violation_->what << std::endl;
    if (unreachable_) report_unreachable();
    return violation_ ? kExitViolation : unreachable_ ? kExitTryAgain : 0;
  }

  [[nodiscard]] const ChatCounts& counts() const { return counts_; }
  [[nodiscard]] double seconds() const { return Seconds(ended_ - started_).count(); }
  [[nodiscard]] bool found_violation() const { return violation_.has_value(); }

 private:
  struct Plan {
    std::string user_id;
    std::vector<const Conversation*> conversations;
    std::string token{};
  };

  // Dialogues are dealt to the users of a round like cards.
  void deal() {
    const std::size_t users = std::min(options_.users, conversations_.size());
    const std::size_t first = plans_.size();
    for (std::size_t user = 0; user < users; ++user)
      plans_.push_back(
          {"bench-" + std::to_string(options_.seed) + "-" + std::to_string(first + user), {}});
    for (std::size_t i = 0; i < conversations_.size(); ++i) {
      plans_[first + i % users].conversations.push_back(&conversations_[i]);
      messages_total_ += conversations_[i].turns.size();
    }
  }

  // Whether there is another user to start; while there is time, another round of them.
  [[nodiscard]] bool has_next() {
    if (options_.duration.count() > 0) {
      if (std::chrono::steady_clock::now() >= user_options_.stop_at) return false;
      if (next_plan_ == plans_.size()) deal();
    }
    return next_plan_ < plans_.size();
  }

  // Before the clock runs, so that asking for tokens is not measured.
  bool fetch_tokens(std::size_t users) {
    const auto& services = user_options_.services;
    for (std::size_t i = 0, place = 0; i < users;) {
      auto token =
          fetch_dev_token(services[place % services.size()], plans_[i].user_id, kTokenWaitMax);
      if (token) {
        plans_[i++].token = std::move(*token);
        continue;
      }
      ++place;
      if (token.error().code != Errc::unavailable ||
          std::chrono::steady_clock::now() - started_ > options_.unreachable_max) {
        err_ << token.error().message << std::endl;
        return false;
      }
      if (!std::exchange(told_to_wait_, true))
        err_ << token.error().message << "; it is tried for another "
             << options_.unreachable_max.count() / 1000 << " s" << std::endl;
      std::this_thread::sleep_for(kTick);
    }
    return true;
  }

  void start_next() {
    Plan& plan = plans_[next_plan_];
    auto user = std::make_unique<ChatUser>(
        io_, plan.user_id, std::move(plan.token), plan.conversations, user_options_,
        options_.seed + next_plan_, counts_, history_, tokens_, static_cast<ChatUserSink&>(*this));
    ++next_plan_;
    ChatUser& started = *user;
    users_.emplace(&started, std::move(user));
    started.start();
  }

  void on_finished(const ChatUser& user) override {
    // Not inside the callback of the user that ended.
    asio::post(io_, [this, ended = &user] {
      users_.erase(ended);
      if (has_next()) {
        start_next();
      } else if (users_.empty()) {
        stop();
      }
    });
  }

  void on_violation(const Violation& violation) override {
    if (!violation_) violation_ = violation;
    stop();
  }

  void tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const asio::error_code& error) {
      if (error) return;
      const auto now = std::chrono::steady_clock::now();
      if (counts_.connected > 0) counts_.last_contact = now;
      unreachable_ = now - counts_.last_contact > options_.unreachable_max;
      draw();
      if (unreachable_) return stop();
      tick();
    });
  }

  void stop() {
    tick_.cancel();
    io_.stop();
  }

  void draw() {
    bar_.show(static_cast<std::int64_t>(counts_.messages),
              static_cast<std::int64_t>(messages_total_), "messages",
              std::to_string(counts_.reconnects) + " reconnects ");
  }

  void report_unreachable() {
    err_ << "no socket could be opened for " << options_.unreachable_max.count() / 1000 << " s at "
         << options_.url << std::endl;
  }

  ChatBenchOptions options_;
  ChatUserOptions user_options_;
  const std::vector<Conversation>& conversations_;
  HistoryFile& history_;
  std::ostream& err_;
  cli::ProgressBar bar_;
  bool told_to_wait_ = false;
  asio::io_context io_{1};
  asio::steady_timer tick_;
  TokenDesk tokens_;
  ChatCounts counts_;
  std::vector<Plan> plans_;
  std::size_t messages_total_ = 0;
  std::size_t next_plan_ = 0;
  std::optional<Violation> violation_;
  bool unreachable_ = false;
  BenchTime started_{};
  BenchTime ended_{};
  std::map<const ChatUser*, std::unique_ptr<ChatUser>> users_;
};

// Empty where one of them is none, or not plain.
std::vector<client::WebSocketUrl> parse_services(const std::string& urls) {
  std::vector<client::WebSocketUrl> services;
  std::istringstream list(urls);
  for (std::string url; std::getline(list, url, ',');) {
    services.push_back(client::parse_websocket_url(url));
    if (services.back().host.empty() || services.back().secure) return {};
  }
  return services;
}

void print(const Crowd& crowd, const ChatBenchReport& report, std::ostream& out) {
  const ChatCounts& counts = crowd.counts();
  out << std::fixed << std::setprecision(2);
  out << "time            " << report.seconds << " s\n"
      << "messages        " << counts.messages << " (" << counts.resends << " sent again)\n"
      << "runs            " << counts.runs << "\n"
      << "events          " << counts.events << "\n"
      << "reconnects      " << counts.reconnects << "\n"
      << "ack             p50 " << report.ack_p50 << " ms, p99 " << report.ack_p99 << " ms\n"
      << "agent_started   p50 " << report.started_p50 << " ms, p99 " << report.started_p99
      << " ms after the message\n"
      << "violations      " << (crowd.found_violation() ? 1 : 0) << "\n"
      << std::flush;
}

}  // namespace

ChatBenchReport play_conversations(const ChatBenchOptions& options, std::ostream& out,
                                   std::ostream& err) {
  ChatBenchReport report;
  auto services = parse_services(options.url);
  if (services.empty() || options.users == 0) {
    err << (services.empty() ? "--url must be ws://HOST:PORT/ws, or several with commas between"
                             : "--users must be at least 1")
        << std::endl;
    report.exit_code = kExitUsage;
    return report;
  }
  auto conversations = load_conversations(options.conversations);
  HistoryFile history(options.history);
  if (!conversations || !history.ok()) {
    err << (conversations ? options.history + ": cannot be written" : conversations.error().message)
        << std::endl;
    report.exit_code = kExitFailed;
    return report;
  }
  if (options.conversations_max > 0 && options.conversations_max < conversations->size())
    conversations->resize(options.conversations_max);
  Crowd crowd(options, std::move(services), *conversations, history, err);
  report.exit_code = crowd.run();
  report.seconds = crowd.seconds();
  report.ack_p50 = percentile(crowd.counts().ack_milliseconds, 50);
  report.ack_p99 = percentile(crowd.counts().ack_milliseconds, 99);
  report.started_p50 = percentile(crowd.counts().started_milliseconds, 50);
  report.started_p99 = percentile(crowd.counts().started_milliseconds, 99);
  print(crowd, report, out);
  if (report.exit_code == 0 && !history.ok()) {
    err << options.history << ": cannot be written" << std::endl;
    report.exit_code = kExitFailed;
  }
  return report;
}

int run_chat_bench(const ChatBenchOptions& options, std::ostream& out, std::ostream& err) {
  return play_conversations(options, out, err).exit_code;
}

}  // namespace signalbox::bench
