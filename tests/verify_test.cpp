// The comparison that decides between passed and incorrect.
#include "harness/verify.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace rnnbench {
namespace {

const TensorSpec spec{"output", Role::output, Fill::unit, {2, 3}};

double error_of(const std::vector<float>& got, const std::vector<double>& want, double tolerance,
                std::string& why) {
  return compare(spec, got.data(), want.data(), tolerance, 0, why);
}

TEST(Compare, AcceptsWhatIsWithinTheTolerance) {
  std::string why;
  EXPECT_NEAR(error_of({1, 1, 1, 1, 1, 1.001F}, {1, 1, 1, 1, 1, 1}, 2e-3, why), 1e-3, 1e-6);
  EXPECT_EQ(why, "");
}

TEST(Compare, NamesTheFirstElementThatIsNot) {
  std::string why;
  error_of({1, 1, 1, 1, 2, 3}, {1, 1, 1, 1, 1, 1}, 1e-3, why);
  EXPECT_EQ(why, "output[1, 1] is 2, expected 1");
}

TEST(Compare, NeverAcceptsWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::string why;
    EXPECT_EQ(error_of({1, 1, bad, 1, 1, 1}, {1, 1, 1, 1, 1, 1}, 1e9, why), HUGE_VAL);
    EXPECT_NE(why, "");
  }
}

TEST(Compare, SmallResultsOfLargeTermsAreMeasuredByTheTensor) {
  std::string why;
  error_of({1, 1, 1, 1, 1, 1e-4F}, {1, 1, 1, 1, 1, 0}, 1e-3, why);
  EXPECT_EQ(why, "");
  error_of({1, 1, 1, 1, 1, 1e-2F}, {1, 1, 1, 1, 1, 0}, 1e-3, why);
  EXPECT_NE(why, "");
}

TEST(Compare, LooksAtAllOfALargeTensor) {
  const TensorSpec large{"output", Role::output, Fill::unit, {3, 1 << 20}};
  std::vector<float> got(large.elements(), 1);
  const std::vector<double> want(large.elements(), 1);
  for (const std::size_t at : {large.elements() - 1, std::size_t{1} << 20}) {
    got[at] = 1.5;
    std::string why;
    EXPECT_EQ(compare(large, got.data(), want.data(), 1e-3, 0, why), 0.5);
    EXPECT_EQ(why, at == std::size_t{1} << 20 ? "output[1, 0] is 1.5, expected 1"
                                              : "output[2, 1048575] is 1.5, expected 1");
    const std::vector<float> ones(large.elements(), 1);
    EXPECT_FALSE(same_bits(large, ones.data(), got.data(), why));
    EXPECT_NE(why.find(", and 1.5 when repeated"), std::string::npos) << why;
  }
}

TEST(Tolerance, GrowsWithLengthDepthAndLayersAndFollowsTheDtype) {
  const Protocol protocol;
  const auto of = [&](const char* text) { return tolerance_for(parse_id(text), protocol).value; };
  const double eps = std::ldexp(1.0, -23);
  const double gates = std::ldexp(1.0, -15);
  EXPECT_DOUBLE_EQ(of("rnn_relu_b1_t1_i8_h8_l1_f32"), 4 * 4 * eps);
  EXPECT_DOUBLE_EQ(of("gru_b1_t1_i8_h8_l1_f32"), 4 * 4 * eps + gates);
  EXPECT_DOUBLE_EQ(of("gru_b1_t512_i128_h256_l6_f32"), (4 * 18 * eps + gates) * 6);
  EXPECT_DOUBLE_EQ(of("gru_b1_t1_i8_h8_l1_f16"), 4 * 4 * eps + 8 * std::ldexp(1.0, -10));
  EXPECT_DOUBLE_EQ(of("gru_b1_t1_i8_h8_l2_bf16"), 2 * (4 * 4 * eps + 8 * std::ldexp(1.0, -7)));
  EXPECT_DOUBLE_EQ(of("rnn_relu_b1_t1_i16384_h16384_l1_f32"), 2 * std::sqrt(32768.0) * eps);
  // What a product in TF32 is off by does not pass for f32.
  EXPECT_LT(of("gru_b1_t1_i8_h8_l1_f32"), 0.1 * std::ldexp(1.0, -10));
}

TEST(Tolerance, FlagsReplaceIt) {
  Protocol protocol;
  protocol.rtol = 0.5;
  EXPECT_EQ(tolerance_for(parse_id("gru_b1_t1_i8_h8_l1_f32"), protocol).value, 0.5);
}

TEST(SameBits, TellsMinusZeroFromZero) {
  std::string why;
  const std::vector<float> a{0, 1, 2, 3, 4, 5}, b{-0.0F, 1, 2, 3, 4, 5};
  EXPECT_TRUE(same_bits(spec, a.data(), a.data(), why));
  EXPECT_FALSE(same_bits(spec, a.data(), b.data(), why));
}

}  // namespace
}  // namespace rnnbench
