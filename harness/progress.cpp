#include "harness/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace rnnbench {
namespace {

std::string clock(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}
Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Progress::say(const std::string& text) {
  if (quiet_) return;
  clear();
  fmt::print(stderr, "{}\n", text);
}

void Progress::show(const std::string& what, std::size_t done, std::size_t all) {
  if (quiet_) return;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double share = all ? static_cast<double>(done) / static_cast<double>(all) : 0;
  const std::string left = done ? clock(elapsed * (1 - share) / share) + " left" : "";
  if (!terminal_) {
    fmt::print(stderr, "[{}/{}] {} elapsed {} {}\n", done, all, clock(elapsed), left, what);
    return;
  }
  constexpr std::size_t width = 20;
  const auto filled = static_cast<std::size_t>(share * width);
  fmt::print(stderr, "\r\033[K[{}{}] {}/{}  {} {}  {:.60}", std::string(filled, '#'),
             std::string(width - filled, '.'), done, all, clock(elapsed), left, what);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace rnnbench
