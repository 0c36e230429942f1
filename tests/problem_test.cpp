#include "harness/problem.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <vector>

#include "harness/error.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

/// The message of the UsageError that `call` throws; a failed test where it does not.
template <class Call>
std::string usage_error(const Call& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no UsageError";
  return {};
}

TEST(ProblemId, RoundTripsAndIsDistinctForThousandsOfProblems) {
  std::mt19937 random(1);
  const std::vector<std::int64_t> sizes{1, 2, 7, 10, 16, 33, 100, 257, 4096, 99991};
  std::map<std::string, Problem> seen;
  for (int k = 0; k < 20000; ++k) {
    const Problem p = random_problem(random, sizes);
    ASSERT_NO_THROW(validate(p)) << id(p);
    const std::string text = id(p);
    ASSERT_EQ(parse_id(text), p) << text;
    ASSERT_EQ(id(parse_id(text)), text);
    const auto [at, fresh] = seen.emplace(text, p);
    ASSERT_EQ(at->second, p) << "two problems have the id " << text;
  }
  EXPECT_GT(seen.size(), 19000u);
}

TEST(ProblemId, EveryFieldChangesIt) {
  const Problem base = parse_id("lstm_b2_t3_i4_h5_l2_f32_head6-every_want-out+hn");
  std::vector<Problem> changed(15, base);
  changed[1].cell = Cell::gru;
  changed[2].batch = 3;
  changed[3].seq = 4;
  changed[4].input = 5;
  changed[5].hidden = 6;
  changed[6].layers = 3;
  changed[7].directions = 2;
  changed[8].bias = false;
  changed[9].layout = Layout::btc;
  changed[10].head_at = HeadAt::last_step;
  changed[11].head = 7;
  changed[12].want_c_n = true;
  changed[13].stateful = true;
  changed[14].dtype = Dtype::tf32;
  std::map<std::string, int> ids;
  for (const auto& p : changed) ++ids[id(p)];
  EXPECT_EQ(ids.size(), changed.size());
}

TEST(ProblemId, SpelledAsDocumented) {
  EXPECT_EQ(parse_id("gru-bi_b10_t512_i128_h256_l6_f32").directions, 2);
  Problem p{.cell = Cell::rnn_tanh, .batch = 8, .seq = 256, .input = 1024, .hidden = 256};
  p.layout = Layout::btc;
  p.bias = false;
  p.head_at = HeadAt::last_step;
  p.head = 10;
  set_default_outputs(p);
  p.want_h_n = true;
  p.stateful = true;
  EXPECT_EQ(id(p), "rnn_tanh_b8_t256_i1024_h256_l1_f32_btc_nobias_head10-last_want-hn_stateful");
}

TEST(ProblemId, ABadOneIsAUsageErrorThatNamesTheToken) {
  const std::map<std::string, std::string> bad{
      {"", "''"},
      {"elman_b1_t1_i1_h1_l1_f32", "'elman'"},
      {"grub1_t1_i1_h1_l1_f32", "'b1_t1_i1_h1_l1_f32'"},
      {"gru_t1_b1_i1_h1_l1_f32", "'t1'"},
      {"gru_b0_t1_i1_h1_l1_f32", "'b0'"},
      {"gru_b-1_t1_i1_h1_l1_f32", "'b-1'"},
      {"gru_b01_t1_i1_h1_l1_f32", "'b01'"},
      {"gru_b1_t1x_i1_h1_l1_f32", "'t1x'"},
      {"gru_b1_t1_i99999999999999999999_h1_l1_f32", "'i99999999999999999999'"},
      {"gru_b1_t1_i1_h1_l4294967297_f32", "'l4294967297'"},
      {"gru_b1_t1_i1_h1_l1", "dtype"},
      {"gru_b1_t1_i1_h1_l1_f64", "'f64'"},
      {"gru_b1_t1_i1_h1_l1_f32_quick", "'quick'"},
      {"gru_b1_t1_i1_h1_l1_f32_head0-last", "'head0-last'"},
      {"gru_b1_t1_i1_h1_l1_f32_head5-first", "'head5-first'"},
      {"gru_b1_t1_i1_h1_l1_f32_want-hn+hn", "'want-hn+hn'"},
      {"gru_b1_t1_i1_h1_l1_f32_want-none", "'want-none'"},
      {"gru_b1_t1_i1_h1_l1_f32_want-cn", "c_n"},
      {"gru_b1_t1_i1_h1_l1_f32_", "''"},
      // Each of these means a problem, but is not the way its id is spelled.
      {"gru_b1_t1_i1_h1_l1_f32_stateful_btc", "'gru_b1_t1_i1_h1_l1_f32_btc_stateful'"},
      {"gru_b1_t1_i1_h1_l1_f32_want-out+hn", "'gru_b1_t1_i1_h1_l1_f32'"},
      {"gru_b1_t1_i1_h1_l1_f32_want-hn_head5-last", "'gru_b1_t1_i1_h1_l1_f32_head5-last'"},
  };
  for (const auto& [text, token] : bad) {
    const auto message = usage_error([&text = text] { parse_id(text); });
    EXPECT_NE(message.find(token), std::string::npos) << text << ": " << message;
  }
}

TEST(Validate, NamesTheFieldThatIsWrong) {
  const auto expect = [](const char* field, const auto& change) {
    Problem p;
    change(p);
    const auto message = usage_error([&] { validate(p); });
    EXPECT_NE(message.find(field), std::string::npos) << field << ": " << message;
  };
  for (const std::int64_t size :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    expect("batch", [=](Problem& p) { p.batch = size; });
    expect("seq", [=](Problem& p) { p.seq = size; });
    expect("input", [=](Problem& p) { p.input = size; });
    expect("hidden", [=](Problem& p) { p.hidden = size; });
    expect("layers",
           [=](Problem& p) { p.layers = static_cast<int>(std::max<std::int64_t>(size, -7)); });
    expect("head", [=](Problem& p) { p.head_at = HeadAt::last_step, p.head = size; });
  }
  expect("directions", [](Problem& p) { p.directions = 0; });
  expect("directions", [](Problem& p) { p.directions = 3; });
  expect("head", [](Problem& p) { p.head = 4; });
  expect("c_n", [](Problem& p) { p.want_c_n = true; });
  expect("outputs", [](Problem& p) { p.want_output = p.want_h_n = false; });
}

TEST(Validate, RefusesSizesWhoseProductsOverflow) {
  const auto refuses = [](const auto& change) {
    Problem p;
    change(p);
    EXPECT_NE(usage_error([&] { validate(p); }).find("too large"), std::string::npos) << id(p);
  };
  const auto largest = std::numeric_limits<std::int64_t>::max();
  refuses([=](Problem& p) { p.batch = largest; });
  refuses([=](Problem& p) { p.seq = largest; });
  refuses([=](Problem& p) { p.input = largest; });
  refuses([=](Problem& p) { p.hidden = largest; });
  refuses([](Problem& p) { p.hidden = std::int64_t{1} << 31; });
  refuses([](Problem& p) { p.batch = p.seq = std::int64_t{1} << 31; });
  refuses([=](Problem& p) { p.head_at = HeadAt::every_step, p.head = largest; });
  // All of these at once, the largest problem in use here, is not too large.
  EXPECT_NO_THROW(validate(parse_id("rnn_tanh_b256_t1_i16384_h16384_l1_f32_head8192-every")));
}

TEST(Counts, FlopsBytesAndDepthByHand) {
  // 2 layers, 2 directions, B 3, T 5, I 7, H 11: gate rows 3 * 11 = 33.
  const Problem gru = parse_id("gru-bi_b3_t5_i7_h11_l2_f32");
  EXPECT_EQ(gates(gru.cell), 3);
  EXPECT_EQ(layer_input(gru, 0), 7);
  EXPECT_EQ(layer_input(gru, 1), 22);
  EXPECT_EQ(step_flops(gru), 2.0 * 2 * 3 * 33 * 11);
  EXPECT_EQ(flops(gru), 2.0 * 2 * 15 * 33 * (7 + 11) + 2.0 * 2 * 15 * 33 * (22 + 11));
  EXPECT_EQ(weight_bytes(gru), 4.0 * 2 * (33 * (7 + 11 + 2) + 33 * (22 + 11 + 2)));
  EXPECT_EQ(hidden_weight_bytes(gru), 4.0 * 2 * 33 * 11);
  EXPECT_EQ(compulsory_bytes(gru),
            weight_bytes(gru) + 4.0 * (15 * 7 + 4 * 3 * 11 + 15 * 22 + 4 * 3 * 11));
  EXPECT_EQ(depth(gru), 10);

  // Half-precision lstm, no bias, head on the last step only, and nothing else wanted.
  const Problem lstm = parse_id("lstm_b3_t5_i7_h11_l3_f16_nobias_head2-last");
  EXPECT_EQ(flops(lstm), 2.0 * 15 * 44 * (7 + 11 + 4 * 11) + 2.0 * 3 * 2 * 11);
  EXPECT_EQ(weight_bytes(lstm), 2.0 * (44 * (7 + 11 + 4 * 11) + 2 * (11 + 1)));
  EXPECT_EQ(compulsory_bytes(lstm), weight_bytes(lstm) + 2.0 * (15 * 7 + 2 * 3 * 3 * 11 + 3 * 2));
  EXPECT_EQ(depth(lstm), 7);

  const Problem rnn = parse_id("rnn_relu_b2_t3_i5_h7_l1_tf32_head11-every");
  EXPECT_EQ(flops(rnn), 2.0 * 6 * 7 * (5 + 7) + 2.0 * 6 * 11 * 7);
  EXPECT_EQ(compulsory_bytes(rnn), weight_bytes(rnn) + 4.0 * (6 * 5 + 2 * 7 + 6 * 11));
  EXPECT_EQ(depth(rnn), 3);
}

TEST(Words, ParseWhatTheyPrint) {
  for (int k = 0; k < 4; ++k) {
    EXPECT_EQ(parse_cell(name(static_cast<Cell>(k))), static_cast<Cell>(k));
    EXPECT_EQ(parse_dtype(name(static_cast<Dtype>(k))), static_cast<Dtype>(k));
  }
  EXPECT_EQ(parse_layout("btc"), Layout::btc);
  EXPECT_NE(usage_error([] { parse_cell("rnn"); }).find("rnn_tanh"), std::string::npos);
  EXPECT_NE(usage_error([] { parse_dtype("fp32"); }).find("bf16"), std::string::npos);
  EXPECT_NE(usage_error([] { parse_layout("ntc"); }).find("tbc"), std::string::npos);
}

}  // namespace
}  // namespace rnnbench
