// cuBLAS: what most libraries do, products by a library and a pointwise kernel for the gates, two
// dependent launches a step. Three schedules, of which make takes the fastest:
//
//   layers     layer after layer; the input products of all steps as one GEMM, then per step one
//              GEMM for the hidden products, both directions in one batch, and one pointwise kernel
//   streams    the same with a chain of launches for each direction, on two streams
//   wavefront  of a stack in one direction: in wave w layer l does its step w - l. The state of a
//              layer before a wave is both the h of its own step and the x of the next layer's, so
//              one batched GEMM with [W_hh of l; W_ih of l + 1] serves all layers, and one
//              pointwise kernel: T + L - 1 waves instead of T * L steps. Only the bottom layer has
//              its input products made ahead, and no sequence between layers is written or read.
//
// What bounds it: at usual sizes the latency of two dependent launches a step or wave (a GEMM of B
// columns fills a small part of the chip, and reads its weights again from L2); as a graph the
// launches cost less, but their latency stays. At large B or H the hidden GEMM, at f32 rate:
// without TF32 unless the problem is tf32; there the wavefront has nothing left to gain.
#include <map>

#include "impls/common/gate_step.cuh"
#include "impls/common/head.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"
#include "impls/common/packed_product.cuh"

namespace rnnbench {
namespace {

enum class Schedule { layers, streams, wavefront };

template <class T>
class Cublas final : public Kernel {
 public:
  /// Of several `schedules` it takes the one that is faster by trial.
  Cublas(const Problem& p, const Tensors& t, const std::vector<Schedule>& schedules, bool overlap,
         bool plain)
      : p_(p),
        t_(t),
        overlap_(overlap && gate_steps_overlap<T>(p.cell)),
        plain_(plain),
        stack_(p, t),
        input_gates_(zeroed_array<float>(  // trials read what no product has written yet
            std::size_t(p.seq * p.batch * p.directions * rows()))),
        b_ih_(packed_biases(&LayerWeights::b_ih)),
        b_hh_(packed_biases(&LayerWeights::b_hh)) {
    const NvtxRange range("make cublas");
    main_.use(own_);
    stack_.reset(own_);
    first_input_ = input_products(0, 1);
    choose_schedule(schedules);
    if (p.head_at != HeadAt::none) head_ = head_product();
    stack_.reset(own_);  // trials have stepped the states on
    RNNBENCH_CUDA(cudaStreamSynchronize(own_));
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    main_.use(main);
    stack_.begin(main);
    if (schedule_ == Schedule::wavefront) {
      const NvtxRange range("wavefront");
      input_product(0);
      for (std::int64_t w = 0; w < waves(); ++w) wave(w);
    } else {
      for (int layer = 0; layer < p_.layers; ++layer) {
        const NvtxRange range("layer");
        input_product(layer);
        steps(layer, p_.seq);
      }
    }
    if (head_) {
      const NvtxRange range("head");
      head_->launch(main_, head_input(), 0, static_cast<T*>(t_.y));
    }
    stack_.end(main);
  }
  Schedule schedule() const { return schedule_; }
  void reset(Stream stream) override { stack_.reset(static_cast<cudaStream_t>(stream)); }

  std::string note() const override {
    std::string text = p_.dtype == Dtype::tf32 ? "COMPUTE_32F_FAST_TF32" : "COMPUTE_32F";
    if (schedule_ == Schedule::wavefront)
      text += ", wavefront of " + std::to_string(waves());
    else if (schedule_ == Schedule::streams)
      text += ", directions on two streams";
    else
      text += p_.directions == 2 ? ", layers, both directions at once" : ", layers";
    text += "; hidden products: " + hidden_->note() + "; input: " + first_input_->note();
    if (inner_input_) text += "; inner layers: " + inner_input_->note();
    if (head_) text += "; head: " + head_->note();
    return text;
  }

 private:
  using GateProduct = PackedProduct<T, float>;
  using BiasedProduct = PackedProduct<T, T>;

  std::int64_t rows() const { return gates(p_.cell) * p_.hidden; }  // of a weight matrix
  std::int64_t waves() const { return p_.seq + p_.layers - 1; }

  // ---- make

  /// Zeros without bias, so that the pointwise kernel need not ask.
  DeviceArray<T> packed_biases(const void* LayerWeights::*bias) const {
    std::vector<Piece> pieces;
    for (const LayerWeights& w : t_.layers) pieces.push_back({w.*bias, rows()});
    return joined<T>(pieces, own_);
  }

  /// For `count` layers of one shape: place k is layer first + k, its directions stacked.
  std::unique_ptr<GateProduct> input_products(int first, int count) {
    const std::int64_t features = layer_input(p_, first);
    std::vector<Piece> pieces;
    for (int layer = first; layer < first + count; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction)
        pieces.push_back({stack_.weights(layer, direction).w_ih, rows() * features});
    const ProductShape shape{p_.seq * p_.batch, p_.directions * rows(), features, features};
    return std::make_unique<GateProduct>(main_, p_.dtype, shape, stack_.input(first),
                                         joined<T>(pieces, own_), input_gates_.get(), once_tries());
  }

  /// Place k is layer and direction k. In a wavefront each layer's matrix ends with the input
  /// weights of the layer above; above the last there is none, and nobody reads what zeros give.
  std::unique_ptr<GateProduct> hidden_products(Schedule schedule) {
    const bool stacked = schedule == Schedule::wavefront;
    const std::int64_t matrix = rows() * p_.hidden;
    std::vector<Piece> pieces;
    for (int layer = 0; layer < p_.layers; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction) {
        pieces.push_back({stack_.weights(layer, direction).w_hh, matrix});
        if (stacked)
          pieces.push_back(
              {layer + 1 < p_.layers ? stack_.weights(layer + 1, 0).w_ih : nullptr, matrix});
      }
    const std::int64_t n = stacked ? 2 * rows() : rows();
    const ProductShape shape{.m = p_.batch,
                             .n = n,
                             .k = p_.hidden,
                             .lda = p_.hidden,
                             .count = stacked                         ? p_.layers
                                      : schedule == Schedule::streams ? 1
                                                                      : p_.directions,
                             .a_stride = p_.batch * p_.hidden,
                             .c_stride = p_.batch * n};
    hidden_gates_ =
        zeroed_array<float>(std::size_t((stacked ? p_.layers : p_.directions) * shape.c_stride));
    return std::make_unique<GateProduct>(
        main_, p_.dtype, shape, stack_.h(0, 0), joined<T>(pieces, own_), hidden_gates_.get(),
        plain_ ? GateProduct::plain : CublasLtProduct::most_algorithms);
  }

  void choose_schedule(const std::vector<Schedule>& schedules) {
    if (p_.layers > 1 && schedules.front() != Schedule::wavefront)
      inner_input_ = input_products(1, p_.layers - 1);
    double least = std::numeric_limits<double>::infinity();
    Schedule chosen{};
    std::unique_ptr<GateProduct> hidden;
    DeviceArray<float> hidden_gates;
    for (const Schedule schedule : schedules) {
      schedule_ = schedule;
      hidden_ = hidden_products(schedule);
      if (schedule == Schedule::streams) second_ = std::make_unique<ProductLane>();
      // A product has other traffic in the L2 between two of a sequence.
      hidden_->settle(stack_.h(0, 0), hidden_gates_.get(), [&] { return tried_seconds(); });
      const double seconds = schedules.size() > 1 ? tried_seconds() : 0;
      if (seconds >= least) continue;
      least = seconds, chosen = schedule;
      hidden = std::move(hidden_), hidden_gates = std::move(hidden_gates_);
    }
    schedule_ = chosen, hidden_ = std::move(hidden), hidden_gates_ = std::move(hidden_gates);
    if (chosen == Schedule::wavefront) inner_input_.reset();
    if (chosen != Schedule::streams) second_.reset();
  }

  /// Once more without overlapping launches where the driver does not record them.
  double tried_seconds() {
    try {
      return projected_seconds();
    } catch (const Error&) {
      if (!overlap_) throw;
      overlap_ = false;
      return projected_seconds();
    }
  }

  /// Of all waves, or of all steps and the input products that waves do without.
  double projected_seconds() {
    const double product = std::max(hidden_->seconds(), 1e-6);
    const auto tried = std::clamp(std::int64_t(2e-3 / product), std::int64_t{2}, std::int64_t{50});
    if (schedule_ == Schedule::wavefront) {
      const std::int64_t count = std::min(waves(), tried);
      const std::int64_t first = std::min<std::int64_t>(p_.layers - 1, waves() - count);
      return double(waves()) * seconds_as_graph(own_, int(count), [&](int k) { wave(first + k); });
    }
    const std::int64_t count = std::min(p_.seq, tried);
    const double step = seconds_as_graph(own_, 1, [&](int) { steps(0, count); }) / double(count);
    const double inner = inner_input_ ? inner_input_->seconds() : 0;
    return p_.layers * double(p_.seq) * step + (p_.layers - 1) * inner;
  }

  std::unique_ptr<BiasedProduct> head_product() {
    const ProductShape shape = head_rows(p_).shape;
    return std::make_unique<BiasedProduct>(
        main_, p_.dtype, shape, head_input(), joined<T>({{t_.w_head, shape.n * shape.k}}, own_),
        static_cast<T*>(t_.y), once_tries(), static_cast<const T*>(t_.b_head));
  }

  /// Algorithms to try of a product that is there once a layer or once at all: one among many,
  /// unless there is but one step.
  int once_tries() const {
    if (plain_) return GateProduct::plain;
    return p_.seq > 1 ? 4 : CublasLtProduct::most_algorithms;
  }

  // ---- launch

  void input_product(int layer) {
    GateProduct& product = layer == 0 ? *first_input_ : *inner_input_;
    product.launch(main_, stack_.input(layer), std::max(0, layer - 1), input_gates_.get());
  }

  /// The first `count` steps of a layer. On two streams step by step in turn, so that neither runs
  /// dry while the other is being filled.
  void steps(int layer, std::int64_t count) {
    if (schedule_ != Schedule::streams) {
      for (std::int64_t step = 0; step < count; ++step)
        one_step(layer, 0, p_.directions, step, main_);
      return;
    }
    second_->use(side_);
    follow(side_, main_.stream());
    for (std::int64_t step = 0; step < count; ++step) {
      one_step(layer, 0, 1, step, main_);
      one_step(layer, 1, 1, step, *second_);
    }
    follow(main_.stream(), side_);
  }

  /// `after` waits for what `before` has been given so far; becomes an edge when recorded.
  void follow(cudaStream_t after, cudaStream_t before) {
    RNNBENCH_CUDA(cudaEventRecord(event_, before));
    RNNBENCH_CUDA(cudaStreamWaitEvent(after, event_, 0));
  }

  /// Of `parts` directions from `direction` on. A second part is the reverse direction, `turn`
  /// steps further on in the sequences.
  void one_step(int layer, int direction, int parts, std::int64_t step, ProductLane& lane) {
    const std::int64_t t = direction ? p_.seq - 1 - step : step;
    const std::int64_t turn = p_.seq - 1 - 2 * step;
    const std::int64_t at = layer * p_.directions + direction;
    const auto in = sequence_strides(p_, p_.directions * rows());
    const auto out = sequence_strides(p_, p_.directions * p_.hidden);
    float* const hidden = hidden_gates_.get() + direction * p_.batch * rows();
    T* const output = stack_.output(layer);
    hidden_->launch(lane, stack_.h(layer, direction), at, hidden);
    launch_gate_step<T>(p_.cell,
                        {.input_gates = input_gates_.get() + t * in.step + direction * rows(),
                         .hidden_gates = hidden,
                         .b_ih = b_ih_.get() + at * rows(),
                         .b_hh = b_hh_.get() + at * rows(),
                         .h = stack_.h(layer, direction),
                         .c = stack_.c(layer, direction),
                         .output = output ? output + t * out.step + direction * p_.hidden : nullptr,
                         .input_part = turn * in.step + rows(),
                         .input_row = in.batch,
                         .hidden_part = p_.batch * rows(),
                         .hidden_row = rows(),
                         .output_part = turn * out.step + p_.hidden,
                         .output_row = out.batch,
                         .inputs_are_early = true,
                         .batch = unsigned(p_.batch),
                         .hidden = unsigned(p_.hidden)},
                        parts, overlap_, lane.stream());
  }

  /// Step w - layer of every layer that has one. The products are those of all layers also where
  /// some rest: it takes hardly longer, and nobody reads theirs.
  void wave(std::int64_t w) {
    const int first = int(std::max<std::int64_t>(0, w - p_.seq + 1));
    const int last = int(std::min<std::int64_t>(p_.layers - 1, w));
    const int bottom = first == 0 ? 1 : 0;  // layer 0 takes part
    const std::int64_t row = 2 * rows(), block = p_.batch * row;
    const auto in = sequence_strides(p_, rows());
    const auto out = sequence_strides(p_, p_.hidden);
    const float* const gates = hidden_gates_.get();
    T* output = stack_.output(p_.layers - 1);
    if (last < p_.layers - 1) output = nullptr;
    hidden_->launch(main_, stack_.h(0, 0), 0, hidden_gates_.get());
    launch_gate_step<T>(
        p_.cell,
        // A layer's input gates are the second half of what the layer below has in the product.
        {.input_gates = gates + (first + bottom - 1) * block + rows(),
         .bottom_gates = bottom ? input_gates_.get() + w * in.step : nullptr,
         .hidden_gates = gates + first * block,
         .b_ih = b_ih_.get() + first * rows(),
         .b_hh = b_hh_.get() + first * rows(),
         .h = stack_.h(first, 0),
         .c = stack_.c(first, 0),
         .output = output ? output + (w - last) * out.step : nullptr,
         .input_part = block,
         .input_row = row,
         .bottom_row = in.batch,
         .hidden_part = block,
         .hidden_row = row,
         .output_row = out.batch,
         .bottom = bottom,
         .first_output = last - first,
         .batch = unsigned(p_.batch),
         .hidden = unsigned(p_.hidden)},
        last - first + 1, overlap_, main_.stream());
  }

  const T* head_input() const { return stack_.output(p_.layers - 1) + head_rows(p_).first; }

  Problem p_;
  Tensors t_;
  CudaStream own_, side_;  // own_: of make
  CudaEvent event_{cudaEventDisableTiming};
  bool overlap_;  // launches may begin before the one before is done
  bool plain_;    // products by cuBLAS's own choice, nothing tried
  LayerStack<T> stack_;
  DeviceArray<float> input_gates_;   // [T, B, D*G*H] or [B, T, D*G*H], as x lies
  DeviceArray<float> hidden_gates_;  // [D, B, G*H]; wavefront: [L, B, 2*G*H]
  DeviceArray<T> b_ih_, b_hh_;       // [L*D, G*H]
  ProductLane main_;
  std::unique_ptr<ProductLane> second_;  // of the second direction on a stream of its own
  Schedule schedule_ = Schedule::layers;
  std::unique_ptr<GateProduct> first_input_, inner_input_, hidden_;
  std::unique_ptr<BiasedProduct> head_;
};

/// The value of `--option name=…` or nothing; throws unless it is one of two words.
std::string word_of(const Options& options, const std::string& name, const std::string& one,
                    const std::string& other) {
  const auto found = options.more.find(name);
  if (found == options.more.end()) return {};
  if (found->second == one || found->second == other) return found->second;
  throw UsageError("option " + name + " of cuda:cublas is " + one + " or " + other + ", not '" +
                   found->second + "'");
}

/// What to choose from. `schedule=wavefront` and `streams=2` mean nothing where there is one layer,
/// or one direction.
std::vector<Schedule> schedules_for(const Problem& p, const Options& options) {
  const std::string schedule = word_of(options, "schedule", "wavefront", "layers");
  const std::string streams = word_of(options, "streams", "1", "2");
  std::vector<Schedule> schedules{Schedule::layers};
  if (p.directions == 2) {
    if (streams == "2") return {Schedule::streams};
    if (streams.empty() && p.seq > 1) schedules.push_back(Schedule::streams);
  } else if (p.layers > 1) {
    if (schedule == "wavefront") return {Schedule::wavefront};
    if (schedule.empty() && p.seq > 1) schedules.push_back(Schedule::wavefront);
  }
  return schedules;
}

Reason unsupported(const Problem& p, const DeviceInfo&) {
  const std::int64_t most = std::int64_t{1} << 31;  // cuBLAS counts rows and strides in int
  if (p.seq * p.batch >= most || p.seq * p.directions * p.hidden >= most ||
      p.batch * p.hidden >= most)
    return "T * B, T * D * H and B * H must stay under 2^31";
  return std::nullopt;
}

/// Schedules are tried once for a problem and process, so that its instances do not differ.
template <class T>
std::unique_ptr<Kernel> make_cublas(const Problem& p, const Tensors& t,
                                    std::vector<Schedule> schedules, bool overlap, bool plain) {
  static std::map<std::string, Schedule> chosen;
  const bool open = schedules.size() > 1;
  if (const auto found = chosen.find(id(p)); open && found != chosen.end())
    schedules = {found->second};
  auto kernel = std::make_unique<Cublas<T>>(p, t, schedules, overlap, plain);
  if (open) chosen.emplace(id(p), kernel->schedule());
  return kernel;
}

RNNBENCH_IMPL({.name = "cublas",
               .device = Device::cuda,
               .summary = "library GEMMs and a pointwise kernel a step, or a wave of all layers",
               .unsupported = unsupported,
               .make = [](const Problem& p, const Tensors& t, const Options& options) {
                 const auto schedules = schedules_for(p, options);
                 const bool overlap = overlaps(options, "cuda:cublas");
                 const bool plain = word_of(options, "products", "tried", "plain") == "plain";
                 return with_storage(p.dtype, [&](auto type) {
                   return make_cublas<decltype(type)>(p, t, schedules, overlap, plain);
                 });
               }});

}  // namespace
}  // namespace rnnbench
