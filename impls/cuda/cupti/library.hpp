// CUPTI, opened when counters are first asked for: neither needed to build nor to run.
#pragma once

#include <cupti.h>
#include <cupti_pmsampling.h>
#include <cupti_profiler_host.h>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>

#include <cstddef>
#include <string>

namespace rnnbench::cupti {

#define RNNBENCH_CUPTI_FUNCTIONS(X)               \
  X(cuptiGetVersion)                              \
  X(cuptiGetResultString)                         \
  X(cuptiActivityRegisterCallbacks)               \
  X(cuptiActivityEnable)                          \
  X(cuptiActivityDisable)                         \
  X(cuptiActivityFlushAll)                        \
  X(cuptiActivityGetNextRecord)                   \
  X(cuptiActivityGetNumDroppedRecords)            \
  X(cuptiSubscribe)                               \
  X(cuptiUnsubscribe)                             \
  X(cuptiEnableCallback)                          \
  X(cuptiDeviceGetChipName)                       \
  X(cuptiProfilerInitialize)                      \
  X(cuptiProfilerGetCounterAvailability)          \
  X(cuptiProfilerHostInitialize)                  \
  X(cuptiProfilerHostDeinitialize)                \
  X(cuptiProfilerHostGetBaseMetrics)              \
  X(cuptiProfilerHostGetSubMetrics)               \
  X(cuptiProfilerHostGetMetricProperties)         \
  X(cuptiProfilerHostConfigAddMetrics)            \
  X(cuptiProfilerHostGetConfigImageSize)          \
  X(cuptiProfilerHostGetConfigImage)              \
  X(cuptiProfilerHostGetNumOfPasses)              \
  X(cuptiProfilerHostEvaluateToGpuValues)         \
  X(cuptiRangeProfilerEnable)                     \
  X(cuptiRangeProfilerDisable)                    \
  X(cuptiRangeProfilerSetConfig)                  \
  X(cuptiRangeProfilerStart)                      \
  X(cuptiRangeProfilerStop)                       \
  X(cuptiRangeProfilerPushRange)                  \
  X(cuptiRangeProfilerPopRange)                   \
  X(cuptiRangeProfilerDecodeData)                 \
  X(cuptiRangeProfilerGetCounterDataSize)         \
  X(cuptiRangeProfilerCounterDataImageInitialize) \
  X(cuptiRangeProfilerGetCounterDataInfo)         \
  X(cuptiRangeProfilerCounterDataGetRangeInfo)    \
  X(cuptiPmSamplingEnable)                        \
  X(cuptiPmSamplingDisable)                       \
  X(cuptiPmSamplingSetConfig)                     \
  X(cuptiPmSamplingStart)                         \
  X(cuptiPmSamplingStop)                          \
  X(cuptiPmSamplingDecodeData)                    \
  X(cuptiPmSamplingGetCounterAvailability)        \
  X(cuptiPmSamplingGetCounterDataSize)            \
  X(cuptiPmSamplingCounterDataImageInitialize)    \
  X(cuptiPmSamplingGetCounterDataInfo)            \
  X(cuptiPmSamplingCounterDataGetSampleInfo)

struct Api {
#define X(function) decltype(&::function) function;  // NOLINT(bugprone-macro-parentheses)
  RNNBENCH_CUPTI_FUNCTIONS(X)
#undef X
};

/// The opened library: the file in RNNBENCH_CUPTI where that is set, else the first that is found.
/// Throws Unsupported, in one line, where there is none.
const Api& api();

/// The library's version, or why it cannot be opened: for `rnnbench doctor`.
std::string library_state();

/// Throws Failure unless `result` is CUPTI_SUCCESS.
void check(CUptiResult result, const char* call);

/// RNNBENCH_CUPTI_CALL(cuptiActivityFlushAll, 1)
#define RNNBENCH_CUPTI_CALL(function, ...) \
  ::rnnbench::cupti::check(::rnnbench::cupti::api().function(__VA_ARGS__), #function)

template <class Params>
Params of_size(std::size_t bytes) {
  Params params{};
  params.structSize = bytes;
  return params;
}
/// RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Initialize_Params): zeros but for its size.
#define RNNBENCH_CUPTI_PARAMS(type) ::rnnbench::cupti::of_size<type>(type##_STRUCT_SIZE)

}  // namespace rnnbench::cupti
