#include "harness/findings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/finding_rules.hpp"
#include "tests/findings_fixture.hpp"

namespace rnnbench {
namespace {

using Change = void (*)(ProfiledCase&);

/// What a rule is for, and what it must not mistake for that.
struct Example {
  std::string rule;
  ProfiledCase base;
  Change fires;
  std::vector<std::string> says;   // parts of the sentence
  std::vector<std::string> needs;  // metrics without whose value it is silent
  std::vector<Change> silent;      // each on top of `fires`
};

void as_graph(ProfiledCase& c) { c.result.mode = "graph"; }
void as_f32(ProfiledCase& c) { c.result.problem.dtype = Dtype::f32; }
void everywhere(ProfiledCase& c, const char* metric, double value) {
  c.set(metric, value), c.set_region(metric, value);
}
void on_cpu_instead(ProfiledCase& c) { c.device.kind = Device::cpu; }
void on_gpu_instead(ProfiledCase& c) { c.device.kind = Device::cuda; }
void too_short(ProfiledCase& c) { c.set(duration, 1e3); }
void all_resident(ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 0.5); }

std::vector<Example> examples() {
  return {
      {"idle-chip",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set("launch__grid_size", 64), c.profile.kernels[0].launches = 256; },
       {"fused_step runs 64 blocks on 132 SMs", "52 % of the chip has nothing to do",
        "each of its 256 launches",
        "Smaller tiles, or batch rows, directions and layers side by side, would fill it."},
       {"launch__grid_size"},
       {[](ProfiledCase& c) { c.set("launch__grid_size", 132); },
        [](ProfiledCase& c) {  // the floor itself takes no more than 48 SMs
          c.result.problem = parse_id("gru_b3_t256_i512_h512_l1_f32");
          c.result.floor.bound = "latency";
          c.result.floor.units = 16;
        },
        [](ProfiledCase& c) {  // as many as there are SMs, and nothing to estimate from
          c.set("launch__grid_size", 132), c.blank(duration);
        },
        [](ProfiledCase& c) { c.set(duration, 10); }, on_cpu_instead}},
      {"host-bound",
       quiet_gpu(),
       [](ProfiledCase& c) { c.result.mode = "eager", c.take(2.6e-3); },
       {"980 us of a call of 2.6 ms", "--graph", "there are 2"},
       {"rnnbench__busy_time"},
       {as_graph, [](ProfiledCase& c) { c.take(1.2e-3); }, on_cpu_instead}},
      {"launch-gaps",
       quiet_gpu(),
       [](ProfiledCase& c) {
         c.set_region("rnnbench__kernel_launches", 1024);
         c.set_region("rnnbench__gap_time", 300e3);
         c.set_region("rnnbench__busy_time", 700e3);
       },
       {"1024 launches for 512 steps", "in 30 % of it no kernel runs", "One persistent kernel"},
       {"rnnbench__kernel_launches", "rnnbench__gap_time", "rnnbench__span_time"},
       {[](ProfiledCase& c) { c.set_region("rnnbench__kernel_launches", 100); },
        [](ProfiledCase& c) { c.set_region("rnnbench__gap_time", 50e3); },
        // Gaps that only the profiled call has.
        [](ProfiledCase& c) { c.set_region("rnnbench__busy_time", 980e3); },
        [](ProfiledCase& c) { c.result.mode = "eager", c.take(2.6e-3); },  // host-bound says it
        on_cpu_instead}},
      {"register-bound",
       quiet_gpu(),
       [](ProfiledCase& c) {
         c.set("launch__waves_per_multiprocessor", 2);
         c.set("launch__registers_per_thread", 96);
         c.set("launch__occupancy_limit_registers", 1);
         c.set("sm__maximum_warps_per_active_cycle_pct", 12.5);
       },
       {"96 registers a thread", "let 1 block onto an SM", "would let 2", "12 % of an SM's warps",
        "Halve the tile"},
       {"launch__registers_per_thread", "launch__occupancy_limit_registers",
        "launch__occupancy_limit_shared_mem", "launch__occupancy_limit_warps",
        "launch__occupancy_limit_blocks", "sm__maximum_warps_per_active_cycle_pct"},
       {[](ProfiledCase& c) { c.set("launch__occupancy_limit_registers", 2); },
        [](ProfiledCase& c) { c.set("sm__maximum_warps_per_active_cycle_pct", 50); }, all_resident,
        too_short}},
      {"register-bound",
       quiet_gpu(),
       [](ProfiledCase& c) {
         c.set("launch__waves_per_multiprocessor", 2);
         c.set("launch__registers_per_thread", 168);
         c.set("launch__occupancy_limit_registers", 1);
         c.set("launch__occupancy_limit_shared_mem", 1);
         c.set("sm__maximum_warps_per_active_cycle_pct", 12.5);
       },
       {"168 registers a thread", "use 4 warps"},
       {"launch__registers_per_thread"},
       {[](ProfiledCase& c) { c.set("launch__registers_per_thread", 128); }, all_resident}},
      {"spilling",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set("launch__local_mem_per_thread", 48); },
       {"48 bytes a thread in local memory", "cancels what fusion gained"},
       {"launch__local_mem_per_thread"},
       {[](ProfiledCase& c) { c.set("launch__local_mem_per_thread", 0); }}},
      {"extra-stores",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set_region("dram__bytes_write.sum", 400e6); },
       {"400 MB are written to DRAM", "wanted outputs are 67.6 MB"},
       {"dram__bytes_write.sum"},
       {[](ProfiledCase& c) { c.set_region("dram__bytes_write.sum", 130e6); },
        [](ProfiledCase& c) {  // many times the outputs, and next to nothing
          c.result.problem = parse_id("gru_b1_t16_i16_h16_l1_f32");
          c.set_region("dram__bytes_write.sum", 0.9e6);
          c.peaks.copy_bytes_per_s = 0;
        }}},
      {"tensor-idle",
       quiet_gpu("gru_b64_t256_i512_h512_l1_f16"),
       [](ProfiledCase& c) {  // whatever they did in other types
         everywhere(c, f16_flops, 0), c.blank(matrix_all);
       },
       {"in f16", "no tensor core multiplied in that type", "fused_step"},
       {f16_flops, duration},
       {as_f32, [](ProfiledCase& c) { as_f32(c), c.peaks.gemm_flops_per_s.clear(); },
        [](ProfiledCase& c) { c.set_region(f16_flops, 1e9); },
        [](ProfiledCase& c) { c.set(f16_flops, 1e9); },
        [](ProfiledCase& c) { c.result.problem.dtype = Dtype::bf16; }}},
      {"tensor-idle",
       quiet_gpu("gru_b64_t256_i512_h512_l1_tf32"),
       [](ProfiledCase& c) {  // constants were moved, and that is all
         c.blank(tf32_flops);
         for (const char* metric : {tensor_pipe, matrix_all, matrix_hfma2})
           everywhere(c, metric, 5e3);
         everywhere(c, tensor_pct, 1.7);
       },
       {"in tf32"},
       {matrix_all, matrix_hfma2},
       {[](ProfiledCase& c) { c.set_region(matrix_all, 1e6); },
        [](ProfiledCase& c) { c.set(matrix_all, 1e6); },
        [](ProfiledCase& c) { everywhere(c, tf32_flops, 1e9); }}},
      {"tensor-idle",
       quiet_gpu("gru_b64_t256_i512_h512_l1_tf32"),
       [](ProfiledCase& c) {
         c.blank(tf32_flops), c.blank(matrix_all), c.blank(matrix_hfma2);
         everywhere(c, tensor_pipe, 0), everywhere(c, tensor_pct, 0);
       },
       {"in tf32"},
       {tensor_pipe},  // cycles alone say nothing
       {[](ProfiledCase& c) { c.set_region(tensor_pipe, 5e3); }}},
      {"weights-miss-l2",
       quiet_gpu(),
       [](ProfiledCase& c) {
         c.set("lts__t_sector_hit_rate.pct", 20);
         c.set("dram__bytes_read.sum", 500e6);
         c.set_region("dram__bytes_read.sum", 1e9);
       },
       {"reads 1 GB from DRAM", "20 % of its L2 accesses", "weights (31.5 MB) fit the L2"},
       {"lts__t_sector_hit_rate.pct", "dram__bytes_read.sum"},
       {[](ProfiledCase& c) { c.set("lts__t_sector_hit_rate.pct", 60); },
        [](ProfiledCase& c) { c.set("dram__bytes_read.sum", 40e6); },         // each tensor once
        [](ProfiledCase& c) { c.set_region("dram__bytes_read.sum", 20e6); },  // when replayed alone
        [](ProfiledCase& c) { c.device.llc_bytes = 20e6; },
        [](ProfiledCase& c) { c.device.llc_bytes = 0; }, too_short}},
      {"low-occupancy",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set(warps_pct, 8.33), c.set(sm_pct, 20); },
       {"8.3 % of an SM's warps", "DRAM (30 % of its peak)", "SMs that run it (21 %)"},
       {warps_pct, sm_pct, dram_pct},
       {[](ProfiledCase& c) { c.set(warps_pct, 25); }, [](ProfiledCase& c) { c.set(sm_pct, 60); },
        [](ProfiledCase& c) { c.set(dram_pct, 60); }, too_short,
        [](ProfiledCase& c) {  // a mean over a chip of which a quarter works
          c.set("sm__cycles_active.avg.pct_of_peak_sustained_elapsed", 25);
        },
        [](ProfiledCase& c) {
          c.blank("sm__cycles_active.avg.pct_of_peak_sustained_elapsed");
          c.set("launch__grid_size", 33);
        }}},
      {"dram-bound",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set(dram_pct, 82); },
       {"fused_step keeps DRAM at 82 % of its peak", "fewer bytes"},
       {dram_pct},
       {[](ProfiledCase& c) { c.set(dram_pct, 70); }, too_short}},
      {"dram-bound",
       quiet_gpu(),
       [](ProfiledCase& c) { c.profile.kernels.clear(), c.set_region(dram_pct, 75); },
       {"The call keeps DRAM at 75 %"},
       {dram_pct},
       {on_cpu_instead}},
      {"compute-bound",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set(sm_pct, 86); },
       {"86 % of its peak", "stop tuning"},
       {sm_pct},
       {[](ProfiledCase& c) { c.set(sm_pct, 80); }, too_short}},
      {"throttled",
       quiet_gpu(),
       [](ProfiledCase& c) {
         c.result.device_state = {{"SM clock", "1485 of 1980 MHz"},
                                  {"throttled by", "software power cap"}};
       },
       {"held down by software power cap (SM clock 1485 of 1980 MHz)", "long for this device"},
       {},
       {[](ProfiledCase& c) { c.result.device_state.back().second = "none"; },
        [](ProfiledCase& c) { c.result.device_state.clear(); }}},
      {"exchange-bound",
       quiet_gpu("gru_b8_t256_i64_h256_l1_f32"),
       [](ProfiledCase& c) {
         c.take(400e-6), c.set(duration, 190e3), c.set("launch__grid_size", 132);
       },
       {"A step takes 1.56 us", "a barrier of 132 SMs alone takes 1 us", "% of the GEMM rate"},
       {"launch__grid_size", duration},
       {[](ProfiledCase& c) { c.set("launch__cluster_size", 16); },  // whose barrier takes 0.18 us
        [](ProfiledCase& c) { c.take(900e-6), c.set(duration, 450e3); },
        [](ProfiledCase& c) { c.profile.kernels[0].launches = 256; },
        [](ProfiledCase& c) { c.peaks.exchange_s.clear(); },
        [](ProfiledCase& c) { c.peaks.gemm_flops_per_s["f32"] = 1e12; },
        [](ProfiledCase& c) { c.peaks.gemm_flops_per_s.clear(); }}},
      {"tail-effect",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 1.05); },
       {"fills the chip 1.05 times", "last 5 % of a wave", "at most 1 full wave,"},
       {"launch__waves_per_multiprocessor"},
       {[](ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 1.9); },
        [](ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 2); },
        [](ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 0.05); },
        [](ProfiledCase& c) { c.set("launch__waves_per_multiprocessor", 60.2); }, too_short}},
      {"partial-warps",
       quiet_gpu(),
       [](ProfiledCase& c) { c.set("launch__block_size", 100); },
       {"blocks of 100 threads, which take 4 warps: 22 % of their lanes"},
       {"launch__block_size"},
       {[](ProfiledCase& c) { c.set("launch__block_size", 96); }, too_short}},
      {"low-ipc",
       quiet_cpu(),
       [](ProfiledCase& c) { c.set_region("instructions", 1.2e6); },
       {"0.40 instructions a cycle"},
       {"cycles", "instructions"},
       {[](ProfiledCase& c) { c.set_region("instructions", 3e6); }, on_gpu_instead}},
      {"cache-misses",
       quiet_cpu(),
       [](ProfiledCase& c) { c.set_region("cache-misses", 5e4); },
       {"50 % of the last-level cache's accesses miss: 3.2 MB in lines of 64 bytes",
        "16 us at the measured copy bandwidth"},
       {"cache-misses", "cache-references"},
       {[](ProfiledCase& c) { c.set_region("cache-references", 1e6); },
        [](ProfiledCase& c) {
          c.set_region("cache-misses", 500), c.set_region("cache-references", 600);
        },
        on_gpu_instead}},
      {"context-switches",
       quiet_cpu(),
       [](ProfiledCase& c) { c.set_region("context-switches", 12); },
       {"12 context switches during one call"},
       {"context-switches"},
       {[](ProfiledCase& c) { c.set_region("context-switches", 0.3); }, on_gpu_instead}},
      {"page-faults",
       quiet_cpu(),
       [](ProfiledCase& c) { c.set_region("page-faults", 2048); },
       {"2048 page faults during one call"},
       {"page-faults"},
       {[](ProfiledCase& c) { c.set_region("page-faults", 3); }, on_gpu_instead}},
  };
}

TEST(Findings, EveryRuleHasASourceAndAnExampleThatFires) {
  std::set<std::string> shown, known;
  for (const Example& example : examples()) shown.insert(example.rule);
  for (const Rule& rule : finding_rules()) {
    EXPECT_FALSE(std::string(rule.id).empty());
    EXPECT_GT(std::string(rule.source).size(), 10U) << rule.id;
    EXPECT_TRUE(known.insert(rule.id).second) << rule.id << " is there twice";
    EXPECT_TRUE(shown.contains(rule.id)) << rule.id << " has no example";
  }
  EXPECT_EQ(shown, known);  // nor has an example lost its rule
}

TEST(Findings, NothingIsSaidOfWhatIsInOrder) {
  for (const ProfiledCase& c : {quiet_gpu(), quiet_gpu("gru_b64_t256_i512_h512_l1_f16"),
                                quiet_gpu("gru_b8_t256_i64_h256_l1_f32"), quiet_cpu()})
    for (const Finding& f : c.findings()) ADD_FAILURE() << f.id << ": " << f.sentence;
}

TEST(Findings, EachRuleFiresOnItsExample) {
  for (Example& example : examples()) {
    example.fires(example.base);
    const auto findings = example.base.findings();
    const Finding* found = find(findings, example.rule);
    ASSERT_NE(found, nullptr) << example.rule;
    for (const std::string& part : example.says)
      EXPECT_NE(found->sentence.find(part), std::string::npos) << part << "\n" << found->sentence;
    EXPECT_FALSE(found->source.empty());
    if (found->explains_s) {
      EXPECT_GT(*found->explains_s, 0) << example.rule;
      EXPECT_LE(*found->explains_s, example.base.result.time->median) << example.rule;
    }
  }
}

TEST(Findings, EachRuleIsSilentOnItsCounterExamples) {
  for (const Example& example : examples())
    for (std::size_t k = 0; k < example.silent.size(); ++k) {
      ProfiledCase c = example.base;
      example.fires(c);
      example.silent[k](c);
      const auto findings = c.findings();
      const Finding* found = find(findings, example.rule);
      EXPECT_EQ(found, nullptr) << example.rule << ", counter-example " << k << ": "
                                << found->sentence;
    }
}

TEST(Findings, EachRuleIsSilentWithoutWhatItNeeds) {
  for (const Example& example : examples())
    for (const std::string& metric : example.needs) {
      ProfiledCase c = example.base;
      example.fires(c);
      c.blank(metric);
      const auto blanked = c.findings();
      EXPECT_EQ(find(blanked, example.rule), nullptr) << example.rule << " without " << metric;
      example.fires(c);
      c.region().erase(metric);
      for (KernelMetrics& kernel : c.profile.kernels) kernel.metrics.erase(metric);
      const auto erased = c.findings();
      EXPECT_EQ(find(erased, example.rule), nullptr) << example.rule << " without " << metric;
    }
}

TEST(Findings, NothingReadOrNothingTimedIsNothingFound) {
  ProfiledCase c = four_blocks_a_step();
  c.profile = unread({{dram_pct, sm_pct}, false, 3}, "no permission");
  EXPECT_TRUE(c.findings().empty());
  c = four_blocks_a_step();
  c.result.time.reset();
  EXPECT_TRUE(c.findings().empty());
}

}  // namespace
}  // namespace rnnbench
