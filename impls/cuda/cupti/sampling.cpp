#include "impls/cuda/cupti/sampling.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "impls/cuda/cupti/plan.hpp"
#include "impls/cuda/cupti/reasons.hpp"
#include "impls/cuda/cupti/timeline.hpp"

namespace rnnbench::cupti {
namespace {

// Shares of all time, also of idle time, so that every point has a value. One pass together.
const std::vector<std::string> sampled{"sm__cycles_active.avg.pct_of_peak_sustained_elapsed",
                                       "sm__warps_active.avg.pct_of_peak_sustained_elapsed",
                                       "dram__throughput.avg.pct_of_peak_sustained_elapsed"};

Image sampling_availability(int device) {
  auto given = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_GetCounterAvailability_Params);
  given.deviceIndex = static_cast<std::size_t>(device);
  RNNBENCH_CUPTI_CALL(cuptiPmSamplingGetCounterAvailability, &given);
  Image image(given.counterAvailabilityImageSize);
  given.pCounterAvailabilityImage = image.data();
  RNNBENCH_CUPTI_CALL(cuptiPmSamplingGetCounterAvailability, &given);
  return image;
}

class Sampler {
 public:
  Sampler(int device, Config& config, std::uint64_t interval_ns, std::uint32_t most_samples)
      : config_(config) {
    auto enabled = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_Enable_Params);
    enabled.deviceIndex = static_cast<std::size_t>(device);
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingEnable, &enabled);
    sampler_ = enabled.pPmSamplingObject;
    try {
      configure(interval_ns, most_samples);
    } catch (...) {
      disable();
      throw;
    }
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  ~Sampler() {
    if (started_) {
      auto given = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_Stop_Params);
      given.pPmSamplingObject = sampler_;
      (void)api().cuptiPmSamplingStop(&given);
    }
    disable();
  }

  std::vector<Point> sample(const std::function<void()>& work) {
    auto start = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_Start_Params);
    start.pPmSamplingObject = sampler_;
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingStart, &start);
    started_ = true;
    work();
    auto stop = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_Stop_Params);
    stop.pPmSamplingObject = sampler_;
    started_ = false;
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingStop, &stop);
    auto decoded = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_DecodeData_Params);
    decoded.pPmSamplingObject = sampler_;
    decoded.pCounterDataImage = data_.data();
    decoded.counterDataImageSize = data_.size();
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingDecodeData, &decoded);
    if (decoded.overflow) throw Error("more samples came than the device's buffer holds");
    if (decoded.decodeStopReason == CUPTI_PM_SAMPLING_DECODE_STOP_REASON_COUNTER_DATA_FULL)
      throw Error("more samples came than these forward calls should give");
    return points();
  }

 private:
  void configure(std::uint64_t interval_ns, std::uint32_t most_samples) {
    auto set = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_SetConfig_Params);
    set.pPmSamplingObject = sampler_;
    set.configSize = config_.image().size();
    set.pConfig = config_.image().data();
    set.hardwareBufferSize = std::size_t{64} << 20;
    set.samplingInterval = interval_ns;
    set.triggerMode = CUPTI_PM_SAMPLING_TRIGGER_MODE_GPU_TIME_INTERVAL;
    set.hwBufferAppendMode = CUPTI_PM_SAMPLING_HARDWARE_BUFFER_APPEND_MODE_KEEP_OLDEST;
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingSetConfig, &set);
    auto size = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_GetCounterDataSize_Params);
    size.pPmSamplingObject = sampler_;
    size.pMetricNames = config_.pointers();
    size.numMetrics = config_.names().size();
    size.maxSamples = most_samples;
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingGetCounterDataSize, &size);
    data_.resize(size.counterDataSize);
    auto made = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_CounterDataImage_Initialize_Params);
    made.pPmSamplingObject = sampler_;
    made.counterDataSize = data_.size();
    made.pCounterData = data_.data();
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingCounterDataImageInitialize, &made);
  }

  std::vector<Point> points() {
    auto info = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_GetCounterDataInfo_Params);
    info.pCounterDataImage = data_.data();
    info.counterDataImageSize = data_.size();
    RNNBENCH_CUPTI_CALL(cuptiPmSamplingGetCounterDataInfo, &info);
    std::vector<Point> found;
    for (std::size_t k = 0; k < info.numCompletedSamples; ++k) {
      auto when = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_CounterData_GetSampleInfo_Params);
      when.pPmSamplingObject = sampler_;
      when.pCounterDataImage = data_.data();
      when.counterDataImageSize = data_.size();
      when.sampleIndex = k;
      RNNBENCH_CUPTI_CALL(cuptiPmSamplingCounterDataGetSampleInfo, &when);
      found.push_back({when.startTimestamp, when.endTimestamp, config_.values(data_, k)});
    }
    return found;
  }

  void disable() noexcept {
    auto given = RNNBENCH_CUPTI_PARAMS(CUpti_PmSampling_Disable_Params);
    given.pPmSamplingObject = sampler_;
    (void)api().cuptiPmSamplingDisable(&given);
  }

  Config& config_;
  CUpti_PmSampling_Object* sampler_ = nullptr;
  Image data_;  // written by CUPTI: never moved
  bool started_ = false;
};

}  // namespace

Timeline sample_forward(const Chip& chip, const std::function<void(int)>& calls, double forward_s,
                        double span_s, const std::function<double()>& left_s,
                        std::vector<std::string>& warnings) {
  Chip sampling = chip;
  sampling.availability = sampling_availability(chip.device);
  Config config(sampling, sampled, CUPTI_PROFILER_TYPE_PM_SAMPLING);
  if (config.passes() > 1)
    throw Error(fmt::format("its counters take {} passes on this chip, and sampling has one",
                            config.passes()));
  std::string why;
  const auto tries = intervals_to_try(span_s);
  for (const auto interval : tries) {
    // One that may be refused only where there is time for the next.
    if (interval != tries.back() && left_s() < 2 * timeline_s) continue;
    // A forward may be slower than it was, and the device idles before and after it.
    const int forwards = calls_to_sample(span_s, interval);
    const double samples = forwards * forward_s * 1e9 / static_cast<double>(interval);
    const auto most = static_cast<std::uint32_t>(std::clamp(4 * samples + 4096, 4096.0, 65536.0));
    std::vector<Point> points;
    try {
      Sampler sampler(chip.device, config, interval, most);
      points = sampler.sample([&] { calls(forwards); });
    } catch (const Error& error) {
      if (!why.empty()) why += "; ";
      why += fmt::format("every {} us: {}", static_cast<double>(interval) * 1e-3, error.what());
      continue;
    }
    return lay_out(sampled, points, forwards, warnings);
  }
  throw Error(why);
}

}  // namespace rnnbench::cupti
