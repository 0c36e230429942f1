// The host side of the grid strategy and of the rows strategy: layer after layer, the input
// products as one GEMM and then the recurrence of both directions and of all slices of the batch
// that run at once.
#pragma once

#include <vector>

#include "impls/common/hoisted_inputs.cuh"
#include "impls/cuda/persistent/grid_job.hpp"
#include "impls/cuda/persistent/grid_kernels.hpp"
#include "impls/cuda/persistent/host.cuh"

namespace rnnbench::persistent {

inline const std::vector<GridKernel>& grid_kernels_of(Math math) {
  static const std::vector<GridKernel> all[] = {grid_kernels_f32(), grid_kernels_tf32(),
                                                grid_kernels_f16(), grid_kernels_bf16()};
  return all[int(math)];
}

/// A kernel that takes a GridLaunch, and what each group of its blocks asks for.
struct GridFunction {
  const void* function;
  int threads;
  std::size_t shared_bytes, exchange_bytes;
  int first_look;  // clocks: GridLaunch::first_look
};

/// A look in vain costs a whole way to the L2 and back: looks begin when h is about to come. Best
/// of 0, 300, 450, 600, 750, 900 and 1050 clocks on an H200, or within 4 % of it, in fifteen calls.
inline int grid_first_look_clocks(int gates, const GridTile& tile) {
  return (gates == 1 ? 450 : gates == 3 ? 600 : 750) + (tile.resident > 1 ? 150 : 0);
}

inline GridFunction grid_function(const Problem& p, const Plan& plan) {
  const Math math = math_of(p.dtype);
  const int hidden = int(p.hidden);
  for (const GridKernel& kernel : grid_kernels_of(math))
    if (kernel.gates == gates(p.cell) && kernel.tile == plan.tile)
      return {kernel.function, GridTile::threads,
              plan.tile.shared_bytes(gates(p.cell), grid_slots(hidden, math)),
              exchange_bytes(hidden, math, plan.tile),
              grid_first_look_clocks(gates(p.cell), plan.tile)};
  throw Error("no kernel was compiled for " + plan.config());
}

template <class T>
class OnGrid final : public Kernel {
 public:
  OnGrid(const Problem& p, const Tensors& t, const Plan& plan, const GridFunction& kernel)
      : p_(p), plan_(plan), layers_(p, t, 1), kernel_(kernel) {
    const NvtxRange range("make persistent");
    check_room();
    exchange_ = zeroed_array<unsigned char>(kernel.exchange_bytes * std::size_t(plan.at_once));
    input_products_ = std::make_unique<HoistedInputs<T>>(
        p, t, [this](int layer) { return layers_.input_of(layer); }, p.layers, false);
    for (int layer = 0; layer < p.layers; ++layer)
      for (int first = 0; first < plan.groups(p); first += plan.at_once)
        turns_.push_back(turn_of(layer, first));
  }

  void launch(Stream stream) override {
    const auto main = static_cast<cudaStream_t>(stream);
    const std::size_t a_layer = std::size_t(plan_.turns(p_));
    for (int layer = 0; layer < p_.layers; ++layer) {
      const NvtxRange range("layer");
      input_products_->launch(layer, layers_.input_of(layer), main);
      for (std::size_t k = 0; k < a_layer; ++k) run(turns_[std::size_t(layer) * a_layer + k], main);
    }
    layers_.launch_head(main);
  }

  void reset(Stream stream) override { layers_.reset(static_cast<cudaStream_t>(stream)); }

  std::string complaint() const override { return note_.text(); }

  std::string note() const override {
    std::string text = note_of(plan_) + std::to_string(plan_.blocks) + " blocks hold a layer, ";
    if (p_.directions == 2 && plan_.at_once > 1) text += "both directions at once, ";
    text +=
        std::to_string(plan_.slices) + " slices of up to " + std::to_string(plan_.rows) + " rows, ";
    if (streams())
      text += std::to_string(100 * plan_.shape.streamed_pieces() / plan_.shape.all_pieces()) +
              " % of W_hh read anew in each step, ";
    if (plan_.turns(p_) > 1) text += std::to_string(plan_.turns(p_)) + " launches a layer, ";
    return text + "input products: " + input_products_->note();
  }

 private:
  struct Turn {
    GridLaunch launch{};
    int groups = 0;
  };

  bool streams() const { return plan_.form == Form::rows && plan_.shape.streamed_pieces() > 0; }

  void check_room() const {
    allow_shared_memory(kernel_.function);
    int device = 0, units = 0, of_a_unit = 0;
    RNNBENCH_CUDA(cudaGetDevice(&device));
    RNNBENCH_CUDA(cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device));
    RNNBENCH_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &of_a_unit, kernel_.function, kernel_.threads, kernel_.shared_bytes));
    const int wanted = plan_.blocks * plan_.at_once;
    if (of_a_unit * units < wanted)
      throw NoRoom("cuda:persistent: " + plan_.config() + " needs " + std::to_string(wanted) +
                   " blocks at once, and this GPU has room for " +
                   std::to_string(of_a_unit * units) + ": choose another with --option config=");
  }

  /// Groups from `first` on: (direction * slices + slice).
  Turn turn_of(int layer, int first) {
    Turn turn;
    turn.groups = std::min(plan_.at_once, plan_.groups(p_) - first);
    GridLaunch& launch = turn.launch;
    launch.hidden = int(p_.hidden), launch.steps = int(p_.seq);
    launch.activation = activation_of(p_.cell);
    launch.first_look = kernel_.first_look;
    launch.limit_ns = std::uint64_t(watchdog_s * 1e9);
    launch.note = note_.get();
    for (int k = 0; k < turn.groups; ++k) {
      const int direction = (first + k) / plan_.slices, slice = (first + k) % plan_.slices;
      const std::int64_t row = first_row_of(p_.batch, plan_.slices, slice);
      GridJob& job = launch.jobs[k];
      layers_.place(job, layer, direction, row);
      const auto lies = input_products_->strides(layer);
      job.gates_step = lies.step, job.gates_row = lies.batch;
      job.gates = input_products_->gates(direction) + row * lies.batch;
      job.exchange = exchange_.get() + kernel_.exchange_bytes * std::size_t(k);
      job.rows = rows_of(p_.batch, plan_.slices, slice);
    }
    return turn;
  }

  void run(Turn& turn, cudaStream_t stream) {
    cudaLaunchAttribute cooperative{};  // all blocks are resident, or the launch fails
    cooperative.id = cudaLaunchAttributeCooperative;
    cooperative.val.cooperative = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(unsigned(plan_.blocks), unsigned(turn.groups));
    config.blockDim = dim3(unsigned(kernel_.threads));
    config.dynamicSmemBytes = kernel_.shared_bytes;
    config.stream = stream;
    config.attrs = &cooperative;
    config.numAttrs = 1;
    std::array<void*, 1> arguments{&turn.launch};
    RNNBENCH_CUDA(cudaLaunchKernelExC(&config, kernel_.function, arguments.data()));
  }

  Problem p_;
  Plan plan_;
  LayerTensors<T> layers_;
  GridFunction kernel_;
  DeviceArray<unsigned char> exchange_;  // each layer's and turn's groups use it again
  std::unique_ptr<HoistedInputs<T>> input_products_;
  HostNote note_;
  std::vector<Turn> turns_;  // layer * turns + turn
};

}  // namespace rnnbench::persistent
