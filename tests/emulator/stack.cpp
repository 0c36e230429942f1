#include "tests/emulator/stack.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <random>

#include "harness/error.hpp"
#include "tests/emulator/kernels.hpp"
#include "tests/emulator/stored.hpp"
#include "tests/h200.hpp"

namespace rnnbench::persistent {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

const char* name(Math math) {
  static const char* const names[] = {"f32", "tf32", "f16", "bf16"};
  return names[int(math)];
}

Dtype dtype_of(Math math) {
  for (const Dtype dtype : {Dtype::tf32, Dtype::f16, Dtype::bf16})
    if (math_of(dtype) == math) return dtype;
  return Dtype::f32;
}

Problem problem_of(const Case& what) {
  Problem p;
  p.cell = what.cell, p.batch = what.rows, p.seq = what.steps, p.input = 16;
  p.hidden = what.hidden, p.dtype = dtype_of(what.math);
  (what.form == Form::wavefront ? p.layers : p.directions) = what.parts;
  return p;
}

Plan planned(const Case& what) {
  const Problem p = problem_of(what);
  if (what.form == Form::rows) {
    const int rows = rows_of(what.rows, what.slices, 0), room = rows < 3 ? rows : 4;
    return plan_named("rows-u" + std::to_string(what.units) + "-r" + std::to_string(room) + "-s" +
                          std::to_string(what.slices),
                      p, h200());
  }
  if (what.form == Form::grid)
    return plan_named("grid-u" + std::to_string(what.units) + "-" + what.tile + "-s" +
                          std::to_string(what.slices),
                      p, h200());
  for (const Plan& plan : plans(p, h200())) {
    const std::string config = plan.config();
    if (plan.form == what.form && (plan.units == 32) == (what.units == 32))
      return plan_named(config.substr(0, config.rfind('s') + 1) + std::to_string(what.slices), p,
                        h200());
  }
  throw Error("no plan of that form");
}

/// As the planner would have it.
Plan plan_of(const Case& what) {
  Plan plan = planned(what);
  if (what.input_steps > 0) plan.input_steps = what.input_steps;
  return plan;
}

/// What a chain and the jobs of the other kernels both have.
template <class Job>
void take_over(Job& job, const Chain& chain) {
  job.gates = chain.gates, job.gates_step = chain.gates_step, job.gates_row = chain.gates_row;
  job.w_hh = chain.w_hh, job.b_ih = chain.b_ih, job.b_hh = chain.b_hh;
  job.h_0 = chain.h_0, job.c_0 = chain.c_0, job.h_n = chain.h_n, job.c_n = chain.c_n;
  job.h_next = chain.h_next, job.c_next = chain.c_next;
  job.y = chain.y, job.y_step = chain.y_step, job.y_row = chain.y_row;
  job.reverse = chain.reverse;
}

}  // namespace

std::string name(const Case& of) {
  static const char* const cells[] = {"rnn_tanh", "rnn_relu", "gru", "lstm"};
  static const char* const forms[] = {"wavefront", "hoisted", "grid", "solo", "rows"};
  return std::string(cells[int(of.cell)]) + " " + name(of.math) + " " + forms[int(of.form)] +
         " rows " + std::to_string(of.rows) + " H " + std::to_string(of.hidden) + " T " +
         std::to_string(of.steps) + " parts " + std::to_string(of.parts) + " slices " +
         std::to_string(of.slices) + " units " + std::to_string(of.units) +
         (of.input_steps ? " input steps " + std::to_string(of.input_steps) : "") +
         (of.form == Form::grid ? std::string(" ") + of.tile : "") +
         (of.reverse ? " reverse" : "") + (of.turns ? " by turns" : "") +
         (of.biases ? "" : " no bias") + (of.stateful ? " stateful" : "");
}

Stack::Stack(const Case& what, int launches)
    : case_(what), launches_(launches), gates_(gates(what.cell)), plan_(plan_of(what)) {
  std::mt19937 random(unsigned(what.rows * 1000 + what.hidden * 10 + what.steps));
  const auto values = [&](int count, double size) {
    std::vector<float> made(static_cast<std::size_t>(count));
    for (float& value : made) value = float((double(random()) / 0x1p31 - 1) * size);
    return StoredTensor(what.math, made).values();
  };
  const auto input_products = [&](int count) {  // f32 whatever else is stored
    std::vector<float> made(static_cast<std::size_t>(count));
    for (float& value : made) value = float(double(random()) / 0x1p31 - 1);
    return made;
  };
  const int h = what.hidden, g = gates_;
  for (int part = 0; part < what.parts; ++part) {
    const double size = what.weight_size * 1.5 / std::sqrt(double(h));
    parts_.push_back({values(g * h * h, size), values(g * h * h, size),
                      values(what.biases ? g * h : 0, 0.5), values(what.biases ? g * h : 0, 0.5),
                      values(what.rows * h, what.state_size), values(what.rows * h, 1)});
  }
  width_ = (hoisted() ? what.parts : 1) * g * h;
  input_row_ = width_ + 3, input_step_ = what.rows * input_row_ + 5;
  for (int launch = 0; launch < launches; ++launch) {
    std::vector<float> input(std::size_t(what.steps * input_step_), nan);
    for (int t = 0; t < what.steps; ++t)
      for (int b = 0; b < what.rows; ++b) {
        std::vector<float> row = input_products(width_);
        std::copy(row.begin(), row.end(), input.begin() + t * input_step_ + b * input_row_);
      }
    inputs_.push_back(input);
  }
  run_plain();
}

/// Everything that a run's chains point to.
struct Stack::Memory {
  Memory(const Case& what, const Plan& plan, int steps_times_row)
      : y(what.math, std::vector<float>(std::size_t(steps_times_row), untouched)) {
    const std::size_t words = std::size_t(plan.cluster * plan.units / tagged_units);
    const std::size_t states = std::size_t(what.rows * what.hidden);
    for (int part = 0; part < what.parts; ++part) {
      h_n.emplace_back(what.math, std::vector<float>(states, untouched));
      c_n.emplace_back(what.math, std::vector<float>(states, untouched));
      between.emplace_back(std::size_t(what.steps * what.rows) * words + std::size_t(what.slices));
    }
    epochs.assign(std::size_t(what.slices), 0);
    if (what.form == Form::rows)
      exchange.assign(std::size_t(what.parts * what.slices),
                      std::vector<std::uint64_t>(plan.shape.exchange_bytes(what.hidden) / 8));
    if (what.form == Form::grid)
      exchange.assign(
          std::size_t(what.parts * what.slices),
          std::vector<std::uint64_t>(exchange_bytes(what.hidden, what.math, plan.tile) / 8));
  }
  StoredTensor y;
  std::vector<StoredTensor> w_ih, w_hh, b_ih, b_hh, h_0, c_0, h_n, c_n;
  std::vector<std::vector<emulator::Word>> between;
  std::vector<std::uint32_t> epochs;
  std::vector<std::vector<std::uint64_t>> exchange;  // of each group of the rows or grid kernel
  std::vector<float> gates;
  std::vector<Chain> chains;
  std::uint32_t note[4] = {};
};

Launch Stack::launch_of(int number, Memory& m) const {
  const Case& c = case_;
  const int h = c.hidden, words = plan_.cluster * plan_.units / tagged_units;
  m.gates = inputs_[std::size_t(number)];
  m.chains.clear();
  for (int part = 0; part < c.parts; ++part)
    for (int slice = 0; slice < c.slices; ++slice) {
      const auto k = std::size_t(part);
      const std::int64_t first = first_row_of(c.rows, c.slices, slice), state = first * h;
      Chain chain;
      chain.rows = rows_of(c.rows, c.slices, slice);
      chain.w_hh = m.w_hh[k].at(0);
      chain.w_ih = m.w_ih[k].at(0);
      if (c.biases) chain.b_ih = m.b_ih[k].at(0), chain.b_hh = m.b_hh[k].at(0);
      chain.h_0 = m.h_0[k].at(state);
      chain.h_n = m.h_n[k].at(state);
      if (c.stateful) chain.h_next = m.h_0[k].at(state);
      if (c.cell == Cell::lstm) {
        chain.c_0 = m.c_0[k].at(state), chain.c_n = m.c_n[k].at(state);
        if (c.stateful) chain.c_next = m.c_0[k].at(state);
      }
      const bool wavefront = c.form == Form::wavefront;
      chain.reverse = reverse(part);
      if (!wavefront || part == 0) {
        chain.gates_step = input_step_, chain.gates_row = input_row_;
        chain.gates = m.gates.data() + first * input_row_ + part * gates_ * h;
      }
      if (wavefront) {
        chain.epoch = &m.epochs[std::size_t(slice)];
        chain.ends_epoch = part == c.parts - 1;
        const std::int64_t place = first * c.steps * words + slice;
        if (part > 0) chain.below = m.between[k - 1].data() + place;
        if (part < c.parts - 1) chain.above = m.between[k].data() + place;
      }
      if (!wavefront || part == c.parts - 1) {
        chain.y_row = y_row(), chain.y_step = y_step();
        chain.y = m.y.at(first * y_row() + (wavefront ? 0 : part * h));
      }
      m.chains.push_back(chain);
    }
  Launch launch{};
  launch.chains = m.chains.data();
  launch.hidden = h, launch.steps = c.steps;
  launch.activation = c.cell == Cell::rnn_relu ? Activation::relu : Activation::tanh;
  launch.limit_ns = ~std::uint64_t{0} >> 1;
  launch.note = m.note;
  return launch;
}

std::unique_ptr<Stack::Memory> Stack::make_memory() const {
  auto memory = std::make_unique<Memory>(case_, plan_, case_.steps * y_step());
  const Math math = case_.math;
  for (const Part& part : parts_) {
    memory->w_ih.emplace_back(math, part.w_ih), memory->w_hh.emplace_back(math, part.w_hh);
    memory->b_ih.emplace_back(math, part.b_ih), memory->b_hh.emplace_back(math, part.b_hh);
    memory->h_0.emplace_back(math, part.h_0), memory->c_0.emplace_back(math, part.c_0);
  }
  return memory;
}

std::string Stack::run(const emulator::Schedule& schedule, const Launch& what, int clusters) const {
  const KernelFunction kernel =
      kernel_of(case_.math, gates_, plan_.units, plan_.k_lane, plan_.input_steps,
                case_.math == Math::f32 && case_.form == Form::hoisted && plan_.rows <= few_rows);
  const Layout at = layout_of(plan_, problem_of(case_));
  emulator::Grid grid;
  grid.clusters = clusters, grid.blocks = plan_.cluster;
  grid.threads = half_threads * (plan_.stacked() ? 2 : 1);
  grid.shared_bytes = std::size_t(at.floats) * sizeof(float);
  return emulator::launch(grid, schedule, [&] { kernel(what); });
}

/// The same with the solo kernel, which is told of the whole batch: of each part's first slice.
std::string Stack::run_solo(const emulator::Schedule& schedule, const Launch& chains) const {
  SoloLaunch launch{};
  launch.batch = case_.rows, launch.slices = case_.slices;
  launch.hidden = case_.hidden, launch.steps = case_.steps;
  launch.activation = chains.activation;
  for (int part = 0; part < case_.parts; ++part) {
    const Chain& chain = chains.chains[part * case_.slices];
    SoloJob& job = launch.jobs[part];
    take_over(job, chain);
  }
  const SoloShape& shape = *solo_shape_for(gates_, case_.hidden);
  emulator::Grid grid;
  grid.clusters = case_.parts * case_.slices, grid.threads = SoloShape::threads;
  grid.shared_bytes =
      sizeof(float) *
      std::size_t(
          shape.for_rows(case_.slices == case_.rows).floats(plan_.rows, solo_rounds(case_.math)));
  const SoloFunction kernel = solo_kernel_of(case_.math, shape, case_.slices == case_.rows);
  return emulator::launch(grid, schedule, [&] { kernel(launch); });
}

/// The same with the rows or the grid kernel: a group of blocks for each chain, at once or by
/// turns.
std::string Stack::run_groups(const emulator::Schedule& schedule, const Launch& chains,
                              Memory& memory) const {
  GridLaunch launch{};
  launch.hidden = case_.hidden, launch.steps = case_.steps;
  launch.activation = chains.activation;
  launch.first_look = 3;
  launch.limit_ns = chains.limit_ns, launch.note = chains.note;
  const int groups = case_.parts * case_.slices;
  emulator::Grid grid;
  grid.groups = case_.turns ? 1 : groups;
  grid.clusters = grid.groups * plan_.blocks;
  GridFunction kernel = nullptr;
  if (case_.form == Form::rows) {
    grid.threads = RowsShape::threads, grid.shared_bytes = plan_.shape.shared_bytes();
    kernel = rows_kernel_of(case_.math, plan_.shape);
  } else {
    grid.threads = GridTile::threads;
    grid.shared_bytes = plan_.tile.shared_bytes(gates_, grid_slots(case_.hidden, case_.math));
    kernel = grid_kernel_of(case_.math, gates_, plan_.tile);
  }
  std::string trouble;
  for (int first = 0; first < groups && trouble.empty(); first += grid.groups) {
    for (int k = 0; k < grid.groups; ++k) {
      const Chain& chain = chains.chains[first + k];
      GridJob& job = launch.jobs[k];
      take_over(job, chain);
      job.exchange = memory.exchange[std::size_t(k)].data();
      job.rows = chain.rows;
    }
    trouble = emulator::launch(grid, schedule, [&] { kernel(launch); });
  }
  return trouble;
}

std::string Stack::top_alone(std::uint64_t limit_ns, std::uint32_t (&note)[4]) const {
  const auto memory = make_memory();
  Launch what = launch_of(0, *memory);
  what.chains += case_.parts - 1;
  what.limit_ns = limit_ns, what.note = note;
  return run({emulator::Schedule::Kind::random, 1}, what, 1);
}

Results Stack::on_gpu(const emulator::Schedule& schedule) const {
  const Case& c = case_;
  const auto memory = make_memory();
  Results results;
  for (int number = 0; number < launches_; ++number) {
    const Launch what = launch_of(number, *memory);
    emulator::Schedule next = schedule;
    next.seed += unsigned(number) * 7919;
    results.trouble = c.form == Form::solo ? run_solo(next, what)
                      : c.form == Form::rows || c.form == Form::grid
                          ? run_groups(next, what, *memory)
                          : run(next, what, c.parts * c.slices);
    if (!results.trouble.empty()) return results;
    // Rows of y one after another; what lies between must be as it was.
    const std::vector<float> all = memory->y.values();
    std::vector<float> y;
    for (int k = 0; k < int(all.size()); ++k) {
      const int in_step = k % y_step();
      if (in_step < c.rows * y_row() && in_step % y_row() < y_width())
        y.push_back(all[std::size_t(k)]);
      else if (all[std::size_t(k)] != untouched)
        results.trouble = "wrote between the rows of y";
    }
    results.tensors.push_back(y);
    for (int part = 0; part < c.parts; ++part) {
      results.tensors.push_back(memory->h_n[std::size_t(part)].values());
      results.tensors.push_back(memory->c_n[std::size_t(part)].values());
    }
  }
  return results;
}

}  // namespace rnnbench::persistent
