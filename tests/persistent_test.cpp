// The persistent kernels on a GPU: every form and slicing against the reference, bit for bit again.
#include "tests/persistent_fixture.hpp"

namespace rnnbench {
namespace {

using namespace cuda_fixture;
using persistent_fixture::GpuPersistent;

TEST_F(GpuPersistent, EveryFormAgreesWithTheReference) {
  std::mt19937 random(21);
  const std::array<std::int64_t, 11> sizes{1, 2, 3, 5, 9, 16, 31, 65, 100, 129, 256};
  for (int k = 0; k < 90; ++k) {
    Problem p = random_problem(random, sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    p.batch = 1 + p.batch % 33, p.seq = 1 + p.seq % 20;
    if (k % 3) p.directions = 1;  // so that wavefronts are many
    validate(p);
    for (const Options& options : ways(p)) {
      SCOPED_TRACE(options.more.at("config"));
      check(*impl, p, k % 2, p.stateful ? 3 : 2, random, options);
    }
    if (HasFatalFailure()) return;
  }
}

/// Wider than a cluster holds, with every tile: whole and broken slots of k, slices that run at
/// once and those that take turns.
TEST_F(GpuPersistent, EveryTileOfTheGridAgreesWithTheReference) {
  std::mt19937 random(26);
  const std::array<std::int64_t, 9> sizes{1, 7, 33, 257, 264, 300, 333, 512, 700};
  for (int k = 0; k < 32; ++k) {
    Problem p = random_problem(random, sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    p.hidden = std::max<std::int64_t>(p.hidden, 257 + k);
    p.batch = 1 + p.batch % 37, p.seq = 1 + p.seq % 6, p.input = 1 + p.input % 70;
    validate(p);
    const auto all = persistent::plans(p, info);
    for (const auto& plan : all) {
      SCOPED_TRACE(plan.config());
      check(*impl, p, k % 2, p.stateful ? 3 : 2, random, {.more = {{"config", plan.config()}}});
    }
    if (HasFatalFailure()) return;
  }
}

/// What the grid is for, a few steps of it.
TEST_F(GpuPersistent, TheGridAgreesWhereItFillsTheChip) {
  std::mt19937 random(27);
  for (const char* text : {"gru_b1_t5_i64_h1024_l1_f16",        "gru_b1_t5_i64_h1024_l1_f32",
                           "lstm_b16_t4_i64_h1024_l1_f16",      "lstm_b16_t4_i64_h1024_l1_f32",
                           "gru_b16_t4_i64_h1024_l2_tf32",      "gru_b64_t3_i64_h1024_l1_bf16",
                           "lstm_b64_t4_i64_h512_l1_f16",       "gru_b32_t3_i64_h2048_l1_f16",
                           "gru-bi_b70_t3_i16_h1000_l1_tf32",   "lstm_b100_t2_i16_h1500_l1_bf16",
                           "rnn_relu_b40_t4_i64_h2000_l1_f32",  "gru_b1_t5_i64_h2048_l1_f32",
                           "gru_b3_t5_i64_h2048_l1_f32",        "gru_b4_t5_i64_h1536_l1_f32",
                           "lstm_b2_t4_i64_h1536_l1_f32",       "lstm_b4_t4_i64_h1024_l2_f32",
                           "rnn_tanh_b3_t9_i8_h2047_l1_f32",    "gru-bi_b2_t5_i64_h512_l1_f16",
                           "gru-bi_b1_t5_i64_h1024_l2_bf16",    "lstm_b33_t3_i16_h2047_l1_f16",
                           "lstm_b33_t2_i16_h1537_l1_bf16",     "lstm_b1_t5_i64_h2048_l1_f32",
                           "lstm_b3_t4_i16_h1999_l1_tf32",      "gru_b1_t5_i64_h2560_l1_f32",
                           "gru_b2_t4_i16_h2501_l1_tf32",       "rnn_relu_b16_t4_i64_h2560_l1_f32",
                           "rnn_relu_b21_t3_i16_h2300_l1_tf32", "gru_b1_t5_i64_h2560_l1_f16",
                           "gru_b3_t4_i16_h2500_l1_bf16",       "gru_b4_t3_i64_h2816_l1_f16",
                           "gru_b2_t4_i16_h3071_l1_bf16",       "gru_b1_t4_i16_h2821_l1_f16"}) {
    const Problem p = parse_id(text);
    for (const auto& plan : persistent::plans(p, info)) {
      SCOPED_TRACE(plan.config());
      check(*impl, p, false, 2, random, {.more = {{"config", plan.config()}}});
    }
    if (HasFatalFailure()) return;
  }
}

TEST_F(GpuPersistent, AgreesOverLongSequences) {
  std::mt19937 random(22);
  for (const char* text :
       {"gru_b10_t512_i128_h256_l6_f32", "lstm_b10_t300_i128_h256_l6_f32",
        "gru-bi_b10_t100_i128_h256_l2_f32", "gru_b1_t4096_i256_h256_l1_f32",
        "lstm_b3_t1000_i64_h100_l3_f16", "rnn_tanh_b8_t256_i1024_h256_l1_f32_head128-every",
        "gru_b2_t2000_i16_h300_l1_f32", "lstm_b3_t500_i16_h400_l1_f16",
        "gru_b1_t3000_i16_h1024_l1_f32", "gru_b128_t256_i128_h128_l1_f32",
        "lstm_b150_t200_i64_h128_l1_f32_stateful"}) {
    const Problem p = parse_id(text);
    for (const Options& options : ways(p)) {
      SCOPED_TRACE(options.more.at("config"));
      check(*impl, p, true, 2, random, options);
    }
    if (HasFatalFailure()) return;
  }
}

/// The tags that layers and blocks wait for go on from call to call, in graphs and out of them.
TEST_F(GpuPersistent, RepeatsAreBitwiseEqual) {
  std::mt19937 random(23);
  for (const char* text : {"gru_b10_t64_i128_h256_l6_f32", "lstm_b7_t33_i40_h72_l3_f16",
                           "gru-bi_b9_t20_i33_h200_l2_f32", "gru-bi_b150_t30_i16_h120_l1_f32",
                           "gru_b20_t30_i33_h300_l2_f32", "lstm-bi_b37_t20_i33_h400_l2_f16",
                           "gru_b64_t20_i64_h1024_l1_bf16", "gru_b1_t33_i64_h1024_l2_f32",
                           "lstm-bi_b3_t7_i16_h512_l2_f32", "gru_b2_t20_i64_h2048_l1_f32",
                           "lstm_b2_t20_i64_h2048_l2_f32", "gru_b4_t20_i64_h2816_l1_f16"}) {
    const Problem p = with_all_outputs(parse_id(text));
    for (const Options& options : ways(p)) {
      SCOPED_TRACE(std::string(text) + " " + options.more.at("config"));
      DeviceProblem device(*session, p, random_inputs(p, random));
      const auto kernel = impl->make(p, device.tensors, options);
      const auto graph = session->record(*kernel);
      const std::size_t bytes = std::size_t(p.seq * p.batch * p.directions * p.hidden) *
                                std::size_t(bytes_per_element(p.dtype));
      void* const first = session->allocate(bytes);
      for (int call = 0; call < 40; ++call) {
        device.poison();
        (call % 2 ? *graph : *kernel).launch(session->stream());
        if (call == 0) session->copy_on_device(first, device.tensors.output, bytes);
        ASSERT_TRUE(session->equal(first, device.tensors.output, bytes)) << "call " << call;
      }
      session->release(first);
    }
  }
}

/// Its f32 of products of parts may be called f32 where the error is within twice that of the f32
/// units, as cuda:fused uses them; in the grid's tiles for 32 rows, whose registers hold no sums of
/// low parts apart, within two and a half times.
TEST_F(GpuPersistent, ProductsOfPartsAreAsGoodAsF32) {
  std::mt19937 random(25);
  for (const char* text : {"gru_b10_t100_i128_h256_l6_f32", "lstm_b10_t100_i128_h256_l2_f32",
                           "rnn_tanh_b8_t256_i256_h256_l1_f32", "gru_b1_t256_i256_h256_l1_f32",
                           "gru-bi_b10_t100_i128_h256_l2_f32", "gru_b128_t256_i128_h128_l1_f32",
                           "gru_b10_t100_i64_h512_l1_f32", "lstm_b9_t50_i64_h700_l1_f32",
                           "rnn_tanh_b16_t50_i64_h1024_l1_f32", "gru_b1_t100_i64_h1024_l1_f32",
                           "lstm_b2_t50_i64_h1024_l1_f32", "lstm_b1_t25_i64_h2048_l1_f32",
                           "rnn_tanh_b16_t25_i64_h2560_l1_f32"}) {
    const Problem p = with_all_outputs(parse_id(text));
    const auto inputs = random_inputs(p, random);
    const Reference want = reference(p, inputs);
    const auto error_of = [&](const Impl& one, const Options& options) {
      DeviceProblem device(*session, p, inputs);
      auto kernel = one.make(p, device.tensors, options);
      kernel->launch(session->stream());
      session->synchronize();
      return device.largest_error(want);
    };
    const double f32_error = error_of(*Registry::instance().find("cuda:fused"), {});
    for (const Options& options : ways(p)) {
      const double error = error_of(*impl, options);
      std::printf("%s: f32 units %.2g, of parts %.2g %s\n", text, f32_error, error,
                  options.more.at("config").c_str());
      const bool apart = options.more.at("config").find("-b32-") == std::string::npos;
      EXPECT_LE(error, (apart ? 2 : 2.5) * f32_error) << text;
    }
  }
}

constexpr const char* odd_shapes[] = {"gru_b3_t4_i5_h7_l1_f32",
                                      "lstm_b5_t3_i19_h40_l3_f32_btc_stateful",
                                      "rnn_tanh_b2_t3_i9_h33_l2_bf16",
                                      "gru-bi_b9_t3_i33_h31_l2_f16_nobias",
                                      "gru_b17_t3_i36_h200_l1_f32",
                                      "lstm_b4_t3_i140_h130_l2_f32",
                                      "rnn_relu_b11_t5_i300_h64_l1_tf32",
                                      "gru_b133_t9_i7_h97_l1_f32_stateful",
                                      "lstm-bi_b3_t8_i9_h128_l2_bf16",
                                      "rnn_tanh_b5_t7_i3_h255_l1_f32",
                                      "gru_b3_t4_i5_h263_l1_f16",
                                      "lstm_b9_t3_i7_h300_l2_f32_stateful",
                                      "rnn_tanh_b17_t3_i9_h261_l1_bf16_btc",
                                      "gru-bi_b33_t3_i8_h290_l1_tf32_nobias",
                                      "gru_b1_t4_i5_h515_l1_f32",
                                      "lstm_b3_t3_i7_h601_l1_f32_stateful",
                                      "rnn_tanh_b4_t3_i9_h1025_l1_bf16",
                                      "gru_b5_t5_i9_h201_l3_f32_stateful",
                                      "lstm_b4_t3_i7_h140_l2_tf32",
                                      "gru_b3_t5_i9_h210_l9_f16_stateful",
                                      "lstm_b16_t5_i9_h250_l6_f32_stateful",
                                      "rnn_relu_b27_t3_i9_h2100_l1_f16",
                                      "lstm_b70_t3_i9_h333_l1_f16",
                                      "lstm_b3_t3_i9_h1601_l1_f32_stateful",
                                      "gru_b2_t3_i9_h2051_l1_tf32",
                                      "rnn_relu_b13_t3_i9_h2101_l1_f32",
                                      "gru_b3_t3_i9_h2563_l1_f16"};

class GpuPersistentOddShape : public GpuPersistent,
                              public testing::WithParamInterface<const char*> {};

/// For the sanitizers, one shape a process, and one launch after another: racecheck cannot watch
/// launches that overlap.
TEST_P(GpuPersistentOddShape, Agrees) {
  std::mt19937 random(24);
  const Problem p = parse_id(GetParam());
  for (Options options : ways(p)) {
    SCOPED_TRACE(options.more.at("config"));
    options.more["overlap"] = "no";
    check(*impl, p, false, p.stateful ? 3 : 1, random, options);
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, GpuPersistentOddShape, testing::ValuesIn(odd_shapes));

}  // namespace
}  // namespace rnnbench
