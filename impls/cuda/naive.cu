// Naive: one thread per hidden unit and batch row, one launch per time step. The lesson: how far a
// direct translation of the formulas gets, and why.
//
// What bounds it: latency. A thread walks 2 * G rows of weights alone, one dependent multiply-add
// after another. Neighbouring threads read different rows, so every load of a warp touches 32 cache
// lines. A launch has B * H threads, a few thousand at the usual sizes, where the chip wants a
// hundred thousand. And every step pays a launch before it can start. No tensor is reused but
// through the caches.
#include "impls/cells/cells.hpp"
#include "impls/common/formats.cuh"
#include "impls/common/layer_stack.cuh"

namespace rnnbench {
namespace {

constexpr unsigned threads = 64;  // small blocks spread few threads over many SMs

/// One time step of one layer and direction; tensors in the storage type.
template <class T>
struct Step {
  const T* x;     // row b at b * x_stride: [B, I]
  const T* h;     // [B, H] before the step
  T* h_next;      // [B, H] after it; another buffer, because other threads still read h
  T* c;           // [B, H], updated in place; lstm only
  T* output;      // row b at b * output_stride; null when nobody reads it
  const T* w_ih;  // [G*H, I]
  const T* w_hh;  // [G*H, H]
  const T* b_ih;  // [G*H] or null
  const T* b_hh;
  std::int64_t x_stride, output_stride;
  int batch, input, hidden;
};

/// Row of W times vector. Sums of 128 products first: one long f32 sum would lose digits with K.
template <class T>
__device__ float dot(const T* __restrict__ w, const T* __restrict__ v, int count) {
  float total = 0;
  for (int begin = 0; begin < count; begin += 128) {
    const int end = min(count, begin + 128);
    float part = 0;
    for (int k = begin; k < end; ++k) part += to_f32(w[k]) * to_f32(v[k]);
    total += part;
  }
  return total;
}

template <class CellT, class T>
__global__ void naive_step(Step<T> s) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index >= std::int64_t{s.batch} * s.hidden) return;
  const std::int64_t row = index / s.hidden, unit = index % s.hidden;
  float x[CellT::gates], a[CellT::gates];
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    const std::int64_t w_row = std::int64_t{g} * s.hidden + unit;
    x[g] = dot(s.w_ih + w_row * s.input, s.x + row * s.x_stride, s.input);
    a[g] = dot(s.w_hh + w_row * s.hidden, s.h + row * s.hidden, s.hidden);
    if (s.b_ih) x[g] += to_f32(s.b_ih[w_row]);
    if (s.b_hh) a[g] += to_f32(s.b_hh[w_row]);
  }
  float h = to_f32(s.h[index]);
  float c = CellT::has_c ? to_f32(s.c[index]) : 0;
  CellT::update(x, a, h, c);
  if (CellT::has_c) s.c[index] = from_f32<T>(c);
  s.h_next[index] = from_f32<T>(h);
  if (s.output) s.output[row * s.output_stride + unit] = from_f32<T>(h);
}

/// y[row, o] = head.weight[o] · output row + head.bias[o]; one thread per element of y.
template <class T>
__global__ void naive_head(const T* rows, std::int64_t row_stride, const T* w, const T* bias, T* y,
                           std::int64_t count, int features, int outputs) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index >= count * outputs) return;
  const std::int64_t row = index / outputs, o = index % outputs;
  y[index] =
      from_f32<T>(dot(w + o * features, rows + row * row_stride, features) + to_f32(bias[o]));
}

template <class T>
class Naive final : public Kernel {
 public:
  Naive(const Problem& p, const Tensors& t)
      : p_(p), t_(t), stack_(p, t), scratch_(std::size_t(2 * p.batch * p.hidden)) {}

  void launch(Stream stream) override {
    const auto cuda = static_cast<cudaStream_t>(stream);
    stack_.begin(cuda);
    for (int layer = 0; layer < p_.layers; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction)
        run_steps(layer, direction, cuda);
    if (p_.head_at != HeadAt::none) run_head(cuda);
    stack_.end(cuda);
  }
  void reset(Stream stream) override { stack_.reset(static_cast<cudaStream_t>(stream)); }
  std::string note() const override {
    return std::to_string(p_.seq * p_.layers * p_.directions) + " steps of " +
           std::to_string(blocks()) + " blocks" +
           (p_.dtype == Dtype::tf32 ? ", products in f32" : "");
  }

 private:
  unsigned blocks() const { return blocks_for(std::size_t(p_.batch * p_.hidden), threads); }

  void run_steps(int layer, int direction, cudaStream_t stream) {
    const std::int64_t states = p_.batch * p_.hidden, features = layer_input(p_, layer);
    const auto in = sequence_strides(p_, features);
    const auto out = sequence_strides(p_, p_.directions * p_.hidden);
    const LayerWeights& w = stack_.weights(layer, direction);
    T* output = stack_.output(layer);
    T* const state = stack_.h(layer, direction);
    const T* h = state;
    for (std::int64_t step = 0; step < p_.seq; ++step) {
      const std::int64_t t = direction ? p_.seq - 1 - step : step;
      T* h_next = scratch_.get() + (step % 2) * states;
      const Step<T> s{.x = stack_.input(layer) + t * in.step,
                      .h = h,
                      .h_next = h_next,
                      .c = stack_.c(layer, direction),
                      .output = output ? output + t * out.step + direction * p_.hidden : nullptr,
                      .w_ih = static_cast<const T*>(w.w_ih),
                      .w_hh = static_cast<const T*>(w.w_hh),
                      .b_ih = static_cast<const T*>(w.b_ih),
                      .b_hh = static_cast<const T*>(w.b_hh),
                      .x_stride = in.batch,
                      .output_stride = out.batch,
                      .batch = int(p_.batch),
                      .input = int(features),
                      .hidden = int(p_.hidden)};
      with_cell(p_.cell, [&](auto cell) {
        naive_step<decltype(cell), T><<<blocks(), threads, 0, stream>>>(s);
      });
      RNNBENCH_LAUNCHED(naive_step);
      h = h_next;
    }
    RNNBENCH_CUDA(cudaMemcpyAsync(state, h, std::size_t(states) * sizeof(T),
                                  cudaMemcpyDeviceToDevice, stream));
  }

  void run_head(cudaStream_t stream) {
    const std::int64_t features = p_.directions * p_.hidden;
    const auto strides = sequence_strides(p_, features);
    const bool every = p_.head_at == HeadAt::every_step;
    const T* rows = stack_.output(p_.layers - 1);
    const std::int64_t count = every ? p_.seq * p_.batch : p_.batch;
    if (!every) rows += (p_.seq - 1) * strides.step;
    naive_head<T><<<blocks_for(std::size_t(count * p_.head), threads), threads, 0, stream>>>(
        rows, every ? features : strides.batch, static_cast<const T*>(t_.w_head),
        static_cast<const T*>(t_.b_head), static_cast<T*>(t_.y), count, int(features),
        int(p_.head));
    RNNBENCH_LAUNCHED(naive_head);
  }

  Problem p_;
  Tensors t_;
  LayerStack<T> stack_;
  DeviceArray<T> scratch_;  // [2, B, H]
};

RNNBENCH_IMPL({.name = "naive",
               .device = Device::cuda,
               .summary = "one thread per unit, one launch per step, no library",
               .make = [](const Problem& p, const Tensors& t,
                          const Options&) -> std::unique_ptr<Kernel> {
                 return with_storage(p.dtype, [&](auto type) -> std::unique_ptr<Kernel> {
                   return std::make_unique<Naive<decltype(type)>>(p, t);
                 });
               }});

}  // namespace
}  // namespace rnnbench
