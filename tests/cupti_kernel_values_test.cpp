// What was read of launches, handed to their kernels.
#include <gtest/gtest.h>

#include "impls/cuda/cupti/kernel_values.hpp"
#include "impls/cuda/cupti/results.hpp"

namespace rnnbench::cupti {
namespace {

Launch launch(const std::string& name, std::uint64_t ns) {
  Launch one;
  one.name = name, one.end_ns = ns;
  return one;
}

struct Called {
  std::vector<Launch> launches{launch("step", 5000), launch("step", 5000), launch("step", 5000),
                               launch("product", 9000)};
  std::vector<Group> groups = group(launches);
  std::vector<KernelMetrics> kernels = kernel_metrics(groups);
};

TEST(CuptiKernelValues, CountersGoToTheKernelsThatGaveThemAndReasonsToOthers) {
  Called called;
  KernelsRead read;
  read.names = {"a"}, read.left_out = {{"b", "no time for b"}}, read.why = "no time";
  read.warnings = {"slow"};
  read.values = {{1, {7.0}}};
  read.places = {{1, {0, 1}}};
  const auto warnings = give_counters(read, called.launches, called.groups, called.kernels);
  const auto& step = called.kernels.at(0);
  EXPECT_EQ(step.name, "step");
  EXPECT_EQ(step.metrics.at("a"), read_as(7));
  EXPECT_EQ(step.metrics.at("b"), not_read("no time for b"));
  EXPECT_EQ(step.metrics.at(sampled_time), read_as(5000));
  EXPECT_EQ(step.sampled, 2) << "passes came from two launches";
  const auto& product = called.kernels.at(1);
  EXPECT_EQ(product.metrics.at("a"), not_read("no time"));
  EXPECT_EQ(product.sampled, 0);
  EXPECT_EQ(warnings,
            (std::vector<std::string>{"kernels: slow", "counters of 1 of 2 kernels: no time"}));
}

TEST(CuptiKernelValues, InstructionsAreThoseOfTheUsualLaunch) {
  Called called;
  KernelsRead read;
  read.names = {"x_sass_.sum"}, read.why = "too long";
  read.values = {{called.groups.at(1).usual, {11.0}}};
  give_instructions(read, read.names, called.groups, called.kernels);
  EXPECT_EQ(called.kernels.at(0).metrics.at("x_sass_.sum"), not_read("too long"));
  EXPECT_EQ(called.kernels.at(0).sampled, 0);
  EXPECT_EQ(called.kernels.at(1).metrics.at("x_sass_.sum"), read_as(11));
  EXPECT_EQ(called.kernels.at(1).sampled, 1);
}

}  // namespace
}  // namespace rnnbench::cupti
