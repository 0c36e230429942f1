// What a process that runs under callgrind tells it: count this one call.
#include "impls/common/cpu_backend.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define RNNBENCH_UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#define RNNBENCH_NOT_UNDER_VALGRIND \
  "callgrind counts in a process of its own, which rnnbench starts"
#else
#define RNNBENCH_UNDER_VALGRIND false
#define RNNBENCH_NOT_UNDER_VALGRIND \
  "built without valgrind's header: apt-get install valgrind, and build again"
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(reason)
#endif

namespace rnnbench {

Metric collect_callgrind(const std::function<void()>& call) {
  if (!RNNBENCH_UNDER_VALGRIND) return not_read(RNNBENCH_NOT_UNDER_VALGRIND);
  call();  // what happens only once, such as looking symbols up, is no part of a call
  // Instrumentation is switched, not collection: that is a thread's own switch, so that the counts
  // of a team's other threads would be missing.
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  call();
  CALLGRIND_DUMP_STATS_AT("one forward call");
  CALLGRIND_STOP_INSTRUMENTATION;
  return not_read("callgrind has the count in its own file");
}

}  // namespace rnnbench
