// The planner of cuda:persistent: what fits and what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "harness/error.hpp"
#include "impls/cuda/persistent/grid_plan.hpp"
#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/rows_plan.hpp"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/solo_plan.hpp"
#include "tests/h200.hpp"

namespace rnnbench::persistent {
namespace {

constexpr double shared_bytes = 227 * 1024;  // of a block

TEST(PersistentPlan, RefusesWhatTheChipDoesNotHold) {
  const DeviceInfo device = h200();
  EXPECT_EQ(refusal(parse_id("gru_b1_t5_i8_h256_l1_f32"), device), std::nullopt);
  EXPECT_EQ(refusal(parse_id("gru_b1_t5_i8_h257_l1_f32"), device), std::nullopt);
  EXPECT_EQ(refusal(parse_id("gru_b32_t5_i8_h2048_l1_f16"), device), std::nullopt);
  EXPECT_EQ(refusal(parse_id("gru_b8_t5_i8_h2048_l1_f32"), device), std::nullopt);
  const auto wide = refusal(parse_id("gru_b1_t5_i8_h2561_l1_f32"), device);
  ASSERT_TRUE(wide);
  for (const char* words :
       {"one block holds the weights of up to 128 hidden units, not of 2561",
        "up to 256 hidden units, not of 2561", "W_hh of 2561 hidden units takes 76860 KB in f32",
        "132 SMs hold 27648 KB of it, of 1536 units",
        "for few rows of the batch, 132 SMs and the L2 hold 76800 KB of weights in f32, of 2560 "
        "hidden units, not 76860 KB of 2561"})
    EXPECT_NE(wide->find(words), std::string::npos) << *wide;
  EXPECT_TRUE(plans(parse_id("gru_b1_t5_i8_h2561_l1_f32"), device).empty());
  const auto many = refusal(parse_id("gru_b9_t5_i8_h2048_l1_f32"), device);
  ASSERT_TRUE(many);
  EXPECT_NE(many->find("9 rows of the batch take more than 4 launches, of up to 2 rows"),
            std::string::npos)
      << *many;
  const auto wider = refusal(parse_id("rnn_tanh_b1_t5_i8_h100000_l1_bf16"), device);
  ASSERT_TRUE(wider);
  EXPECT_NE(wider->find("of 2560 units"), std::string::npos) << *wider;
}

TEST(PersistentPlan, OlderDevicesHaveNoClusters) {
  DeviceInfo device = h200();
  device.cc = 80, device.units = 108, device.on_chip_bytes = 163 * 1024 + 4 * 65536;
  const auto all = plans(parse_id("gru_b1_t5_i8_h64_l1_f32"), device);
  ASSERT_FALSE(all.empty());
  for (const Plan& plan : all)
    EXPECT_TRUE(plan.form == Form::grid || plan.form == Form::solo || plan.form == Form::rows)
        << plan.config();
  EXPECT_EQ(solo_plans(parse_id("gru_b1_t5_i8_h64_l1_f32"), device).size(), 1U);
  EXPECT_FALSE(plans(parse_id("lstm_b16_t5_i8_h1024_l1_f16"), device).empty());
  for (const Plan& plan : plans(parse_id("gru_b64_t5_i8_h512_l1_f16"), device))
    EXPECT_EQ(plan.tile.resident, 1) << plan.config();  // two blocks would have too few registers
  device.cc = 75;
  const auto before = refusal(parse_id("gru_b1_t5_i8_h64_l1_f32"), device);
  ASSERT_TRUE(before);
  EXPECT_NE(before->find("compute capability 8.0"), std::string::npos) << *before;
}

TEST(PersistentPlan, EveryClusterPlanHoldsItsProblem) {
  const DeviceInfo device = h200();
  for (const char* cell : {"rnn_tanh", "gru", "gru-bi", "lstm"})
    for (const int hidden : {1, 3, 16, 17, 64, 100, 128, 129, 200, 250, 256})
      for (const int input : {1, 128, 129, 256, 257, 1000})
        for (const int batch : {1, 7, 10, 33, 300, 140000})
          for (const char* stack : {"_l1", "_l3", "_l7"}) {
            const auto id = std::string(cell) + "_b" + std::to_string(batch) + "_t9_i" +
                            std::to_string(input) + "_h" + std::to_string(hidden) + stack + "_f32";
            const Problem p = parse_id(id);
            const auto all = plans(p, device);
            ASSERT_FALSE(all.empty()) << id;
            for (const Plan& plan : all) {
              if (plan.form != Form::wavefront && plan.form != Form::hoisted) continue;
              SCOPED_TRACE(id + " " + plan.config());
              EXPECT_GE(plan.cluster * plan.units, hidden);
              EXPECT_LE(plan.cluster, 16);
              EXPECT_LE(hidden, k_cap(plan.k_lane));
              EXPECT_LE(layout_of(plan, p).floats * 4, shared_bytes);
              EXPECT_GT(plan.step_s, 0);
              EXPECT_GT(plan.total_s, double(p.seq) * plan.step_s);
              EXPECT_TRUE(std::isfinite(plan.total_s));
              EXPECT_EQ(plan_named(plan.config(), p, device).total_s, plan.total_s);
              std::int64_t row = 0;
              for (int slice = 0; slice < plan.slices; ++slice) {
                EXPECT_EQ(first_row_of(batch, plan.slices, slice), row);
                EXPECT_LE(rows_of(batch, plan.slices, slice), plan.rows);
                row += rows_of(batch, plan.slices, slice);
              }
              EXPECT_EQ(row, batch);
              EXPECT_TRUE(plan.form != Form::wavefront ||
                          plan.slices * plan.layers <= resident_clusters(plan.cluster, device));
            }
          }
}

TEST(PersistentPlan, EveryGridPlanHoldsItsProblem) {
  const DeviceInfo device = h200();
  for (const char* cell : {"rnn_relu", "gru", "gru-bi", "lstm"})
    for (const char* dtype : {"_f32", "_tf32", "_f16", "_bf16"})
      for (const int hidden : {1, 8, 17, 100, 257, 333, 512, 1000, 1024, 1100})
        for (const int batch : {1, 8, 9, 16, 33, 64, 300}) {
          const auto id = std::string(cell) + "_b" + std::to_string(batch) + "_t9_i5_h" +
                          std::to_string(hidden) + "_l2" + dtype;
          const Problem p = parse_id(id);
          const Math math = math_of(p.dtype);
          const auto all = grid_plans(p, device);
          ASSERT_FALSE(all.empty()) << id;
          for (const Plan& plan : all) {
            SCOPED_TRACE(id + " " + plan.config());
            const GridTile& tile = plan.tile;
            EXPECT_LE(plan.rows, tile.rows());
            EXPECT_EQ(plan.rows, rows_of(batch, plan.slices, 0));
            EXPECT_GE(plan.blocks * tile.units, hidden);
            EXPECT_GE(plan.blocks * tile.units * element_bytes(math),
                      grid_slots(hidden, math) * slot_row_bytes);
            EXPECT_LE(grid_slots(hidden, math), GridTile::warps * tile.slots());
            const double bytes = double(tile.shared_bytes(gates(p.cell), grid_slots(hidden, math)));
            EXPECT_LE(tile.resident * (bytes + 1024), shared_bytes + 1024);
            EXPECT_GE(plan.at_once, 1);
            EXPECT_LE(plan.at_once * plan.blocks, tile.resident * device.units);
            EXPECT_LE(plan.at_once, most_grid_groups);
            EXPECT_GE(plan.turns(p) * plan.at_once, p.directions * plan.slices);
            EXPECT_GT(plan.total_s, double(p.seq * p.layers * plan.turns(p)) * plan.step_s);
            EXPECT_EQ(plan_named(plan.config(), p, device).total_s, plan.total_s);
          }
        }
}

TEST(PersistentPlan, EveryRowsPlanHoldsItsProblem) {
  const DeviceInfo device = h200();
  for (const char* cell : {"rnn_relu", "gru", "gru-bi", "lstm"})
    for (const char* dtype : {"_f32", "_tf32", "_f16", "_bf16"})
      for (const int hidden : {1, 17, 257, 512, 513, 1000, 1024, 1100, 1536, 1537, 2044, 2048, 2049,
                               2560, 2564, 2817, 3072, 3073})
        for (const int batch : {1, 2, 3, 4, 5, 9, 40}) {
          const auto id = std::string(cell) + "_b" + std::to_string(batch) + "_t9_i5_h" +
                          std::to_string(hidden) + "_l2" + dtype;
          const Problem p = parse_id(id);
          const auto all = rows_plans(p, device);
          EXPECT_EQ(all.empty(), rows_refusal(p, device).has_value()) << id;
          if (batch * p.directions <= 4) {
            const bool wide = bytes_per_element(p.dtype) == 4;
            const int widest = gates(p.cell) == 4   ? (wide ? 2048 : 1536)
                               : gates(p.cell) == 3 ? (wide ? 2560 : 3072)
                                                    : 2048;
            EXPECT_EQ(!all.empty(), hidden <= widest) << id;
          }
          for (const Plan& plan : all) {
            SCOPED_TRACE(id + " " + plan.config());
            const RowsShape& shape = plan.shape;
            EXPECT_EQ(plan.config(), "rows-u" + std::to_string(shape.units) + "-r" +
                                         std::to_string(shape.rows) + "-s" +
                                         std::to_string(plan.slices));
            EXPECT_EQ(shape.gates, gates(p.cell));
            EXPECT_GE(shape.width, hidden);
            EXPECT_GE(shape.rows, plan.rows);
            EXPECT_LT(shape.rows, 2 * plan.rows);
            EXPECT_EQ(plan.rows, rows_of(batch, plan.slices, 0));
            EXPECT_GE(plan.blocks * shape.units, hidden + hidden % 2);
            EXPECT_GE(plan.at_once, 1);
            EXPECT_LE(plan.at_once * plan.blocks, device.units);
            EXPECT_LE(plan.at_once, most_grid_groups);
            EXPECT_LE(plan.turns(p), 4);
            EXPECT_LE(double(shape.shared_bytes()), shared_bytes);
            EXPECT_GT(plan.total_s, double(p.seq * p.layers * plan.turns(p)) * plan.step_s);
            EXPECT_EQ(plan_named(plan.config(), p, device).total_s, plan.total_s);
          }
        }
}

/// What threads hold is all of the rows of W_hh that a block has, once.
TEST(PersistentPlan, RowsShapesCoverTheirUnits) {
  for (const RowsShape& shape : rows_shapes) {
    SCOPED_TRACE(std::to_string(shape.gates) + " gates, " + std::to_string(shape.units) +
                 " units, width " + std::to_string(shape.width));
    EXPECT_EQ(RowsShape::from_code(shape.code()), shape);
    EXPECT_EQ(shape.all_pieces() * shape.piece * RowsShape::threads,
              shape.gates * shape.units * shape.width);
    EXPECT_EQ(shape.groups() * shape.lanes(), 32);
    EXPECT_EQ(shape.units % shape.groups(), 0);
    EXPECT_EQ(shape.slice() % 64, 0);
    EXPECT_EQ(shape.slice() % (shape.piece * shape.lanes()), 0);
    EXPECT_LE(shape.items(), RowsShape::threads);
    EXPECT_LE(double(shape.shared_bytes()), shared_bytes);
    EXPECT_EQ(shape.at_waits() % 2, 0);
    EXPECT_EQ(shape.at_partials() % 4, 0);
    EXPECT_EQ(shape.exchange_bytes(shape.width) % 128, 0U);
    int in_registers = 0, streamed = 0;
    for (int chunk = 0; chunk < shape.chunks(); ++chunk) {
      EXPECT_GE(shape.registers_of(chunk), 0);
      EXPECT_GE(shape.resident_of(chunk), shape.registers_of(chunk));
      in_registers += shape.registers_of(chunk);
      EXPECT_EQ(streamed, shape.streamed_before(chunk));
      streamed += shape.weight_rows() - shape.resident_of(chunk);
    }
    EXPECT_EQ(in_registers, shape.pieces);
    EXPECT_EQ(streamed, shape.streamed_pieces());
    EXPECT_EQ(in_registers + shape.shared_pieces() + streamed, shape.all_pieces());
    for (const RowsShape& other : rows_shapes)
      EXPECT_TRUE(&shape == &other || shape.gates != other.gates || shape.units != other.units ||
                  shape.width != other.width || shape.rows != other.rows ||
                  shape.piece != other.piece);
  }
}

/// What rows is for: few rows of layers that neither a block nor a cluster holds, where tensor
/// cores would make eight.
TEST(PersistentPlan, FewRowsAreNotPaddedToEight) {
  const DeviceInfo device = h200();
  const auto best = [&](const char* id) { return plans(parse_id(id), device).front().config(); };
  EXPECT_EQ(best("gru_b1_t256_i1024_h1024_l1_f32"), "rows-u8-r1-s1");
  EXPECT_EQ(best("gru_b1_t256_i1024_h1024_l1_tf32"), "rows-u8-r1-s1");
  EXPECT_EQ(best("lstm_b2_t256_i1024_h1024_l1_f32"), "rows-u8-r2-s1");
  EXPECT_EQ(best("gru_b2_t256_i1024_h1024_l1_f32"), "rows-u8-r2-s1");
  EXPECT_EQ(best("gru_b2_t256_i512_h512_l1_f32"), "rows-u8-r1-s2");
  EXPECT_EQ(best("gru_b1_t256_i1536_h1536_l1_f32"), "rows-u12-r1-s1");
  EXPECT_EQ(best("gru_b2_t256_i2048_h2048_l1_f32"), "rows-u16-r2-s1");
  EXPECT_EQ(best("lstm_b1_t25_i2048_h2048_l1_tf32"), "rows-u16-r1-s1");
  EXPECT_EQ(best("gru_b2_t375_i2560_h2560_l1_f32"), "rows-u20-r2-s1");
  EXPECT_EQ(best("gru_b4_t187_i2816_h2816_l1_f16"), "rows-u24-r4-s1");
  EXPECT_EQ(plans(parse_id("gru_b16_t256_i1024_h1024_l1_f32"), device).front().form, Form::grid);
  EXPECT_EQ(plans(parse_id("gru_b1_t256_i256_h256_l1_f32"), device).front().form, Form::hoisted);
  EXPECT_EQ(plans(parse_id("gru-bi_b1_t256_i512_h512_l1_f32"), device)
                .front()
                .turns(parse_id("gru-bi_b1_t256_i512_h512_l1_f32")),
            1);
}

TEST(PersistentPlan, EverySoloPlanHoldsItsProblem) {
  DeviceInfo device = h200();
  for (const int cc : {80, 90})
    for (const char* cell : {"rnn_relu", "gru", "gru-bi", "lstm"})
      for (const char* dtype : {"_f32", "_tf32", "_f16", "_bf16"})
        for (const int hidden : {1, 8, 17, 64, 65, 128, 129, 200, 256, 257})
          for (const int batch : {1, 3, 64, 128, 132, 133, 300, 5000}) {
            if (cc == 80)
              device.cc = 80, device.units = 108, device.on_chip_bytes = 163 * 1024 + 4 * 65536;
            const auto id = std::string(cell) + "_b" + std::to_string(batch) + "_t9_i5_h" +
                            std::to_string(hidden) + "_l2" + dtype;
            const Problem p = parse_id(id);
            const auto all = solo_plans(p, device);
            const bool holds = hidden <= 128 || (hidden <= 256 && gates(p.cell) == 1);
            ASSERT_EQ(all.size(), holds ? 1U : 0U) << id;
            EXPECT_EQ(solo_refusal(p, device).has_value(), !holds);
            if (!holds) continue;
            const Plan& plan = all.front();
            SCOPED_TRACE(id + " " + plan.config());
            EXPECT_EQ(plan.config(), "solo-s" + std::to_string(plan.slices));
            const SoloShape& shape = *solo_shape_for(gates(p.cell), hidden);
            EXPECT_GE(shape.hidden(), hidden);
            EXPECT_LE(shape.floats(plan.rows, solo_rounds(math_of(p.dtype))) * 4,
                      device.on_chip_bytes - 4 * 65536);
            EXPECT_EQ(plan.rows, rows_of(batch, plan.slices, 0));
            EXPECT_LE(plan.slices, batch);
            EXPECT_EQ(plan.at_once, std::min(plan.groups(p), device.units));
            EXPECT_GT(plan.total_s, double(p.seq * p.layers * plan.turns(p)) * plan.step_s);
            EXPECT_EQ(plan_named(plan.config(), p, device).total_s, plan.total_s);
            if (batch > 300) continue;  // not that many slices are looked at
            EXPECT_EQ(plan_named("solo-s" + std::to_string(batch), p, device).rows, 1);
          }
}

/// What solo is for: few rows for each SM, and layers that a block holds.
TEST(PersistentPlan, SmallLayersStayInOneBlock) {
  const DeviceInfo device = h200();
  const auto best = [&](const char* id) { return plans(parse_id(id), device).front().config(); };
  EXPECT_EQ(best("gru_b128_t256_i128_h128_l1_f32"), "solo-s128");
  EXPECT_EQ(best("gru_b1_t256_i128_h128_l1_f32"), "solo-s1");
  EXPECT_EQ(best("lstm_b64_t256_i128_h128_l1_f32"), "solo-s64");
  EXPECT_EQ(best("rnn_tanh_b64_t256_i256_h256_l1_f32"), "solo-s64");
  EXPECT_EQ(best("rnn_tanh_b8_t256_i1024_h256_l1_f32"), "hoisted-c8-s8");  // 169 us; solo-s8: 189
  EXPECT_EQ(best("gru-bi_b64_t256_i64_h64_l1_f16"), "solo-s64");
  const Plan plan = plans(parse_id("gru_b128_t256_i128_h128_l1_f32"), device).front();
  EXPECT_NEAR(plan.step_s, 0.46e-6, 0.02e-6);
}

/// What threads hold is all of the layer's weights, once.
TEST(PersistentPlan, SoloShapesCoverTheirLayer) {
  for (const SoloShape& shape : solo_shapes) {
    EXPECT_EQ(shape.units_of_a_warp() * SoloShape::warps, shape.hidden());
    EXPECT_EQ(shape.all_pieces() * 4 * SoloShape::threads,
              shape.gates * shape.hidden() * shape.hidden());
    EXPECT_LE(shape.units, shape.lanes);
    EXPECT_EQ(shape.depth % 8, 0);
    for (const bool one_row : {false, true}) {
      const SoloShape own = shape.for_rows(one_row);
      EXPECT_EQ(SoloShape::from_code(own.code()), own);
      int in_registers = 0;
      for (int four = 0; four < own.depth / 4; ++four) in_registers += own.registers_of(four);
      EXPECT_EQ(in_registers, own.pieces);
      EXPECT_LE(double(own.floats(1, true)) * 4, 160 * 1024);
    }
  }
}

/// Names tell tiles apart, and what packs a tile into a template argument keeps it whole.
TEST(PersistentPlan, TilesHaveNamesOfTheirOwn) {
  for (const Math math : {Math::f32, Math::tf32, Math::f16, Math::bf16})
    for (const int gates : {1, 3, 4}) {
      const auto tiles = grid_tiles(math, gates);
      for (const GridTile& tile : tiles) {
        EXPECT_EQ(GridTile::from_code(tile.code()), tile);
        EXPECT_LE(double(tile.shared_bytes(gates, GridTile::warps * tile.slots())), shared_bytes);
        for (const GridTile& other : tiles)  // but for those that hold more
          EXPECT_TRUE(&tile >= &other || tile.units != other.units ||
                      tile.batch_tiles != other.batch_tiles || tile.resident != other.resident ||
                      tile.slots() < other.slots());
        EXPECT_TRUE(tile.resident == 1 || tile.resident == 2);  // as names say
      }
    }
}

TEST(PersistentPlan, UnknownWordsNameWhatThereIs) {
  const Problem p = parse_id("gru_b2_t9_i8_h40_l2_f32");
  try {
    (void)plan_named("wavefront-c16-s9", p, h200());
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("wavefront-c4-s"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("hoisted-c4-s"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("grid-u16-b8-s"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rnnbench::persistent
