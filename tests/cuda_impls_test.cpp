// Every implementation of the CUDA module against the float64 reference, launched and as a graph.
#include "tests/cuda_fixture.hpp"

namespace rnnbench {
namespace {

using namespace cuda_fixture;
using GpuImpls = Gpu;

TEST_F(GpuImpls, AgreeWithTheReferenceOnRandomProblems) {
  std::mt19937 random(7);
  for (int k = 0; k < 120; ++k) {
    Problem p = random_problem(random, small_sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    for (const Impl& impl : cuda_impls())
      for (const bool graph : {false, true}) check(impl, p, graph, p.stateful ? 3 : 1, random);
    if (HasFatalFailure()) return;
  }
}

TEST_F(GpuImpls, AgreeWithTheReferenceOnLargerSizes) {
  std::mt19937 random(8);
  for (const char* text :
       {"gru-bi_b10_t20_i128_h256_l2_f32", "lstm_b64_t9_i257_h257_l2_f32_btc",
        "rnn_tanh_b8_t12_i1024_h256_l1_f32_head128-every", "gru_b33_t5_i1000_h1000_l1_f32"}) {
    const Problem p = parse_id(text);
    for (const Impl& impl : cuda_impls())
      for (const bool graph : {false, true}) check(impl, p, graph, 2, random);
  }
}

/// What make chooses by time elsewhere is told here: whichever is faster, each is right.
TEST_F(GpuImpls, CublasAgreesInEverySchedule) {
  const Impl& impl = *Registry::instance().find("cuda:cublas");
  std::mt19937 random(12);
  for (int k = 0; k < 60; ++k) {
    Problem p = random_problem(random, small_sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    p.layers = 1 + k % 7;
    for (const char* schedule : {"layers", "wavefront"})
      for (const char* streams : {"1", "2"}) {
        const Options options{.more = {{"schedule", schedule}, {"streams", streams}}};
        const bool same = p.directions == 2 ? schedule[0] == 'w' : streams[0] == '2';
        if (!same) check(impl, p, k % 2, p.stateful ? 3 : 1, random, options);
      }
    if (HasFatalFailure()) return;
  }
}

/// The same kernels in every process, which profilers that replay programs need: nothing is timed
/// to choose a product.
TEST_F(GpuImpls, CublasTriesNoProductWhereItIsTold) {
  const Impl& impl = *Registry::instance().find("cuda:cublas");
  const Options plain{.more = {{"products", "plain"}}};
  std::mt19937 random(13);
  for (int k = 0; k < 24; ++k) {
    Problem p = random_problem(random, small_sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    check(impl, p, k % 2, p.stateful ? 3 : 1, random, plain);
    DeviceProblem device(*session, p, random_inputs(p, random));
    const std::string note = impl.make(p, device.tensors, plain)->note();
    EXPECT_EQ(note.find("cublasLt"), std::string::npos) << note;
    EXPECT_EQ(note.find("transposed"), std::string::npos) << note;
    if (HasFatalFailure()) return;
  }
}

/// cuDNN takes a problem or refuses it in its own words; what it takes is right.
TEST_F(GpuImpls, PeersAgreeOrRefuse) {
  std::mt19937 random(10);
  int ran = 0;
  for (int k = 0; k < 60; ++k) {
    Problem p = random_problem(random, small_sizes);
    p.dtype = static_cast<Dtype>(k % 4);
    for (const Impl& impl : cuda_impls(true))
      for (const bool graph : {false, true}) try {
          check(impl, p, graph, p.stateful ? 3 : 1, random);
          ++ran;
        } catch (const Unsupported& refusal) {
          EXPECT_NE(std::string(refusal.what()).find("cuDNN"), std::string::npos);
        }
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(cuda_impls(true).empty() || ran > 60) << ran;
}

TEST_F(GpuImpls, StartAgainFromTheFirstStateAfterReset) {
  std::mt19937 random(9);
  Problem p = parse_id("lstm-bi_b3_t4_i5_h17_l2_f32_stateful");
  p = with_all_outputs(p);
  const auto inputs = random_inputs(p, random);
  for (const Impl& impl : cuda_impls()) {
    DeviceProblem device(*session, p, inputs);
    auto kernel = impl.make(p, device.tensors, {});
    auto graph = session->record(*kernel);
    const Reference first = reference(p, inputs);
    for (int round = 0; round < 2; ++round) {
      graph->reset(session->stream());
      graph->launch(session->stream());
      session->synchronize();
      EXPECT_EQ(device.difference(first, 1e-5), "") << impl.name;
      graph->launch(session->stream());
      session->synchronize();
      EXPECT_NE(device.difference(first, 1e-5), "") << impl.name << " forgot its state";
    }
  }
}

}  // namespace
}  // namespace rnnbench
