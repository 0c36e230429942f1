#include "harness/named_range.hpp"

#include <gtest/gtest.h>

namespace rnnbench {
namespace {

TEST(NamedRange, NamesAreSafeInFiltersOfNsightCompute) {
  EXPECT_EQ(range_name("gru_bidir"), "gru_bidir");
  EXPECT_EQ(range_name("cuda:fused graph"), "cuda:fused graph");
  EXPECT_EQ(range_name("a@b/c,[d]*+$\\\"\n"), "a_b_c__d_______");
  EXPECT_EQ(range_name(""), "_");
}

}  // namespace
}  // namespace rnnbench
