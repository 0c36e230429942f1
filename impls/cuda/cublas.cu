// cuBLAS: the input products of all time steps as one GEMM per layer and direction, then per step
// one GEMM for the hidden product and one pointwise kernel for the gates. What most libraries do.
//
// What bounds it: at usual sizes two dependent launches a step (a GEMM of B columns fills a small
// part of the chip and W_hh is read again from L2 every step); as a graph the launches cost less,
// but their latency stays. At large B or H the hidden GEMM, at f32 rate: without TF32 unless the
// problem is tf32. The two directions of a layer do not depend on each other and go to two streams.
#include "impls/cells/cells.hpp"
#include "impls/common/cublas_product.cuh"
#include "impls/common/head.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"

namespace rnnbench {
namespace {

constexpr unsigned threads = 128;

/// One step's pointwise work; products in f32, tensors in the storage type.
template <class T>
struct Gates {
  const float* input_gates;   // row b at b * gate_stride: [B, G*H]
  const float* hidden_gates;  // [B, G*H]
  const T* b_ih;              // [G*H] or null
  const T* b_hh;
  T* h;       // [B, H], in place
  T* c;       // [B, H], in place; lstm only
  T* output;  // row b at b * output_stride; null when nobody reads it
  std::int64_t gate_stride, output_stride;
  int batch, hidden;
};

template <class CellT, class T>
__global__ void pointwise(Gates<T> s) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index >= std::int64_t{s.batch} * s.hidden) return;
  const std::int64_t row = index / s.hidden, unit = index % s.hidden;
  float x[CellT::gates], a[CellT::gates];
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    const std::int64_t column = std::int64_t{g} * s.hidden + unit;
    x[g] = s.input_gates[row * s.gate_stride + column];
    a[g] = s.hidden_gates[row * CellT::gates * s.hidden + column];
    if (s.b_ih) x[g] += to_f32(s.b_ih[column]);
    if (s.b_hh) a[g] += to_f32(s.b_hh[column]);
  }
  float h = to_f32(s.h[index]);
  float c = CellT::has_c ? to_f32(s.c[index]) : 0;
  CellT::update(x, a, h, c);
  if (CellT::has_c) s.c[index] = from_f32<T>(c);
  s.h[index] = from_f32<T>(h);
  if (s.output) s.output[row * s.output_stride + unit] = from_f32<T>(h);
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

/// A layer's and direction's weights in the form that cuBLAS is given.
template <class T>
struct LayerForm {
  const T* w_ih = nullptr;
  const T* w_hh = nullptr;
  WeightForm ih = WeightForm::given, hh = WeightForm::given;
  DeviceArray<T> w_ih_copy, w_hh_copy;
};

template <class T>
class Cublas final : public Kernel {
 public:
  Cublas(const Problem& p, const Tensors& t, int streams)
      : p_(p), t_(t), stack_(p, t), streams_(streams) {
    const NvtxRange range("make cublas");
    for (int k = 0; k < streams; ++k) lanes_.push_back(std::make_unique<Lane>(p));
    choose_forms();
    if (p.head_at != HeadAt::none) choose_head_form();
    RNNBENCH_CUDA(cudaStreamSynchronize(side_));
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
    const auto copied = [&](WeightForm LayerForm<T>::*which) {
      return std::any_of(forms_.begin(), forms_.end(), [&](const LayerForm<T>& form) {
        return form.*which == WeightForm::transposed;
      });
    };
    std::string text = p_.dtype == Dtype::tf32 ? "COMPUTE_32F_FAST_TF32" : "COMPUTE_32F";
    text += streams_ == 2 ? ", directions on two streams" : ", one stream";
    if (copied(&LayerForm<T>::ih)) text += ", W_ih transposed";
    if (copied(&LayerForm<T>::hh)) text += ", W_hh transposed";
    if (head_form_ == WeightForm::transposed) text += ", head transposed";
    return text;
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

  ProductShape input_shape(int layer) const {
    const std::int64_t features = layer_input(p_, layer);
    return {p_.seq * p_.batch, rows(), features, features};
  }
  ProductShape hidden_shape() const { return {p_.batch, rows(), p_.hidden, p_.hidden}; }

  /// Layers of equal shape get the form that was faster for the first of them.
  void choose_forms() {
    Lane& lane = *lanes_.front();
    WeightForm ih = WeightForm::given, hh = WeightForm::given;
    for (int layer = 0; layer < p_.layers; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction) {
        const LayerWeights& w = stack_.weights(layer, direction);
        LayerForm<T> form;
        form.w_ih = static_cast<const T*>(w.w_ih);
        form.w_hh = static_cast<const T*>(w.w_hh);
        const ProductShape shape = input_shape(layer);
        if (layer < 2 && direction == 0)
          ih = faster_form(lane.handle, p_.dtype, shape, stack_.input(layer), form.w_ih,
                           lane.input_gates.get(), side_);
        if (layer == 0 && direction == 0)
          hh = faster_form(lane.handle, p_.dtype, hidden_shape(), stack_.h(0, 0), form.w_hh,
                           lane.hidden_gates.get(), side_);
        form.ih = ih, form.hh = hh;
        if (ih == WeightForm::transposed) {
          form.w_ih_copy = transposed_copy(form.w_ih, shape.n, shape.k, side_);
          form.w_ih = form.w_ih_copy.get();
        }
        if (hh == WeightForm::transposed) {
          form.w_hh_copy = transposed_copy(form.w_hh, rows(), p_.hidden, side_);
          form.w_hh = form.w_hh_copy.get();
        }
        forms_.push_back(std::move(form));
      }
  }

  const LayerForm<T>& form(int layer, int direction) const {
    return forms_[std::size_t(layer * p_.directions + direction)];
  }

  void input_product(int layer, int direction, Lane& lane) {
    const LayerForm<T>& f = form(layer, direction);
    cublas_multiply(lane.handle, p_.dtype, input_shape(layer), stack_.input(layer), f.w_ih, f.ih,
                    lane.input_gates.get());
  }

  void one_step(int layer, int direction, std::int64_t step, Lane& lane, cudaStream_t stream) {
    const std::int64_t t = direction ? p_.seq - 1 - step : step;
    const LayerWeights& w = stack_.weights(layer, direction);
    const LayerForm<T>& f = form(layer, direction);
    T* h = stack_.h(layer, direction);
    cublas_multiply(lane.handle, p_.dtype, hidden_shape(), h, f.w_hh, f.hh,
                    lane.hidden_gates.get());
    const auto in = sequence_strides(p_, rows());
    const auto out = sequence_strides(p_, p_.directions * p_.hidden);
    T* output = stack_.output(layer);
    const Gates<T> s{.input_gates = lane.input_gates.get() + t * in.step,
                     .hidden_gates = lane.hidden_gates.get(),
                     .b_ih = static_cast<const T*>(w.b_ih),
                     .b_hh = static_cast<const T*>(w.b_hh),
                     .h = h,
                     .c = stack_.c(layer, direction),
                     .output = output ? output + t * out.step + direction * p_.hidden : nullptr,
                     .gate_stride = in.batch,
                     .output_stride = out.batch,
                     .batch = int(p_.batch),
                     .hidden = int(p_.hidden)};
    const unsigned blocks = blocks_for(std::size_t(p_.batch * p_.hidden), threads);
    with_cell(p_.cell,
              [&](auto cell) { pointwise<decltype(cell), T><<<blocks, threads, 0, stream>>>(s); });
    RNNBENCH_LAUNCHED(pointwise);
  }

  /// The rows of the last layer's sequence that the head reads: all, or those of the last step.
  ProductShape head_shape() const {
    const std::int64_t features = p_.directions * p_.hidden;
    if (p_.head_at == HeadAt::every_step) return {p_.seq * p_.batch, p_.head, features, features};
    return {p_.batch, p_.head, features, sequence_strides(p_, features).batch};
  }
  const T* head_input() const {
    const auto strides = sequence_strides(p_, p_.directions * p_.hidden);
    return stack_.output(p_.layers - 1) +
           (p_.head_at == HeadAt::last_step ? (p_.seq - 1) * strides.step : 0);
  }

  void choose_head_form() {
    const ProductShape shape = head_shape();
    const DeviceArray<T> trial(std::size_t(shape.m * shape.n));
    w_head_ = static_cast<const T*>(t_.w_head);
    head_form_ = faster_form(lanes_.front()->handle, p_.dtype, shape, head_input(), w_head_,
                             trial.get(), side_);
    if (head_form_ == WeightForm::given) return;
    w_head_copy_ = transposed_copy(w_head_, shape.n, shape.k, side_);
    w_head_ = w_head_copy_.get();
  }

  void run_head(cudaStream_t stream) {
    const ProductShape shape = head_shape();
    auto* y = static_cast<T*>(t_.y);
    fill_rows<T><<<blocks_for(std::size_t(shape.m * shape.n), threads), threads, 0, stream>>>(
        y, static_cast<const T*>(t_.b_head), shape.m, int(p_.head));
    RNNBENCH_LAUNCHED(fill_rows);
    cublas_multiply(lanes_.front()->handle, p_.dtype, shape, head_input(), w_head_, head_form_, y,
                    1);
  }

  Problem p_;
  Tensors t_;
  LayerStack<T> stack_;
  int streams_;
  CudaStream side_;
  CudaEvent event_{cudaEventDisableTiming};
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<LayerForm<T>> forms_;  // layer * D + direction
  const T* w_head_ = nullptr;
  WeightForm head_form_ = WeightForm::given;
  DeviceArray<T> w_head_copy_;
};

/// `--option streams=1` keeps both directions on one stream.
int streams_for(const Problem& p, const Options& options) {
  const auto found = options.more.find("streams");
  if (found == options.more.end()) return p.directions;
  if (found->second == "1") return 1;
  if (found->second == "2") return p.directions;
  throw UsageError("option streams of cuda:cublas is 1 or 2, not '" + found->second + "'");
}

Reason unsupported(const Problem& p, const DeviceInfo&) {
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
                 const int streams = streams_for(p, options);
                 return with_storage(p.dtype, [&](auto type) -> std::unique_ptr<Kernel> {
                   return std::make_unique<Cublas<decltype(type)>>(p, t, streams);
                 });
               }});

}  // namespace
}  // namespace rnnbench
