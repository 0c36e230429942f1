// What a case's counters mean: numbers beside ceilings, and sentences. docs/findings.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rnnbench {

/// A point under the empirical roofline. What is not known has no value.
struct RooflinePoint {
  std::optional<double> flops;
  std::optional<double> bytes;  // moved between chip and DRAM: read + written
  std::optional<double> seconds;
  std::optional<double> intensity;      // flops / bytes
  std::optional<double> flops_per_s;    // achieved
  std::optional<double> bytes_per_s;    // achieved
  std::optional<double> compute_share;  // of the GEMM rate of the dtype
  std::optional<double> memory_share;   // of the copy bandwidth
  std::string bound;                    // at its intensity: "memory" or "compute"; empty: unknown
  std::optional<double> share;          // of the ceiling that `bound` names; over 1 where the code
                                        // beats the library that the ceiling was measured with
  bool operator==(const RooflinePoint&) const = default;
};

struct KernelMeaning {
  std::string name, shape;  // as in KernelMetrics
  int launches = 0;
  /// Of all its launches in one call. The flops are those of f32 and matrix instructions, padding
  /// included; unknown where one of them ran uncounted, or packed f16 ones (HFMA2) may have
  /// computed. No share of the compute ceiling where that is of another type than the products.
  RooflinePoint point;

  bool operator==(const KernelMeaning&) const = default;
};

struct Meaning {
  std::optional<double> peak_flops_per_s;  // GEMM rate of the dtype, measured
  std::optional<double> peak_bytes_per_s;  // copy, read + written, measured
  std::optional<double> ridge;             // flops per byte at which both ceilings meet
  /// Flops of the problem over the timed median; no profiled duration comes into it.
  RooflinePoint whole;
  std::vector<KernelMeaning> kernels;  // in the profile's order

  double needed_bytes = 0;        // compulsory_bytes
  std::optional<double> traffic;  // bytes moved over bytes needed
  std::string traffic_note;       // how to read it; may be empty

  std::optional<double> launches;            // in one call
  std::optional<double> launches_per_step;   // over T
  std::optional<double> launches_per_depth;  // over the steps that must follow one another
  std::optional<double> kernel_s;            // sum over launches, which may overlap
  std::optional<double> busy_s;              // at least one kernel running
  std::optional<double> gap_s;               // none running, between the first and the last
  std::optional<double> span_s;              // of a profiled call: never a result
  std::optional<double> floor_share;         // the whole floor over the median
  std::optional<double> latency_share;       // its latency term over the median

  bool operator==(const Meaning&) const = default;
};

struct Finding {
  std::string id;        // of the rule: "idle-chip"
  std::string sentence;  // at most three short ones
  /// Seconds of the median that it may explain: an upper estimate by the rule's own formula, and
  /// estimates of several findings overlap. Nothing where the numbers give none.
  std::optional<double> explains_s;
  std::string source;  // what the rule rests on
  std::string kernel;  // as in KernelMetrics; empty: the call as a whole

  bool operator==(const Finding&) const = default;
};

}  // namespace rnnbench
