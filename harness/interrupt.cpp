#include "harness/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace rnnbench {
namespace {

volatile std::sig_atomic_t asked_to_stop = 0;

void note_signal(int) { asked_to_stop = 1; }

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one has its default effect
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file over its limit is then an error of the write
}

bool interrupted() { return asked_to_stop != 0; }

}  // namespace rnnbench
