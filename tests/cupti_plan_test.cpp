// What of a profile fits its budget, on a chip made of rules.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/error.hpp"
#include "impls/cuda/cupti/plan.hpp"

namespace rnnbench::cupti {
namespace {

using Names = std::vector<std::string>;

/// "n<k>" takes k passes, and the longest of several carries the others; "bad" cannot be collected.
int passes(const Names& names) {
  int most = 0;
  for (const auto& name : names) {
    if (name == "bad") return 0;
    most = std::max(most, std::stoi(name.substr(1)));
  }
  return most;
}
double seconds(int count) { return count; }

TEST(CuptiPlan, AllIsTakenWhereItFits) {
  const auto found = fit({"n8", "n1", "n2"}, 8, passes, seconds);
  EXPECT_EQ(found.names, (Names{"n8", "n1", "n2"}));
  EXPECT_TRUE(found.left_out.empty());
  EXPECT_EQ(found.passes, 8);
}

TEST(CuptiPlan, WhatTakesMostPassesIsLeftOutFirst) {
  const auto found = fit({"n8", "n1", "n2"}, 7.9, passes, seconds);
  EXPECT_EQ(found.names, (Names{"n1", "n2"}));
  EXPECT_EQ(found.left_out, (Names{"n8"}));
  EXPECT_EQ(found.passes, 2);
}

TEST(CuptiPlan, NothingFitsAnEmptyBudget) {
  const auto found = fit({"n8", "n1"}, 0.5, passes, seconds);
  EXPECT_TRUE(found.names.empty());
  EXPECT_EQ(found.left_out, (Names{"n8", "n1"}));
  EXPECT_TRUE(fit({}, 100, passes, seconds).names.empty());
}

TEST(CuptiPlan, OneThatCannotBeCollectedTakesNoOtherWithIt) {
  const auto found = fit({"bad", "n1"}, 100, passes, seconds);
  EXPECT_EQ(found.names, (Names{"n1"}));
  EXPECT_EQ(found.left_out, (Names{"bad"}));
}

TEST(CuptiPlan, NamesThatDoNotGoTogetherStayWithinTheBudget) {
  const auto added = [](const Names& names) { return static_cast<int>(names.size()); };
  const auto found = fit({"a", "b", "c"}, 2, added, seconds);
  EXPECT_EQ(found.names, (Names{"a", "b"}));
  EXPECT_EQ(found.left_out, (Names{"c"}));
  EXPECT_EQ(found.passes, 2);
}

TEST(CuptiPlan, LaunchesAreLookedAtInTheStateOfTheCallWhereThatIsAffordable) {
  using Ways = std::vector<Way>;
  // 13 launches of 4 kernels in a short call: all of them, pass by pass.
  EXPECT_EQ(ways(9, 100e-6, 13, 4, 3), (Ways{Way::all, Way::in_place, Way::alone}));
  // Many launches of few kernels: samples.
  EXPECT_EQ(ways(9, 5e-3, 400, 2, 3), (Ways{Way::in_place, Way::alone}));
  EXPECT_EQ(ways(9, 5e-3, most_ranges + 1, most_ranges, 30), (Ways{Way::in_place, Way::alone}));
  // Many launches of one kernel stand for one another; of many kernels they do not.
  EXPECT_EQ(places_in(3072, 1), 341U);
  EXPECT_EQ(places_in(3, 2), 1U);
  EXPECT_EQ(ways(9, 0.4, 3072, 1, 3), (Ways{Way::in_place, Way::alone}));
  EXPECT_EQ(ways(9, 0.4, 3072, 1024, 3), (Ways{Way::alone}));
  // One call takes most of the budget.
  EXPECT_EQ(ways(9, 2.9, 3072, 1, 3), (Ways{Way::alone}));
}

TEST(CuptiPlan, CostsRiseWithPassesAndTime) {
  EXPECT_LT(region_cost(1, 0.01, 1), region_cost(9, 0.01, 1));
  EXPECT_LT(in_place_cost(1, 0.01, 1), in_place_cost(9, 0.01, 1));
  EXPECT_LT(in_place_cost(9, 0.01, 1), in_place_cost(9, 0.02, 1));
  // Nine passes at four places a call: three calls.
  EXPECT_NEAR(in_place_cost(9, 1, 1) - in_place_cost(9, 1, 4), 6, 1e-9);
  EXPECT_GT(region_cost(9, 1, 1), 9);
  EXPECT_NEAR(replay_cost(1, 0), 0.015, 0.005);  // as measured
  EXPECT_NEAR(replay_cost(9, 0), 0.09, 0.005);
  EXPECT_GT(ranges_cost(2, 0, 512), ranges_cost(2, 0, 1));
  EXPECT_NEAR(region_cost(10, 0.4, 2) - region_cost(10, 0.4, 1), 4, 1e-9);
  EXPECT_NEAR(ranges_cost(10, 0.4, 9) - ranges_cost(10, 0.3, 9), 2, 1e-9) << "twice a pass";
}

TEST(CuptiPlan, PassesWithSetUpInThemTellNothingOfTheOthers) {
  PassTimes times(10);
  times.add(0.5);
  EXPECT_FALSE(times.usual()) << "the first is not looked at";
  times.add(0.3);
  EXPECT_EQ(times.why_too_long(0.1), "") << "nor is the second alone";
  times.add(0.01);
  EXPECT_EQ(times.usual(), 0.01) << "of two the quicker";
  times.add(0.4);
  EXPECT_EQ(times.why_too_long(0.1), "") << "by the quickest, 0.06 s are left to do";
  EXPECT_EQ(times.why_too_long(0.05), "10 passes of 0.01 s do not fit");
  EXPECT_EQ(times.usual(), 0.3);
  for (int pass = 4; pass < 14; ++pass) times.add(0.02);
  EXPECT_EQ(times.usual(), 0.02);
  EXPECT_THROW(times.add(0.01), Error);
}

TEST(CuptiPlan, PartOfABudgetIsKeptBack) {
  EXPECT_LE(planned_s(3), 3 - 0.05);
  EXPECT_GE(planned_s(3), 0.95 * 3);
}

TEST(CuptiPlan, BudgetIsSpentByTime) {
  const Budget budget(3);
  EXPECT_EQ(budget.seconds(), 3);
  EXPECT_GE(budget.spent(), 0);
  EXPECT_LE(budget.left(), 3);
  EXPECT_GT(budget.left(), 2);
}

}  // namespace
}  // namespace rnnbench::cupti
