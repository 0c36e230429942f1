#include "harness/finding_text.hpp"

#include <gtest/gtest.h>

namespace rnnbench {
namespace {

TEST(FindingText, NumbersAndNamesAreShort) {
  EXPECT_EQ(seconds_text(4.6e-3), "4.6 ms");
  EXPECT_EQ(seconds_text(0.99999e-3), "1 ms");
  EXPECT_EQ(bytes_text(67.6e6), "67.6 MB");
  EXPECT_EQ(bytes_text(12), "12 B");
  EXPECT_EQ(share_text(0.0076), "0.76 %");
  EXPECT_EQ(share_text(0.97), "97 %");
  EXPECT_EQ(share_text(0), "0 %");
  EXPECT_EQ(count_text(1, "launch"), "1 launch");
  EXPECT_EQ(count_text(512, "launch"), "512 launches");
  EXPECT_EQ(short_kernel_name("void a::(anonymous namespace)::step<(int)8, float>(X<int>, int)"),
            "step");
  EXPECT_EQ(short_kernel_name("sm80_xmma_gemm_f32"), "sm80_xmma_gemm_f32");
  EXPECT_EQ(short_kernel_name("<unnamed>"), "<unnamed>");
}

}  // namespace
}  // namespace rnnbench
