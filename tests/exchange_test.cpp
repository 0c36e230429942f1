// Exchange costs away from a GPU: the look-up, the text, what is kept and what is refused.
#include "harness/exchange.hpp"

#include <gtest/gtest.h>

#include "harness/calibration.hpp"
#include "harness/exchange_table.hpp"
#include "harness/protocol.hpp"
#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

ExchangeCosts costs() {
  ExchangeCosts c;
  c.measured = {{"flags", 8, 1, 1e-6},   {"flags", 8, 4, 3e-6}, {"flags", 32, 1, 2e-6},
                {"flags", 32, 4, 4e-6},  {"async", 2, 1, 5e-7}, {"async", 16, 1, 6e-7},
                {"async", 16, 4, 7.5e-7}};
  c.missing = {{"async", 2, 4, "read a wrong value", true},
               {"async", 2, 128, "does not fit", false},
               {"async", 16, 128, "does not fit", false},
               {"bulk", 0, 0, "needs CC 9.0", false}};
  c.how = "made up";
  return c;
}

TEST(ExchangeLookup, GivesMeasuredPointsBack) {
  for (const auto& cost : costs().measured)
    EXPECT_EQ(costs().lookup(cost.way, cost.units, 1024u * unsigned(cost.kib)), cost.seconds);
}

TEST(ExchangeLookup, IsLinearInTheLogarithmsBetweenThem) {
  EXPECT_NEAR(*costs().lookup("flags", 8, 2048), 2e-6, 1e-15);
  EXPECT_NEAR(*costs().lookup("flags", 16, 1024), 1.5e-6, 1e-15);
  EXPECT_NEAR(*costs().lookup("flags", 16, 2048), 2.5e-6, 1e-15);
}

TEST(ExchangeLookup, StopsAtTheOutermostPoints) {
  EXPECT_EQ(costs().lookup("flags", 8, 16), 1e-6);
  EXPECT_EQ(costs().lookup("flags", 8, 1 << 20), 3e-6);
  EXPECT_EQ(costs().lookup("flags", 2, 1024), 1e-6);
  EXPECT_EQ(costs().lookup("async", 2, 4096), 5e-7);  // of two sizes one has a cost
  EXPECT_EQ(costs().lookup("flags", 1, 1024), 0.0);
}

TEST(ExchangeLookup, SaysNothingOfWhatWasNotMeasured) {
  EXPECT_EQ(costs().lookup("bulk", 8, 1024), std::nullopt);
  EXPECT_EQ(costs().lookup("", 8, 1024), std::nullopt);
  EXPECT_EQ(costs().lookup("async", 17, 1024), std::nullopt);
  EXPECT_EQ(costs().lookup("flags", 0, 1024), std::nullopt);
  EXPECT_EQ(ExchangeCosts().lookup("flags", 1, 1024), std::nullopt);
}

TEST(ExchangeTable, HasARowForEachNumberOfUnitsAndReasonsBelowAWay) {
  EXPECT_EQ(exchange_table(costs()), R"(    us, by KiB of h       SMs      1      4    128
    flags                   8   1.00   3.00      -
                           32   2.00   4.00      -
    async                   2   0.50  error      -
                           16   0.60   0.75      -
      2 x 4: read a wrong value
      2 x 128, 16 x 128: does not fit
    bulk                    -
      all: needs CC 9.0
)");
}

TEST(ExchangeTable, NamesTheCheapestWayForEachPlace) {
  auto c = costs();
  c.measured.push_back({"async", 8, 1, 5e-7});
  const std::vector<ExchangeCost> want{{"async", 2, 1, 5e-7},  {"async", 8, 1, 5e-7},
                                       {"async", 16, 1, 6e-7}, {"flags", 32, 1, 2e-6},
                                       {"flags", 8, 4, 3e-6},  {"async", 16, 4, 7.5e-7},
                                       {"flags", 32, 4, 4e-6}};
  EXPECT_EQ(cheapest_exchanges(c), want);
}

TEST(ExchangeCosts, FailWhereALineWasTriedInVain) {
  auto c = costs();
  EXPECT_TRUE(c.failed());
  c.missing.erase(c.missing.begin());
  EXPECT_FALSE(c.failed());
}

TEST(ExchangeCosts, SurviveJsonAndOldPeaksDoToo) {
  EXPECT_EQ(Json(costs()).get<ExchangeCosts>(), costs());
  Peaks peaks;
  peaks.how = "x", peaks.exchange_s = {{1, 0}}, peaks.exchange = costs();
  Json json = peaks;
  EXPECT_EQ(json.get<Peaks>(), peaks);
  json.erase("exchange");
  peaks.exchange = {};
  EXPECT_EQ(json.get<Peaks>(), peaks);
}

TEST(ExchangeCosts, AreKeptForTheirDevice) {
  const Folder folder;
  const char* const before = std::getenv("RNNBENCH_CACHE");
  const std::string old = before ? before : "";
  setenv("RNNBENCH_CACHE", folder.path().c_str(), 1);
  DeviceInfo device, other;
  device.kind = other.kind = Device::cuda;
  device.name = "one", other.name = "another";
  std::string where;
  EXPECT_EQ(kept_exchange(device, where), std::nullopt);
  keep_exchange(device, costs(), where);
  EXPECT_NE(where.find("kept in " + (folder.path() / "exchange-cuda-0-").string()),
            std::string::npos)
      << where;
  EXPECT_EQ(kept_exchange(device, where), costs());
  EXPECT_NE(where.find("rnnbench doctor --exchange measures again"), std::string::npos) << where;
  EXPECT_EQ(kept_exchange(other, where), std::nullopt);
  EXPECT_EQ(kept_peaks(device, 0, where), std::nullopt);
  before ? setenv("RNNBENCH_CACHE", old.c_str(), 1) : unsetenv("RNNBENCH_CACHE");
}

TEST(DoctorExchange, SaysInOneLineThatThereIsNoDevice) {
  const auto run =
      run_program("doctor --exchange", "RNNBENCH_MODULES=" RNNBENCH_BUILD_DIR "/tests/no_cuda");
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.output, "rnnbench: no CUDA device: this module is a test's\n");
}

TEST(DoctorExchange, IsNotPartOfACalibration) {
  const auto run = run_program("doctor --exchange --calibrate");
  EXPECT_EQ(run.code, 2);
  EXPECT_NE(run.output.find(" excludes --"), std::string::npos) << run.output;
  EXPECT_NE(run_program("doctor --help").output.find("--exchange"), std::string::npos);
}

}  // namespace
}  // namespace rnnbench::testing
