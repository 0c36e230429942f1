// Wrong implementations that only a GPU can have: one tanh layer as one kernel, launched wrongly.
#include "harness/impl.hpp"
#include "impls/common/cuda_check.cuh"

namespace rnnbench {
namespace {

enum class Mistake { none, side_stream, out_of_bounds, changed_weights, illegal_address, hang };

/// One block a batch row, one thread a unit: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).
/// x: [T, B, I]; h_0, h_n: [1, B, H]; output: [T, B, H]. `shift` moves what is written.
__global__ void rnn_rows(const float* x, const float* h_0, LayerWeights w, float* output,
                         float* h_n, int seq, int input, int hidden, std::ptrdiff_t shift) {
  extern __shared__ float h[];  // [H]
  const int unit = static_cast<int>(threadIdx.x), row = static_cast<int>(blockIdx.x);
  const auto* w_ih = static_cast<const float*>(w.w_ih) + unit * input;
  const auto* w_hh = static_cast<const float*>(w.w_hh) + unit * hidden;
  h[unit] = h_0[row * hidden + unit];
  __syncthreads();
  for (int t = 0; t < seq; ++t) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(t) * gridDim.x + row;
    float sum =
        w.b_ih ? static_cast<const float*>(w.b_ih)[unit] + static_cast<const float*>(w.b_hh)[unit]
               : 0;
    for (int k = 0; k < input; ++k) sum += w_ih[k] * x[at * input + k];
    for (int k = 0; k < hidden; ++k) sum += w_hh[k] * h[k];
    __syncthreads();
    h[unit] = tanhf(sum);
    __syncthreads();
    if (output) output[at * hidden + unit + shift] = h[unit];
  }
  if (h_n) h_n[row * hidden + unit] = h[unit];
}

/// For ever, as far as a harness can tell.
__global__ void spin(volatile int* never) {
  while (*never == 0) {
  }
}

class Animal final : public Kernel {
 public:
  Animal(const Problem& p, const Tensors& t, Mistake mistake) : p_(p), t_(t), mistake_(mistake) {
    RNNBENCH_CUDA(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking));
    RNNBENCH_CUDA(cudaMalloc(&never_, sizeof(int)));
    RNNBENCH_CUDA(cudaMemset(never_, 0, sizeof(int)));
  }
  ~Animal() override {
    (void)cudaStreamDestroy(side_);
    (void)cudaFree(never_);
  }

  void launch(Stream stream) override {
    const bool aside = mistake_ == Mistake::side_stream;
    const auto on = aside ? side_ : static_cast<cudaStream_t>(stream);
    if (mistake_ == Mistake::hang) spin<<<1, 1, 0, on>>>(never_);
    const bool illegal = mistake_ == Mistake::illegal_address;
    const std::ptrdiff_t shift = illegal                              ? std::ptrdiff_t{1} << 40
                                 : mistake_ == Mistake::out_of_bounds ? 1
                                                                      : 0;
    rnn_rows<<<static_cast<unsigned>(p_.batch), static_cast<unsigned>(p_.hidden),
               static_cast<std::size_t>(p_.hidden) * sizeof(float), on>>>(
        static_cast<const float*>(t_.x), static_cast<const float*>(t_.h_0), t_.layers[0],
        static_cast<float*>(t_.output), static_cast<float*>(t_.h_n), static_cast<int>(p_.seq),
        static_cast<int>(p_.input), static_cast<int>(p_.hidden), shift);
    RNNBENCH_CUDA(cudaGetLastError());
    if (mistake_ == Mistake::changed_weights)
      RNNBENCH_CUDA(cudaMemsetAsync(const_cast<void*>(t_.layers[0].w_ih), 0, 1, on));
  }

 private:
  Problem p_;
  Tensors t_;
  Mistake mistake_;
  cudaStream_t side_ = nullptr;
  int* never_ = nullptr;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  const bool fits = p.cell == Cell::rnn_tanh && p.layers == 1 && p.directions == 1 &&
                    p.layout == Layout::tbc && p.head_at == HeadAt::none && !p.stateful &&
                    p.dtype == Dtype::f32 && p.hidden <= 1024;
  if (fits) return std::nullopt;
  return "one plain tanh layer of at most 1024 units only";
}

template <Mistake mistake>
std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options&) {
  return std::make_unique<Animal>(p, t, mistake);
}

#define ANIMAL(mistake)                         \
  RNNBENCH_IMPL({.name = "zoo_" #mistake,       \
                 .device = Device::cuda,        \
                 .summary = "wrong: " #mistake, \
                 .unsupported = unsupported,    \
                 .make = make<Mistake::mistake>})
ANIMAL(none);
ANIMAL(side_stream);
ANIMAL(out_of_bounds);
ANIMAL(changed_weights);
ANIMAL(illegal_address);
ANIMAL(hang);

}  // namespace
}  // namespace rnnbench
