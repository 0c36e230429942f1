// Hardware counters of one case: what is asked for, and what was read. docs/metrics.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rnnbench {

enum class Device;
enum class Dtype;

/// A counter's value, or why there is none: never 0 because nothing was read.
struct Metric {
  std::optional<double> value;
  std::string why;  // where there is no value: the reason and its mend, in one line

  bool operator==(const Metric&) const = default;
};

inline Metric read_as(double value) { return {value, {}}; }
inline Metric not_read(std::string why) { return {std::nullopt, std::move(why)}; }

/// By exact name, as the profiler knows them: "dram__bytes.sum", "launch__grid_size", "cycles".
using Metrics = std::map<std::string, Metric>;

/// All launches of one kernel with one launch shape in one forward call.
struct KernelMetrics {
  std::string name;   // demangled
  std::string shape;  // "64x1x1 blocks of 256x1x1", then " in clusters of 2x1x1"
  int launches = 0;   // in one forward call: what the metrics stand for
  int sampled = 0;    // of these, that gave counters or single passes of them
  Metrics metrics;    // means of one launch; rnnbench__launch_time: ns, without a profiler's

  bool operator==(const KernelMetrics&) const = default;
};

/// Counters over time during one forward call, or during several in a row where one is too short.
struct Timeline {
  double interval_s = 0;                              // between points
  int forwards = 0;                                   // in a row
  std::map<std::string, std::vector<double>> series;  // by metric name, all of one length

  bool operator==(const Timeline&) const = default;
};

/// What the pass after timing found. Its durations are those of a profiled call: never a result.
struct Profile {
  Metrics region;                      // one forward call as a whole, also as a graph
  std::vector<KernelMetrics> kernels;  // the longest first, by launches × duration
  std::string kernels_why;             // where there are none
  std::optional<Timeline> timeline;
  std::string timeline_why;
  std::vector<std::string> warnings;  // what the budget cut off, what is to be read with care
  double spent_s = 0;

  bool operator==(const Profile&) const = default;
};

/// What --metrics asks for.
struct MetricsChoice {
  enum class Level { none, standard, full, named };
  Level level = Level::standard;   // "default" on the command line
  std::vector<std::string> names;  // Level::named

  bool operator==(const MetricsChoice&) const = default;
};

/// "none", "default", "full" or NAME,… ; throws UsageError for an empty name.
MetricsChoice parse_metrics_choice(const std::string& text);
std::string to_text(const MetricsChoice& choice);

/// The counters of a level on a kind of device for problems of a dtype, by exact name; of
/// Level::named those named.
std::vector<std::string> metric_names(const MetricsChoice& choice, Device device, Dtype dtype);

/// A GPU's counter of the flops that matrix instructions do on operands of a dtype; empty for f32,
/// which they do not take.
std::string matrix_flops_metric(Dtype dtype);

/// One request to a session.
struct ProfileRequest {
  std::vector<std::string> metrics;
  bool timeline = false;
  double budget_s = 3;  // for everything; what does not fit is left out, and said
};

/// A profile in which nothing was read, for one reason.
Profile unread(const ProfileRequest& request, const std::string& why);

/// Names that come from records of a GPU's launches, not from counters.
bool from_records(std::string_view name);

/// A metric that a device has, for `rnnbench list metrics`.
struct MetricInfo {
  std::string name;
  std::string about;  // one line; may be empty
};

/// Those of `known` that are most like `name`, the best first, at most three.
std::vector<std::string> nearest_metrics(std::string_view name,
                                         const std::vector<MetricInfo>& known);

}  // namespace rnnbench
