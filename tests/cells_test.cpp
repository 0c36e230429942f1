// Gates against the C library in float64, over the whole range of floats.
#include "impls/cells/cells.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace rnnbench {
namespace {

double ulps(float got, double want) {
  int exponent = 0;
  std::frexp(static_cast<float>(want), &exponent);
  return std::abs(got - want) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

/// Floats of all magnitudes and both signs, from denormals to the largest.
std::vector<float> floats_of_all_sizes() {
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 7919)
    for (const std::uint32_t sign : {0u, 0x80000000u})
      values.push_back(gate_maths::bits_as<float>(bits | sign));
  return values;
}

TEST(Cells, TanhIsAccurateEverywhere) {
  for (const float x : floats_of_all_sizes()) {
    const float got = tanh_gate(x);
    ASSERT_LT(ulps(got, std::tanh(static_cast<double>(x))), 3) << x;
    ASSERT_LE(std::abs(got), 1.0f) << x;
  }
}

TEST(Cells, SigmoidIsAccurateUntilItsLeftTailEnds) {
  for (const float x : floats_of_all_sizes()) {
    const float got = sigmoid(x);
    ASSERT_TRUE(got >= 0 && got <= 1) << x;
    if (x > -87) {
      ASSERT_LT(ulps(got, 1 / (1 + std::exp(-static_cast<double>(x)))), 3) << x;
    } else {
      ASSERT_LT(got, 2e-38f) << x;
    }
  }
}

TEST(Cells, ExtremesStayFiniteAndNanStaysNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(tanh_gate(infinity), 1.0f);
  EXPECT_EQ(tanh_gate(-infinity), -1.0f);
  EXPECT_EQ(sigmoid(infinity), 1.0f);
  EXPECT_LT(sigmoid(-infinity), 2e-38f);
  for (const float nan : {std::nanf(""), -std::nanf(""), gate_maths::bits_as<float>(0x7f800001)}) {
    EXPECT_TRUE(std::isnan(tanh_gate(nan)));
    EXPECT_TRUE(std::isnan(sigmoid(nan)));
    float h = 0, c = 0;
    RnnRelu::update<float>({nan}, {0}, h, c);
    EXPECT_TRUE(std::isnan(h));
  }
}

TEST(Cells, DoublesAgreeWithTheLibrary) {
  for (int k = -100; k < 100; ++k) {
    const double x = 0.37 * k;
    EXPECT_NEAR(tanh_gate(x), std::tanh(x), 1e-15);
    EXPECT_NEAR(sigmoid(x), 1 / (1 + std::exp(-x)), 1e-15);
  }
}

TEST(Cells, GruResetsAfterTheProduct) {
  const double x[3] = {0.3, -0.2, 0.5}, a[3] = {0.1, 0.7, -0.9};
  double h = 0.4, c = 0;
  Gru::update(x, a, h, c);
  const double r = 1 / (1 + std::exp(-0.4)), z = 1 / (1 + std::exp(-0.5));
  const double n = std::tanh(0.5 + r * -0.9);
  EXPECT_NEAR(h, (1 - z) * n + z * 0.4, 1e-15);
}

TEST(Cells, LstmKeepsItsCell) {
  const double x[4] = {0.3, -0.2, 0.5, 0.8}, a[4] = {0.1, 0.7, -0.9, -0.1};
  double h = 0.4, c = 0.6;
  Lstm::update(x, a, h, c);
  const auto s = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double c_new = s(0.5) * 0.6 + s(0.4) * std::tanh(-0.4);
  EXPECT_NEAR(c, c_new, 1e-15);
  EXPECT_NEAR(h, s(0.7) * std::tanh(c_new), 1e-15);
}

TEST(Cells, EachCellIsDispatchedToItsPolicy) {
  for (const Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::gru, Cell::lstm}) {
    EXPECT_EQ(with_cell(cell, [](auto policy) { return decltype(policy)::gates; }), gates(cell));
    EXPECT_EQ(with_cell(cell, [](auto policy) { return decltype(policy)::has_c; }),
              cell == Cell::lstm);
  }
}

}  // namespace
}  // namespace rnnbench
