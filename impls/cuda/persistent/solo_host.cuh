// The host side of the solo strategy: layer after layer, the input products as one GEMM and then
// one launch for both directions and all slices of the batch.
#pragma once

#include <vector>

#include "impls/common/hoisted_inputs.cuh"
#include "impls/common/overlap.cuh"
#include "impls/cuda/persistent/host.cuh"
#include "impls/cuda/persistent/solo_job.hpp"
#include "impls/cuda/persistent/solo_kernels.hpp"
#include "impls/cuda/persistent/solo_plan.hpp"

namespace rnnbench::persistent {

inline const std::vector<SoloKernel>& solo_kernels_of(Math math) {
  static const std::vector<SoloKernel> f32 = solo_kernels_f32(), f16 = solo_kernels_f16(),
                                       bf16 = solo_kernels_bf16();
  return math == Math::f16 ? f16 : math == Math::bf16 ? bf16 : f32;
}

template <class T>
class OnSolo final : public Kernel {
 public:
  OnSolo(const Problem& p, const Tensors& t, const Plan& plan, bool overlap)
      : p_(p), plan_(plan), layers_(p, t, 1) {
    const NvtxRange range("make persistent");
    find_kernel();
    overlap_ = overlap && can_overlap(function_);
    input_products_ = std::make_unique<HoistedInputs<T>>(
        p, t, [this](int layer) { return layers_.input_of(layer); }, p.layers, overlap);
    for (int layer = 0; layer < p.layers; ++layer) launches_.push_back(launch_of(layer));
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    for (int layer = 0; layer < p_.layers; ++layer) {
      const NvtxRange range("layer");
      input_products_->launch(layer, layers_.input_of(layer), main);
      cudaLaunchAttribute overlapping = overlap_attribute();
      cudaLaunchConfig_t config{};
      config.gridDim = dim3(unsigned(plan_.groups(p_)));
      config.blockDim = dim3(unsigned(SoloShape::threads));
      config.dynamicSmemBytes = shared_bytes_;
      config.stream = main;
      config.attrs = &overlapping;
      config.numAttrs = overlap_ && input_products_->allows_next(layer) ? 1 : 0;
      std::array<void*, 1> arguments{&launches_[std::size_t(layer)]};
      RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_, arguments.data()));
    }
    layers_.launch_head(main);
  }

  void reset(Stream stream) override { layers_.reset(static_cast<cudaStream_t>(stream)); }

  std::string note() const override {
    std::string text = note_of(plan_);
    if (p_.directions == 2) text += "both directions at once, ";
    return text + std::to_string(plan_.groups(p_)) + " blocks of up to " +
           std::to_string(plan_.rows) + " rows, input products: " + input_products_->note();
  }

 private:
  void find_kernel() {
    const SoloShape* const shape = solo_shape_for(gates(p_.cell), p_.hidden);
    const Math math = math_of(p_.dtype);
    const bool one_row = plan_.slices == p_.batch;
    for (const SoloKernel& kernel : solo_kernels_of(math))
      if (shape && kernel.shape == *shape && kernel.one_row == one_row) function_ = kernel.function;
    if (!function_) throw Error("no kernel was compiled for " + plan_.config());
    allow_shared_memory(function_);
    shared_bytes_ =
        sizeof(float) * std::size_t(shape->for_rows(one_row).floats(plan_.rows, solo_rounds(math)));
  }

  SoloLaunch launch_of(int layer) {
    SoloLaunch launch{};
    launch.batch = p_.batch, launch.slices = plan_.slices;
    launch.hidden = int(p_.hidden), launch.steps = int(p_.seq);
    launch.activation = activation_of(p_.cell);
    for (int direction = 0; direction < p_.directions; ++direction) {
      SoloJob& job = launch.jobs[direction];
      layers_.place(job, layer, direction, 0);
      const auto lies = input_products_->strides(layer);
      job.gates_step = lies.step, job.gates_row = lies.batch;
      job.gates = input_products_->gates(direction);
    }
    return launch;
  }

  Problem p_;
  Plan plan_;
  LayerTensors<T> layers_;
  const void* function_ = nullptr;
  std::size_t shared_bytes_ = 0;
  bool overlap_ = false;  // launches may overlap the ones before
  std::unique_ptr<HoistedInputs<T>> input_products_;
  std::vector<SoloLaunch> launches_;  // of each layer
};

}  // namespace rnnbench::persistent
