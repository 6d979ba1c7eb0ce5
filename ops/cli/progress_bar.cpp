#include "ops/cli/progress_bar.hpp"

#include <algorithm>
#include <iomanip>
#include <string>

namespace signalbox::cli {
namespace {

constexpr std::chrono::milliseconds kFirstDraw(1000);
constexpr std::chrono::milliseconds kBetweenDraws(250);
constexpr int kWidth = 40;

}  // namespace

ProgressBar::ProgressBar(std::ostream& out, bool enabled)
    : out_(out), enabled_(enabled), next_draw_(started_ + kFirstDraw) {}

ProgressBar::~ProgressBar() { end(); }

void ProgressBar::show(std::int64_t done, std::int64_t total, std::string_view unit,
                       std::string_view rest) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kBetweenDraws;
  is_drawn_ = true;
  const std::int64_t whole = std::max<std::int64_t>(total, 1);
  const auto filled =
      static_cast<std::size_t>(std::clamp<std::int64_t>(done, 0, whole) * kWidth / whole);
  out_ << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] " << done
       << "/" << total << " " << unit << "  " << std::fixed << std::setprecision(1)
       << std::chrono::duration<double>(now - started_).count() << " s  " << rest << std::flush;
}

void ProgressBar::end() {
  if (!is_drawn_) return;
  is_drawn_ = false;
  out_ << std::endl;
}

void ProgressBar::erase() {
  if (!is_drawn_) return;
  is_drawn_ = false;
  out_ << "\r\033[K" << std::flush;
}

}  // namespace signalbox::cli
