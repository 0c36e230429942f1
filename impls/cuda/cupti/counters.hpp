// Counters by name: what a chip has, how many passes a choice takes, and collecting it in ranges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/metrics.hpp"
#include "impls/cuda/cupti/library.hpp"

namespace rnnbench::cupti {

using Image = std::vector<std::uint8_t>;

/// A device's chip, and which of its counters this process may read.
struct Chip {
  int device = 0;
  CUcontext context = nullptr;
  std::string name;    // "GH100"
  Image availability;  // empty: whatever the chip has
};
std::string chip_name(int device);
Chip open_chip(
    int device);  // of the current context; throws Failure, also where rights are missing

/// Names that are collected together, and the values of what was collected.
class Config {
 public:
  /// Throws Failure for a name that the chip does not have.
  Config(const Chip& chip, std::vector<std::string> names,
         CUpti_ProfilerType type = CUPTI_PROFILER_TYPE_RANGE_PROFILER);
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  ~Config();
  const std::vector<std::string>& names() const { return names_; }
  const char** pointers() { return pointers_.data(); }
  const Image& image() const { return image_; }
  int passes() const { return passes_; }
  /// One value a name, NaN where there is none.
  std::vector<double> values(const Image& counter_data, std::size_t range);

 private:
  void prepare();
  std::vector<std::string> names_;
  std::vector<const char*> pointers_;  // into names_
  CUpti_Profiler_Host_Object* host_ = nullptr;
  Image image_;
  int passes_ = 0;
};

/// Passes that `names` take together; 0 where one of them is no metric of the chip.
int passes_of(const Chip& chip, const std::vector<std::string>& names);

/// The metrics of a chip by base name; `about` ends with the forms that they are read in.
std::vector<MetricInfo> all_metrics(const Chip& chip);
/// "no such metric on this chip; nearest: a, b"; empty where the chip does list it.
std::string unknown_metric(const Chip& chip, const std::string& name);

/// Ranges collected on one context, from enabling to disabling.
class Ranges {
 public:
  Ranges(const Chip& chip, Config& config, CUpti_ProfilerRange range,
         CUpti_ProfilerReplayMode replay, std::size_t most_ranges);
  Ranges(const Ranges&) = delete;
  Ranges& operator=(const Ranges&) = delete;
  ~Ranges();
  void start();
  void push(const char* name);
  void pop();
  bool stop();           // whether every pass was collected
  std::size_t decode();  // ranges collected
  std::string name(std::size_t range) const;
  std::vector<double> values(std::size_t range) { return config_.values(data_, range); }
  void clear();    // for the next ranges
  void restart();  // from the first pass, with nothing collected

 private:
  void disable() noexcept;
  Config& config_;
  const CUpti_ProfilerRange range_;
  const CUpti_ProfilerReplayMode replay_;
  const std::size_t most_ranges_;
  CUpti_RangeProfiler_Object* profiler_ = nullptr;
  Image data_;  // written by CUPTI until the ranges are decoded: never moved
  bool started_ = false;
};

}  // namespace rnnbench::cupti
