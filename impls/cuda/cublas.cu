// cuBLAS: the input products of all time steps as one GEMM per layer and direction, then per step
// one GEMM for the hidden product and one pointwise kernel for the gates. What most libraries do.
//
// What bounds it: at usual sizes two dependent launches a step (a GEMM of B columns fills a small
// part of the chip and W_hh is read again from L2 every step); as a graph the launches cost less,
// but their latency stays. At large B or H the hidden GEMM, at f32 rate: default math, no TF32. The
// two directions of a layer do not depend on each other and go to two streams.
#include "impls/cells/cells.hpp"
#include "impls/common/cublas.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"

namespace rnnbench {
namespace {

constexpr unsigned threads = 128;

/// One step's pointwise work; all f32.
struct Gates {
  const float* input_gates;   // row b at b * gate_stride: [B, G*H]
  const float* hidden_gates;  // [B, G*H]
  const float* b_ih;          // [G*H] or null
  const float* b_hh;
  float* h;       // [B, H], in place
  float* c;       // [B, H], in place; lstm only
  float* output;  // row b at b * output_stride; null when nobody reads it
  std::int64_t gate_stride, output_stride;
  int batch, hidden;
};

template <class CellT>
__global__ void pointwise(Gates s) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index >= std::int64_t{s.batch} * s.hidden) return;
  const std::int64_t row = index / s.hidden, unit = index % s.hidden;
  float x[CellT::gates], a[CellT::gates];
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    const std::int64_t column = std::int64_t{g} * s.hidden + unit;
    x[g] = s.input_gates[row * s.gate_stride + column];
    a[g] = s.hidden_gates[row * CellT::gates * s.hidden + column];
    if (s.b_ih) x[g] += s.b_ih[column];
    if (s.b_hh) a[g] += s.b_hh[column];
  }
  float h = s.h[index];
  float c = CellT::has_c ? s.c[index] : 0;
  CellT::update(x, a, h, c);
  if (CellT::has_c) s.c[index] = c;
  s.h[index] = h;
  if (s.output) s.output[row * s.output_stride + unit] = h;
}

/// Every row of y becomes the bias: the head's GEMM adds to it.
__global__ void fill_rows(float* y, const float* bias, std::int64_t count, int outputs) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index < count * outputs) y[index] = bias[index % outputs];
}

/// C = A · Wᵀ + beta * C. a: [m, k], rows lda apart; w: [n, k]; c: [m, n]. (cuBLAS counts columns
/// first, so it is told Cᵀ = W · Aᵀ.)
void multiply(cublasHandle_t handle, const float* a, std::int64_t lda, const float* w, float* c,
              std::int64_t m, std::int64_t n, std::int64_t k, float beta) {
  const float one = 1;
  RNNBENCH_CUBLAS(cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, int(n), int(m), int(k), &one, w,
                              int(k), a, int(lda), &beta, c, int(n)));
}

/// What one direction needs to run beside the other.
struct Lane {
  explicit Lane(const Problem& p)
      : input_gates(std::size_t(p.seq * p.batch * gates(p.cell) * p.hidden)),
        hidden_gates(std::size_t(p.batch * gates(p.cell) * p.hidden)) {}
  CublasHandle handle;
  DeviceArray<float> input_gates;   // [T, B, G*H] or [B, T, G*H], as x lies
  DeviceArray<float> hidden_gates;  // [B, G*H]
};

class Cublas final : public Kernel {
 public:
  Cublas(const Problem& p, const Tensors& t, int streams)
      : p_(p), t_(t), stack_(p, t), streams_(streams) {
    const NvtxRange range("make cublas");
    for (int k = 0; k < streams; ++k) lanes_.push_back(std::make_unique<Lane>(p));
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    lanes_.front()->handle.use(main);
    if (streams_ == 2) lanes_.back()->handle.use(side_);
    stack_.begin(main);
    for (int layer = 0; layer < p_.layers; ++layer) {
      const NvtxRange range("layer");
      if (streams_ == 2) {
        follow(side_, main);
        both_directions(layer, main);
        follow(main, side_);
      } else {
        for (int direction = 0; direction < p_.directions; ++direction)
          one_direction(layer, direction, main);
      }
    }
    if (p_.head_at != HeadAt::none) run_head(main);
    stack_.end(main);
  }
  void reset(Stream stream) override { stack_.reset(static_cast<cudaStream_t>(stream)); }
  std::string note() const override {
    return streams_ == 2 ? "directions on two streams" : "one stream";
  }

 private:
  /// `after` waits for what `before` has been given so far; becomes an edge when recorded.
  void follow(cudaStream_t after, cudaStream_t before) {
    RNNBENCH_CUDA(cudaEventRecord(event_, before));
    RNNBENCH_CUDA(cudaStreamWaitEvent(after, event_, 0));
  }

  void one_direction(int layer, int direction, cudaStream_t stream) {
    input_product(layer, direction, *lanes_.front());
    for (std::int64_t step = 0; step < p_.seq; ++step)
      one_step(layer, direction, step, *lanes_.front(), stream);
  }

  /// Step by step in turn, so that neither stream runs dry while the other is being filled.
  void both_directions(int layer, cudaStream_t main) {
    for (int direction = 0; direction < 2; ++direction)
      input_product(layer, direction, *lanes_[std::size_t(direction)]);
    for (std::int64_t step = 0; step < p_.seq; ++step)
      for (int direction = 0; direction < 2; ++direction)
        one_step(layer, direction, step, *lanes_[std::size_t(direction)],
                 direction ? cudaStream_t(side_) : main);
  }

  std::int64_t rows() const { return gates(p_.cell) * p_.hidden; }

  void input_product(int layer, int direction, Lane& lane) {
    const std::int64_t features = layer_input(p_, layer);
    multiply(lane.handle, stack_.input(layer), features,
             static_cast<const float*>(stack_.weights(layer, direction).w_ih),
             lane.input_gates.get(), p_.seq * p_.batch, rows(), features, 0);
  }

  void one_step(int layer, int direction, std::int64_t step, Lane& lane, cudaStream_t stream) {
    const std::int64_t t = direction ? p_.seq - 1 - step : step;
    const LayerWeights& w = stack_.weights(layer, direction);
    float* h = stack_.h(layer, direction);
    multiply(lane.handle, h, p_.hidden, static_cast<const float*>(w.w_hh), lane.hidden_gates.get(),
             p_.batch, rows(), p_.hidden, 0);
    const auto in = sequence_strides(p_, rows());
    const auto out = sequence_strides(p_, p_.directions * p_.hidden);
    float* output = stack_.output(layer);
    const Gates s{.input_gates = lane.input_gates.get() + t * in.step,
                  .hidden_gates = lane.hidden_gates.get(),
                  .b_ih = static_cast<const float*>(w.b_ih),
                  .b_hh = static_cast<const float*>(w.b_hh),
                  .h = h,
                  .c = stack_.c(layer, direction),
                  .output = output ? output + t * out.step + direction * p_.hidden : nullptr,
                  .gate_stride = in.batch,
                  .output_stride = out.batch,
                  .batch = int(p_.batch),
                  .hidden = int(p_.hidden)};
    const unsigned blocks = blocks_for(std::size_t(p_.batch * p_.hidden), threads);
    with_cell(p_.cell,
              [&](auto cell) { pointwise<decltype(cell)><<<blocks, threads, 0, stream>>>(s); });
    RNNBENCH_LAUNCHED(pointwise);
  }

  void run_head(cudaStream_t stream) {
    const std::int64_t features = p_.directions * p_.hidden;
    const auto strides = sequence_strides(p_, features);
    const bool every = p_.head_at == HeadAt::every_step;
    const float* a = stack_.output(p_.layers - 1);
    const std::int64_t count = every ? p_.seq * p_.batch : p_.batch;
    if (!every) a += (p_.seq - 1) * strides.step;
    auto* y = static_cast<float*>(t_.y);
    fill_rows<<<blocks_for(std::size_t(count * p_.head), threads), threads, 0, stream>>>(
        y, static_cast<const float*>(t_.b_head), count, int(p_.head));
    RNNBENCH_LAUNCHED(fill_rows);
    multiply(lanes_.front()->handle, a, every ? features : strides.batch,
             static_cast<const float*>(t_.w_head), y, count, p_.head, features, 1);
  }

  Problem p_;
  Tensors t_;
  LayerStack stack_;
  int streams_;
  CudaStream side_;
  CudaEvent event_{cudaEventDisableTiming};
  std::vector<std::unique_ptr<Lane>> lanes_;
};

/// `--option streams=1` keeps both directions on one stream.
int streams_for(const Problem& p, const Options& options) {
  const auto found = options.more.find("streams");
  if (found == options.more.end()) return p.directions;
  if (found->second == "1") return 1;
  if (found->second == "2") return p.directions;
  throw UsageError("option streams of cuda:cublas is 1 or 2, not '" + found->second + "'");
}

Reason unsupported(const Problem& p, const DeviceInfo& device) {
  if (auto reason = f32_only(p, device)) return reason;
  const std::int64_t most = std::int64_t{1} << 31;  // cuBLAS counts rows and strides in int
  if (p.seq * p.batch >= most || p.seq * p.directions * p.hidden >= most)
    return "T * B and T * D * H must stay under 2^31";
  return std::nullopt;
}

RNNBENCH_IMPL({.name = "cublas",
               .device = Device::cuda,
               .summary = "one input GEMM a layer; per step a hidden GEMM and a pointwise kernel",
               .unsupported = unsupported,
               .make = [](const Problem& p, const Tensors& t,
                          const Options& options) -> std::unique_ptr<Kernel> {
                 return std::make_unique<Cublas>(p, t, streams_for(p, options));
               }});

}  // namespace
}  // namespace rnnbench
