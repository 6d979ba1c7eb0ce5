// A socket's queue: batches, marks, slow peers, and ends, over a writer that only remembers.
#include "gateway/socket_link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/gateway_world.hpp"

namespace signalbox::gateway {
namespace {

class RememberingSession final : public SocketSession {
 public:
  void on_open(ClientLink&) override { ++opens; }
  void on_text(std::string_view text) override { texts.emplace_back(text); }
  void on_binary(std::string_view bytes) override { binaries.emplace_back(bytes); }
  void on_alive() override {}
  void on_writable() override { ++writables; }
  void on_lagging(const StreamPlace& kept) override { lagged_after.push_back(kept.seq.value()); }
  void on_tick() override { ++ticks; }
  void on_closed(CloseCode code, std::string_view) override { closed.push_back(code); }
  int opens = 0;
  int writables = 0;
  int ticks = 0;
  std::vector<std::string> texts;
  std::vector<std::int64_t> lagged_after;  // seqs
  std::vector<std::string> binaries;
  std::vector<CloseCode> closed;
};

class SocketLinkTest : public testing::Test, public SocketShard, public SocketWriter {
 protected:
  void SetUp() override {
    limits.outbox_bytes_max = 1000;
    limits.writable_bytes = 100;
    limits.batch_bytes_max = 200;
    limits.pings_answered_bytes_max = 150;
    limits.answers_bytes_max = 500;
    limits.frames = {.per_second = 2, .burst = 5};
    limits.stall = std::chrono::seconds(5);
    limits.close_stalled = std::chrono::seconds(2);
    limits.close_linger = std::chrono::seconds(10);
    link = std::make_shared<SocketLink>(*this, limits, session);
    link->opened(*this);
  }
  void send(std::size_t bytes) {
    link->send(std::make_shared<const PlainFrame>(std::string(bytes, 'x')));
  }
  void send_live(std::size_t bytes, FrameKind kind = FrameKind::event) {
    FramePart part{kind, {}};
    if (kind == FrameKind::event) part.place.seq = Seq(++last_seq);
    link->send_live(std::make_shared<const PlainFrame>(std::string(bytes, 'x'), part));
  }
  // Five events of 100 bytes, of a catch-up, and its end.
  void send_catch_up() {
    for (int i = 0; i < 5; ++i) {
      FramePart part{FrameKind::event, {}};
      part.place.seq = Seq(++last_seq);
      link->send(std::make_shared<const PlainFrame>(std::string(100, 'x'), part));
    }
    link->send(std::make_shared<const PlainFrame>(std::string(10, 'x'),
                                                  FramePart{.kind = FrameKind::cursor}));
  }
  // The end of the current task.
  void flush() {
    for (const auto& one : std::exchange(dirty, {})) one->flush();
  }
  // The kernel took what was in flight.
  void kernel_takes() {
    taken += flying;
    flying = 0;
    link->written();
  }

  // So many seconds, with a tick in each.
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now += std::chrono::seconds(1);
      link->tick(now);
      flush();
    }
  }

  // SocketShard
  void flush_soon(std::shared_ptr<SocketLink> one) override { dirty.push_back(std::move(one)); }
  void forget(SocketLink&) override { forgotten = true; }
  // SocketWriter
  [[nodiscard]] std::size_t in_flight() const override { return flying; }
  void hold_reading(bool hold) override { held = hold; }
  [[nodiscard]] std::size_t queued() const override { return pongs; }
  void write(std::span<const FramePtr> frames) override {
    writes.push_back(frames.size());
    for (const FramePtr& frame : frames) (takes_at_once ? taken : flying) += frame->text().size();
  }
  void ping() override { ++pings; }
  [[nodiscard]] std::uint64_t progress() const override { return taken; }
  [[nodiscard]] std::optional<SocketEnd> own_end() const override { return its_own; }
  void close(const SocketEnd& end) override { close_frames.push_back(end.code); }
  void terminate() override {
    terminated = true;
    link->closed(CloseCode::abnormal, "");
  }

  SocketLimits limits;
  std::shared_ptr<RememberingSession> session = std::make_shared<RememberingSession>();
  std::shared_ptr<SocketLink> link;
  std::vector<std::shared_ptr<SocketLink>> dirty;
  std::vector<std::size_t> writes;
  std::vector<CloseCode> close_frames;
  std::size_t flying = 0;
  bool takes_at_once = false;  // the kernel, all of every write
  bool held = false;
  std::int64_t last_seq = 0;
  std::uint64_t taken = 0;
  std::optional<SocketEnd> its_own;
  MonotonicTime now{};
  std::size_t pongs = 0;
  int pings = 0;
  bool terminated = false;
  bool forgotten = false;
};

TEST_F(SocketLinkTest, frames_of_one_task_are_one_write) {
  for (int i = 0; i < 5; ++i) send(10);
  EXPECT_TRUE(writes.empty());
  EXPECT_EQ(dirty.size(), 1U);
  flush();
  EXPECT_THAT(writes, testing::ElementsAre(5));
  EXPECT_EQ(link->buffered_bytes(), 50U);
  kernel_takes();
  EXPECT_EQ(link->buffered_bytes(), 0U);
}

TEST_F(SocketLinkTest, the_next_batch_waits_until_the_last_is_with_the_kernel) {
  for (int i = 0; i < 10; ++i) send(90);
  flush();
  EXPECT_THAT(writes, testing::ElementsAre(3));
  flush();
  EXPECT_EQ(writes.size(), 1U);
  EXPECT_EQ(link->buffered_bytes(), 900U);
  for (int i = 0; i < 4; ++i) kernel_takes();
  EXPECT_THAT(writes, testing::ElementsAre(3, 3, 3, 1));
  EXPECT_EQ(link->buffered_bytes(), 0U);
}

TEST_F(SocketLinkTest, of_what_left_a_queue_that_never_gets_empty_little_is_kept) {
  std::vector<std::weak_ptr<const PlainFrame>> sent;
  for (int i = 0; i < 1000; ++i) {
    // A batch is 200 bytes: one of these goes out, and others wait for ever.
    for (int k = 0; k < (i < 4 ? 2 : 1); ++k) {
      const auto frame = std::make_shared<const PlainFrame>(std::string(200, 'x'));
      sent.push_back(frame);
      link->send(frame);
    }
    flush();
    kernel_takes();
  }
  const auto kept =
      std::count_if(sent.begin(), sent.end(), [](const auto& frame) { return !frame.expired(); });
  EXPECT_GE(link->buffered_bytes(), 200U);
  EXPECT_LT(kept, 20);
}

TEST_F(SocketLinkTest, what_the_kernel_takes_at_once_is_a_batch_a_task_until_all_is_gone) {
  takes_at_once = true;
  for (int i = 0; i < 10; ++i) send(90);
  link->close(CloseCode::draining, "bye");
  for (int batch = 1; batch <= 3; ++batch) {
    flush();
    EXPECT_EQ(writes.size(), static_cast<std::size_t>(batch));
    EXPECT_EQ(dirty.size(), 1U);
    EXPECT_TRUE(close_frames.empty());
  }
  flush();
  EXPECT_THAT(writes, testing::ElementsAre(3, 3, 3, 1));
  EXPECT_TRUE(dirty.empty());
  EXPECT_THAT(close_frames, testing::ElementsAre(CloseCode::draining));
}

// Found by the simulation: caught_up came before events that its cursor says were sent, which a
// client that was cut then never got.
TEST_F(SocketLinkTest, the_end_of_a_catch_up_does_not_come_before_what_it_ends) {
  send_catch_up();
  send_live(600);  // too much: what is live is dropped, and read again from behind event 5
  for (int i = 0; i < 6; ++i) {
    flush();
    kernel_takes();
  }
  EXPECT_THAT(session->lagged_after, testing::ElementsAre(5));
  EXPECT_EQ(taken, 510U);
  EXPECT_EQ(link->buffered_bytes(), 0U);
}

TEST_F(SocketLinkTest, a_stream_that_begins_behind_the_end_of_another_has_a_place_of_its_own) {
  send_catch_up();
  StreamPlace start;
  start.seq = Seq(2);
  link->begin_stream(start);
  send_live(600);
  flush();
  EXPECT_THAT(session->lagged_after, testing::ElementsAre(2));
  for (int i = 0; i < 6; ++i) kernel_takes();
  EXPECT_EQ(taken, 510U);
  send_catch_up();
  send_catch_up();
  EXPECT_TRUE(held) << "ends of catch-ups count as answers";
}

TEST_F(SocketLinkTest, a_socket_whose_kernel_takes_all_at_once_hears_that_there_is_room) {
  takes_at_once = true;
  for (int i = 0; i < 6; ++i) send(90);
  flush();
  EXPECT_EQ(session->writables, 0);
  flush();
  EXPECT_EQ(session->writables, 1);
  EXPECT_EQ(link->buffered_bytes(), 0U);
  EXPECT_TRUE(dirty.empty());
}

TEST_F(SocketLinkTest, tells_once_when_there_is_room_again) {
  for (int i = 0; i < 3; ++i) send(90);
  flush();
  EXPECT_EQ(session->writables, 0);
  kernel_takes();
  EXPECT_EQ(session->writables, 1);
  send(10);
  flush();
  kernel_takes();
  EXPECT_EQ(session->writables, 1);
}

TEST_F(SocketLinkTest, a_slow_peer_loses_its_queue_but_for_answers_and_the_session_hears_where) {
  link->begin_stream({.seq = Seq(40)});
  last_seq = 40;
  for (int i = 0; i < 2; ++i) send_live(90);
  flush();  // 41 and 42 are on their way
  for (int i = 0; i < 4; ++i) send_live(90);
  send(50);
  send_live(90, FrameKind::progress);
  for (int i = 0; i < 9; ++i) send_live(90);
  EXPECT_EQ(link->buffered_bytes(), 180U + 50U);
  EXPECT_TRUE(session->lagged_after.empty());
  flush();
  EXPECT_THAT(session->lagged_after, testing::ElementsAre(42));
  kernel_takes();
  EXPECT_THAT(writes, testing::ElementsAre(2, 1));
  EXPECT_TRUE(session->closed.empty());
}

TEST_F(SocketLinkTest, a_stream_that_fell_behind_before_its_first_event_goes_on_from_its_start) {
  link->begin_stream({.seq = Seq(7)});
  send(10);
  send_live(995);
  flush();
  EXPECT_THAT(session->lagged_after, testing::ElementsAre(7));
}

TEST_F(SocketLinkTest, a_frame_of_any_size_goes_to_a_socket_that_has_read_everything) {
  send_live(5000);
  flush();
  EXPECT_THAT(writes, testing::ElementsAre(1));
  EXPECT_TRUE(session->lagged_after.empty());
}

TEST_F(SocketLinkTest, what_is_queued_of_an_older_stream_is_dropped_when_the_next_begins) {
  send_live(90);
  send(10);
  link->begin_stream({.seq = Seq(3)});
  flush();
  EXPECT_EQ(flying, 10U);
}

TEST_F(SocketLinkTest, a_peer_that_reads_no_answers_is_not_read_either) {
  for (int i = 0; i < 6; ++i) send(90);
  EXPECT_TRUE(held);
  flush();
  kernel_takes();
  EXPECT_FALSE(held);
  kernel_takes();
  EXPECT_EQ(link->buffered_bytes(), 0U);
}

TEST_F(SocketLinkTest, a_peer_that_sends_more_frames_than_it_has_left_is_not_read_for_a_while) {
  for (int i = 0; i < 3; ++i) link->received("question");
  static_cast<void>(link->may_answer_ping());
  EXPECT_FALSE(held);
  link->received("question");
  EXPECT_TRUE(held);
  for (int i = 0; i < 4; ++i) link->received("of the same read");
  EXPECT_EQ(session->texts.size(), 8U);
  pass(2);
  EXPECT_TRUE(held);
  pass(1);
  EXPECT_FALSE(held);
  pass(10);
  for (int i = 0; i < 5; ++i) link->received("question");
  EXPECT_TRUE(held);
}

TEST_F(SocketLinkTest, a_peer_that_sends_too_much_and_reads_nothing_is_not_read_for_either_reason) {
  for (int i = 0; i < 5; ++i) link->received("question");
  for (int i = 0; i < 6; ++i) send(90);
  flush();
  kernel_takes();
  EXPECT_TRUE(held) << "its answers are gone, it has no frames left";
  for (int i = 0; i < 6; ++i) send(90);
  pass(1);
  EXPECT_TRUE(held) << "it has frames left, its answers wait";
}

TEST_F(SocketLinkTest, reading_goes_on_when_the_link_ends_so_that_the_peers_close_is_seen) {
  for (int i = 0; i < 6; ++i) send(90);
  EXPECT_TRUE(held);
  link->close(CloseCode::draining, "bye");
  EXPECT_FALSE(held);
}

TEST_F(SocketLinkTest,
       a_peer_that_takes_nothing_is_told_why_and_cut_and_one_that_takes_a_little_is_not) {
  send(90);
  flush();
  pass(4);
  taken += 1;
  pass(4);
  EXPECT_TRUE(close_frames.empty());
  pass(2);
  EXPECT_THAT(close_frames, testing::ElementsAre(CloseCode::slow_consumer));
  pass(3);
  EXPECT_TRUE(terminated);
  EXPECT_TRUE(forgotten);
  EXPECT_THAT(session->closed, testing::ElementsAre(CloseCode::slow_consumer));
}

TEST_F(SocketLinkTest, a_peer_that_still_takes_bytes_is_waited_for_but_not_for_ever) {
  for (int i = 0; i < 5; ++i) send(90);
  link->close(CloseCode::draining, "bye");
  flush();
  for (int second = 0; second < 10; ++second) {
    pass(1);
    ++taken;
  }
  EXPECT_FALSE(terminated);
  pass(1);
  EXPECT_TRUE(terminated);
}

TEST_F(SocketLinkTest, a_connection_that_closes_by_itself_is_watched_to_its_end) {
  send(90);
  flush();
  send(90);
  its_own = SocketEnd{CloseCode::message_too_big, "too big"};
  pass(1);
  EXPECT_EQ(session->ticks, 0);
  kernel_takes();
  EXPECT_THAT(writes, testing::ElementsAre(1));  // nothing goes behind a close frame
  EXPECT_TRUE(close_frames.empty());             // and there is one already
  pass(3);
  EXPECT_TRUE(terminated);
  EXPECT_THAT(session->closed, testing::ElementsAre(CloseCode::message_too_big));
}

TEST_F(SocketLinkTest, close_lets_everything_queued_go_out_first) {
  for (int i = 0; i < 5; ++i) send(90);
  link->close(CloseCode::draining, "bye");
  send(90);  // too late
  flush();
  EXPECT_TRUE(close_frames.empty());
  kernel_takes();
  EXPECT_THAT(writes, testing::ElementsAre(3, 2));
  EXPECT_THAT(close_frames, testing::ElementsAre(CloseCode::draining));
  link->received("late");
  EXPECT_TRUE(session->texts.empty());
  link->closed(CloseCode::normal, "");
  EXPECT_THAT(session->closed, testing::ElementsAre(CloseCode::draining));
}

TEST_F(SocketLinkTest, a_peer_that_does_not_let_it_close_is_cut) {
  send(90);
  flush();
  send(90);
  link->close(CloseCode::draining, "bye");
  pass(3);
  EXPECT_TRUE(terminated);
  EXPECT_TRUE(close_frames.empty());
  EXPECT_EQ(session->ticks, 0);
  EXPECT_THAT(session->closed, testing::ElementsAre(CloseCode::draining));
}

TEST_F(SocketLinkTest, pings_are_answered_only_while_little_is_queued) {
  EXPECT_TRUE(link->may_answer_ping());
  pongs = 100;
  EXPECT_TRUE(link->may_answer_ping());
  flying = 60;
  EXPECT_FALSE(link->may_answer_ping());
}

TEST_F(SocketLinkTest, what_comes_is_told_by_its_kind_until_the_link_ends) {
  link->received("text");
  link->received_binary("bytes");
  link->close(CloseCode::unsupported_data, "");
  link->received("late");
  link->received_binary("late");
  EXPECT_THAT(session->texts, testing::ElementsAre("text"));
  EXPECT_THAT(session->binaries, testing::ElementsAre("bytes"));
}

TEST_F(SocketLinkTest, a_lost_connection_is_told_as_it_was) {
  link->closed(CloseCode::going_away, "");
  link->closed(CloseCode::going_away, "");
  EXPECT_THAT(session->closed, testing::ElementsAre(CloseCode::going_away));
}

}  // namespace
}  // namespace signalbox::gateway
