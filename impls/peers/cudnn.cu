// cuDNN's own recurrent layers, the library that most people would pick instead: inference mode,
// one implementation for each of its algorithms, because the best one changes with B, H, dtype and
// with whether its launches are recorded as a graph.
//
// Weights are copied once into cuDNN's weight space. Time-first sequences go in packed, batch-first
// ones padded, as torch and cuDNN's samples do; the head is a cuBLAS product, as in torch.
#include <vector>

#include "harness/impl.hpp"
#include "impls/common/cudnn.cuh"
#include "impls/common/head.cuh"
#include "impls/common/nvtx.cuh"

namespace rnnbench {
namespace {

cudnnRNNMode_t mode_of(Cell cell) {
  switch (cell) {
    case Cell::rnn_tanh:
      return CUDNN_RNN_TANH;
    case Cell::rnn_relu:
      return CUDNN_RNN_RELU;
    case Cell::gru:
      return CUDNN_GRU;
    case Cell::lstm:
      break;
  }
  return CUDNN_LSTM;
}

cudnnDataType_t storage_of(Dtype dtype) {
  return dtype == Dtype::f16    ? CUDNN_DATA_HALF
         : dtype == Dtype::bf16 ? CUDNN_DATA_BFLOAT16
                                : CUDNN_DATA_FLOAT;
}

/// f32 means products in f32: cuDNN's default would take TF32.
cudnnMathType_t math_of(Dtype dtype) {
  return dtype == Dtype::f32    ? CUDNN_FMA_MATH
         : dtype == Dtype::tf32 ? CUDNN_DEFAULT_MATH
                                : CUDNN_TENSOR_OP_MATH;
}

class Cudnn final : public Kernel {
 public:
  Cudnn(const Problem& p, const Tensors& t, cudnnRNNAlgo_t algorithm)
      : p_(p), t_(t), element_(std::size_t(bytes_per_element(p.dtype))) {
    const NvtxRange range("make cudnn");
    describe(algorithm);
    allocate();
    copy_weights();
    if (p.stateful) reset(static_cast<cudaStream_t>(own_));
    launch(static_cast<cudaStream_t>(own_));  // some algorithms refuse only here
    RNNBENCH_CUDA(cudaStreamSynchronize(own_));
  }

  void launch(Stream stream) override {
    const auto on = static_cast<cudaStream_t>(stream);
    RNNBENCH_CUDNN(cudnnSetStream(handle_, on));
    const void* hx = p_.stateful ? h_state_.get() : t_.h_0;
    const void* cx = p_.stateful ? c_state_.get() : t_.c_0;
    void* hy = t_.h_n ? t_.h_n : h_next_.get();
    void* cy = t_.c_n ? t_.c_n : c_next_.get();
    RNNBENCH_CUDNN(cudnnRNNForward(handle_, rnn_, CUDNN_FWD_MODE_INFERENCE, lengths_.get(), x_data_,
                                   t_.x, y_data_, sequence(), state_, hx, hy, state_, cx, cy,
                                   weights_.size(), weights_.get(), work_.size(), work_.get(),
                                   reserve_.size(), reserve_.get()));
    if (p_.stateful) {
      copy(h_state_.get(), hy, on);
      if (c_state_.get()) copy(c_state_.get(), cy, on);
    }
    if (head_) head_->launch(sequence(), on);
  }

  void reset(Stream stream) override {
    if (!p_.stateful) return;
    copy(h_state_.get(), t_.h_0, static_cast<cudaStream_t>(stream));
    if (c_state_.get()) copy(c_state_.get(), t_.c_0, static_cast<cudaStream_t>(stream));
  }

  std::string note() const override {
    const auto version = cudnn().cudnnGetVersion();
    return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
           "." + std::to_string(version % 100) +
           (p_.layout == Layout::tbc ? ", packed" : ", padded");
  }

 private:
  void describe(cudnnRNNAlgo_t algorithm) {
    const bool packed = p_.layout == Layout::tbc;
    const cudnnDataType_t type = storage_of(p_.dtype);
    RNNBENCH_CUDNN(cudnnSetDropoutDescriptor(dropout_, handle_, 0, nullptr, 0, 0));
    RNNBENCH_CUDNN(cudnnSetRNNDescriptor_v8(
        rnn_, algorithm, mode_of(p_.cell), p_.bias ? CUDNN_RNN_DOUBLE_BIAS : CUDNN_RNN_NO_BIAS,
        p_.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, type,
        CUDNN_DATA_FLOAT, math_of(p_.dtype), int(p_.input), int(p_.hidden), int(p_.hidden),
        p_.layers, dropout_, packed ? CUDNN_RNN_PADDED_IO_DISABLED : CUDNN_RNN_PADDED_IO_ENABLED));
    const std::vector<int> lengths(std::size_t(p_.batch), int(p_.seq));
    const auto layout = packed ? CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
                               : CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
    double padding = 0;  // of any type: all its bits are zero
    RNNBENCH_CUDNN(cudnnSetRNNDataDescriptor(x_data_, type, layout, int(p_.seq), int(p_.batch),
                                             int(p_.input), lengths.data(), &padding));
    RNNBENCH_CUDNN(cudnnSetRNNDataDescriptor(y_data_, type, layout, int(p_.seq), int(p_.batch),
                                             int(p_.directions * p_.hidden), lengths.data(),
                                             &padding));
    const int sizes[3] = {int(p_.layers * p_.directions), int(p_.batch), int(p_.hidden)};
    const int strides[3] = {sizes[1] * sizes[2], sizes[2], 1};
    RNNBENCH_CUDNN(cudnnSetTensorNdDescriptor(state_, type, 3, sizes, strides));
    if (algorithm == CUDNN_RNN_ALGO_PERSIST_DYNAMIC)
      RNNBENCH_CUDNN(cudnnBuildRNNDynamic(handle_, rnn_, int(p_.batch)));
    lengths_ = DeviceArray<int>(lengths.size());
    RNNBENCH_CUDA(
        cudaMemcpy(lengths_.get(), lengths.data(), lengths_.bytes(), cudaMemcpyHostToDevice));
  }

  void allocate() {
    std::size_t weights = 0, work = 0, reserve = 0;
    RNNBENCH_CUDNN(cudnnGetRNNWeightSpaceSize(handle_, rnn_, &weights));
    RNNBENCH_CUDNN(cudnnGetRNNTempSpaceSizes(handle_, rnn_, CUDNN_FWD_MODE_INFERENCE, x_data_,
                                             &work, &reserve));
    weights_ = DeviceArray<char>(weights);
    work_ = DeviceArray<char>(work);
    reserve_ = DeviceArray<char>(reserve);
    const auto steps = std::size_t(p_.seq * p_.batch);
    if (!t_.output)
      output_ = DeviceArray<char>(steps * std::size_t(p_.directions * p_.hidden) * element_);
    if (p_.head_at != HeadAt::none) head_.emplace(p_, t_);
    if (!p_.stateful) return;
    h_state_ = DeviceArray<char>(state_bytes());
    h_next_ = DeviceArray<char>(t_.h_n ? 0 : state_bytes());
    if (p_.cell != Cell::lstm) return;
    c_state_ = DeviceArray<char>(state_bytes());
    c_next_ = DeviceArray<char>(t_.c_n ? 0 : state_bytes());
  }

  /// Gate by gate: cuDNN numbers the input products 0..G-1 and the hidden ones G..2G-1, in the same
  /// order of gates as torch, and says where each matrix [H, columns] and bias [H] belongs.
  void copy_weights() {
    const int count = int(gates(p_.cell));
    for (int layer = 0; layer < p_.layers; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction) {
        const int pseudo = layer * p_.directions + direction;
        const LayerWeights& w = t_.layers[std::size_t(pseudo)];
        for (int g = 0; g < count; ++g) {
          copy_gate(pseudo, g, g, w.w_ih, layer_input(p_, layer), w.b_ih);
          copy_gate(pseudo, count + g, g, w.w_hh, p_.hidden, w.b_hh);
        }
      }
  }

  void copy_gate(int pseudo, int id, int gate, const void* matrix, std::int64_t columns,
                 const void* bias) {
    CudnnTensor matrix_shape, bias_shape;
    void* matrix_at = nullptr;
    void* bias_at = nullptr;
    RNNBENCH_CUDNN(cudnnGetRNNWeightParams(handle_, rnn_, pseudo, weights_.size(), weights_.get(),
                                           id, matrix_shape, &matrix_at, bias_shape, &bias_at));
    const auto part = [&](void* to, const void* from, std::int64_t elements) {
      const auto bytes = std::size_t(elements) * element_;
      RNNBENCH_CUDA(cudaMemcpyAsync(to, static_cast<const char*>(from) + bytes * std::size_t(gate),
                                    bytes, cudaMemcpyDeviceToDevice, own_));
    };
    part(matrix_at, matrix, p_.hidden * columns);
    if (bias) part(bias_at, bias, p_.hidden);
  }

  std::size_t state_bytes() const {
    return std::size_t(p_.layers * p_.directions * p_.batch * p_.hidden) * element_;
  }
  void* sequence() const { return t_.output ? t_.output : output_.get(); }
  void copy(void* to, const void* from, cudaStream_t stream) const {
    RNNBENCH_CUDA(cudaMemcpyAsync(to, from, state_bytes(), cudaMemcpyDeviceToDevice, stream));
  }

  Problem p_;
  Tensors t_;
  std::size_t element_;  // bytes
  CudaStream own_;
  CudnnHandle handle_;
  CudnnDropout dropout_;
  CudnnRnn rnn_;
  CudnnRnnData x_data_, y_data_;
  CudnnTensor state_;
  DeviceArray<int> lengths_;
  DeviceArray<char> weights_, work_, reserve_, output_;
  DeviceArray<char> h_state_, h_next_, c_state_, c_next_;  // stateful problems
  std::optional<HeadProduct> head_;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  const std::int64_t most = std::int64_t{1} << 31;  // cuDNN counts in int
  if (p.seq * p.batch * std::max(p.input, p.directions * p.hidden) >= most)
    return "T * B * max(I, D * H) must stay under 2^31";
  return std::nullopt;
}

template <cudnnRNNAlgo_t algorithm>
std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options&) {
  return std::make_unique<Cudnn>(p, t, algorithm);
}

#define CUDNN_IMPL(shown, text, algorithm)   \
  RNNBENCH_IMPL({.name = shown,              \
                 .device = Device::cuda,     \
                 .summary = text,            \
                 .peer = true,               \
                 .unsupported = unsupported, \
                 .make = make<algorithm>})
CUDNN_IMPL("cudnn-standard", "cuDNN, a kernel or more a step (STANDARD)", CUDNN_RNN_ALGO_STANDARD);
CUDNN_IMPL("cudnn-persist-static", "cuDNN, persistent kernel (PERSIST_STATIC)",
           CUDNN_RNN_ALGO_PERSIST_STATIC);
CUDNN_IMPL("cudnn-persist-dynamic",
           "cuDNN, persistent kernel compiled at run time (PERSIST_DYNAMIC)",
           CUDNN_RNN_ALGO_PERSIST_DYNAMIC);
CUDNN_IMPL("cudnn-small-h", "cuDNN, persistent kernel for small H (PERSIST_STATIC_SMALL_H)",
           CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H);

}  // namespace
}  // namespace rnnbench
