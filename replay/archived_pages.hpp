// ArchivedPages: a user's events from the archive in their order, page by page, each with its place
// in his chain. While the caller folds one page, the next ones are read and hashed on a thread of
// their own: that is half of the work, and the events go back there, where their memory is from.
// Memory: four pages (HistoryQuery::bytes_max). Thread: one, beside its own, `read-ahead`.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "event-store/archive/archive_reader.hpp"
#include "event-store/contract/chain.hpp"
#include "event-store/log/user_chain.hpp"
#include "router/user_fold.hpp"

namespace signalbox::replay {

class ArchivedPages {
 public:
  struct Page {
    event_store::HistoryPage history{};
    std::vector<router::ChainPlace> places{};  // by event of `history`
  };

  // The events behind where the chain stands. Nobody else uses the archive while this is there.
  ArchivedPages(event_store::ArchiveReader& archive, UserId user,
                const event_store::UserChain& chain);
  ~ArchivedPages();
  ArchivedPages(const ArchivedPages&) = delete;
  ArchivedPages& operator=(const ArchivedPages&) = delete;

  // Puts the next page in the place of the one that was folded, an empty one at first. Not called
  // behind one without `more`. Errors: the archive's; nothing follows them. Throws what reading
  // did.
  [[nodiscard]] Result<void> next(Page& page);

 private:
  static constexpr std::size_t kPagesAhead = 2;

  [[nodiscard]] Result<void> read(Page& page);
  void begin_ahead();
  void run();
  void read_ahead();
  [[nodiscard]] Page take_folded();
  [[nodiscard]] bool hand_over(Result<Page> page);

  event_store::ArchiveReader& archive_;
  UserId user_;
  // Of the reading thread, once it runs.
  Seq after_;
  event_store::Hash hash_;  // of the chain there, as it is stated
  event_store::ContentHashBatch contents_{};

  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::deque<Result<Page>> ahead_{};  // guarded by mutex_, as what follows
  std::vector<Page> folded_{};
  std::exception_ptr thrown_{};  // what ended the reading; goes to the caller
  bool is_left_ = false;
  std::thread thread_{};
};

}  // namespace signalbox::replay
