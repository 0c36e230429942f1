// Fused: one kernel for each cell step. Both products (or, with the input products of all steps
// hoisted into one GEMM, the hidden one), the biases and the gates in one kernel, and one store of
// h; see fused/tile.cuh for the kernel.
//
// What bounds it: see there. A unidirectional stack with its products in the kernels goes as a
// wavefront, layer l doing step w - l in launch w, so that T + L - 1 launches do the work of T * L;
// the layers hand h on through rings of two steps. Both directions of a layer share their launches.
// The head is one launch of the same kernel over all steps at the end: fused into the steps it
// would lengthen each of them.
#include <algorithm>
#include <array>
#include <cmath>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/head.cuh"
#include "impls/common/hoisted_inputs.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"
#include "impls/common/overlap.cuh"
#include "impls/cuda/fused/kernels.hpp"
#include "impls/cuda/fused/maps.hpp"
#include "impls/cuda/fused/plan.hpp"

namespace rnnbench {
namespace {

using fused::Activation;
using fused::Form;
using fused::Job;
using fused::Plan;

/// A compiled step kernel of one tile, and the tensor maps that it needs if it is on wgmma.
class BoundStep {
 public:
  BoundStep(const fused::AnyTile& tile, fused::Product product, int gates)
      : tile_(tile), product_(product), gates_(gates) {
    if (const auto* const wide = std::get_if<fused::WideTile>(&tile)) {
      for (const auto& kernel : fused::wide_kernels())
        if (kernel.product == product && kernel.gates == gates && kernel.tile == *wide)
          function_ = kernel.function;
      shared_ = wide->shared_bytes(fused::slots_of(gates), product);
      threads_ = wide->threads(), cluster_ = wide->cluster;
    } else {
      const auto& narrow = std::get<fused::Tile>(tile);
      for (const auto& kernel : fused::kernels(product))
        if (kernel.gates == gates && kernel.tile == narrow) function_ = kernel.function;
      shared_ = narrow.shared_bytes(gates, fused::slots_of(gates));
      threads_ = narrow.threads();
    }
    if (!function_) throw Error("no kernel was compiled for tile " + name());
    RNNBENCH_CUDA(
        cudaFuncSetAttribute(function_, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_));
  }

  /// Tells it all jobs, of which each launch names some; waits.
  void set_jobs(const std::vector<Job>& jobs) {
    const auto* const wide = std::get_if<fused::WideTile>(&tile_);
    if (!wide) return;
    std::vector<fused::JobMaps> maps;
    for (const Job& job : jobs) maps.push_back(maps_of(job, gates_, *wide, product_));
    maps_ = DeviceArray<fused::JobMaps>(maps.size());
    RNNBENCH_CUDA(cudaMemcpy(maps_.get(), maps.data(), maps_.bytes(), cudaMemcpyHostToDevice));
    RNNBENCH_CUDA(cudaStreamSynchronize(nullptr));  // the copy of pageable memory returns before
  }

  /// `count` jobs, from job `first` on. `overlap`: may begin before the launch before it is done.
  void launch(const fused::Launch& what, std::size_t first, std::size_t count, bool overlap,
              cudaStream_t stream) const {
    const Job& job = what.jobs[0];
    const auto [block_m, block_n] = std::visit(
        [](const auto& kind) { return std::pair(kind.block_m(), kind.block_n()); }, tile_);
    const unsigned across = blocks_for(std::size_t(job.hidden), unsigned(block_n));
    std::array<cudaLaunchAttribute, 2> attributes{};
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {cluster_, 1, 1};
    attributes[1] = overlap_attribute();
    const unsigned skipped = cluster_ == 1 ? 1 : 0;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3((across + cluster_ - 1) / cluster_ * cluster_,
                          blocks_for(std::size_t(job.rows), unsigned(block_m)), unsigned(count));
    config.blockDim = dim3(unsigned(threads_));
    config.dynamicSmemBytes = std::size_t(shared_);
    config.stream = stream;
    config.attrs = attributes.data() + skipped;
    config.numAttrs = (overlap ? 2 : 1) - skipped;
    const fused::JobMaps* maps = maps_.get() ? maps_.get() + first : nullptr;
    std::array<void*, 2> arguments{const_cast<fused::Launch*>(&what), &maps};
    RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_, arguments.data()));
  }

  std::string name() const { return name_of(tile_, product_); }
  bool can_overlap() const { return rnnbench::can_overlap(function_); }

 private:
  fused::AnyTile tile_;
  fused::Product product_;
  int gates_;
  const void* function_ = nullptr;
  int shared_ = 0, threads_ = 0;
  unsigned cluster_ = 1;
  DeviceArray<fused::JobMaps> maps_;
};

template <class T>
class Fused final : public Kernel {
 public:
  Fused(const Problem& p, const Tensors& t, const DeviceInfo& device, const Plan& plan,
        bool overlap, std::string why)
      : p_(p),
        t_(t),
        plan_(plan),
        why_(std::move(why)),
        kernel_(plan.tile, plan.product, gates(p.cell)),
        overlap_(overlap && kernel_.can_overlap()),
        state_(std::size_t(p.batch * p.hidden)) {
    const NvtxRange range("make fused");
    const std::size_t places = std::size_t(p.layers * p.directions);
    rings_ = DeviceArray<T>(2 * state_ * places);
    if (p.cell == Cell::lstm) c_ = DeviceArray<float>(state_ * places);
    if (p.stateful) {
      h_now_ = DeviceArray<T>(state_ * places), h_next_ = DeviceArray<T>(state_ * places);
      if (p.cell == Cell::lstm)
        c_now_ = DeviceArray<T>(state_ * places), c_next_ = DeviceArray<T>(state_ * places);
    }
    make_sequences();
    if (plan.form == Form::hoisted)
      input_products_ = std::make_unique<HoistedInputs<T>>(
          p, t, [this](int layer) { return input_of(layer); }, p.layers, false);
    if (p.head_at != HeadAt::none) make_head(device);
    for (int layer = 0; layer < p.layers; ++layer)
      for (int direction = 0; direction < p.directions; ++direction)
        jobs_.push_back(job_of(layer, direction));
    kernel_.set_jobs(jobs_);
    if (p.stateful) {
      reset(nullptr);
      RNNBENCH_CUDA(cudaStreamSynchronize(nullptr));
    }
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    follows_step_ = false;
    if (is_wavefront()) {
      for (std::int64_t wave = 0; wave < fused::waves(p_, plan_.form); ++wave) {
        const auto low = std::max<std::int64_t>(0, wave - p_.seq + 1);
        const auto high = std::min<std::int64_t>(p_.layers - 1, wave);
        run_jobs(std::size_t(low), std::size_t(high + 1), wave, main);
      }
    } else {
      for (int layer = 0; layer < p_.layers; ++layer) one_layer(layer, main);
    }
    if (p_.head_at != HeadAt::none) {
      fused::Launch head{};
      head.jobs[0] = head_job_;
      head_kernel_->launch(head, 0, 1, overlap_, main);
    }
    if (p_.stateful) keep_state(main);
  }

  void reset(Stream stream) override {
    if (!p_.stateful) return;
    const auto main = static_cast<cudaStream_t>(stream);
    copy(h_now_.get(), t_.h_0, h_now_.bytes(), main);
    if (c_now_.get()) copy(c_now_.get(), t_.c_0, c_now_.bytes(), main);
  }

  std::string note() const override {
    std::string text = plan_.config() + " (" + why_ + ")";
    if (is_wavefront() && p_.layers > 1)
      text += ", wavefront over " + std::to_string(p_.layers) + " layers";
    else if (p_.directions == 2)
      text += ", both directions in each launch";
    if (plan_.product == fused::Product::tf32x3) text += ", 3xTF32 products";
    if (input_products_) text += ", input products: " + input_products_->note();
    if (head_kernel_) text += ", head in one launch (" + head_kernel_->name() + ")";
    return text;
  }

 private:
  bool is_wavefront() const { return fused::is_wavefront(p_, plan_.form); }
  std::size_t place(int layer, int direction) const {
    return std::size_t(layer * p_.directions + direction);
  }
  bool keeps_sequence(int layer) const {
    if (layer < p_.layers - 1) return !is_wavefront();
    return t_.output || p_.head_at != HeadAt::none;
  }

  /// Sequences between layers lie [T, B, D*H]; the last layer's as the problem has it.
  SequenceStrides strides(int layer) const {
    const std::int64_t features = p_.directions * p_.hidden;
    if (layer == p_.layers - 1) return sequence_strides(p_, features);
    return {p_.batch * features, features};
  }
  T* sequence(int layer) {
    if (layer == p_.layers - 1 && t_.output) return static_cast<T*>(t_.output);
    return sequences_[std::size_t(layer % 2)].get();
  }

  void make_sequences() {
    for (int layer = 0; layer < p_.layers; ++layer) {
      DeviceArray<T>& own = sequences_[std::size_t(layer % 2)];
      if (keeps_sequence(layer) && !(layer == p_.layers - 1 && t_.output) && !own.get())
        own = zeroed_array<T>(state_ * std::size_t(p_.seq * p_.directions));  // trials read it
    }
  }

  static bool wide(const void* pointer, std::initializer_list<std::int64_t> strides) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 &&
           std::all_of(strides.begin(), strides.end(),
                       [](std::int64_t n) { return n * std::int64_t(sizeof(T)) % 16 == 0; });
  }

  Job job_of(int layer, int direction) {
    const LayerWeights& w = t_.layers[place(layer, direction)];
    const std::size_t own = place(layer, direction) * state_;
    Job job;
    job.w_ih = w.w_ih, job.w_hh = w.w_hh, job.b_ih = w.b_ih, job.b_hh = w.b_hh;
    job.x_width = int(layer_input(p_, layer));
    job.hidden = int(p_.hidden), job.rows = int(p_.batch), job.steps = int(p_.seq);
    job.first_wave = is_wavefront() ? layer : 0;
    job.reverse = direction == 1;
    job.activation = p_.cell == Cell::rnn_relu ? Activation::relu : Activation::tanh;
    place_h(job, layer, direction);
    place_input(job, layer, direction);
    const auto at = [&](const void* array) {
      return array ? static_cast<const T*>(array) + own : nullptr;
    };
    const auto to = [&](void* array) { return array ? static_cast<T*>(array) + own : nullptr; };
    job.h_0 = at(p_.stateful ? h_now_.get() : t_.h_0);
    job.c_0 = at(p_.stateful ? c_now_.get() : t_.c_0);
    const bool kept = p_.stateful && !head_carries();
    job.h_n = to(kept ? h_next_.get() : t_.h_n);
    job.c_n = to(p_.stateful ? c_next_.get() : t_.c_n);
    if (c_.get()) job.c = c_.get() + own;
    job.h_wide = wide(job.h, {job.h_step, job.h_row, p_.hidden}) && wide(job.h_0, {p_.hidden}) &&
                 wide(job.w_hh, {p_.hidden});
    return job;
  }

  void place_h(Job& job, int layer, int direction) {
    if (keeps_sequence(layer)) {
      job.h = sequence(layer) + direction * p_.hidden;
      job.h_step = strides(layer).step, job.h_row = strides(layer).batch;
    } else {
      job.h = ring(layer, direction);
      job.h_step = p_.batch * p_.hidden, job.h_row = p_.hidden, job.h_mask = 1;
      job.store_last = layer < p_.layers - 1;  // for the layer above
    }
  }

  T* ring(int layer, int direction) { return rings_.get() + 2 * state_ * place(layer, direction); }

  void place_input(Job& job, int layer, int direction) {
    if (plan_.form == Form::hoisted) {
      const auto lies = input_products_->strides(layer);
      job.gates = input_products_->gates(direction);
      job.gates_step = lies.step, job.gates_row = lies.batch;
      return;
    }
    if (layer == 0) {
      const auto lies = sequence_strides(p_, p_.input);
      job.x = t_.x, job.x_step = lies.step, job.x_row = lies.batch;
    } else if (is_wavefront()) {
      job.x = ring(layer - 1, 0);
      job.x_step = p_.batch * p_.hidden, job.x_row = p_.hidden, job.x_mask = 1;
    } else {
      job.x = sequence(layer - 1);
      job.x_step = strides(layer - 1).step, job.x_row = strides(layer - 1).batch;
    }
    job.x_wide = wide(job.x, {job.x_step, job.x_row}) && wide(job.w_ih, {job.x_width});
  }

  /// The only state is what the head reads: the head's launch keeps it for the next call.
  bool head_carries() const {
    return p_.head_at != HeadAt::none && p_.layers * p_.directions == 1 && p_.seq == 1;
  }

  void make_head(const DeviceInfo& device) {
    const HeadRows rows = head_rows(p_);
    Job& job = head_job_;
    job.x = sequence(p_.layers - 1) + rows.first;
    job.x_row = rows.shape.lda, job.x_width = int(rows.shape.k);
    job.w_ih = t_.w_head, job.b_ih = t_.b_head;
    job.h = t_.y, job.h_row = p_.head;
    job.hidden = int(p_.head), job.rows = int(rows.shape.m);
    job.x_wide = wide(job.x, {job.x_row}) && wide(job.w_ih, {job.x_width});
    if (p_.stateful && head_carries()) job.carry_from = job.x, job.carry_to = h_now_.get();
    head_kernel_ = std::make_unique<BoundStep>(
        fused::linear_tile(job.rows, p_.head, job.x_width, device, plan_.product), plan_.product,
        1);
    head_kernel_->set_jobs({job});
  }

  void one_layer(int layer, cudaStream_t stream) {
    const NvtxRange range("layer");
    if (plan_.form == Form::hoisted) {
      input_products_->launch(layer, input_of(layer), stream);
      follows_step_ = false;
    }
    const std::size_t first = place(layer, 0);
    for (std::int64_t step = 0; step < p_.seq; ++step)
      run_jobs(first, first + std::size_t(p_.directions), step, stream);
  }

  /// Jobs [first, last) in this wave: one launch, or several where they are very many.
  void run_jobs(std::size_t first, std::size_t last, std::int64_t wave, cudaStream_t stream) {
    fused::Launch what{};
    what.wave = int(wave);
    for (std::size_t k = first; k < last; k += fused::most_jobs) {
      const auto count = std::min<std::size_t>(last - k, fused::most_jobs);
      std::copy_n(jobs_.begin() + std::ptrdiff_t(k), count, what.jobs);
      kernel_.launch(what, k, count, overlap_ && follows_step_, stream);
      follows_step_ = true;
    }
  }

  const T* input_of(int layer) {
    return layer == 0 ? static_cast<const T*>(t_.x) : sequence(layer - 1);
  }

  void keep_state(cudaStream_t stream) {
    if (c_now_.get()) {
      copy(c_now_.get(), c_next_.get(), c_now_.bytes(), stream);
      if (t_.c_n) copy(t_.c_n, c_next_.get(), c_now_.bytes(), stream);
    }
    if (head_carries()) return;
    copy(h_now_.get(), h_next_.get(), h_now_.bytes(), stream);
    if (t_.h_n) copy(t_.h_n, h_next_.get(), h_now_.bytes(), stream);
  }
  static void copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
    RNNBENCH_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream));
  }

  Problem p_;
  Tensors t_;
  Plan plan_;
  std::string why_;
  BoundStep kernel_;
  bool overlap_;
  bool follows_step_ = false;  // the launch before in this stream is a step
  std::size_t state_;          // elements of one layer's and direction's state
  DeviceArray<T> rings_, h_now_, h_next_, c_now_, c_next_;
  DeviceArray<float> c_;
  std::array<DeviceArray<T>, 2> sequences_;
  std::vector<Job> jobs_;  // layer * D + direction
  Job head_job_;
  std::unique_ptr<BoundStep> head_kernel_;
  std::unique_ptr<HoistedInputs<T>> input_products_;  // hoisted
};

std::string option(const Options& options, const char* name) {
  const auto found = options.more.find(name);
  return found == options.more.end() ? std::string() : found->second;
}

std::string predicted(double seconds) {
  return "predicted " + std::to_string(std::int64_t(std::llround(seconds * 1e6))) + " us";
}

std::unique_ptr<Kernel> make_fused(const Problem& p, const Tensors& t, const Options& options) {
  int index = 0;
  RNNBENCH_CUDA(cudaGetDevice(&index));
  const DeviceInfo device = cuda_device(index);
  const auto product = fused::product_for(p.dtype, option(options, "math"));
  const std::string config = option(options, "config");
  const bool overlap = overlaps(options, "cuda:fused");
  const auto all = fused::plans(p, device, product);
  const Plan plan = config.empty() ? all.front() : fused::plan_named(config, p, device, product);
  const auto other =
      std::find_if(all.begin(), all.end(), [&](const Plan& one) { return one.form != plan.form; });
  const std::string why =
      config.empty() ? predicted(plan.total_s) +
                           (plan.form == Form::hoisted ? "; in the kernel " : "; hoisted ") +
                           predicted(other->total_s)
                     : "as asked";
  return with_storage(p.dtype, [&](auto type) -> std::unique_ptr<Kernel> {
    return std::make_unique<Fused<decltype(type)>>(p, t, device, plan, overlap, why);
  });
}

Reason unsupported(const Problem& p, const DeviceInfo& device) {
  if (device.cc < 80) return "needs compute capability 8.0 or later";
  const std::int64_t most = std::int64_t{1} << 31;
  const std::int64_t widest = std::max({p.input, p.directions * p.hidden, p.head});
  if (p.seq * p.batch >= most || gates(p.cell) * widest >= most)
    return "T * B and the gates' rows must stay under 2^31";
  // Offsets of rows are 32 bits, in pieces of 16 bytes where rows are aligned, else in values.
  const auto count = [&](std::int64_t rows, std::int64_t stride, std::int64_t width) {
    const bool aligned = width * bytes_per_element(p.dtype) % 16 == 0;
    return double(rows) * double(stride) / (aligned ? 16 / bytes_per_element(p.dtype) : 1);
  };
  const std::int64_t features = p.directions * p.hidden;
  const std::int64_t between = p.layout == Layout::btc ? p.seq : 1;  // rows of one element
  const std::int64_t inner = p.layers > 1 ? std::max(p.input, features) : p.input;
  const double largest = std::max(
      {count(gates(p.cell) * p.hidden, inner, inner),
       count(gates(p.cell) * p.hidden, p.hidden, p.hidden),
       count(p.batch, between * p.input, p.input), count(p.batch, between * features, p.hidden),
       count(p.head, features, features),
       p.head_at == HeadAt::every_step ? count(p.seq * p.batch, features, features) : 0.0});
  if (largest >= 4294967296.0) return "a tensor has more values than its rows' offsets can count";
  // Rows of a batch are the second grid dimension; the planner leaves out tiles that are too thin.
  const std::int64_t rows = p.head_at == HeadAt::every_step ? p.seq * p.batch : p.batch;
  if (rows > 65535 * 8) return "more than 524280 rows in one product";
  return std::nullopt;
}

std::vector<Candidate> candidates(const Problem& p, const DeviceInfo& device,
                                  const Options& options) {
  std::vector<Candidate> found;
  for (const Plan& plan :
       fused::candidate_plans(p, device, fused::product_for(p.dtype, option(options, "math"))))
    found.push_back({plan.config(), predicted(plan.total_s)});
  return found;
}

RNNBENCH_IMPL({.name = "fused",
               .device = Device::cuda,
               .summary = "one kernel for each cell step: products, biases, gates, one store",
               .unsupported = unsupported,
               .make = make_fused,
               .candidates = candidates});

}  // namespace
}  // namespace rnnbench
