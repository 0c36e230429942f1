#include "impls/cuda/cupti/counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>

#include "impls/common/cuda_check.cuh"
#include "impls/cuda/cupti/reasons.hpp"

namespace rnnbench::cupti {
namespace {

/// Once a process; it stays, for the next profile.
void initialise() {
  static std::mutex mutex;
  static bool done = false;
  const std::lock_guard lock(mutex);
  if (done) return;
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Initialize_Params);
  RNNBENCH_CUPTI_CALL(cuptiProfilerInitialize, &given);
  done = true;
}

CUcontext current_context() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
  RNNBENCH_CUDA(cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", &function, 12000,
                                                 cudaEnableDefault, &result));
#else
  RNNBENCH_CUDA(cudaGetDriverEntryPoint("cuCtxGetCurrent", &function, cudaEnableDefault, &result));
#endif
  CUcontext context = nullptr;
  if (result != cudaDriverEntryPointSuccess || !function ||
      reinterpret_cast<CUresult (*)(CUcontext*)>(function)(&context) != CUDA_SUCCESS || !context)
    throw Error("the driver names no current context");
  return context;
}

Image availability(CUcontext context) {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_GetCounterAvailability_Params);
  given.ctx = context;
  RNNBENCH_CUPTI_CALL(cuptiProfilerGetCounterAvailability, &given);
  Image image(given.counterAvailabilityImageSize);
  given.pCounterAvailabilityImage = image.data();
  RNNBENCH_CUPTI_CALL(cuptiProfilerGetCounterAvailability, &given);
  return image;
}

CUpti_Profiler_Host_Object* open_host(const Chip& chip, CUpti_ProfilerType type) {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_Initialize_Params);
  given.profilerType = type;
  given.pChipName = chip.name.c_str();
  given.pCounterAvailabilityImage = chip.availability.empty() ? nullptr : chip.availability.data();
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostInitialize, &given);
  return given.pHostObject;
}

void close_host(CUpti_Profiler_Host_Object* host) noexcept {
  if (!host) return;
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_Deinitialize_Params);
  given.pHostObject = host;
  (void)api().cuptiProfilerHostDeinitialize(&given);
}

class Host {
 public:
  explicit Host(const Chip& chip) : host_(open_host(chip, CUPTI_PROFILER_TYPE_RANGE_PROFILER)) {}
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { close_host(host_); }

  std::vector<std::string> base_names(CUpti_MetricType type) const {
    auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetBaseMetrics_Params);
    given.pHostObject = host_;
    given.metricType = type;
    RNNBENCH_CUPTI_CALL(cuptiProfilerHostGetBaseMetrics, &given);
    return {given.ppMetricNames, given.ppMetricNames + given.numMetrics};
  }
  std::vector<std::string> forms(const std::string& base, CUpti_MetricType type) const {
    auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetSubMetrics_Params);
    given.pHostObject = host_;
    given.metricType = type;
    given.pMetricName = base.c_str();
    RNNBENCH_CUPTI_CALL(cuptiProfilerHostGetSubMetrics, &given);
    return {given.ppSubMetrics, given.ppSubMetrics + given.numOfSubmetrics};
  }
  /// Its description and, where it has one, its unit; empty where CUPTI says nothing.
  std::string about(const std::string& base) const {
    auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetMetricProperties_Params);
    given.pHostObject = host_;
    given.pMetricName = base.c_str();
    if (api().cuptiProfilerHostGetMetricProperties(&given) != CUPTI_SUCCESS) return {};
    const std::string unit = given.pDimUnit ? given.pDimUnit : "";
    return (given.pDescription ? given.pDescription : "") +
           (unit.empty() || unit == "none" ? "" : " (" + unit + ")");
  }

 private:
  CUpti_Profiler_Host_Object* host_;
};

constexpr std::array metric_types{CUPTI_METRIC_TYPE_COUNTER, CUPTI_METRIC_TYPE_RATIO,
                                  CUPTI_METRIC_TYPE_THROUGHPUT};

/// A counter comes in 44 forms, most of them a rollup with something more: the rollups are named.
std::string short_list(std::vector<std::string> forms) {
  std::sort(forms.begin(), forms.end());
  std::vector<std::string> shortest;
  for (const auto& form : forms)
    if (shortest.empty() || !form.starts_with(shortest.back() + ".")) shortest.push_back(form);
  std::string text = fmt::format("{}", fmt::join(shortest, " "));
  if (shortest.size() < forms.size()) text += ", and forms such as " + forms.back();
  return text;
}

}  // namespace

std::string chip_name(int device) {
  initialise();
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Device_GetChipName_Params);
  given.deviceIndex = static_cast<std::size_t>(device);
  RNNBENCH_CUPTI_CALL(cuptiDeviceGetChipName, &given);
  return given.pChipName ? given.pChipName : "";
}

Chip open_chip(int device) {
  Chip chip{.device = device,
            .context = current_context(),
            .name = chip_name(device),
            .availability = {}};
  chip.availability = availability(chip.context);
  return chip;
}

Config::Config(const Chip& chip, std::vector<std::string> names, CUpti_ProfilerType type)
    : names_(std::move(names)), host_(open_host(chip, type)) {
  for (const auto& name : names_) pointers_.push_back(name.c_str());
  try {
    prepare();
  } catch (...) {
    close_host(host_);
    throw;
  }
}

Config::~Config() { close_host(host_); }

void Config::prepare() {
  auto added = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_ConfigAddMetrics_Params);
  added.pHostObject = host_;
  added.ppMetricNames = pointers_.data();
  added.numMetrics = pointers_.size();
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostConfigAddMetrics, &added);
  auto size = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetConfigImageSize_Params);
  size.pHostObject = host_;
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostGetConfigImageSize, &size);
  image_.resize(size.configImageSize);
  auto image = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetConfigImage_Params);
  image.pHostObject = host_;
  image.configImageSize = image_.size();
  image.pConfigImage = image_.data();
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostGetConfigImage, &image);
  auto passes = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_GetNumOfPasses_Params);
  passes.configImageSize = image_.size();
  passes.pConfigImage = image_.data();
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostGetNumOfPasses, &passes);
  passes_ = static_cast<int>(passes.numOfPasses);
}

std::vector<double> Config::values(const Image& counter_data, std::size_t range) {
  std::vector<double> found(names_.size(), std::numeric_limits<double>::quiet_NaN());
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_Profiler_Host_EvaluateToGpuValues_Params);
  given.pHostObject = host_;
  given.pCounterDataImage = counter_data.data();
  given.counterDataImageSize = counter_data.size();
  given.rangeIndex = range;
  given.ppMetricNames = pointers_.data();
  given.numMetrics = pointers_.size();
  given.pMetricValues = found.data();
  RNNBENCH_CUPTI_CALL(cuptiProfilerHostEvaluateToGpuValues, &given);
  return found;
}

int passes_of(const Chip& chip, const std::vector<std::string>& names) {
  try {
    return Config(chip, names).passes();
  } catch (const Failure&) {
    return 0;
  }
}

std::vector<MetricInfo> all_metrics(const Chip& chip) {
  const Host host(chip);
  std::vector<MetricInfo> all;
  for (const auto type : metric_types)
    for (auto& base : host.base_names(type)) {
      std::string about = host.about(base);
      about += (about.empty() ? "" : "; ") + short_list(host.forms(base, type));
      all.push_back({std::move(base), std::move(about)});
    }
  std::sort(all.begin(), all.end(),
            [](const MetricInfo& a, const MetricInfo& b) { return a.name < b.name; });
  return all;
}

std::string unknown_metric(const Chip& chip, const std::string& name) {
  // Every form of every metric is 150000 names: first the metric, then its form.
  const Host host(chip);
  std::vector<MetricInfo> bases, forms;
  std::map<std::string, CUpti_MetricType> type_of;
  for (const auto type : metric_types)
    for (auto& base : host.base_names(type)) {
      type_of[base] = type;
      bases.push_back({std::move(base), ""});
    }
  for (const auto& base : nearest_metrics(name, bases))
    for (const auto& form : host.forms(base, type_of[base])) forms.push_back({base + form, ""});
  const auto near = nearest_metrics(name, forms);
  if (!near.empty() && near.front() == name) return {};
  return near.empty()
             ? "no such metric on this chip: `rnnbench list metrics` has them"
             : fmt::format("no such metric on this chip; nearest: {}", fmt::join(near, ", "));
}

Ranges::Ranges(const Chip& chip, Config& config, CUpti_ProfilerRange range,
               CUpti_ProfilerReplayMode replay, std::size_t most_ranges)
    : config_(config), range_(range), replay_(replay), most_ranges_(most_ranges) {
  auto enabled = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_Enable_Params);
  enabled.ctx = chip.context;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerEnable, &enabled);
  profiler_ = enabled.pRangeProfilerObject;
  try {
    auto size = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_GetCounterDataSize_Params);
    size.pRangeProfilerObject = profiler_;
    size.pMetricNames = config_.pointers();
    size.numMetrics = config_.names().size();
    size.maxNumOfRanges = most_ranges;
    size.maxNumRangeTreeNodes = static_cast<std::uint32_t>(most_ranges);
    RNNBENCH_CUPTI_CALL(cuptiRangeProfilerGetCounterDataSize, &size);
    data_.resize(size.counterDataSize);
    restart();
  } catch (...) {
    disable();
    throw;
  }
}

void Ranges::restart() {
  clear();
  auto set = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_SetConfig_Params);
  set.pRangeProfilerObject = profiler_;
  set.configSize = config_.image().size();
  set.pConfig = config_.image().data();
  set.counterDataImageSize = data_.size();
  set.pCounterDataImage = data_.data();
  set.range = range_;
  set.replayMode = replay_;
  set.maxRangesPerPass = most_ranges_;
  set.numNestingLevels = 1;
  set.minNestingLevel = 1;
  set.passIndex = 0;
  set.targetNestingLevel = 1;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerSetConfig, &set);
}

Ranges::~Ranges() {
  if (started_) {
    auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_Stop_Params);
    given.pRangeProfilerObject = profiler_;
    (void)api().cuptiRangeProfilerStop(&given);
  }
  disable();
}

void Ranges::disable() noexcept {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_Disable_Params);
  given.pRangeProfilerObject = profiler_;
  (void)api().cuptiRangeProfilerDisable(&given);
}

void Ranges::clear() {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_CounterDataImage_Initialize_Params);
  given.pRangeProfilerObject = profiler_;
  given.counterDataSize = data_.size();
  given.pCounterData = data_.data();
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerCounterDataImageInitialize, &given);
}

void Ranges::start() {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_Start_Params);
  given.pRangeProfilerObject = profiler_;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerStart, &given);
  started_ = true;
}

void Ranges::push(const char* name) {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_PushRange_Params);
  given.pRangeProfilerObject = profiler_;
  given.pRangeName = name;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerPushRange, &given);
}

void Ranges::pop() {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_PopRange_Params);
  given.pRangeProfilerObject = profiler_;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerPopRange, &given);
}

bool Ranges::stop() {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_Stop_Params);
  given.pRangeProfilerObject = profiler_;
  started_ = false;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerStop, &given);
  return given.isAllPassSubmitted != 0;
}

std::size_t Ranges::decode() {
  auto decoded = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_DecodeData_Params);
  decoded.pRangeProfilerObject = profiler_;
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerDecodeData, &decoded);
  auto info = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_GetCounterDataInfo_Params);
  info.pCounterDataImage = data_.data();
  info.counterDataImageSize = data_.size();
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerGetCounterDataInfo, &info);
  return info.numTotalRanges;
}

std::string Ranges::name(std::size_t range) const {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_RangeProfiler_CounterData_GetRangeInfo_Params);
  given.pCounterDataImage = data_.data();
  given.counterDataImageSize = data_.size();
  given.rangeIndex = range;
  given.rangeDelimiter = "/";
  RNNBENCH_CUPTI_CALL(cuptiRangeProfilerCounterDataGetRangeInfo, &given);
  return given.rangeName ? given.rangeName : "";
}

}  // namespace rnnbench::cupti
