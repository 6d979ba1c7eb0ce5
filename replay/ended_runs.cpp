#include "replay/ended_runs.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace signalbox::replay {

Result<void> EndedRuns::add(const KnownRun& run) {
  const std::string text = tell_(run);
  std::vector<Place>& places = threads_[run.thread_id];
  const auto behind = std::ranges::upper_bound(places, run.received, {}, &Place::received);
  places.insert(behind, {run.received, file_bytes_ + buffer_.size(), text.size()});
  // At once: what grows by doubling is copied each time.
  if (buffer_.size() + text.size() > buffer_.capacity())
    buffer_.reserve(std::max(kBufferBytesMax, buffer_.size() + text.size()));
  buffer_ += text;
  if (buffer_.size() <= kBufferBytesMax) return {};
  auto written = write_buffer();
  if (!written) has_failed_ = true;
  return written;
}

void EndedRuns::clear() {
  threads_.clear();
  file_.reset();
  file_bytes_ = 0;
  buffer_.clear();
  has_failed_ = false;
}

Result<void> EndedRuns::write_buffer() {
  if (!file_) {
    std::string path = folder_ + "/signalbox-state-XXXXXX";
    const int file = ::mkstemp(path.data());  // mode 0600
    if (file < 0) return failed("made", std::strerror(errno));
    ::unlink(path.c_str());
    file_.reset(::fdopen(file, "w+"));
    if (!file_) {
      const std::string why = std::strerror(errno);
      ::close(file);
      return failed("made", why);
    }
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  }
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size())
    return failed("written", std::strerror(errno));
  file_bytes_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<std::string> EndedRuns::text_at(const Place& place) const {
  if (place.begin >= file_bytes_) return buffer_.substr(place.begin - file_bytes_, place.size);
  std::string text(place.size, '\0');
  const ssize_t read =
      ::pread(::fileno(file_.get()), text.data(), text.size(), static_cast<off_t>(place.begin));
  if (read < 0) return failed("read", std::strerror(errno));
  if (static_cast<std::uint64_t>(read) != place.size)
    return failed("read", "it is shorter than what was written");
  return text;
}

tl::unexpected<Error> EndedRuns::failed(const std::string& what, const std::string& why) const {
  return failure(Errc::io_error, "a temporary file in " + folder_ + " cannot be " + what + ": " +
                                     why + "; name a folder with room for it in TMPDIR");
}

}  // namespace signalbox::replay
