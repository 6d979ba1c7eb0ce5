// EventSource: events as an owner makes them: encoded, counted and chained per user, of 1000 users
// in turn. Thread: one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::bench {

class EventSource {
 public:
  static constexpr int kUsers = 1000;

  EventSource(const LogId& log, const Clock& clock, std::int32_t partitions,
              std::size_t value_bytes)
      : log_(log), clock_(clock) {
    for (int i = 0; i < kUsers; ++i) {
      const UserId user("bench-user-" + std::to_string(i));
      users_.push_back({user, event_store::partition_of(user, partitions), Seq(0),
                        event_store::chain_start(log, user)});
    }
    owner_seqs_.resize(static_cast<std::size_t>(partitions), OwnerSeq(0));
    const std::size_t overhead =
        event_store::encode_event_value(MessageReceived{MessageId("m"), "", "assistant"},
                                        WebsocketClientId("ws_b"))
            .size();
    content_.assign(value_bytes - overhead, 'c');
  }

  struct Made {
    Partition partition;
    NewRecord record;
  };
  [[nodiscard]] Made next() {
    User& user = users_[next_++ % users_.size()];
    OwnerSeq& owner_seq = owner_seqs_[static_cast<std::size_t>(user.partition.value())];
    ++user.seq;
    NewRecord record = event_store::encode_event(
        {.id = event_store::event_id_of(log_, user.partition, Epoch(1), user.id, user.seq),
         .source = "/signalbox/bench",
         .time = clock_.now(),
         .user_id = user.id,
         .thread_id = ThreadId("thread"),
         .run_id = std::nullopt,
         .attempt = std::nullopt,
         .websocket_client_id = WebsocketClientId("ws_bench"),
         .seq = user.seq,
         .inbound_offset = Offset(1),
         .epoch = Epoch(1),
         .owner_seq = ++owner_seq,
         .causation_id = "901cbb7a-8437-5342-9037-e89c728abfdc",
         .traceparent = std::nullopt,
         .data = MessageReceived{MessageId("m"), content_, "assistant"}});
    user.chain = event_store::chain_next(user.chain,
                                         event_store::content_hash(record.headers, record.value));
    event_store::add_chain_hash(record, user.chain);
    return {user.partition, std::move(record)};
  }

 private:
  struct User {
    UserId id;
    Partition partition;
    Seq seq;
    event_store::Hash chain;
  };
  LogId log_;
  const Clock& clock_;
  std::string content_;
  std::vector<User> users_;
  std::vector<OwnerSeq> owner_seqs_;
  std::size_t next_ = 0;
};

}  // namespace signalbox::bench
