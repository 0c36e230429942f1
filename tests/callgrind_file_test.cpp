#include "harness/callgrind_file.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace rnnbench {
namespace {

std::optional<double> total(const std::string& text) {
  std::istringstream file(text);
  return callgrind_total(file);
}

TEST(CallgrindFile, InstructionsAreTheTotals) {
  const std::string head =
      "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npart: 1\n\n"
      "desc: Trigger: Client Request: one forward call\n\npositions: line\n";
  EXPECT_EQ(total(head + "events: Ir\nsummary: 18446744073695546344\n\nfn=(1) work\n12 7\n"
                         "calls=2 30\n0 4\ntotals: 14005288\n"),
            14005288);
  EXPECT_EQ(total(head + "events: Ir\nsummary: 77\n\nfn=(1) a::b\n12 7\n"), std::nullopt)
      << "cut off";
  EXPECT_EQ(total(head + "events: Dr Ir Dw\ntotals: 1 20 3\n"), 20);
  EXPECT_EQ(total(head + "events: Ir\ntotals: 0\n"), std::nullopt) << "nothing was counted";
}

TEST(CallgrindFile, PartsAreAdded) {
  EXPECT_EQ(total("part: 1\nevents: Ir\nsummary: 5\ntotals: 5\npart: 2\nevents: Ir\ntotals: 6\n"),
            11);
}

TEST(CallgrindFile, NothingIsNotZero) {
  for (const char* text : {"", "totals: 5\n", "events: Dr\ntotals: 5\n", "events: Ir\ntotals:\n",
                           "events: Ir Dr\nsummary: x\n", "events: Ir\nfn=(1) totals\n"})
    EXPECT_FALSE(total(text)) << text;
}

}  // namespace
}  // namespace rnnbench
