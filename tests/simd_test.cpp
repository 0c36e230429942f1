// The CPU's vector kernels: errors of their gates, products of odd shapes in every kind of vectors
// that the machine has, and how threads share a problem.
#include "impls/common/simd.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "impls/cpu/simd/plan.hpp"

namespace rnnbench {
namespace {

/// A function of the module, by its mangled name.
template <class F>
F* in_module(const char* name) {
  void* module = dlopen(RNNBENCH_BUILD_DIR "/lib/rnnbench/cpu.so", RTLD_NOW | RTLD_GLOBAL);
  EXPECT_TRUE(module) << dlerror();
  auto* found = reinterpret_cast<F*>(dlsym(module, name));
  EXPECT_TRUE(found) << name;
  return found;
}

const std::vector<SimdKernels>& kernels() {
  return in_module<const std::vector<SimdKernels>&()>("_ZN8rnnbench12simd_kernelsEv")();
}

TeamPlan plan(const char* problem, int threads) {
  auto* const f =
      in_module<TeamPlan(const Problem&, int, int)>("_ZN8rnnbench9plan_teamERKNS_7ProblemEii");
  return f(parse_id(problem), threads, 16);
}

/// Distance of `got` from `want` in units of the last place of the f32 nearest to `want`.
double ulps(float got, double want) {
  const auto nearest = std::abs(static_cast<float>(want));
  const double unit = std::nextafter(nearest, INFINITY) - static_cast<double>(nearest);
  return std::abs(got - want) / unit;
}

/// Values of every exponent, both signs: `each` of them evenly spread and some at random.
std::vector<float> all_exponents(int each) {
  std::mt19937 random(5);
  std::vector<float> values;
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent)
    for (int k = 0; k < each; ++k) {
      const std::uint32_t even = static_cast<std::uint32_t>(k) * ((1u << 23) / each);
      const std::uint32_t mantissa = k % 2 ? random() & 0x7fffffu : even;
      const std::uint32_t bits = exponent << 23 | mantissa;
      for (const std::uint32_t sign : {0u, 0x80000000u}) {
        float value = 0;
        const std::uint32_t word = bits | sign;
        std::memcpy(&value, &word, sizeof value);
        values.push_back(value);
      }
    }
  return values;
}

TEST(Simd, GatesAreWithinThreeUnitsOfTheLastPlaceOverAllExponents) {
  const auto values = all_exponents(4000);
  const auto n = static_cast<Index>(values.size());
  std::vector<float> sigmoid(values.size()), tanh(values.size());
  for (const SimdKernels& simd : kernels()) {
    simd.sigmoid(values.data(), n, sigmoid.data());
    simd.tanh(values.data(), n, tanh.data());
    double worst_sigmoid = 0, worst_tanh = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double x = values[k];
      worst_tanh = std::max(worst_tanh, ulps(tanh[k], std::tanh(x)));
      // Further to the left it stays at e^-87.
      if (x >= -87)
        worst_sigmoid = std::max(worst_sigmoid, ulps(sigmoid[k], 1 / (1 + std::exp(-x))));
      else
        EXPECT_LE(std::abs(sigmoid[k] - std::exp(-87.0)), 1e-43) << x;
    }
    EXPECT_LE(worst_sigmoid, 3) << simd.target;
    EXPECT_LE(worst_tanh, 3) << simd.target;
    EXPECT_GT(worst_tanh, 0.25) << "the measure sees nothing";
  }
}

TEST(Simd, GatesKeepInfinitiesAndNotANumber) {
  const float values[] = {INFINITY, -INFINITY, NAN};
  for (const SimdKernels& simd : kernels()) {
    float sigmoid[3], tanh[3];
    simd.sigmoid(values, 3, sigmoid);
    simd.tanh(values, 3, tanh);
    EXPECT_EQ(sigmoid[0], 1.0f);
    EXPECT_NEAR(sigmoid[1], 0.0f, 1e-37);
    EXPECT_EQ(tanh[0], 1.0f);
    EXPECT_EQ(tanh[1], -1.0f);
    EXPECT_TRUE(std::isnan(sigmoid[2]) && std::isnan(tanh[2])) << simd.target;
  }
}

/// Weights [gates * units, depth] in a dtype's storage, and the values they stand for.
struct Weights {
  Weights(Dtype dtype, Index rows, Index depth, std::mt19937& random) {
    std::uniform_real_distribution<float> unit(-1, 1);
    for (Index k = 0; k < rows * depth; ++k) {
      float value = unit(random);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, 4);
      if (dtype == Dtype::bf16) bits &= 0xffff0000u, halves.push_back(std::uint16_t(bits >> 16));
      std::memcpy(&value, &bits, 4);
      values.push_back(value);
    }
  }
  const void* data() const {
    return halves.empty() ? static_cast<const void*>(values.data()) : halves.data();
  }
  std::vector<float> values;
  std::vector<std::uint16_t> halves;
};

TEST(Simd, ProductsOfOddShapesAreRightInEveryKindOfVectors) {
  using Pack = Panels(const PanelShape&, Dtype, const void*, Index, Index, Index);
  auto* pack = in_module<Pack>("_ZN8rnnbench11pack_panelsERKNS_10PanelShapeENS_5DtypeEPKvlll");
  std::mt19937 random(8);
  for (const SimdKernels& simd : kernels())
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16})
      for (const Index rows : {1, 2, 3, 7, 8, 15, 33})
        for (const Index depth : {1, 2, 31, 64})
          for (const Index columns : {1, 15, 16, 17, 63, 81}) {
            SCOPED_TRACE(simd.target + " " + std::string(name(dtype)) + " " + std::to_string(rows) +
                         "x" + std::to_string(depth) + "x" + std::to_string(columns));
            const Weights w(dtype, columns, depth, random);
            const Panels panels =
                pack(panel_shape(simd.lanes, 1, columns), dtype, w.data(), columns, 0, depth);
            const Weights a(Dtype::f32, rows, depth + 1, random);
            Scratch bias(static_cast<std::size_t>(panels.shape.columns()));
            std::fill_n(bias.get(), panels.shape.columns(), 0.5f);
            std::vector<float> out(static_cast<std::size_t>(rows * (columns + 1)), -7.0f);
            ProductJob job;
            job.rows = rows, job.a = a.values.data(), job.a_row = depth + 1, job.w = &panels;
            job.bias = bias.get(), job.columns = columns;
            job.out.f32 = out.data(), job.out.row = columns + 1;
            simd.product(job);
            for (Index r = 0; r < rows; ++r) {
              for (Index c = 0; c < columns; ++c) {
                double want = 0.5;
                for (Index k = 0; k < depth; ++k)
                  want += double(a.values[std::size_t(r * (depth + 1) + k)]) *
                          w.values[std::size_t(c * depth + k)];
                ASSERT_NEAR(out[std::size_t(r * (columns + 1) + c)], want, 1e-5);
              }
              ASSERT_EQ(out[std::size_t(r * (columns + 1) + columns)], -7.0f) << "beyond the row";
            }
          }
}

TEST(SimdPlan, ThreadsOfOneRowShareUnits) {
  const TeamPlan team = plan("gru_b1_t64_i256_h256_l1_f32", 2);
  EXPECT_EQ(team.units, 2);
  EXPECT_TRUE(team.hoisted);
}

TEST(SimdPlan, TinyProblemsStayOnOneThread) {
  EXPECT_EQ(plan("gru_b1_t2_i16_h16_l1_f32", 8).size(), 1);
}

TEST(SimdPlan, WhatEveryCoreWouldReadFromTheSharedCacheIsSplitByUnits) {
  EXPECT_EQ(plan("gru_b16_t64_i1024_h1024_l1_f32", 2).units, 2);
}

TEST(SimdPlan, RowsThatNeedNoWeightsFromAfarNeverMeet) {
  const TeamPlan team = plan("gru_b64_t64_i128_h128_l1_f32", 2);
  EXPECT_EQ(team.batches, 2);
  EXPECT_EQ(team.units, 1);
}

TEST(SimdPlan, NoPlanHasMoreThreadsThanAskedForOrThanThereIsWork) {
  for (const char* problem : {"gru_b3_t5_i7_h9_l1_f32", "lstm-bi_b2_t5_i7_h40_l3_f32",
                              "rnn_tanh_b1_t64_i512_h512_l4_f32", "gru_b64_t9_i64_h256_l6_f32"})
    for (int threads = 1; threads < 20; ++threads) {
      const Problem p = parse_id(problem);
      const TeamPlan team = plan(problem, threads);
      EXPECT_LE(team.size(), threads) << problem;
      EXPECT_LE(team.batches, p.batch);
      EXPECT_LE(team.directions, p.directions);
      EXPECT_LE(team.lanes, p.layers);
      EXPECT_LE(team.units, (p.hidden + 15) / 16);
      EXPECT_GE(team.chunk, 1);
      EXPECT_LE(team.chunk, p.seq);
    }
}

}  // namespace
}  // namespace rnnbench
