// What our HTTP answers have in common (contract 12): how an error looks, and how the parameters of
// a query are read. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "event-store/model/http.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox::event_store {

// An error as every HTTP answer of ours shows it:
// {"error":{"code":…,"field":…,"message":…,"hint":…}}, without `field` where none is to blame;
// `hint` is what to do, from http_errors().
[[nodiscard]] HttpResponse http_error(int status, std::string_view code, std::string_view message,
                                      std::string_view field = {});
// The same of what may work a second later: with Retry-After.
[[nodiscard]] HttpResponse come_back(int status, std::string_view code, std::string_view message);
// 400 bad_field: `field what`.
[[nodiscard]] HttpResponse bad_parameter(std::string_view field, const std::string& what);

[[nodiscard]] std::string percent_encode(std::string_view text);
// None where it is badly encoded.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

// Whether the query has this parameter, however encoded.
[[nodiscard]] bool has_query_parameter(std::string_view query, std::string_view name);
// The value of one query parameter, percent-decoded; none where it is absent or badly encoded.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

// The 400 that names the first parameter that is none of these, or is given twice; one without a
// name is named by its whole text (`=5`).
[[nodiscard]] tl::expected<void, HttpResponse> check_parameters(
    std::string_view query, std::span<const std::string_view> known);
// A whole number in that range, or `without` where the parameter is absent; or the 400.
[[nodiscard]] tl::expected<std::int64_t, HttpResponse> read_number_parameter(std::string_view query,
                                                                             std::string_view name,
                                                                             std::int64_t smallest,
                                                                             std::int64_t largest,
                                                                             std::int64_t without);
// The user whose percent-encoded id follows `prefix` in the path, which a route has matched; or the
// 400 that names `id`.
[[nodiscard]] tl::expected<UserId, HttpResponse> read_user_of_path(std::string_view path,
                                                                   std::string_view prefix);
// `limit` of a page (contract 12): 1 to 1000, 100 where it is absent.
[[nodiscard]] tl::expected<std::size_t, HttpResponse> read_limit_parameter(std::string_view query);
// `after_seq` or `before_seq` of a history: exactly one of them is set, `before` where neither is
// there; or the 400.
struct SeqBound {
  std::optional<Seq> after{};
  std::optional<Seq> before{};
};
[[nodiscard]] tl::expected<SeqBound, HttpResponse> read_seq_bound(std::string_view query);
// `thread_id`; none where it is absent.
[[nodiscard]] tl::expected<std::optional<ThreadId>, HttpResponse> read_thread_parameter(
    std::string_view query);

}  // namespace signalbox::event_store
