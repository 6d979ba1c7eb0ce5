#include "replay/archived_pages.hpp"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace signalbox::replay {
namespace {

constexpr std::size_t kEventsPerPage = 200;  // so few that a processor's cache keeps them

}  // namespace

ArchivedPages::ArchivedPages(event_store::ArchiveReader& archive, UserId user,
                             const event_store::UserChain& chain)
    : archive_(archive), user_(std::move(user)), after_(chain.seq), hash_(chain.hash) {}

ArchivedPages::~ArchivedPages() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<void> ArchivedPages::next(Page& page) {
  if (!thread_.joinable()) {
    auto read_here = read(page);
    if (read_here && page.history.more) begin_ahead();
    return read_here;
  }
  std::unique_lock lock(mutex_);
  folded_.push_back(std::move(page));
  changed_.wait(lock, [this] { return !ahead_.empty() || thrown_; });
  if (ahead_.empty()) std::rethrow_exception(thrown_);
  auto next = std::move(ahead_.front());
  ahead_.pop_front();
  changed_.notify_all();
  if (next) page = *std::move(next);
  return next.map([](const Page&) {});
}

// Where there can be no more threads, each page is read when it is asked for.
void ArchivedPages::begin_ahead() {
  try {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "read-ahead");
  } catch (const std::system_error&) {
  }
}

void ArchivedPages::run() {
  try {
    read_ahead();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    thrown_ = std::current_exception();
    changed_.notify_all();
  }
}

void ArchivedPages::read_ahead() {
  for (bool more = true; more;) {
    Page page = take_folded();
    const auto done = read(page);
    more = done && page.history.more;
    if (!hand_over(done.map([&] { return std::move(page); }))) return;
  }
}

ArchivedPages::Page ArchivedPages::take_folded() {
  const std::lock_guard lock(mutex_);
  if (folded_.empty()) return {};
  Page page = std::move(folded_.back());
  folded_.pop_back();
  return page;
}

// False: nobody waits for it any more.
bool ArchivedPages::hand_over(Result<Page> page) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ahead_.size() < kPagesAhead || is_left_; });
  if (is_left_) return false;
  ahead_.push_back(std::move(page));
  changed_.notify_all();
  return true;
}

Result<void> ArchivedPages::read(Page& page) {
  auto history = archive_.read_chained(
      {.user = user_, .after = after_, .before = std::nullopt, .events_max = kEventsPerPage});
  if (!history) return tl::unexpected(std::move(history.error()));
  page.history = *std::move(history);
  page.places.clear();
  if (!page.history.seqs.empty()) after_ = page.history.seqs.back();
  thread_local std::vector<Header> headers;
  for (const RecordPtr& event : page.history.events) {
    event->headers.split_into(headers);
    contents_.add(headers, event->value);
    page.places.push_back({event_store::stated_place(headers), {}});
  }
  const std::span<const event_store::ContentHash> contents = contents_.finish();
  for (std::size_t i = 0; i < contents.size(); ++i) {
    router::ChainPlace& place = page.places[i];
    place.next = event_store::chain_next(hash_, contents[i]);
    hash_ = place.stated.hash.value_or(place.next);
  }
  return {};
}

}  // namespace signalbox::replay
