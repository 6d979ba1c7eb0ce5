#include "gateway/key_watch.hpp"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "gateway/jwk_set.hpp"
#include "gateway/text_source.hpp"

namespace signalbox::gateway {
namespace {

// `setting`: which names the source.
Error named(const std::string& setting, const TextSource& source, Error error) {
  error.message = setting + ": " + source.name() + ": " + error.message;
  return error;
}

}  // namespace

class KeyWatch::Watcher {
 public:
  explicit Watcher(KeyWatchOptions options) : options_(std::move(options)) {}
  ~Watcher() { stop(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  [[nodiscard]] Result<void> open();
  void start(std::function<void(KeySet)> on_keys, std::function<void(Revocations)> on_revocations);
  void reload();
  [[nodiscard]] const KeySet& keys() const { return first_keys_->keys; }
  [[nodiscard]] const Revocations& revocations() const { return first_revocations_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Take = Result<void> (Watcher::*)(const std::string& text);
  // Each on a thread of its own: an address may be slow, and a revocation must not wait for it.
  struct Watched {
    std::unique_ptr<TextSource> source;
    std::chrono::milliseconds interval{};
    Time due{};
    bool warned = false;  // of the state it is in
    bool reload = false;  // guarded by mutex_
    std::thread thread{};
  };

  void stop();
  void begin(Watched& watched, const char* name, Take take);
  void watch(Watched& watched, Take take);
  // Reads the source. `take` says what was wrong with the text, if anything was.
  void look_at(Watched& watched, Take take);
  [[nodiscard]] Result<void> take_keys(const std::string& text);
  [[nodiscard]] Result<void> take_revocations(const std::string& text);
  void tell_left_out(const JwkSet& set) const;

  const KeyWatchOptions options_;
  std::atomic<bool> stopping_ = false;
  Watched keys_;
  Watched revoked_;
  std::optional<JwkSet> first_keys_;
  Revocations first_revocations_;
  std::function<void(KeySet)> on_keys_;
  std::function<void(Revocations)> on_revocations_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

Result<void> KeyWatch::Watcher::open() {
  if (options_.jwks.starts_with("http://"))
    return failure(Errc::bad_config, "auth.jwks: " + options_.jwks +
                                         ": keys are taken from https addresses and files only");
  keys_.interval = revoked_.interval = options_.file_interval;
  if (options_.jwks.starts_with("https://")) {
    keys_.interval = options_.address_interval;
    keys_.source = make_address_source(options_.jwks, options_.ca_file, options_.fetch_max,
                                       options_.bytes_max, stopping_);
  } else {
    keys_.source = make_file_source(options_.jwks, options_.bytes_max);
  }
  auto text = keys_.source->read_if_changed();
  if (!text) return tl::unexpected(named("auth.jwks", *keys_.source, std::move(text.error())));
  auto set = parse_jwk_set(**text);
  if (!set) return tl::unexpected(named("auth.jwks", *keys_.source, std::move(set.error())));
  first_keys_ = *std::move(set);
  tell_left_out(*first_keys_);
  if (options_.revoked_file.empty()) return {};
  revoked_.source = make_file_source(options_.revoked_file, options_.bytes_max);
  auto lines = revoked_.source->read_if_changed();
  if (!lines)
    return tl::unexpected(named("auth.revoked_file", *revoked_.source, std::move(lines.error())));
  auto revocations = Revocations::parse(**lines);
  if (!revocations)
    return tl::unexpected(
        named("auth.revoked_file", *revoked_.source, std::move(revocations.error())));
  first_revocations_ = *std::move(revocations);
  return {};
}

void KeyWatch::Watcher::tell_left_out(const JwkSet& set) const {
  for (const std::string& what : set.left_out) options_.warn(options_.jwks + ": left out " + what);
}

void KeyWatch::Watcher::start(std::function<void(KeySet)> on_keys,
                              std::function<void(Revocations)> on_revocations) {
  on_keys_ = std::move(on_keys);
  on_revocations_ = std::move(on_revocations);
  begin(keys_, "key-watch", &Watcher::take_keys);
  if (revoked_.source) begin(revoked_, "revoked-watch", &Watcher::take_revocations);
}

void KeyWatch::Watcher::begin(Watched& watched, const char* name, Take take) {
  watched.due = std::chrono::steady_clock::now() + watched.interval;
  watched.thread = std::thread([this, &watched, take] { watch(watched, take); });
  pthread_setname_np(watched.thread.native_handle(), name);
}

void KeyWatch::Watcher::reload() {
  const std::lock_guard lock(mutex_);
  keys_.reload = revoked_.reload = true;
  changed_.notify_all();
}

void KeyWatch::Watcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (Watched* const watched : {&keys_, &revoked_})
    if (watched->thread.joinable()) watched->thread.join();
}

void KeyWatch::Watcher::watch(Watched& watched, Take take) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_until(lock, watched.due, [&] { return stopping_ || watched.reload; });
    if (stopping_) return;
    if (std::exchange(watched.reload, false)) {
      watched.source->forget();
      watched.warned = false;
    }
    lock.unlock();
    look_at(watched, take);
    lock.lock();
  }
}

void KeyWatch::Watcher::look_at(Watched& watched, Take take) {
  const auto text = watched.source->read_if_changed();
  watched.due = std::chrono::steady_clock::now() + watched.interval;
  if (text && !*text) return;
  const Result<void> taken = text ? (this->*take)(**text) : tl::unexpected(text.error());
  if (taken) {
    watched.warned = false;
  } else if (!stopping_ && (text || !std::exchange(watched.warned, true))) {
    options_.warn(watched.source->name() + ": " + taken.error().message +
                  "; what was read before stays in force");
  }
}

Result<void> KeyWatch::Watcher::take_keys(const std::string& text) {
  auto set = parse_jwk_set(text);
  if (!set) return tl::unexpected(set.error());
  tell_left_out(*set);
  on_keys_(std::move(set->keys));
  return {};
}

Result<void> KeyWatch::Watcher::take_revocations(const std::string& text) {
  auto revocations = Revocations::parse(text);
  if (!revocations) return tl::unexpected(revocations.error());
  on_revocations_(*std::move(revocations));
  return {};
}

KeyWatch::KeyWatch(std::unique_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
KeyWatch::~KeyWatch() = default;

Result<std::unique_ptr<KeyWatch>> KeyWatch::open(KeyWatchOptions options) {
  auto watcher = std::make_unique<Watcher>(std::move(options));
  if (auto opened = watcher->open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<KeyWatch>(new KeyWatch(std::move(watcher)));
}

const KeySet& KeyWatch::keys() const { return watcher_->keys(); }
const Revocations& KeyWatch::revocations() const { return watcher_->revocations(); }

void KeyWatch::start(std::function<void(KeySet)> on_keys,
                     std::function<void(Revocations)> on_revocations) {
  watcher_->start(std::move(on_keys), std::move(on_revocations));
}

void KeyWatch::reload() { watcher_->reload(); }

}  // namespace signalbox::gateway
