// Persistent: one launch for a whole sequence, weights on chip, h handed from block to block of a
// cluster through distributed shared memory. See persistent/cluster.cuh for the kernel and
// persistent/plan.cpp for what is chosen when.
//
// What bounds it: the chain of one step after another, each a product of tenths of a microsecond
// and a hand-over of h; with many rows the tensor cores. f32 is three tf32 products (3xTF32).
#include <algorithm>
#include <array>
#include <cmath>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/head.cuh"
#include "impls/common/input_products.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/kernels.hpp"
#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench {
namespace {

using persistent::Chain;
using persistent::Form;
using persistent::Plan;

constexpr double watchdog_s = 10;  // far above any wait, and below a person's patience

/// Words of host memory that a kernel can write.
class HostNote {
 public:
  HostNote() {
    RNNBENCH_CUDA(cudaHostAlloc(&words_, 4 * sizeof(std::uint32_t), cudaHostAllocMapped));
    std::fill_n(words_, 4, 0u);
  }
  HostNote(const HostNote&) = delete;
  HostNote& operator=(const HostNote&) = delete;
  ~HostNote() { (void)cudaFreeHost(words_); }
  std::uint32_t* get() const { return words_; }
  /// What check_wait wrote there; empty where no wait was given up.
  std::string text() const {
    const volatile std::uint32_t* const words = words_;
    if (words[0] == 0) return {};
    const bool hidden = words[1] == std::uint32_t(persistent::Waits::hidden);
    return "block " + std::to_string(words[3]) + " waited " + std::to_string(int(watchdog_s)) +
           " s in vain for " + (hidden ? "h of step " : "the layer below at step ") +
           std::to_string(hidden ? words[2] - 1 : words[2]) +
           ": is the GPU busy with something that does not end?";
  }

 private:
  std::uint32_t* words_ = nullptr;
};

const std::vector<persistent::ClusterKernel>& kernels_of(Dtype dtype) {
  static const std::vector<persistent::ClusterKernel> all[] = {
      persistent::cluster_kernels_f32(), persistent::cluster_kernels_tf32(),
      persistent::cluster_kernels_f16(), persistent::cluster_kernels_bf16()};
  return all[int(dtype)];  // Dtype's order
}

/// Fewer clusters run at once than clusters that wait on each other.
class NoRoom : public Error {
 public:
  using Error::Error;
};

template <class T>
class Persistent final : public Kernel {
 public:
  Persistent(const Problem& p, const Tensors& t, const Plan& plan, double wait_s)
      : p_(p), t_(t), plan_(plan), state_(std::size_t(p.batch * p.hidden)) {
    const NvtxRange range("make persistent");
    find_kernel();
    const std::size_t states = state_ * std::size_t(p.layers * p.directions);
    if (p.stateful) {
      h_now_ = DeviceArray<T>(states);
      if (p.cell == Cell::lstm) c_now_ = DeviceArray<T>(states);
      reset(nullptr);
    }
    make_sequences();
    if (plan.form == Form::hoisted)
      input_products_ =
          std::make_unique<InputProducts<T>>(p, t, [this](int layer) { return input_of(layer); });
    for (int layer = 0; layer < p.layers; ++layer)
      for (int direction = 0; direction < p.directions; ++direction)
        for (int slice = 0; slice < plan.slices; ++slice)
          host_chains_.push_back(chain_of(layer, direction, slice));
    chains_ = DeviceArray<Chain>(host_chains_.size());
    RNNBENCH_CUDA(
        cudaMemcpy(chains_.get(), host_chains_.data(), chains_.bytes(), cudaMemcpyHostToDevice));
    RNNBENCH_CUDA(cudaStreamSynchronize(nullptr));  // the copy of pageable memory returns before
    what_.hidden = int(p.hidden), what_.units = plan.units, what_.steps = int(p.seq);
    what_.activation =
        p.cell == Cell::rnn_relu ? persistent::Activation::relu : persistent::Activation::tanh;
    what_.limit_ns = std::uint64_t(wait_s * 1e9);
    what_.note = note_.get();
    if (p.head_at != HeadAt::none) head_ = std::make_unique<HeadProduct>(p, t);
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    const std::size_t a_layer = std::size_t(p_.directions * plan_.slices);
    if (plan_.form == Form::wavefront) {
      run(0, host_chains_.size(), main);
    } else {
      for (int layer = 0; layer < p_.layers; ++layer) {
        const NvtxRange range("layer");
        if (input_products_) input_products_->launch(layer, input_of(layer), main);
        run(std::size_t(layer) * a_layer, a_layer, main);
      }
    }
    if (head_) {
      const NvtxRange range("head");
      head_->launch(sequence(p_.layers - 1), main);
    }
  }

  void reset(Stream stream) override {
    if (!p_.stateful) return;
    const auto main = static_cast<cudaStream_t>(stream);
    RNNBENCH_CUDA(
        cudaMemcpyAsync(h_now_.get(), t_.h_0, h_now_.bytes(), cudaMemcpyDeviceToDevice, main));
    if (c_now_.get())
      RNNBENCH_CUDA(
          cudaMemcpyAsync(c_now_.get(), t_.c_0, c_now_.bytes(), cudaMemcpyDeviceToDevice, main));
  }

  std::string complaint() const override { return note_.text(); }

  std::string note() const override {
    const auto microseconds = [](double s) {
      return std::to_string(std::int64_t(std::llround(s * 1e6))) + " us";
    };
    std::string text = plan_.config() + " (predicted " + microseconds(plan_.total_s) + "): ";
    if (plan_.form == Form::wavefront)
      text += std::to_string(p_.layers) + " layers at once, ";
    else if (p_.directions == 2)
      text += "both directions at once, ";
    text += "clusters of " + std::to_string(plan_.cluster) + " blocks, " +
            std::to_string(plan_.rows) + " rows each";
    if (input_products_) text += ", input products: " + input_products_->note();
    return text;
  }

 private:
  void find_kernel() {
    for (const auto& kernel : kernels_of(p_.dtype))
      if (kernel.gates == gates(p_.cell) && kernel.k_lane == plan_.k_lane &&
          kernel.inside == plan_.inside())
        function_ = kernel.function;
    if (!function_) throw Error("no kernel was compiled for " + plan_.config());
    const auto at = persistent::layout(gates(p_.cell), plan_.k_lane, plan_.rows, plan_.inside());
    shared_ = at.floats * int(sizeof(float));
    // The limit belongs to the function, not to this object: as high for all as it can be.
    int device = 0, most = 0;
    RNNBENCH_CUDA(cudaGetDevice(&device));
    RNNBENCH_CUDA(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    cudaFuncAttributes attributes_of{};
    RNNBENCH_CUDA(cudaFuncGetAttributes(&attributes_of, function_));
    RNNBENCH_CUDA(cudaFuncSetAttribute(function_, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       most - int(attributes_of.sharedSizeBytes)));
    RNNBENCH_CUDA(
        cudaFuncSetAttribute(function_, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    int resident = 0;
    std::array<cudaLaunchAttribute, 2> attributes;
    const auto config = config_of(1, nullptr, attributes);
    RNNBENCH_CUDA(cudaOccupancyMaxActiveClusters(&resident, function_, &config));
    const int wanted = plan_.form == Form::wavefront ? plan_.slices * p_.layers : 1;
    if (resident < wanted)
      throw NoRoom("cuda:persistent: " + plan_.config() + " needs " + std::to_string(wanted) +
                   " clusters of " + std::to_string(plan_.cluster) +
                   " blocks at once, and this GPU has room for " + std::to_string(resident) +
                   ": choose another with --option config=");
  }

  cudaLaunchConfig_t config_of(std::size_t clusters, cudaStream_t stream,
                               std::array<cudaLaunchAttribute, 2>& attributes) const {
    attributes = {};
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {unsigned(plan_.cluster), 1, 1};
    attributes[1].id = cudaLaunchAttributeCooperative;  // where clusters wait on each other
    attributes[1].val.cooperative = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(unsigned(clusters) * unsigned(plan_.cluster));
    config.blockDim = dim3(unsigned(persistent::half_threads) * (plan_.inside() ? 2 : 1));
    config.dynamicSmemBytes = std::size_t(shared_);
    config.stream = stream;
    config.attrs = attributes.data();
    config.numAttrs = plan_.form == Form::wavefront ? 2 : 1;
    return config;
  }

  void run(std::size_t first, std::size_t count, cudaStream_t stream) {
    std::array<cudaLaunchAttribute, 2> attributes;
    const auto config = config_of(count, stream, attributes);
    what_.chains = chains_.get() + first;
    std::array<void*, 1> arguments{&what_};
    RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_, arguments.data()));
  }

  bool keeps_sequence(int layer) const {
    if (layer < p_.layers - 1) return plan_.form != Form::wavefront;
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
  const T* input_of(int layer) {
    return layer == 0 ? static_cast<const T*>(t_.x) : sequence(layer - 1);
  }
  std::int64_t tagged_row() const { return std::int64_t{plan_.cluster} * plan_.units; }

  void make_sequences() {
    for (int layer = 0; layer < p_.layers; ++layer) {
      DeviceArray<T>& own = sequences_[std::size_t(layer % 2)];
      if (keeps_sequence(layer) && !(layer == p_.layers - 1 && t_.output) && !own.get())
        own = zeroed_array<T>(state_ * std::size_t(p_.seq * p_.directions));  // trials read it
    }
    if (plan_.form != Form::wavefront) return;
    epochs_ = zeroed_array<std::uint32_t>(std::size_t(plan_.slices));
    for (int layer = 0; layer < p_.layers - 1; ++layer)  // tags begin at 1
      tagged_.push_back(zeroed_array<std::uint64_t>(std::size_t(p_.seq * p_.batch * tagged_row())));
  }

  Chain chain_of(int layer, int direction, int slice) {
    const std::size_t place = std::size_t(layer * p_.directions + direction);
    const LayerWeights& w = t_.layers[place];
    const std::int64_t first = persistent::first_row_of(p_.batch, plan_.slices, slice);
    Chain chain;
    chain.w_ih = w.w_ih, chain.w_hh = w.w_hh, chain.b_ih = w.b_ih, chain.b_hh = w.b_hh;
    chain.x_width = int(layer_input(p_, layer));
    chain.rows = persistent::rows_of(p_.batch, plan_.slices, slice);
    chain.reverse = direction == 1;
    place_input(chain, layer, direction, first);
    if (plan_.form == Form::wavefront) {
      chain.epoch = epochs_.get() + slice;
      chain.ends_epoch = layer == p_.layers - 1;
    }
    const std::size_t own = place * state_ + std::size_t(first * p_.hidden);
    const auto at = [&](auto* array) {
      using Value =
          std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(array)>>, const T, T>;
      return array ? static_cast<Value*>(array) + own : nullptr;
    };
    chain.h_0 = at(p_.stateful ? static_cast<const void*>(h_now_.get()) : t_.h_0);
    chain.c_0 = at(p_.stateful ? static_cast<const void*>(c_now_.get()) : t_.c_0);
    chain.h_n = at(t_.h_n), chain.c_n = at(t_.c_n);
    chain.h_next = at(static_cast<void*>(h_now_.get()));
    chain.c_next = at(static_cast<void*>(c_now_.get()));
    if (keeps_sequence(layer)) {
      chain.y_step = strides(layer).step, chain.y_row = strides(layer).batch;
      chain.y = sequence(layer) + direction * p_.hidden + first * chain.y_row;
    }
    return chain;
  }

  void place_input(Chain& chain, int layer, int direction, std::int64_t first) {
    if (input_products_) {
      const auto lies = input_products_->strides(layer);
      chain.input_step = lies.step, chain.input_row = lies.batch;
      chain.gates = input_products_->gates(direction) + first * lies.batch;
      return;
    }
    if (layer == 0 || plan_.form != Form::wavefront) {
      const auto lies = layer == 0 ? sequence_strides(p_, p_.input) : strides(layer - 1);
      chain.input_step = lies.step, chain.input_row = lies.batch;
      chain.x = input_of(layer) + first * lies.batch;
    }
    if (plan_.form != Form::wavefront) return;
    // Each slice's words lie together: [T, its rows, width].
    const std::int64_t words = first * p_.seq * tagged_row();
    if (layer > 0) {
      chain.below = tagged_[std::size_t(layer - 1)].get() + words;
      chain.input_row = tagged_row(), chain.input_step = chain.rows * tagged_row();
    }
    if (layer < p_.layers - 1) chain.above = tagged_[std::size_t(layer)].get() + words;
  }

  Problem p_;
  Tensors t_;
  Plan plan_;
  std::size_t state_;  // elements of one layer's and direction's state
  const void* function_ = nullptr;
  int shared_ = 0;
  DeviceArray<T> h_now_, c_now_;
  std::array<DeviceArray<T>, 2> sequences_;
  std::vector<DeviceArray<std::uint64_t>> tagged_;  // of each layer but the top one
  DeviceArray<std::uint32_t> epochs_;               // of each slice
  std::unique_ptr<InputProducts<T>> input_products_;
  std::vector<Chain> host_chains_;  // (layer * D + direction) * slices + slice
  DeviceArray<Chain> chains_;
  HostNote note_;
  persistent::Launch what_{};
  std::unique_ptr<HeadProduct> head_;
};

std::string option(const Options& options, const char* name) {
  const auto found = options.more.find(name);
  return found == options.more.end() ? std::string() : found->second;
}

std::unique_ptr<Kernel> make_persistent(const Problem& p, const Tensors& t,
                                        const Options& options) {
  int index = 0;
  RNNBENCH_CUDA(cudaGetDevice(&index));
  const DeviceInfo device = cuda_device(index);
  const std::string config = option(options, "config");
  const auto make = [&](const Plan& plan) {
    return with_storage(p.dtype, [&](auto type) -> std::unique_ptr<Kernel> {
      return std::make_unique<Persistent<decltype(type)>>(p, t, plan, watchdog_s);
    });
  };
  if (!config.empty()) return make(persistent::plan_named(config, p, device));
  const auto all = persistent::plans(p, device);
  for (const Plan& plan : all) try {
      return make(plan);
    } catch (const NoRoom&) {  // a part of a GPU, or one with other groups of SMs
      if (&plan == &all.back()) throw;
    }
  throw Error("cuda:persistent has no plan for " + id(p) + " on this GPU");
}

Reason unsupported(const Problem& p, const DeviceInfo& device) {
  return persistent::refusal(p, device);
}

std::vector<Candidate> candidates(const Problem& p, const DeviceInfo& device, const Options&) {
  std::vector<Candidate> found;
  for (const Plan& plan : persistent::plans(p, device))
    found.push_back(
        {plan.config(), "predicted " + std::to_string(std::llround(plan.total_s * 1e6)) + " us"});
  return found;
}

RNNBENCH_IMPL({.name = "persistent",
               .device = Device::cuda,
               .summary = "one launch for a whole sequence, weights on chip, h between blocks",
               .unsupported = unsupported,
               .make = make_persistent,
               .candidates = candidates});

}  // namespace
}  // namespace rnnbench
