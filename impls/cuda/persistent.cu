// Persistent: a whole sequence in one launch, weights on chip. Four strategies: up to 128 hidden
// units (256 with one gate) each block holds the layer and does a slice of the batch by itself
// (persistent/solo.cuh); up to 256 h goes from block to block of a cluster through distributed
// shared memory (persistent/cluster.cuh, and of stacked layers wavefront.cuh); wider layers, and
// any other, lie on all SMs, and h goes through the L2 (persistent/grid.cuh, and rows.cuh where
// there are few rows, which may read some weights out of the L2 too). persistent/plan.cpp says what
// is chosen when, by the models there and in persistent/{grid,rows,solo}_plan.cpp.
//
// What bounds it: the chain of one step after another, each a product of tenths of a microsecond
// and a hand-over of h; with many rows the tensor cores. f32 is made on the f32 units for few rows,
// and of three products of parts on tensor cores for more (persistent/products.cuh).
#include <algorithm>
#include <array>
#include <cmath>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/hoisted_inputs.cuh"
#include "impls/common/overlap.cuh"
#include "impls/cuda/persistent/grid_host.cuh"
#include "impls/cuda/persistent/host.cuh"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/kernels.hpp"
#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/rows_host.cuh"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/solo_host.cuh"

namespace rnnbench {
namespace {

using persistent::Chain;
using persistent::Form;
using persistent::Plan;

const std::vector<persistent::ClusterKernel>& kernels_of(Dtype dtype) {
  static const std::vector<persistent::ClusterKernel> all[] = {
      persistent::cluster_kernels_f32(), persistent::cluster_kernels_tf32(),
      persistent::cluster_kernels_f16(), persistent::cluster_kernels_bf16()};
  return all[int(dtype)];  // Dtype's order
}

/// The cluster strategy.
template <class T>
class OnClusters final : public Kernel {
 public:
  OnClusters(const Problem& p, const Tensors& t, const Plan& plan, bool overlap)
      : p_(p), t_(t), plan_(plan), layers_(p, t, plan.layers) {
    const NvtxRange range("make persistent");
    find_kernel();
    // Of many, those that begin early take what room there is, and some end up two on an SM.
    constexpr int most_overlapping = 2;  // clusters
    overlap_ = overlap && plan.form == Form::hoisted &&
               p.directions * plan.slices <= most_overlapping && can_overlap(function_);
    make_tagged();
    input_products_ = std::make_unique<HoistedInputs<T>>(
        p, t,
        [&](int layer) {  // any that is made before: trials read it
          return layers_.input_of(
              layer == 0 ? 0 : std::max(plan.layers, layer / plan.layers * plan.layers));
        },
        plan.layers == p.layers ? 1 : p.layers, overlap_);
    for (int layer = 0; layer < p.layers; ++layer)
      for (int direction = 0; direction < p.directions; ++direction)
        for (int slice = 0; slice < plan.slices; ++slice)
          host_chains_.push_back(chain_of(layer, direction, slice));
    chains_ = DeviceArray<Chain>(host_chains_.size());
    RNNBENCH_CUDA(
        cudaMemcpy(chains_.get(), host_chains_.data(), chains_.bytes(), cudaMemcpyHostToDevice));
    RNNBENCH_CUDA(cudaStreamSynchronize(nullptr));  // the copy of pageable memory returns before
    what_.hidden = int(p.hidden), what_.steps = int(p.seq);
    what_.activation = persistent::activation_of(p.cell);
    what_.limit_ns = std::uint64_t(persistent::watchdog_s * 1e9);
    what_.note = note_.get();
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    const std::size_t a_layer = std::size_t(p_.directions * plan_.slices);
    for (int layer = 0; layer < p_.layers; layer += plan_.layers) {
      const NvtxRange range(plan_.layers == 1 ? "layer" : "layers");
      input_products_->launch(layer, layers_.input_of(layer), main);
      run(std::size_t(layer) * a_layer,
          std::size_t(std::min(plan_.layers, p_.layers - layer)) * a_layer,
          overlap_ && input_products_->allows_next(layer), main);
    }
    layers_.launch_head(main);
  }

  void reset(Stream stream) override { layers_.reset(static_cast<cudaStream_t>(stream)); }

  std::string complaint() const override { return note_.text(); }

  std::string note() const override {
    std::string text = persistent::note_of(plan_);
    if (plan_.form == Form::wavefront)
      text += std::to_string(plan_.layers) + " layers at once, ";
    else if (p_.directions == 2)
      text += "both directions at once, ";
    text += "clusters of " + std::to_string(plan_.cluster) + " blocks, " +
            std::to_string(plan_.rows) + " rows each, input products";
    if (plan_.form == Form::wavefront)
      text += plan_.layers < p_.layers ? " of the lowest of them" : " of layer 0";
    return text + ": " + input_products_->note();
  }

 private:
  void find_kernel() {
    for (const auto& kernel : kernels_of(p_.dtype))
      if (kernel.gates == gates(p_.cell) && kernel.units == plan_.units &&
          kernel.k_lane == plan_.k_lane && kernel.input_steps == plan_.input_steps &&
          kernel.few == plan_.few(p_))
        function_ = kernel.function;
    if (!function_) throw Error("no kernel was compiled for " + plan_.config());
    const auto at = persistent::layout_of(plan_, p_);
    shared_ = at.floats * int(sizeof(float));
    persistent::allow_shared_memory(function_);
    RNNBENCH_CUDA(
        cudaFuncSetAttribute(function_, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    int resident = 0;
    std::array<cudaLaunchAttribute, 2> attributes;
    const auto config = config_of(1, false, nullptr, attributes);
    RNNBENCH_CUDA(cudaOccupancyMaxActiveClusters(&resident, function_, &config));
    const int wanted = plan_.form == Form::wavefront ? plan_.slices * plan_.layers : 1;
    if (resident < wanted)
      throw persistent::NoRoom("cuda:persistent: " + plan_.config() + " needs " +
                               std::to_string(wanted) + " clusters of " +
                               std::to_string(plan_.cluster) +
                               " blocks at once, and this GPU has room for " +
                               std::to_string(resident) + ": choose another with --option config=");
  }

  cudaLaunchConfig_t config_of(std::size_t clusters, bool overlap, cudaStream_t stream,
                               std::array<cudaLaunchAttribute, 2>& attributes) const {
    attributes = {};
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {unsigned(plan_.cluster), 1, 1};
    if (plan_.form == Form::wavefront) {  // clusters wait on each other
      attributes[1].id = cudaLaunchAttributeCooperative;
      attributes[1].val.cooperative = 1;
    } else {
      attributes[1] = overlap_attribute();
    }
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(unsigned(clusters) * unsigned(plan_.cluster));
    config.blockDim = dim3(unsigned(persistent::half_threads) * (plan_.stacked() ? 2 : 1));
    config.dynamicSmemBytes = std::size_t(shared_);
    config.stream = stream;
    config.attrs = attributes.data();
    config.numAttrs = plan_.form == Form::wavefront || overlap ? 2 : 1;
    return config;
  }

  void run(std::size_t first, std::size_t count, bool overlap, cudaStream_t stream) {
    std::array<cudaLaunchAttribute, 2> attributes;
    const auto config = config_of(count, overlap, stream, attributes);
    what_.chains = chains_.get() + first;
    std::array<void*, 1> arguments{&what_};
    RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_, arguments.data()));
  }

  /// Bytes of a row's words from layer to layer.
  std::int64_t tagged_row() const {
    return std::int64_t{plan_.cluster} * plan_.units / persistent::tagged_units *
           persistent::tagged_bytes;
  }

  /// Of a launch.
  bool is_top(int layer) const { return layer == p_.layers - 1 || (layer + 1) % plan_.layers == 0; }

  void make_tagged() {
    if (plan_.form != Form::wavefront) return;
    epochs_ = zeroed_array<std::uint32_t>(std::size_t(plan_.slices));
    for (int layer = 0; layer < p_.layers; ++layer)  // whose tag is not that of the first call
      tagged_.push_back(
          is_top(layer) ? DeviceArray<char>()
                        : zeroed_array<char>(std::size_t(p_.seq * p_.batch * tagged_row() +
                                                         plan_.slices * persistent::tagged_bytes)));
  }

  Chain chain_of(int layer, int direction, int slice) {
    const LayerWeights& w = t_.layers[std::size_t(layer * p_.directions + direction)];
    const std::int64_t first = persistent::first_row_of(p_.batch, plan_.slices, slice);
    Chain chain;
    layers_.place(chain, layer, direction, first);
    chain.w_ih = w.w_ih;
    chain.rows = persistent::rows_of(p_.batch, plan_.slices, slice);
    if (plan_.form == Form::wavefront) {
      chain.epoch = epochs_.get() + slice;
      chain.ends_epoch = layer == p_.layers - 1;
    }
    // Each slice's words lie together.
    const std::int64_t words = first * p_.seq * tagged_row() + slice * persistent::tagged_bytes;
    if (!is_top(layer)) chain.above = tagged_[std::size_t(layer)].get() + words;
    if (layer % plan_.layers > 0) {
      chain.below = tagged_[std::size_t(layer - 1)].get() + words;
    } else {
      const auto lies = input_products_->strides(layer);
      chain.gates_step = lies.step, chain.gates_row = lies.batch;
      chain.gates = input_products_->gates(direction) + first * lies.batch;
    }
    return chain;
  }

  Problem p_;
  Tensors t_;
  Plan plan_;
  persistent::LayerTensors<T> layers_;
  const void* function_ = nullptr;
  int shared_ = 0;
  bool overlap_ = false;                   // launches may overlap the ones before
  std::vector<DeviceArray<char>> tagged_;  // of each layer that is below another of its launch
  DeviceArray<std::uint32_t> epochs_;      // of each slice
  std::unique_ptr<HoistedInputs<T>> input_products_;
  std::vector<Chain> host_chains_;  // (layer * D + direction) * slices + slice
  DeviceArray<Chain> chains_;
  persistent::HostNote note_;
  persistent::Launch what_{};
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
  const bool overlap = overlaps(options, "cuda:persistent");
  const auto make = [&](const Plan& plan) {
    return with_storage(p.dtype, [&](auto type) -> std::unique_ptr<Kernel> {
      using T = decltype(type);
      if (plan.form == Form::grid || plan.form == Form::rows)
        return std::make_unique<persistent::OnGrid<T>>(p, t, plan,
                                                       plan.form == Form::rows
                                                           ? persistent::rows_function(p, plan)
                                                           : persistent::grid_function(p, plan));
      if (plan.form == Form::solo)
        return std::make_unique<persistent::OnSolo<T>>(p, t, plan, overlap);
      return std::make_unique<OnClusters<T>>(p, t, plan, overlap);
    });
  };
  if (!config.empty()) return make(persistent::plan_named(config, p, device));
  const auto all = persistent::plans(p, device);
  for (const Plan& plan : all) try {
      return make(plan);
    } catch (const persistent::NoRoom&) {  // a part of a GPU, or one with other groups of SMs
      if (&plan == &all.back()) throw;
    }
  throw Error("cuda:persistent has no plan for " + id(p) + " on this GPU");
}

Reason unsupported(const Problem& p, const DeviceInfo& device) {
  return persistent::refusal(p, device);
}

std::vector<Candidate> candidates(const Problem& p, const DeviceInfo& device, const Options&) {
  auto all = persistent::plans(p, device);
  // The conservative one: whatever is not on clusters that wait on each other, nor on all SMs.
  const auto hoisted = std::find_if(all.begin(), all.end(),
                                    [](const Plan& plan) { return plan.form == Form::hoisted; });
  if (hoisted != all.end() && hoisted - all.begin() >= std::ptrdiff_t(most_candidates))
    std::iter_swap(hoisted, all.begin() + most_candidates - 1);
  if (all.size() > most_candidates) all.resize(most_candidates);
  std::vector<Candidate> found;
  for (const Plan& plan : all)
    found.push_back(
        {plan.config(), "predicted " + std::to_string(std::llround(plan.total_s * 1e6)) + " us"});
  return found;
}

RNNBENCH_IMPL({.name = "persistent",
               .device = Device::cuda,
               .summary = "one launch for a whole sequence, weights on chip",
               .unsupported = unsupported,
               .make = make_persistent,
               .candidates = candidates});

}  // namespace
}  // namespace rnnbench
