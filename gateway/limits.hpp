// What a gateway grants its clients (contract 11); each has a stated effect when it is reached.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "gateway/inbound_lag.hpp"
#include "gateway/token_bucket.hpp"

namespace signalbox::gateway {

struct GatewayLimits {
  std::size_t content_bytes_max = 32768;     // too_large, field content
  std::size_t frame_bytes_max = 256 * 1024;  // close 1009
  std::size_t depth_max = 64;                // bad_json
  std::size_t sockets_per_user_max = 20;     // close 4409
  std::size_t sends_without_ack_max = 256;   // overloaded
  // Per user: messages, cancels and answers; rate_limited. Of a socket: facts about new tokens.
  BucketRate messages{20, 100};
  BucketRate frames{200, 500};  // of a socket, pings too; further ones wait in the kernel
  std::chrono::milliseconds rate_limited_max{10'000};  // of refusals without a pause; close 4429
  BucketRate connects{64, 256};  // per address, but for the exempt ones; HTTP 429
  std::int64_t accepts_per_second =
      5'000;  // of all addresses, as many at once; they wait in the kernel
  std::int64_t reconnects_per_second =
      500;                         // at most, that a gateway that stops sends to the others
  InboundLagLimits inbound_lag{};  // overloaded until below half
  std::chrono::milliseconds handshake{10'000};       // closed
  std::chrono::milliseconds authentication{5'000};   // close 4408
  std::chrono::milliseconds heartbeat{25'000};       // a ping of the server
  std::chrono::milliseconds heartbeat_lost{60'000};  // close 4002

  std::size_t window_bytes_max = 64 << 20;            // per partition; the oldest events leave
  std::chrono::milliseconds window_age_max{600'000};  // the same
  // A partition none of whose users has a stream is read on for so long; then its window leaves.
  std::chrono::milliseconds partition_idle_max{600'000};
  std::size_t progress_bytes_max = 8 << 20;   // per partition; the oldest run's pieces leave
  std::size_t page_bytes_max = 32 * 1024;     // of a catch-up; at most two wait for a socket
  std::size_t outbox_bytes_max = 256 * 1024;  // of a socket; it turns to pull mode
  std::size_t answers_bytes_max = 64 * 1024;  // waiting for a socket; its frames are not read
  std::chrono::milliseconds stall{60'000};    // a socket takes no byte; closed (4001)
  std::size_t log_scans_max = 2;              // at a time; further ones wait their turn
  // Of sockets and requests for history, and as many of /v1/threads: overloaded with
  // retry_after_ms, close 4003, or 503.
  std::size_t log_scans_waiting_max = 1024;
  // Of /v1/history and /v1/threads, each up to 1 MiB until it is sent; further ones get 503.
  std::size_t history_requests_max = 32;
  std::size_t history_requests_per_user_max = 4;  // further ones of the same user get 429
  // A closing socket stays until its peer has taken everything and answered. It is cut (1006) when
  // the peer has taken nothing for so long, and after so long in any case.
  std::chrono::milliseconds close_stalled{2'000};
  std::chrono::milliseconds close_linger{30'000};
  std::size_t connection_records_max =
      10'000;  // per shard, waiting to be written; dropped, counted
  // Between two tries to read a partition that cannot be read; its sockets are closed (4004).
  std::chrono::milliseconds partition_retry_max{10'000};
};

// The wanted limits, but for those that a gateway which runs keeps until it is started again.
[[nodiscard]] inline GatewayLimits live_limits(GatewayLimits wanted,
                                               const GatewayLimits& in_force) {
  wanted.page_bytes_max = in_force.page_bytes_max;  // sessions and sockets must have the same
  wanted.progress_bytes_max = in_force.progress_bytes_max;
  wanted.log_scans_max = in_force.log_scans_max;
  wanted.log_scans_waiting_max = in_force.log_scans_waiting_max;
  wanted.history_requests_max = in_force.history_requests_max;
  wanted.history_requests_per_user_max = in_force.history_requests_per_user_max;
  wanted.connection_records_max = in_force.connection_records_max;
  wanted.partition_retry_max = in_force.partition_retry_max;
  return wanted;
}

}  // namespace signalbox::gateway
