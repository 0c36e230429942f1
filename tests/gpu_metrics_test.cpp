// Counters of the CUDA backend: what it says without them, and what it reads where there is a GPU.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "harness/metrics.hpp"
#include "impls/cuda/fused/plan.hpp"
#include "tests/cuda_fixture.hpp"

namespace rnnbench {
namespace {

using namespace cuda_fixture;

class CudaMetrics : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(module_file)) GTEST_SKIP() << module_failure();
    ASSERT_EQ(module_failure(), "");
  }
};

TEST_F(CudaMetrics, AreListedOrThereIsAReason) {
  const Backend* backend = Registry::instance().backend(Device::cuda);
  ASSERT_NE(backend, nullptr);
  ASSERT_NE(backend->metrics, nullptr);
  std::string why;
  const auto all = backend->metrics(0, why);
  EXPECT_NE(all.empty(), why.empty());
  EXPECT_EQ(why.find('\n'), std::string::npos) << why;
  for (const auto& metric : all) EXPECT_FALSE(metric.name.empty());
  EXPECT_TRUE(backend->metrics(-1, why).empty());
  EXPECT_FALSE(why.empty());
}

/// First in its process: what was opened once stays open.
TEST_F(CudaMetrics, WithoutCuptiThereIsAReasonThatSaysWhatMendsIt) {
  setenv("RNNBENCH_CUPTI", "/no/such/libcupti.so", 1);
  std::string state;
  for (const LateLibrary& library : Registry::instance().libraries())
    if (library.name == "CUPTI") state = library.state();
  unsetenv("RNNBENCH_CUPTI");
  if (!state.starts_with("absent: ")) GTEST_SKIP() << "opened before: " << state;
  EXPECT_NE(state.find("CUPTI"), std::string::npos) << state;
  EXPECT_EQ(state.find('\n'), std::string::npos) << state;
}

class GpuMetrics : public Gpu {
 protected:
  static void expect_reasons(const Metrics& metrics, const std::string& of) {
    for (const auto& [name, metric] : metrics)
      EXPECT_NE(metric.value.has_value(), !metric.why.empty()) << of << " " << name;
  }
  static double value(const Metrics& metrics, const std::string& name) {
    const auto found = metrics.find(name);
    if (found == metrics.end()) {
      ADD_FAILURE() << name << " is missing";
      return 0;
    }
    EXPECT_TRUE(found->second.value) << name << ": " << found->second.why;
    return found->second.value.value_or(0);
  }

  /// Why counters cannot be read here; empty where they can.
  std::string hindrance(Kernel& kernel) {
    const std::string name = "dram__bytes_read.sum";
    const auto profile =
        session->profile(kernel, kernel, {.metrics = {name}, .timeline = false, .budget_s = 3});
    const auto& why = profile.region.at(name).why;
    for (const char* mended_outside : {"built without CUPTI", "CUPTI cannot be opened", "error 35",
                                       "error 39", "error 40", "error 43"})
      if (why.find(mended_outside) != std::string::npos) return why;
    return {};
  }

  void check_profile(const std::string& impl_name, bool graph) {
    SCOPED_TRACE(impl_name + (graph ? " graph" : ""));
    const Impl* impl = Registry::instance().find(impl_name);
    ASSERT_NE(impl, nullptr);
    const Problem p = parse_id("gru_b32_t20_i128_h256_l1_f32");
    if (impl->unsupported)
      if (const Reason reason = impl->unsupported(p, info)) GTEST_SKIP() << *reason;
    std::mt19937 random(7);
    DeviceProblem device(*session, p, random_inputs(p, random));
    const auto eager = impl->make(p, device.tensors, {});
    const auto recorded = graph ? session->record(*eager) : nullptr;
    Kernel& call = graph ? *recorded : *eager;
    if (const auto why = hindrance(*eager); !why.empty()) GTEST_SKIP() << why;

    ProfileRequest request;
    request.metrics = metric_names({MetricsChoice::Level::standard, {}}, Device::cuda, p.dtype);
    request.metrics.insert(request.metrics.end(), {"dram__bytes_reads.sum", "launch__grid_size"});
    request.timeline = true;
    request.budget_s = 8;  // ample: what a short one leaves out has tests of its own
    const Profile profile = session->profile(call, *eager, request);
    for (const auto& warning : profile.warnings) std::cout << "warning: " << warning << '\n';
    std::cout << profile.kernels.size() << " kernels, " << profile.spent_s
              << " s, timeline: " << (profile.timeline ? "read" : profile.timeline_why) << '\n';

    EXPECT_LE(profile.spent_s, request.budget_s + 2);
    EXPECT_GT(profile.spent_s, 0);
    for (const auto& name : request.metrics) EXPECT_TRUE(profile.region.contains(name)) << name;
    expect_reasons(profile.region, "region");
    EXPECT_GE(value(profile.region, "dram__bytes_read.sum"), 0);
    EXPECT_GT(value(profile.region, "smsp__inst_executed.sum"), 0);
    const double warps = value(profile.region, "sm__warps_active.avg.pct_of_peak_sustained_active");
    EXPECT_GT(warps, 0);
    EXPECT_LE(warps, 100);
    // What starting a pass takes of the L2 (5 to 8 MB) is read by no kernel that is counted.
    double read = 0;
    for (const auto& kernel : profile.kernels)
      read += kernel.launches * value(kernel.metrics, "dram__bytes_read.sum");
    EXPECT_LT(read, value(profile.region, "dram__bytes_read.sum") + 2e6);
    EXPECT_LT(value(profile.region, "dram__bytes_read.sum"), 3e6);
    // Recording's own set-up, 2 ms on an H200, is no gap of the call.
    EXPECT_LT(value(profile.region, "rnnbench__gap_time"), 1e6);
    const auto& unknown = profile.region.at("dram__bytes_reads.sum").why;
    EXPECT_NE(unknown.find("nearest: dram__bytes_read.sum"), std::string::npos) << unknown;
    const auto& sass = profile.region.at("smsp__sass_thread_inst_executed_op_ffma_pred_on.sum");
    EXPECT_TRUE(sass.value) << sass.why;  // of a graph, too: counted in the recorded kernels
    EXPECT_FALSE(profile.region.contains("sm__sass_inst_executed.sum"));
    const double span_us = 1e-3 * value(profile.region, "rnnbench__span_time");
    const auto& rate = profile.region.at("dram__throughput.avg.pct_of_peak_sustained_elapsed");
    EXPECT_EQ(rate.value.has_value(), span_us >= 800) << span_us << " us " << rate.why;

    ASSERT_FALSE(profile.kernels.empty()) << profile.kernels_why;
    int launches = 0, sampled = 0;
    double before = std::numeric_limits<double>::infinity();
    for (const auto& kernel : profile.kernels) {
      launches += kernel.launches;
      sampled += kernel.sampled;
      EXPECT_LE(kernel.sampled, kernel.launches) << kernel.name;
      EXPECT_FALSE(kernel.name.empty());
      EXPECT_NE(kernel.shape.find(" blocks of "), std::string::npos) << kernel.shape;
      expect_reasons(kernel.metrics, kernel.name);
      const double ns = value(kernel.metrics, "rnnbench__launch_time");
      EXPECT_GT(ns, 0) << kernel.name;
      if (kernel.sampled > 0) {
        const double as_ncu = value(kernel.metrics, "gpu__time_duration.sum");
        EXPECT_GT(as_ncu, ns / 2) << kernel.name;
        EXPECT_LT(as_ncu, 2 * ns + 10'000) << kernel.name;
        const auto& of_kernel =
            kernel.metrics.at("smsp__sass_thread_inst_executed_op_ffma_pred_on.sum");
        EXPECT_GT(of_kernel.value.value_or(0), 0) << kernel.name << ": " << of_kernel.why;
      }
      EXPECT_LE(ns * kernel.launches, before * 1.0001) << kernel.name;
      before = ns * kernel.launches;
      EXPECT_GT(value(kernel.metrics, "launch__registers_per_thread"), 0) << kernel.name;
      EXPECT_GT(value(kernel.metrics, "launch__grid_size"), 0) << kernel.name;
      EXPECT_GT(value(kernel.metrics, "sm__maximum_warps_per_active_cycle_pct"), 0) << kernel.name;
      for (const auto& name : request.metrics)
        EXPECT_TRUE(kernel.metrics.contains(name)) << kernel.name << " " << name;
    }
    EXPECT_GT(sampled, 0);
    EXPECT_EQ(launches, value(profile.region, "rnnbench__kernel_launches"));
    const double busy = value(profile.region, "rnnbench__busy_time"),
                 gap = value(profile.region, "rnnbench__gap_time"),
                 span = value(profile.region, "rnnbench__span_time");
    EXPECT_DOUBLE_EQ(busy + gap, span);
    EXPECT_GE(value(profile.region, "rnnbench__kernel_time") * 1.0001, busy);
    if (profile.timeline) {
      EXPECT_GT(profile.timeline->interval_s, 0);
      ASSERT_FALSE(profile.timeline->series.empty());
      const auto points = profile.timeline->series.begin()->second.size();
      EXPECT_GE(points, 10U);
      for (const auto& [name, series] : profile.timeline->series)
        EXPECT_EQ(series.size(), points) << name;
    } else {
      EXPECT_FALSE(profile.timeline_why.empty());
    }
  }
};

TEST_F(GpuMetrics, OfNaive) { check_profile("cuda:naive", false); }
TEST_F(GpuMetrics, OfNaiveAsAGraph) { check_profile("cuda:naive", true); }
TEST_F(GpuMetrics, OfFused) { check_profile("cuda:fused", false); }
TEST_F(GpuMetrics, OfFusedAsAGraph) { check_profile("cuda:fused", true); }

/// What a profile did to the forward calls is over with it: results are right afterwards.
TEST_F(GpuMetrics, LeaveTheKernelAsItWas) {
  const Impl* impl = Registry::instance().find("cuda:naive");
  const Problem p = parse_id("gru_b3_t7_i5_h33_l1_f32");
  std::mt19937 random(11);
  const auto inputs = random_inputs(p, random);
  DeviceProblem device(*session, p, inputs);
  const auto kernel = impl->make(p, device.tensors, {});
  (void)session->profile(*kernel, *kernel,
                         {.metrics = {"dram__bytes_read.sum"}, .timeline = false, .budget_s = 2});
  device.poison();
  kernel->launch(session->stream());
  session->synchronize();
  EXPECT_EQ(device.difference(reference(p, inputs), tolerance_for(p, Protocol{}).value), "");
}

/// Launches of a long call are sampled where they stand, so that their caches are the call's.
TEST_F(GpuMetrics, OfManyLaunchesAreThoseOfTheCall) {
  const Impl* impl = Registry::instance().find("cuda:fused");
  const Problem p = parse_id("gru_b16_t700_i64_h512_l1_f32");
  std::mt19937 random(17);
  DeviceProblem device(*session, p, random_inputs(p, random));
  const auto kernel = impl->make(p, device.tensors, {});
  if (const auto why = hindrance(*kernel); !why.empty()) GTEST_SKIP() << why;
  const auto profile =
      session->profile(*kernel, *kernel,
                       {.metrics = {"dram__bytes_read.sum", "smsp__inst_executed.sum"},
                        .timeline = false,
                        .budget_s = 3});
  for (const auto& warning : profile.warnings)  // first launches may wait for memory
    if (warning.find("stand for all") == std::string::npos) ADD_FAILURE() << warning;
  double bytes = 0, instructions = 0;
  for (const auto& one : profile.kernels) {
    EXPECT_GT(one.sampled, 0) << one.name;
    bytes += one.launches * value(one.metrics, "dram__bytes_read.sum");
    instructions += one.launches * value(one.metrics, "smsp__inst_executed.sum");
  }
  EXPECT_GE(profile.kernels.at(0).launches, 700);
  const double whole = value(profile.region, "smsp__inst_executed.sum");
  EXPECT_NEAR(instructions, whole, 0.02 * whole);
  // Its weights (3.5 MB) stay in the L2: replayed alone, each launch would read them again.
  EXPECT_LT(bytes, 20e6 + 3 * value(profile.region, "dram__bytes_read.sum"));
}

/// One kernel a step, with no intermediate in device memory: what a step stores is its h.
TEST_F(GpuMetrics, FusedStepsStoreTheirOutputsAndNothingElse) {
  const Impl* impl = Registry::instance().find("cuda:fused");
  const std::string stored = "smsp__sass_data_bytes_mem_global_op_st.sum";
  std::mt19937 random(23);
  for (const char* id : {"gru_b16_t8_i64_h512_l1_f32", "rnn_tanh_b16_t8_i64_h512_l1_f16"}) {
    const Problem p = parse_id(id);
    const auto plans = fused::plans(p, info, fused::product_for(p.dtype, ""));
    const auto plan = std::find_if(plans.begin(), plans.end(), [](const auto& one) {
      return one.config().starts_with("in-kernel");
    });
    ASSERT_NE(plan, plans.end());
    SCOPED_TRACE(std::string(id) + " " + plan->config());
    DeviceProblem device(*session, p, random_inputs(p, random));
    const auto kernel = impl->make(p, device.tensors, {.more = {{"config", plan->config()}}});
    if (const auto why = hindrance(*kernel); !why.empty()) GTEST_SKIP() << why;
    const auto profile =
        session->profile(*kernel, *kernel, {.metrics = {stored}, .timeline = false, .budget_s = 3});
    ASSERT_EQ(profile.kernels.size(), 1U);
    EXPECT_EQ(profile.kernels[0].launches, p.seq) << "one for each step";
    EXPECT_EQ(value(profile.kernels[0].metrics, stored),
              static_cast<double>(p.batch * p.hidden) * bytes_per_element(p.dtype));
  }
}

/// A small budget is kept to, and what it leaves out has a reason.
TEST_F(GpuMetrics, OfLongCallsKeepToTheBudget) {
  const Impl* impl = Registry::instance().find("cuda:naive");
  const Problem p = parse_id("gru_b16_t600_i64_h256_l1_f32");
  std::mt19937 random(19);
  DeviceProblem device(*session, p, random_inputs(p, random));
  const auto kernel = impl->make(p, device.tensors, {});
  if (const auto why = hindrance(*kernel); !why.empty()) GTEST_SKIP() << why;
  ProfileRequest request;
  request.metrics = metric_names({MetricsChoice::Level::standard, {}}, Device::cuda, p.dtype);
  for (const double budget : {0.5, 0.9, 1.4}) {
    request.budget_s = budget;
    const auto profile = session->profile(*kernel, *kernel, request);
    for (const auto& warning : profile.warnings) std::cout << "warning: " << warning << '\n';
    std::cout << budget << " s: " << profile.spent_s << " s, " << profile.kernels.at(0).sampled
              << " launches gave counters\n";
    expect_reasons(profile.region, "region");
    expect_reasons(profile.kernels.at(0).metrics, "kernel");
    EXPECT_LT(profile.spent_s, budget + 0.3);
  }
}

/// A budget that nothing fits: reasons, and no waiting.
TEST_F(GpuMetrics, SayWhatABudgetLeavesOut) {
  const Impl* impl = Registry::instance().find("cuda:naive");
  const Problem p = parse_id("gru_b3_t7_i5_h33_l1_f32");
  std::mt19937 random(13);
  DeviceProblem device(*session, p, random_inputs(p, random));
  const auto kernel = impl->make(p, device.tensors, {});
  if (const auto why = hindrance(*kernel); !why.empty()) GTEST_SKIP() << why;
  const auto profile = session->profile(
      *kernel, *kernel, {.metrics = {"dram__bytes_read.sum"}, .timeline = true, .budget_s = 0.001});
  EXPECT_NE(profile.region.at("dram__bytes_read.sum").why.find("budget"), std::string::npos);
  ASSERT_FALSE(profile.kernels.empty());
  for (const auto& kernel_metrics : profile.kernels) {
    expect_reasons(kernel_metrics.metrics, kernel_metrics.name);
    EXPECT_EQ(kernel_metrics.sampled, 0);
  }
  EXPECT_NE(profile.timeline_why.find("budget"), std::string::npos) << profile.timeline_why;
  EXPECT_LT(profile.spent_s, 2);
}

}  // namespace
}  // namespace rnnbench
