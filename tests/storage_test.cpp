#include "harness/storage.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "harness/inputs.hpp"

namespace rnnbench {
namespace {

float value_of(Dtype dtype, std::uint16_t bits) {
  float value = 0;
  from_storage(dtype, reinterpret_cast<const std::byte*>(&bits), 1, &value);
  return value;
}

std::uint16_t bits_of(Dtype dtype, float value) {
  std::uint16_t bits = 0;
  to_storage(dtype, &value, 1, reinterpret_cast<std::byte*>(&bits));
  return bits;
}

TEST(Storage, EverySixteenBitPatternComesBack) {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16})
    for (std::uint32_t k = 0; k < 0x10000; ++k) {
      const auto bits = static_cast<std::uint16_t>(k);
      const float value = value_of(dtype, bits);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(value_of(dtype, bits_of(dtype, value))));
        continue;
      }
      ASSERT_EQ(bits_of(dtype, value), bits) << name(dtype) << " " << k;
      ASSERT_EQ(round_to(dtype, value), value) << name(dtype) << " " << k;
    }
}

TEST(Storage, KnownValues) {
  EXPECT_EQ(bits_of(Dtype::f16, 1.0F), 0x3C00);
  EXPECT_EQ(bits_of(Dtype::f16, -2.0F), 0xC000);
  EXPECT_EQ(bits_of(Dtype::f16, 65504.0F), 0x7BFF);
  EXPECT_EQ(bits_of(Dtype::f16, 0x1p-24F), 0x0001);
  EXPECT_EQ(bits_of(Dtype::f16, -0.0F), 0x8000);
  EXPECT_EQ(value_of(Dtype::f16, 0xFC00), -INFINITY);
  EXPECT_EQ(bits_of(Dtype::bf16, 1.0F), 0x3F80);
}

TEST(Storage, RoundedValuesSurvive) {
  std::mt19937 random(1);
  std::normal_distribution<float> draw;
  for (const Dtype dtype : {Dtype::f32, Dtype::tf32, Dtype::f16, Dtype::bf16}) {
    std::vector<float> values(1000), back(1000);
    for (float& v : values) v = round_to(dtype, draw(random));
    std::vector<std::byte> stored(values.size() *
                                  static_cast<std::size_t>(bytes_per_element(dtype)));
    to_storage(dtype, values.data(), values.size(), stored.data());
    from_storage(dtype, stored.data(), values.size(), back.data());
    EXPECT_EQ(back, values) << name(dtype);
  }
}

}  // namespace
}  // namespace rnnbench
