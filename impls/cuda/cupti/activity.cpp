#include "impls/cuda/cupti/activity.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "impls/cuda/cupti/library.hpp"

namespace rnnbench::cupti {
namespace {

// Records only ever grow at their end: an older one reads the beginning of a newer.
using KernelRecord = CUpti_ActivityKernel9;
constexpr std::size_t buffer_bytes = std::size_t{4} << 20;

/// CUPTI hands back buffers on threads of its own, with no argument to say for whom.
struct Collected {
  std::mutex mutex;
  bool wanted = false;
  std::vector<Launch> launches;
  std::size_t untimed = 0, dropped = 0;
  std::unordered_map<const char*, std::string> names;  // while its kernel is loaded
};
Collected& collected() {
  static Collected one;
  return one;
}

void keep(Collected& all, const KernelRecord& record) {
  if (record.start == 0 || record.end < record.start) {
    ++all.untimed;
    return;
  }
  auto& name = all.names[record.name];
  if (name.empty()) name = readable_name(record.name);
  const auto extent = [](auto x, auto y, auto z) {
    return Launch::Extent{static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                          static_cast<std::uint32_t>(z)};
  };
  all.launches.push_back(
      {.name = name,
       .grid = extent(record.gridX, record.gridY, record.gridZ),
       .block = extent(record.blockX, record.blockY, record.blockZ),
       .cluster = extent(record.clusterX, record.clusterY, record.clusterZ),
       .registers = record.registersPerThread,
       .static_shared = record.staticSharedMemory,
       .dynamic_shared = record.dynamicSharedMemory,
       .shared_carveout = static_cast<int>(record.sharedMemoryExecuted),
       .local = static_cast<int>(record.localMemoryPerThread),
       .shared_opted_in = record.shmemLimitConfig == CUPTI_FUNC_SHMEM_LIMIT_OPTIN,
       .start_ns = record.start,
       .end_ns = record.end,
       .correlation = record.correlationId});
}

void CUPTIAPI give_buffer(std::uint8_t** buffer, std::size_t* size, std::size_t* most_records) {
  *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(8, buffer_bytes));
  *size = *buffer ? buffer_bytes : 0;
  *most_records = 0;  // as many as it holds
}

void CUPTIAPI take_buffer(CUcontext context, std::uint32_t stream, std::uint8_t* buffer,
                          std::size_t, std::size_t valid) {
  Collected& all = collected();
  const std::lock_guard lock(all.mutex);
  CUpti_Activity* record = nullptr;
  try {
    while (all.wanted && valid > 0 &&
           api().cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS)
      if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)
        keep(all, *reinterpret_cast<const KernelRecord*>(record));
  } catch (...) {  // memory: CUPTI calls this, and knows no exceptions
    ++all.dropped;
  }
  std::size_t dropped = 0;
  if (api().cuptiActivityGetNumDroppedRecords(context, stream, &dropped) == CUPTI_SUCCESS)
    all.dropped += dropped;
  std::free(buffer);
}

void set_wanted(bool wanted) {
  Collected& all = collected();
  const std::lock_guard lock(all.mutex);
  all.wanted = wanted;
  all.launches.clear();
  all.names.clear();
  all.untimed = all.dropped = 0;
}

/// Recording from its making on; it ends with this, also where the work throws.
class Recording {
 public:
  Recording() {
    RNNBENCH_CUPTI_CALL(cuptiActivityRegisterCallbacks, give_buffer, take_buffer);
    set_wanted(true);
    RNNBENCH_CUPTI_CALL(cuptiActivityEnable, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    (void)api().cuptiActivityDisable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    (void)api().cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    set_wanted(false);
  }
};

}  // namespace

Records record_kernels(const std::function<void()>& work) {
  const Recording recording;
  std::vector<double> seconds;
  // Not flushed in between: a new buffer costs the next call.
  for (int k = 0, calls = 1; k < calls; ++k) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    seconds.push_back(std::chrono::duration<double>(end - start).count());
    // What surrounds the first few records, 2 ms on an H200, is much beside a short call.
    if (k == 0) calls = seconds[0] < 0.02 ? 4 : seconds[0] < 0.2 ? 2 : 1;
  }
  RNNBENCH_CUPTI_CALL(cuptiActivityFlushAll, CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  Records records;
  {
    Collected& all = collected();
    const std::lock_guard lock(all.mutex);
    records.launches = std::move(all.launches);
    records.untimed = all.untimed;
    records.dropped = all.dropped;
  }
  std::stable_sort(
      records.launches.begin(), records.launches.end(), [](const Launch& a, const Launch& b) {
        return std::tie(a.correlation, a.start_ns) < std::tie(b.correlation, b.start_ns);
      });
  const std::size_t kept = shortest_call(records.launches, seconds.size());
  records.alike = kept < seconds.size();
  records.seconds = records.alike ? seconds[kept] : seconds.back();
  return records;
}

}  // namespace rnnbench::cupti
