// How pages of a user's history go over HTTP between an event store and a gateway:
//   {"log_id","partition","complete_to":{"offset","epoch","ownerseq"},"more":true|false,
//    "seqs":[SEQ, ...],"events":[RECORD, ...],"next":PATH}
//   {... ,"threads":[{"thread_id","newest_seq","time","messages","first_words"}, ...],"next":PATH}
// RECORD as in exports (record_json.hpp); seqs: by event its place in the history; `next` is absent
// on the last page. What is read back is held against the question: an answer about another log,
// partition or user, out of order, or more than was asked for is none. Pure; any thread. Errors:
// malformed.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "event-store/archive/user_history.hpp"

namespace signalbox::event_store {

// Whose pages they are.
struct PageOrigin {
  LogId log;
  Partition partition;
};
// The path of the page after the one that ended with this seq.
using NextLink = std::function<std::string(Seq)>;

// As many events as fit into bytes_max of text, at least one.
[[nodiscard]] std::string encode_history_page(const PageOrigin& origin, const HistoryPage& page,
                                              std::size_t bytes_max, const NextLink& next);
[[nodiscard]] Result<HistoryPage> decode_history_page(std::string_view text,
                                                      const PageOrigin& origin,
                                                      const HistoryQuery& query);

[[nodiscard]] std::string encode_thread_page(const PageOrigin& origin, const ThreadPage& page,
                                             const NextLink& next);
[[nodiscard]] Result<ThreadPage> decode_thread_page(std::string_view text, const PageOrigin& origin,
                                                    const ThreadQuery& query);

}  // namespace signalbox::event_store
