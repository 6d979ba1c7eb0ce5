// SimulatedClient: one device of a user, as the contract wants clients: it says each message until
// it is acknowledged, keeps the newest cursor, comes back with it, and checks on arrival that what
// it gets is the user's own, without a gap and without a repeat, and that acks are of what it sent.
// One real thread, virtual time.
#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ops/bench/history_file.hpp"
#include "tests/simulation/run_report.hpp"
#include "tests/simulation/simulated_gateway.hpp"

namespace signalbox::simulation {

// A message as the client knows it. The numbers count what the client did and heard, so that order
// between messages can be told from them.
struct Said {
  MessageId message_id;
  std::string thread;
  std::string agent;
  std::string content;
  int first_said = 0;
  int acknowledged = 0;  // 0: not yet
  int tries = 0;
  bool is_open = false;  // a try has neither an answer nor lost its connection
};

// What a client did and saw, for whoever judges it.
struct ClientAccount {
  // An event as the client got it.
  struct SeenEvent {
    std::int64_t seq;
    std::string frame;
  };
  std::string name;
  UserId user;
  std::vector<SeenEvent> history{};  // without what came once more
  // What it had seen of what follows the history, before it went back: it must come once more.
  std::deque<SeenEvent> seen_beyond{};
  std::vector<Said> said{};
  std::set<std::string> sent_cancels{};          // run ids
  std::set<std::string> sent_answers{};          // request ids
  std::set<std::string> acknowledged_cancels{};  // run ids
  std::set<std::string> acknowledged_answers{};  // request ids
};

class SimulatedClient final : private ConnectionUser {
 public:
  struct Parts {
    test_support::SimulatedScheduler& scheduler;
    const NetworkDelays& delays;
    std::vector<std::unique_ptr<SimulatedGateway>>& gateways;
    Random& random;
    RunReport& report;
    bench::HistoryFile& kept;  // what it did and saw, for checkers that judge afterwards
  };

  SimulatedClient(Parts parts, std::string name, UserId user)
      : parts_(parts), account_{std::move(name), std::move(user)} {}
  ~SimulatedClient() override;

  // Comes now, and again by itself whenever it is cut off.
  void connect();
  void say(MessageId message, std::string thread, std::string agent);
  void cancel_one_run();
  void answer_one_question();
  // The network between it and its gateway. False: there is none now.
  bool cut();
  bool vanish();
  bool stall(bool stalled);
  // Goes back, on the connection it has, to a cursor that it has held before.
  void resume_where_it_was();
  // Asks for everything once more, from the start. It has read all of it when it is caught up.
  void read_again();
  [[nodiscard]] bool is_caught_up() const { return caught_up_; }
  // Comes anew with a cursor of somebody else's, which must be refused.
  void present(std::string foreign_cursor);

  [[nodiscard]] const ClientAccount& account() const { return account_; }
  [[nodiscard]] const std::optional<std::string>& cursor() const { return cursor_; }
  [[nodiscard]] bool has_all_acks() const;

 private:
  using Json = nlohmann::json;
  // A cursor, and how many events it had seen when it got it.
  struct Bookmark {
    std::string cursor;
    std::size_t seen;
  };

  void on_text(std::string_view text) override;
  void on_end(gateway::CloseCode code) override;
  void on_ready(const Json& frame);
  void on_event(const Json& frame, std::string_view text);
  void on_caught_up(const Json& frame);
  void on_ack(const Json& frame);
  void on_draining(const Json& frame);
  void on_error(const Json& frame);
  void check_canaries(std::string_view text);
  void keep_cursor(const std::string& cursor);
  void open_connection(gateway::StreamFrom from, std::string cursor);
  void drop_connection();
  void come_back_later();
  void watch_for_answers(std::uint64_t visit);
  void ask_for(const Bookmark& bookmark, Json from);
  void send_message(Said& said);
  void keep(std::string_view kind, Json line);
  void keep_end(std::string_view code);
  void send(const Json& frame);
  // `task` after a while of this connection, if it is still the same then.
  void later_on_this_visit(std::chrono::milliseconds most, std::function<void()> task);
  void violate(const std::string& what) { parts_.report.violate(account_.name + ": " + what); }

  Parts parts_;
  ClientAccount account_;
  std::shared_ptr<SimulatedConnection> connection_;
  std::uint64_t visit_ = 0;  // number of the connection
  bool ready_ = false;
  bool caught_up_ = false;
  bool presents_foreign_ = false;
  std::optional<Bookmark> asked_for_;  // what follows it may still come once more
  bool repeat_is_due_ = false;         // it must: there was something
  bool is_resuming_ = false;           // it has not heard the end of what it asked for again
  std::uint64_t heard_ = 0;            // frames
  std::optional<std::string> cursor_;  // the newest
  std::vector<Bookmark> bookmarks_;
  std::vector<std::pair<std::string, std::string>> questions_;  // run and request
  int operations_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::simulation
