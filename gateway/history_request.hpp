// What GET /v1/history and GET /v1/threads may ask for (contract 12). Pure; any thread.
//   /v1/history?after=SEQ    events with a greater seq, oldest first
//   /v1/history?before=SEQ   events with a smaller seq, newest first; the default, from the newest
//   on /v1/threads?before=SEQ   threads whose newest event has a smaller seq, newest first
// `limit` is 1 to 1000, by default 100; `thread_id` keeps to one thread.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "event-store/archive/user_history.hpp"
#include "event-store/model/http.hpp"

namespace signalbox::gateway {

// A query, or the 400 that names the parameter: unknown, given twice, badly encoded, of a wrong
// form or out of range; `after` beside `before`.
[[nodiscard]] tl::expected<event_store::HistoryQuery, HttpResponse> read_history_query(
    std::string_view query, UserId user);
[[nodiscard]] tl::expected<event_store::ThreadQuery, HttpResponse> read_thread_query(
    std::string_view query, UserId user);

// The path of the page after the one that ended with `last`.
[[nodiscard]] std::string next_link(const event_store::HistoryQuery& query, Seq last);
[[nodiscard]] std::string next_link(const event_store::ThreadQuery& query, Seq last);

}  // namespace signalbox::gateway
