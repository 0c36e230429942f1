// The float64 answer on the GPU: DeepBench needs tens of TFLOP of it, more than a CPU has time for.
// Its gates are written out here, apart from impls/cells, so that a mistake there cannot agree with
// itself; it is checked against the CPU reference.
#include <algorithm>

#include "harness/problem.hpp"
#include "harness/tensor.hpp"
#include "impls/common/cuda_backend.cuh"
#include "impls/common/product_f64.cuh"

namespace rnnbench {
namespace {

constexpr unsigned threads = 128;

/// One step of the recurrence: where its products, states and output are.
struct StepF64 {
  const double* input_gates;   // [B, G*H], bias included
  const double* hidden_gates;  // [splits, B, G*H], without bias, to be added up
  const float* b_hh;           // [G*H] or null
  double* h;                   // [B, H], old in, new out
  double* c;                   // [B, H], lstm only
  double* output;              // of this step and direction: row b at b * output_stride
  std::int64_t output_stride;
  int batch, hidden, splits;
};

__device__ double sigmoid(double x) { return 1 / (1 + exp(-x)); }

template <Cell cell, int G>
__global__ void step_f64_kernel(StepF64 s) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  const std::int64_t states = std::int64_t{s.batch} * s.hidden;
  if (index >= states) return;
  const std::int64_t row = index / s.hidden, unit = index % s.hidden;
  double gi[G], gh[G];
#pragma unroll
  for (int g = 0; g < G; ++g) {
    const std::int64_t column = g * std::int64_t{s.hidden} + unit;
    const std::int64_t place = row * G * s.hidden + column;
    gi[g] = s.input_gates[place];
    gh[g] = s.b_hh ? s.b_hh[column] : 0;
    for (int k = 0; k < s.splits; ++k) gh[g] += s.hidden_gates[k * states * G + place];
  }
  double h = 0;
  if constexpr (cell == Cell::rnn_tanh) h = tanh(gi[0] + gh[0]);
  if constexpr (cell == Cell::rnn_relu) h = fmax(0.0, gi[0] + gh[0]);
  if constexpr (cell == Cell::gru) {
    const double r = sigmoid(gi[0] + gh[0]), z = sigmoid(gi[1] + gh[1]);
    const double n = tanh(gi[2] + r * gh[2]);
    h = n + z * (s.h[index] - n);
  }
  if constexpr (cell == Cell::lstm) {
    const double i = sigmoid(gi[0] + gh[0]), f = sigmoid(gi[1] + gh[1]);
    const double g = tanh(gi[2] + gh[2]), o = sigmoid(gi[3] + gh[3]);
    const double c = f * s.c[index] + i * g;
    s.c[index] = c;
    h = o * tanh(c);
  }
  s.h[index] = h;
  s.output[row * s.output_stride + unit] = h;
}

void launch_step(Cell cell, const StepF64& s, cudaStream_t stream) {
  const unsigned blocks = blocks_for(std::size_t(s.batch) * std::size_t(s.hidden), threads);
  switch (cell) {
    case Cell::rnn_tanh:
      step_f64_kernel<Cell::rnn_tanh, 1><<<blocks, threads, 0, stream>>>(s);
      break;
    case Cell::rnn_relu:
      step_f64_kernel<Cell::rnn_relu, 1><<<blocks, threads, 0, stream>>>(s);
      break;
    case Cell::gru:
      step_f64_kernel<Cell::gru, 3><<<blocks, threads, 0, stream>>>(s);
      break;
    case Cell::lstm:
      step_f64_kernel<Cell::lstm, 4><<<blocks, threads, 0, stream>>>(s);
      break;
  }
  RNNBENCH_LAUNCHED(step_f64_kernel);
}

__global__ void widen_kernel(const float* from, double* to, std::size_t count) {
  const std::size_t i = std::size_t{blockIdx.x} * threads + threadIdx.x;
  if (i < count) to[i] = from[i];
}

/// Everything that stays on the device while a reference is computed.
class ReferenceRun {
 public:
  ReferenceRun(const Problem& p, const std::vector<const float*>& in, cudaStream_t stream)
      : p_(p), stream_(stream) {
    p_.want_output = p_.want_h_n = p_.want_c_n = false;
    RNNBENCH_CUDA(cudaGetDevice(&device_));
    RNNBENCH_CUDA(cudaDeviceGetAttribute(&units_, cudaDevAttrMultiProcessorCount, device_));
    upload(in);
    const std::size_t states = std::size_t(p.layers) * p.directions * p.batch * p.hidden;
    h_ = widened(static_cast<const float*>(tensors_.h_0), states);
    if (tensors_.c_0) c_ = widened(static_cast<const float*>(tensors_.c_0), states);
    // As many steps' input products at once as fit in half a gigabyte.
    const std::int64_t step_bytes = 8 * p.batch * rows();
    chunk_ = std::clamp<std::int64_t>((std::int64_t{1} << 29) / step_bytes, 1, p.seq);
    input_gates_ = DeviceArray<double>(std::size_t(chunk_ * p.batch * rows()));
    splits_ = product_splits(p.batch, rows(), int(p.hidden), units_);
    hidden_gates_ = DeviceArray<double>(std::size_t(splits_ * p.batch * rows()));
  }

  void run() {
    const std::size_t sequence = std::size_t(p_.seq * p_.batch * p_.directions * p_.hidden);
    for (int layer = 0; layer < p_.layers; ++layer) {
      DeviceArray<double> above(sequence);
      const std::int64_t features = layer_input(p_, layer);
      for (int direction = 0; direction < p_.directions; ++direction)
        if (layer == 0)
          recur(layer, direction, sequence_rows(static_cast<const float*>(tensors_.x), features),
                above.get());
        else
          recur(layer, direction, sequence_rows<double>(output_.get(), features), above.get());
      RNNBENCH_CUDA(cudaStreamSynchronize(stream_));  // before the layer below is released
      output_ = std::move(above);
    }
    if (p_.head_at != HeadAt::none) apply_head();
  }

  /// In the order output, h_n, c_n, y; null pointers are left out.
  void fetch(const std::vector<double*>& out) {
    std::size_t next = 0;
    for (const DeviceArray<double>* array : {&output_, &h_, &c_, &y_}) {
      if (!array->get()) continue;
      double* to = next < out.size() ? out[next++] : nullptr;
      if (to)
        RNNBENCH_CUDA(
            cudaMemcpyAsync(to, array->get(), array->bytes(), cudaMemcpyDeviceToHost, stream_));
    }
    RNNBENCH_CUDA(cudaStreamSynchronize(stream_));
  }

 private:
  int rows() const { return gates(p_.cell) * int(p_.hidden); }

  void upload(const std::vector<const float*>& in) {
    const auto specs = tensor_specs(p_);
    std::vector<void*> pointers;
    for (std::size_t k = 0; k < specs.size(); ++k) {
      if (specs[k].role == Role::output) {
        pointers.push_back(nullptr);
        continue;
      }
      if (k >= in.size()) throw Error("reference: no values for " + specs[k].name);
      inputs_.emplace_back(specs[k].elements());
      RNNBENCH_CUDA(cudaMemcpyAsync(inputs_.back().get(), in[k], inputs_.back().bytes(),
                                    cudaMemcpyHostToDevice, stream_));
      pointers.push_back(inputs_.back().get());
    }
    tensors_ = bind_tensors(p_, pointers);
  }

  DeviceArray<double> widened(const float* from, std::size_t count) {
    DeviceArray<double> to(count);
    widen_kernel<<<blocks_for(count, threads), threads, 0, stream_>>>(from, to.get(), count);
    RNNBENCH_LAUNCHED(widen_kernel);
    return to;
  }

  /// Row t * B + b of a sequence [T, B, features] or [B, T, features].
  template <class T>
  DeviceRows<T> sequence_rows(const T* data, std::int64_t features) const {
    if (p_.layout == Layout::tbc) return {data, p_.batch, p_.batch * features, features};
    return {data, p_.batch, features, p_.seq * features};
  }

  /// One direction of one layer over all steps: chunks of input products, then step after step.
  template <class T>
  void recur(int layer, int direction, const DeviceRows<T>& below, double* above) {
    const int k = layer * p_.directions + direction;
    const LayerWeights& weights = tensors_.layers[std::size_t(k)];
    const std::int64_t states = p_.batch * p_.hidden;
    double* h = h_.get() + k * states;
    const auto places =
        sequence_rows<double>(above + direction * p_.hidden, p_.directions * p_.hidden);
    const ProductF64<double> hidden{.a = {h, p_.batch, 0, p_.hidden},
                                    .w = static_cast<const float*>(weights.w_hh),
                                    .bias = nullptr,
                                    .c = hidden_gates_.get(),
                                    .m = p_.batch,
                                    .n = rows(),
                                    .k = int(p_.hidden),
                                    .splits = splits_};
    for (std::int64_t done = 0; done < p_.seq; done += chunk_) {
      const std::int64_t count = std::min(chunk_, p_.seq - done);
      const std::int64_t first = direction ? p_.seq - done - count : done;
      DeviceRows<T> a = below;
      a.data += first * a.group_stride;
      multiply<T>({.a = a,
                   .w = static_cast<const float*>(weights.w_ih),
                   .bias = static_cast<const float*>(weights.b_ih),
                   .c = input_gates_.get(),
                   .m = count * p_.batch,
                   .n = rows(),
                   .k = int(layer_input(p_, layer)),
                   .splits = 1},
                  stream_);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t t = direction ? count - 1 - i : i;  // within the chunk
        multiply(hidden, stream_);
        launch_step(p_.cell,
                    {.input_gates = input_gates_.get() + t * p_.batch * rows(),
                     .hidden_gates = hidden_gates_.get(),
                     .b_hh = static_cast<const float*>(weights.b_hh),
                     .h = h,
                     .c = c_.get() ? c_.get() + k * states : nullptr,
                     .output = const_cast<double*>(places.data) + (first + t) * places.group_stride,
                     .output_stride = places.member_stride,
                     .batch = int(p_.batch),
                     .hidden = int(p_.hidden),
                     .splits = splits_},
                    stream_);
      }
    }
  }

  /// y: rows in the order of memory for every step, or of the batch for the last one.
  void apply_head() {
    const std::int64_t features = p_.directions * p_.hidden;
    const bool every = p_.head_at == HeadAt::every_step;
    const std::int64_t count = every ? p_.seq * p_.batch : p_.batch;
    DeviceRows<double> a{output_.get(), count, 0, features};
    if (!every) {
      a = sequence_rows<double>(output_.get(), features);
      a.data += (p_.seq - 1) * a.group_stride;
    }
    y_ = DeviceArray<double>(std::size_t(count * p_.head));
    multiply<double>({.a = a,
                      .w = static_cast<const float*>(tensors_.w_head),
                      .bias = static_cast<const float*>(tensors_.b_head),
                      .c = y_.get(),
                      .m = count,
                      .n = int(p_.head),
                      .k = int(features),
                      .splits = 1},
                     stream_);
  }

  Problem p_;
  cudaStream_t stream_;
  int device_ = 0, units_ = 0;
  std::vector<DeviceArray<float>> inputs_;
  Tensors tensors_;
  DeviceArray<double> h_, c_;         // [L*D, B, H]
  DeviceArray<double> input_gates_;   // [chunk, B, G*H]
  DeviceArray<double> hidden_gates_;  // [splits, B, G*H]
  DeviceArray<double> output_, y_;
  std::int64_t chunk_ = 1;
  int splits_ = 1;
};

}  // namespace

void cuda_reference(const Problem& p, const std::vector<const float*>& in,
                    const std::vector<double*>& out, cudaStream_t stream) {
  ReferenceRun reference(p, in, stream);
  reference.run();
  reference.fetch(out);
}

}  // namespace rnnbench
