// A problem for the persistent kernel on the emulated GPU, and the same in a plain loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/shape.hpp"
#include "tests/emulator/gpu.hpp"

namespace rnnbench::persistent {

/// Chains of one launch: of a wavefront one a layer, else one a direction, each for every slice.
/// Form::solo: the solo kernel, with a job a direction. Form::rows and Form::grid: a group of
/// blocks for each.
struct Case {
  Cell cell = Cell::gru;
  Math math = Math::f32;
  Form form = Form::hoisted;
  int rows = 1, hidden = 16, steps = 3;
  int parts = 1, slices = 1;  // parts: layers of a wavefront, or directions
  int units = 8;              // of a block of the rows or grid kernel; 32: of a cluster, else 16
  const char* tile = "b8";    // of the grid kernel: as in its plans' names
  int input_steps = 0;        // of a wavefront; 0: as many as the planner takes
  bool reverse = false;       // the first direction; the second is the other way round
  bool turns = false;         // of rows and grid: a launch a group, with one exchange memory
  bool biases = true, stateful = true;
  double state_size = 1, weight_size = 1;  // of h_0, and of all weights beside their usual size
};
std::string name(const Case& of);

/// What outputs hold that no kernel writes: a value that every format has.
inline constexpr float untouched = 12288;

/// What tensors hold after the launches, in f32.
struct Results {
  std::vector<std::vector<float>> tensors;  // for each launch and part: y, h_n, c_n
  std::string trouble;
  bool operator==(const Results&) const = default;
};

class Stack {
 public:
  explicit Stack(const Case& what, int launches = 2);
  Results on_gpu(const emulator::Schedule& schedule) const;
  /// The first launch of a wavefront without its bottom layer, whose words never come: trouble.
  std::string top_alone(std::uint64_t limit_ns, std::uint32_t (&note)[4]) const;
  /// With all that the format of products rounds rounded, and no other rounding.
  const std::vector<std::vector<double>>& plain() const { return plain_; }
  const Plan& plan() const { return plan_; }

 private:
  struct Part {
    std::vector<float> w_ih, w_hh, b_ih, b_hh, h_0, c_0;  // w_ih: of all layers but the first
  };
  struct State {
    std::vector<double> h, c;
  };
  /// Input products are made before: the plain loop and the kernel are given them.
  bool hoisted() const { return case_.form != Form::wavefront; }
  bool reverse(int part) const {
    return case_.form != Form::wavefront && (part == 1) != case_.reverse;
  }
  int y_width() const { return (case_.form == Form::wavefront ? 1 : case_.parts) * case_.hidden; }
  int y_row() const { return case_.parts * case_.hidden + 1; }
  int y_step() const { return case_.rows * y_row() + 2; }
  void run_plain();
  /// h of all steps [T, B, H]; `state` becomes what it is after them.
  std::vector<double> run_part(int part, const std::vector<double>& input, State& state) const;
  struct Memory;
  std::unique_ptr<Memory> make_memory() const;
  Launch launch_of(int number, Memory& memory) const;
  std::string run(const emulator::Schedule& schedule, const Launch& what, int clusters) const;
  std::string run_solo(const emulator::Schedule& schedule, const Launch& chains) const;
  std::string run_groups(const emulator::Schedule& schedule, const Launch& chains,
                         Memory& memory) const;

  Case case_;
  int launches_, gates_;
  Plan plan_;
  std::vector<Part> parts_;
  std::vector<std::vector<float>>
      inputs_;  // input products [T, B, width] of each launch, NaN between
  int width_, input_row_, input_step_;
  std::vector<State> states_;  // of each part, of the plain loop
  std::vector<std::vector<double>> plain_;
};

}  // namespace rnnbench::persistent
