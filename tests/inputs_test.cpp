#include "harness/inputs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

const HostTensor& tensor(const Inputs& inputs, std::string_view name) {
  for (const auto& t : inputs.tensors)
    if (t.spec.name == name) return t;
  throw Error("no tensor " + std::string(name));
}

/// Nearest value of a binary format by search among multiples of its last place, in float64.
double nearest(double value, int significand_bits, int lowest_exponent) {
  if (value == 0) return value;
  const int exponent = std::max(std::ilogb(value), lowest_exponent);
  const double place = std::ldexp(1.0, exponent - significand_bits + 1);
  return std::nearbyint(value / place) * place;  // to even, as the default mode says
}

TEST(MakeInputs, TensorsAreThoseOfThePoolInOrder) {
  const Problem p = parse_id("lstm-bi_b1_t3_i5_h7_l2_f32_btc_head4-last");
  const Inputs inputs = make_inputs(p, 1);
  EXPECT_EQ(inputs.pool.batch, 3);
  std::vector<std::string> names, expected;
  for (const auto& t : inputs.tensors) {
    names.push_back(t.spec.name);
    EXPECT_EQ(t.values.size(), t.spec.elements());
  }
  for (const auto& spec : tensor_specs(inputs.pool))
    if (spec.role != Role::output) expected.push_back(spec.name);
  EXPECT_EQ(names, expected);
  EXPECT_EQ(make_inputs(parse_id("gru_b5_t1_i1_h1_l1_f32"), 1).pool.batch, 5);
}

TEST(MakeInputs, RangesAndMoments) {
  const Problem p = parse_id("gru-bi_b64_t40_i64_h100_l1_f32_head77-last");
  const Inputs inputs = make_inputs(p, 3);
  for (const auto& t : inputs.tensors) {
    const auto [low, high] = std::minmax_element(t.values.begin(), t.values.end());
    const double n = static_cast<double>(t.values.size());
    const double mean = std::accumulate(t.values.begin(), t.values.end(), 0.0) / n;
    const bool unit = t.spec.fill == Fill::unit;
    const double bound = unit ? 1 : t.spec.fill == Fill::head ? 1 / std::sqrt(200.0) : 0.1;
    const double from = unit ? 0 : -bound, width = bound - from;
    EXPECT_GE(*low, from - 1e-8) << t.spec.name;
    EXPECT_LE(*high, bound + 1e-8) << t.spec.name;
    EXPECT_TRUE(!unit || *high < 1.0f) << t.spec.name;
    if (n < 1000) continue;
    // Five standard errors of a uniform variable; both ends of the range are nearly reached.
    EXPECT_NEAR(mean, from + width / 2, 5 * width / std::sqrt(12 * n)) << t.spec.name;
    EXPECT_LT(*low, from + 0.01 * width) << t.spec.name;
    EXPECT_GT(*high, bound - 0.01 * width) << t.spec.name;
  }
}

TEST(MakeInputs, NeighboursAndTensorsAreUncorrelated) {
  const Inputs inputs = make_inputs(parse_id("lstm_b64_t50_i32_h64_l1_f32"), 4);
  const auto correlation = [](const float* a, const float* b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += (a[i] - 0.5) * (b[i] - 0.5);
    return 12 * sum / static_cast<double>(n);
  };
  const auto& x = tensor(inputs, "x").values;
  const auto& h = tensor(inputs, "h_0").values;
  const auto& c = tensor(inputs, "c_0").values;
  EXPECT_LT(std::fabs(correlation(x.data(), x.data() + 1, x.size() - 1)), 0.02);
  EXPECT_LT(std::fabs(correlation(x.data(), x.data() + 32, x.size() - 32)), 0.02);
  EXPECT_LT(std::fabs(correlation(h.data(), c.data(), h.size())), 0.08);
  EXPECT_LT(std::fabs(correlation(x.data(), h.data(), h.size())), 0.08);
}

TEST(MakeInputs, ValuesDependOnSeedNameAndIndexOnly) {
  // Large enough for several pieces of work.
  const Problem p = parse_id("gru_b3_t5_i1000_h1000_l1_f32");
  const Inputs one = make_inputs(p, 7, 1), many = make_inputs(p, 7, 5), other = make_inputs(p, 8);
  for (std::size_t k = 0; k < one.tensors.size(); ++k) {
    EXPECT_EQ(one.tensors[k].values, many.tensors[k].values) << one.tensors[k].spec.name;
    EXPECT_NE(one.tensors[k].values, other.tensors[k].values) << one.tensors[k].spec.name;
  }
  EXPECT_NE(tensor(one, "bias_ih_l0").values, tensor(one, "bias_hh_l0").values);
  // A longer tensor begins with the shorter one.
  const Inputs longer = make_inputs(parse_id("gru_b3_t9_i1000_h1000_l1_f32"), 7);
  const auto& x = tensor(one, "x").values;
  EXPECT_TRUE(std::equal(x.begin(), x.end(), tensor(longer, "x").values.begin()));
}

TEST(MakeInputs, TheSameOnEveryMachine) {
  const Inputs inputs = make_inputs(parse_id("gru_b2_t1_i3_h4_l1_f32"), 1);
  const std::vector<float> x{0x1.21b634p-2f, 0x1.668474p-2f, 0x1.b1f8p-9f,
                             0x1.cfe3ep-3f,  0x1.7c93f8p-1f, 0x1.edbd28p-2f};
  const std::vector<float> b{-0x1.7e559p-2f, 0x1.84cafcp-2f, -0x1.fad394p-2f, 0x1.0d6444p-2f};
  EXPECT_TRUE(std::equal(x.begin(), x.end(), tensor(inputs, "x").values.begin()));
  EXPECT_TRUE(std::equal(b.begin(), b.end(), tensor(inputs, "bias_hh_l0").values.begin()));
}

TEST(MakeInputs, ValuesAreThoseOfF32RoundedToTheStorageType) {
  const auto base = make_inputs(parse_id("gru_b4_t20_i50_h60_l1_f32"), 9);
  for (const Dtype dtype : {Dtype::tf32, Dtype::f16, Dtype::bf16}) {
    Problem p = base.pool;
    p.dtype = dtype;
    const auto inputs = make_inputs(p, 9);
    const int bits = dtype == Dtype::bf16 ? 8 : 11;
    const int lowest = dtype == Dtype::f16 ? -14 : -126;
    for (std::size_t k = 0; k < inputs.tensors.size(); ++k)
      for (std::size_t i = 0; i < inputs.tensors[k].values.size(); ++i)
        ASSERT_EQ(inputs.tensors[k].values[i], nearest(base.tensors[k].values[i], bits, lowest))
            << name(dtype) << " " << inputs.tensors[k].spec.name << " " << i;
  }
}

TEST(RoundTo, TiesSubnormalsOverflowAndSpecials) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(round_to(Dtype::f16, 1 + 0x1p-11f), 1.0f);             // a tie, to even: down
  EXPECT_EQ(round_to(Dtype::f16, 1 + 3 * 0x1p-11f), 1 + 0x1p-9f);  // a tie, to even: up
  EXPECT_EQ(round_to(Dtype::tf32, 1 + 0x1p-11f), 1.0f);
  EXPECT_EQ(round_to(Dtype::bf16, 1 + 0x1p-8f), 1.0f);
  EXPECT_EQ(round_to(Dtype::bf16, 1 + 3 * 0x1p-8f), 1 + 0x1p-6f);
  EXPECT_EQ(round_to(Dtype::f16, 65519.0f), 65504.0f);
  EXPECT_EQ(round_to(Dtype::f16, -65520.0f), -inf);
  EXPECT_EQ(round_to(Dtype::f16, 0x1p-25f), 0.0f);
  EXPECT_EQ(round_to(Dtype::f16, 3 * 0x1p-25f), 0x1p-23f);
  EXPECT_TRUE(std::signbit(round_to(Dtype::f16, -0.0f)));
  EXPECT_EQ(round_to(Dtype::f32, 0.1f), 0.1f);
  for (const Dtype dtype : {Dtype::f32, Dtype::tf32, Dtype::f16, Dtype::bf16}) {
    EXPECT_EQ(round_to(dtype, -inf), -inf);
    EXPECT_TRUE(std::isnan(round_to(dtype, std::numeric_limits<float>::quiet_NaN())));
  }
  std::mt19937 random(2);
  for (int k = 0; k < 100000; ++k) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!(std::fabs(value) < 60000.0f) || std::fabs(value) < 0x1p-126f) continue;
    ASSERT_EQ(round_to(Dtype::f16, value), static_cast<float>(nearest(value, 11, -14))) << value;
    ASSERT_EQ(round_to(Dtype::tf32, value), static_cast<float>(nearest(value, 11, -126))) << value;
    ASSERT_EQ(round_to(Dtype::bf16, value), static_cast<float>(nearest(value, 8, -126))) << value;
  }
}

TEST(TakeRows, AlongAnyAxisAndAroundTheEnd) {
  std::vector<double> values(2 * 3 * 2);
  std::iota(values.begin(), values.end(), 0.0);  // [2, 3, 2]
  EXPECT_EQ(take_rows(values, {2, 3, 2}, 1, 2, 2), (std::vector<double>{4, 5, 0, 1, 10, 11, 6, 7}));
  EXPECT_EQ(take_rows(values, {2, 3, 2}, 0, 1, 1), (std::vector<double>{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(take_rows(values, {2, 3, 2}, 2, 5, 1), (std::vector<double>{1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(take_rows(values, {2, 3, 2}, 0, 7, 5).size(), 30u);  // around more than once
  EXPECT_THROW(take_rows(values, {2, 3, 2}, -1, 0, 1), Error);
  EXPECT_THROW(take_rows(values, {2, 3, 2}, 3, 0, 1), Error);
}

TEST(BatchAxis, OfEveryTensor) {
  for (const char* text : {"lstm_b2_t3_i4_h5_l1_f32_head6-every_want-out+hn+cn",
                           "lstm-bi_b2_t3_i4_h5_l2_f32_btc_head6-last_want-out+hn+cn",
                           "lstm_b2_t3_i4_h5_l1_f32_btc_head6-every_want-out+hn+cn"}) {
    const Problem p = parse_id(text);
    for (const auto& spec : tensor_specs(p)) {
      const int axis = batch_axis(p, spec.name);
      if (spec.role == Role::weight) {
        EXPECT_EQ(axis, -1) << spec.name;
      } else {
        EXPECT_EQ(spec.shape.at(static_cast<std::size_t>(axis)), p.batch) << spec.name;
      }
    }
  }
}

TEST(InputSet, TakesRowsOfThePoolWithTheShapesOfTheProblem) {
  const Problem p = parse_id("lstm_b1_t3_i2_h2_l1_f32_btc");
  const Inputs inputs = make_inputs(p, 1);
  const auto set = input_set(p, inputs, 1), around = input_set(p, inputs, 4);
  ASSERT_EQ(set.size(), 3u);
  const auto& x = tensor(inputs, "x").values;  // [3, 3, 2]
  EXPECT_EQ(set[0].spec.shape, (std::vector<std::int64_t>{1, 3, 2}));
  EXPECT_EQ(set[0].values, std::vector<float>(x.begin() + 6, x.begin() + 12));
  EXPECT_EQ(set[0].values, around[0].values);
  EXPECT_NE(set[0].values, input_set(p, inputs, 0)[0].values);
  EXPECT_EQ(set[2].spec.name, "c_0");
}

}  // namespace
}  // namespace rnnbench
