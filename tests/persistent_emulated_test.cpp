// The source of the persistent cluster, solo and rows kernels on an emulated GPU, against a plain
// loop, under many schedules. See emulator/gpu.hpp for what is emulated.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>

#include "impls/cuda/persistent/quick.cuh"
#include "impls/cuda/persistent/waiting.cuh"
#include "tests/emulator/split_gemm_kernel.hpp"
#include "tests/emulator/stack.hpp"

namespace rnnbench::persistent {
namespace {

using emulator::Schedule;

/// Where formats round, a value near the middle between two may go to the other than the plain
/// loop's, which later steps see.
constexpr double tolerance[] = {2e-6, 1e-3, 1e-3, 8e-3};  // by Math

/// Beyond what storing the result costs; the same values in the order of results.
double largest_error(const Results& got, const std::vector<std::vector<double>>& want, Math math) {
  const int bits = math == Math::f16 ? 11 : math == Math::bf16 ? 8 : 24;
  double worst = 0;
  for (std::size_t k = 0; k < want.size(); ++k)
    for (std::size_t i = 0; i < want[k].size(); ++i) {
      const double stored = std::ldexp(std::abs(want[k][i]), -bits);
      const double error = std::abs(double(got.tensors[k][i]) - want[k][i]) - stored;
      if (!(error <= worst)) worst = std::isnan(error) ? HUGE_VAL : error;
    }
  return worst;
}

/// Two launches, whose results are right, and the same bits under every schedule.
void check(const Case& what, const std::vector<Schedule>& schedules, double worse = 1) {
  SCOPED_TRACE(name(what));
  const Stack stack(what);
  Results first;
  for (const Schedule& schedule : schedules) {
    SCOPED_TRACE(emulator::name(schedule));
    const Results got = stack.on_gpu(schedule);
    ASSERT_EQ(got.trouble, "");
    if (first.tensors.empty()) first = got;
    EXPECT_TRUE(got == first) << "other bits than under the first schedule";
  }
  EXPECT_LE(largest_error(first, stack.plain(), what.math), worse * tolerance[int(what.math)]);
}

template <class Test>
class Emulated : public Test {
  void SetUp() override {
    if (!emulator::works()) GTEST_SKIP() << "the thread sanitizer knows no fibres";
  }
};
using PersistentEmulatedKernel = Emulated<testing::Test>;
using PersistentEmulated = Emulated<testing::TestWithParam<std::tuple<Form, Cell>>>;

TEST_P(PersistentEmulated, AgreesWithAPlainLoop) {
  const auto [form, cell] = GetParam();
  const int rows[] = {1, 3, 8, 9, 11, 16, 20}, hidden[] = {7, 33, 16, 64}, steps[] = {5, 2, 3, 1};
  unsigned n = 0;
  for (const Math math : {Math::f32, Math::tf32, Math::f16, Math::bf16})
    for (int k = 0; k < (form == Form::hoisted ? 7 : 6); ++k, ++n) {
      Case what{.cell = cell, .math = math, .form = form};
      what.rows = rows[k], what.hidden = hidden[(k + n / 6) % 4], what.steps = steps[n * 5 / 3 % 4];
      what.reverse = form != Form::wavefront && n % 2;
      what.biases = n % 5 != 3, what.stateful = n % 4 != 2;
      if (form == Form::wavefront) what.parts = what.hidden < 64 && n % 3 == 0 ? 3 : 2;
      check(what, {{emulator::all_kinds[n % 6], n}, {emulator::all_kinds[(n / 6 + 1) % 6], n + 1}});
    }
}

std::string parameter_name(const testing::TestParamInfo<std::tuple<Form, Cell>>& info) {
  static const char* const forms[] = {"Wavefront", "Hoisted"};
  static const char* const cells[] = {"RnnTanh", "RnnRelu", "Gru", "Lstm"};
  return std::string(forms[int(std::get<0>(info.param))]) + cells[int(std::get<1>(info.param))];
}
INSTANTIATE_TEST_SUITE_P(Forms, PersistentEmulated,
                         testing::Combine(testing::Values(Form::hoisted, Form::wavefront),
                                          testing::Values(Cell::rnn_tanh, Cell::gru, Cell::lstm)),
                         parameter_name);

TEST_F(PersistentEmulatedKernel, SlicesAndDirectionsShareALaunch) {
  const std::vector<Schedule> two{{Schedule::Kind::random, 5}, {Schedule::Kind::slow_block, 6}};
  check({.form = Form::hoisted, .rows = 19, .hidden = 20, .parts = 2, .slices = 2}, two);
  check({.cell = Cell::lstm,
         .form = Form::wavefront,
         .rows = 5,
         .hidden = 20,
         .parts = 2,
         .slices = 3},
        two);
  check({.math = Math::tf32,
         .form = Form::wavefront,
         .rows = 7,
         .hidden = 20,
         .parts = 2,
         .slices = 2},
        two);
}

/// Those that keep twice as many weights, for hidden sizes above 128.
TEST_F(PersistentEmulatedKernel, WideOnesAgreeToo) {
  const auto check_wide = [](Case what) {
    what.rows = 3, what.steps = 2, what.hidden = 130;
    if (what.form == Form::wavefront) what.parts = 2;
    check(what, {{Schedule::Kind::random, 7}});
  };
  for (const Cell cell : {Cell::rnn_relu, Cell::gru, Cell::lstm})
    for (const Math math : {Math::f32, Math::tf32, Math::bf16})
      check_wide({.cell = cell, .math = math, .form = Form::hoisted});
  check_wide({.math = Math::f32, .form = Form::wavefront});
  check_wide({.cell = Cell::lstm, .math = Math::f16, .form = Form::wavefront});
}

/// Input products of one step at a time, for slices with too many rows for two.
TEST_F(PersistentEmulatedKernel, StackedLayersTakeOneStepAtATimeWhereTwoDoNotFit) {
  Case what{.cell = Cell::lstm, .form = Form::wavefront, .rows = 3, .hidden = 130, .parts = 2};
  what.input_steps = 1;
  unsigned n = 0;
  for (const int steps : {1, 2, 5, 8}) {
    what.steps = steps;
    check(what, {{emulator::all_kinds[n % 6], n}});
    n += 5;
  }
  what.rows = 16, what.steps = 3, what.input_steps = 0;
  EXPECT_EQ(Stack(what, 1).plan().input_steps, 1);
  check(what, {{Schedule::Kind::random, 3}});
}

/// Those whose blocks have 32 units, of clusters half as large.
TEST_F(PersistentEmulatedKernel, BlocksOfThirtyTwoUnitsAgreeToo) {
  unsigned n = 0;
  for (const Form form : {Form::wavefront, Form::hoisted})
    for (const Cell cell : {Cell::rnn_relu, Cell::gru, Cell::lstm})
      for (const Math math : {Math::f32, Math::tf32, Math::f16, Math::bf16}) {
        if (form == Form::wavefront && cell == Cell::lstm && math == Math::f32) continue;
        Case what{.cell = cell, .math = math, .form = form};
        what.rows = 1 + int(n) * 3 % 5, what.steps = 1 + int(n) % 5;
        what.hidden = 129 + int(n) * 5, what.units = 32;
        if (form == Form::wavefront) what.parts = 2;
        check(what, {{emulator::all_kinds[n % 6], n}});
        ++n;
      }
  check({.form = Form::hoisted, .rows = 16, .hidden = 160, .units = 32},
        {{Schedule::Kind::random, 3}});
}

/// f32 of two halves keeps its digits whatever the size of weights and states. Errors of sums grow
/// with them, and what they do to a large state once more.
TEST_F(PersistentEmulatedKernel, SizesOfValuesDoNotMatter) {
  for (const double size : {1e-20, 1e-4, 20.0})
    check({.form = Form::wavefront, .rows = 3, .steps = 2, .parts = 2, .state_size = size},
          {{Schedule::Kind::random, 8}}, std::max(1.0, size * size));
  for (const double size : {1e-6, 100.0})
    check({.cell = Cell::lstm, .form = Form::hoisted, .rows = 3, .weight_size = size},
          {{Schedule::Kind::random, 9}}, std::max(1.0, size));
  // Nor do those that f16 has not, where it stands for tf32.
  const Case stack{.math = Math::tf32, .form = Form::wavefront, .rows = 3, .steps = 2, .parts = 2};
  for (const double size : {1e-20, 1e6}) {
    Case what = stack;
    what.state_size = size;
    check(what, {{Schedule::Kind::random, 8}}, std::max(1.0, size));
    what.state_size = 1, what.weight_size = size;
    check(what, {{Schedule::Kind::random, 9}}, std::max(1.0, size));
  }
}

/// Every shape of the solo kernel, whole and broken, with rows that blocks share out unevenly.
TEST_F(PersistentEmulatedKernel, SoloAgreesWithAPlainLoop) {
  const int hidden[][6] = {{7, 33, 64, 65, 100, 128}, {1, 130, 256, 255, 64, 97}};
  const int rows[] = {1, 2, 3, 5, 4, 1}, slices[] = {1, 2, 1, 2, 3, 1},
            steps[] = {5, 1, 2, 3, 8, 4};
  unsigned n = 0;
  for (const Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::gru, Cell::lstm})
    for (const Math math : {Math::f32, Math::f16, Math::bf16})
      for (int k = 0; k < 6; ++k, ++n) {
        Case what{.cell = cell, .math = math, .form = Form::solo};
        what.hidden = hidden[n % 3 && cell <= Cell::rnn_relu][k];
        what.rows = rows[(k + n / 6) % 6], what.slices = slices[(k + n / 6) % 6];
        what.steps = steps[n * 5 / 3 % 6], what.parts = 1 + n % 4 / 3;
        what.reverse = n % 2, what.biases = n % 5 != 3, what.stateful = n % 4 != 2;
        check(what,
              {{emulator::all_kinds[n % 6], n}, {emulator::all_kinds[(n / 6 + 1) % 6], n + 1}});
      }
}

/// The rows kernel on several blocks: every cell and format, rows that a slice has room for and
/// does not have, H odd and even, slices and directions side by side.
TEST_F(PersistentEmulatedKernel, RowsAgreesWithAPlainLoop) {
  const int hidden[] = {33, 7, 20, 41, 8, 61}, rows[] = {1, 2, 3, 4, 5, 1},
            slices[] = {1, 1, 1, 1, 2, 1}, steps[] = {5, 1, 2, 3, 4, 6};
  unsigned n = 0;
  for (const Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::gru, Cell::lstm})
    for (const Math math : {Math::f32, Math::tf32, Math::f16, Math::bf16})
      for (int k = n % 2; k < 6; k += 2, ++n) {
        Case what{.cell = cell, .math = math, .form = Form::rows};
        what.hidden = hidden[(k + n / 5) % 6], what.rows = rows[k], what.slices = slices[k];
        what.steps = steps[n * 5 / 3 % 6], what.parts = 1 + n % 4 / 3;
        what.reverse = n % 2, what.biases = n % 5 != 3, what.stateful = n % 4 != 2;
        check(what,
              {{emulator::all_kinds[n % 6], n}, {emulator::all_kinds[(n / 6 + 1) % 6], n + 1}});
      }
}

/// Its other shapes: weights in shared memory, or read anew in each step; units three of a lane.
TEST_F(PersistentEmulatedKernel, RowsOfEveryShapeAgree) {
  unsigned n = 0;
  for (const Cell cell : {Cell::rnn_relu, Cell::gru, Cell::lstm})
    for (const int units : {8, 12, 16, 20})
      for (const int rows : {1, 2, 4}) {
        if (cell == Cell::rnn_relu && (units == 12 || units == 20)) continue;
        if ((cell == Cell::lstm && units == 20) || (cell == Cell::gru && units >= 16 && rows == 4))
          continue;
        Case what{.cell = cell, .form = Form::rows, .rows = rows, .hidden = 25, .units = units};
        if (units == 8) what.hidden = 514;
        if (units == 20 || (cell == Cell::lstm && units == 16)) what.hidden = 322;  // a slice of k
        what.steps = 2;
        check(what, {{emulator::all_kinds[n++ % 6], n}});
      }
  // Weights as they are stored, in 16 bits, read by eight and one by one.
  for (const Math math : {Math::f16, Math::bf16})
    for (const int units : {20, 24})
      for (const int rows : {1, 2, 3}) {
        Case what{.cell = Cell::gru, .math = math, .form = Form::rows, .rows = rows};
        what.units = units, what.hidden = std::array{389, 392, 396}[n % 3], what.steps = 2;
        check(what, {{emulator::all_kinds[n++ % 6], n}});
      }
}

/// Every tile, of two of one name the first, with slots of K that warps share out unevenly, whole
/// and broken rows of the batch.
TEST_F(PersistentEmulatedKernel, GridOfEveryTileAgrees) {
  struct Tile {
    int units;
    const char* tile;
    int rows;
  };
  unsigned n = 0;
  for (const Cell cell : {Cell::rnn_tanh, Cell::gru, Cell::lstm})
    for (const Math math : {Math::f16, Math::tf32, Math::f32})
      for (const Tile& tile :
           {Tile{8, "b8", 3}, Tile{16, "b8", 8}, Tile{16, "b8x2", 7}, Tile{16, "b16", 11},
            Tile{16, "b32", 26}, Tile{32, "b16", 13}, Tile{32, "b32", 19}}) {
        const bool halves = math == Math::f16, one = cell == Cell::rnn_tanh;
        const std::string name = tile.tile;
        if (tile.units == 8 && (!halves || one)) continue;
        if (name == "b8x2" && !halves && cell != Cell::gru) continue;
        if (tile.units == 32 && (!one || (!halves && name == "b32"))) continue;
        if (tile.units == 16 && name == "b16" && (one || (!halves && cell == Cell::gru))) continue;
        if (name == "b32" && !halves && cell == Cell::lstm) continue;
        Case what{.cell = cell, .math = math, .form = Form::grid, .rows = tile.rows};
        what.units = tile.units, what.tile = tile.tile, what.hidden = n % 2 ? 41 : 300;
        if (tile.units == 32 && !halves) what.hidden = 1300;  // weights in shared memory, too
        what.steps = 1 + int(n % 4), what.reverse = n % 3 == 0, what.biases = n % 5 != 3;
        check(what, {{emulator::all_kinds[n++ % 6], n}}, 2);
      }
}

/// Slices of three rows and of two, one launch after another: what the next launch of the first
/// finds where the second has no row.
TEST_F(PersistentEmulatedKernel, RowsThatTakeTurnsAgree) {
  for (const int steps : {1, 2, 3, 4})
    check({.form = Form::rows, .rows = 5, .hidden = 20, .steps = steps, .slices = 2, .turns = true},
          {{Schedule::Kind::random, unsigned(steps)}});
}

TEST_F(PersistentEmulatedKernel, EveryScheduleGivesTheSameBits) {
  std::vector<Schedule> schedules;
  for (const Schedule::Kind kind : emulator::all_kinds)
    for (std::uint32_t seed = 1; seed <= 2; ++seed) schedules.push_back({kind, seed});
  check({.form = Form::hoisted, .rows = 9, .hidden = 33, .steps = 5}, schedules);
  // Three warps wait for words, and both buffers are written twice.
  check({.form = Form::rows, .rows = 1, .hidden = 131, .steps = 5}, schedules);
  // Every barrier between input and hidden warps is used twice.
  check({.form = Form::wavefront, .rows = 3, .hidden = 33, .steps = 11, .parts = 2}, schedules);
  check({.cell = Cell::rnn_tanh, .form = Form::wavefront, .rows = 3, .steps = 4, .parts = 3},
        schedules);
  check({.form = Form::solo, .rows = 1, .hidden = 100, .steps = 7}, schedules);
  check({.cell = Cell::lstm, .form = Form::solo, .rows = 3, .hidden = 40, .steps = 6}, schedules);
  check({.form = Form::rows, .rows = 1, .hidden = 33, .steps = 7}, schedules);
  check({.cell = Cell::lstm, .form = Form::rows, .rows = 3, .hidden = 20, .steps = 6}, schedules);
}

/// Whole and broken tiles, and sizes of values far from 1.
TEST_F(PersistentEmulatedKernel, InputProductsOfPartsAreThoseOfF32) {
  std::mt19937 random(31);
  struct Shape {
    int tile, m, n, k;
    double x, w;
  };
  for (const Shape& s :
       {Shape{0, 128, 128, 64, 1, 1}, Shape{0, 5, 131, 36, 1e6, 1e-9},
        Shape{0, 77, 40, 100, 1e-30, 200}, Shape{0, 1, 1, 4, 1, 1}, Shape{1, 64, 96, 320, 1, 1},
        Shape{1, 5, 131, 68, 1e6, 1e-9}, Shape{1, 33, 40, 100, 1e-30, 200}, Shape{1, 1, 1, 4, 1, 1},
        Shape{2, 64, 64, 224, 1, 1}, Shape{2, 5, 131, 36, 1e6, 1e-9},
        Shape{2, 33, 40, 100, 1e-30, 200}, Shape{2, 1, 1, 4, 1, 1}}) {
    const auto values = [&](int count, double size) {
      std::vector<float> made(static_cast<std::size_t>(count));
      for (float& value : made) value = float((double(random()) / 0x1p31 - 1) * size);
      return made;
    };
    const auto x = values(s.m * s.k, s.x), w = values(s.n * s.k, s.w);
    std::vector<float> c(std::size_t(s.m * s.n), untouched);
    ASSERT_EQ(run_split_gemm(s.tile, x, w, s.m, s.n, s.k, c), "");
    for (int row = 0; row < s.m; ++row)
      for (int column = 0; column < s.n; ++column) {
        double want = 0;
        for (int k = 0; k < s.k; ++k)
          want += double(x[std::size_t(row * s.k + k)]) * double(w[std::size_t(column * s.k + k)]);
        ASSERT_NEAR(c[std::size_t(row * s.n + column)], want, (s.k > 100 ? 8e-6 : 4e-6) * s.x * s.w)
            << row << ", " << column;
      }
  }
}

/// Who waits in vain says so, and the launch fails: what the host's report is made of.
TEST_F(PersistentEmulatedKernel, AWaitThatTakesTooLongLeavesANote) {
  const Stack stack({.form = Form::wavefront, .rows = 3, .parts = 2});
  std::uint32_t note[4] = {};
  const std::string trouble = stack.top_alone(1000, note);
  EXPECT_EQ(trouble.rfind("trap", 0), 0U) << trouble;
  EXPECT_EQ(note[0], 1U);
  EXPECT_EQ(note[1], std::uint32_t(Waits::below));
  EXPECT_EQ(note[2], 0U);
  // And where its limit is far, the emulator gives up.
  const std::string given_up = stack.top_alone(~std::uint64_t{0}, note);
  EXPECT_NE(given_up.find("block 1: "), std::string::npos) << given_up;
  EXPECT_NE(given_up.find("wait for a word of device memory to change"), std::string::npos);
  EXPECT_NE(given_up.find("wait for meeting 3, 256 of 512 threads there"), std::string::npos);
}

/// Against doubles: as good as f32 gates are taken to be, and no surprise at the ends.
TEST(PersistentQuick, GatesAreF32s) {
  double worst_sigmoid = 0, worst_tanh = 0;
  for (int k = -400000; k <= 400000; ++k) {
    const float x = float(k) * 5e-5f;
    const double s = 1 / (1 + std::exp(-double(x))), t = std::tanh(double(x));
    worst_sigmoid = std::max(worst_sigmoid, std::abs(double(sigmoid(Quick(x)).value) - s));
    worst_tanh = std::max(worst_tanh, std::abs(double(tanh_gate(Quick(x)).value) - t));
  }
  EXPECT_LE(worst_sigmoid, 1.5e-7);
  EXPECT_LE(worst_tanh, 2.5e-7);
  for (const float x : {1e-30f, 1e-10f, 1e-4f, 0.01f, 0.3f, 0.59f})
    EXPECT_NEAR(double(tanh_gate(Quick(-x)).value) / std::tanh(-double(x)), 1, 2e-7) << x;
  EXPECT_EQ(tanh_gate(Quick(0.0f)).value, 0.0f);
  for (const float x : {50.0f, 1000.0f, HUGE_VALF}) {
    EXPECT_EQ(tanh_gate(Quick(x)).value, 1.0f);
    EXPECT_EQ(tanh_gate(Quick(-x)).value, -1.0f);
    EXPECT_EQ(sigmoid(Quick(x)).value, 1.0f);
    EXPECT_LE(sigmoid(Quick(-x)).value, 1e-20f);
  }
  EXPECT_TRUE(std::isnan(tanh_gate(Quick(NAN)).value));
  EXPECT_TRUE(std::isnan(sigmoid(Quick(NAN)).value));
}

}  // namespace
}  // namespace rnnbench::persistent
