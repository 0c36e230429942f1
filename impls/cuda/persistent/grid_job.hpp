// What a launch of the persistent grid kernel is told, and of the rows kernel; see grid.cuh and
// rows.cuh.
#pragma once

#include <cstdint>

#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

/// One layer's and direction's recurrence over a slice of the batch: the work of one group of
/// blocks. Rows of the batch are counted in the slice; pointers are to the slice's first row. In
/// the storage type unless said otherwise; row b of a tensor [rows, H] at b * H.
struct GridJob {
  const float* gates = nullptr;  // W_ih x: f32 [T, rows, G*H] at t * gates_step + b * gates_row
  std::int64_t gates_step = 0, gates_row = 0;
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H], or null
  const void* b_hh = nullptr;
  const void* h_0 = nullptr;  // [rows, H]
  const void* c_0 = nullptr;
  void* h_n = nullptr;  // [rows, H] or null, and likewise:
  void* c_n = nullptr;
  void* h_next = nullptr;  // a copy of h_n that may be h_0 itself
  void* c_next = nullptr;
  void* y = nullptr;  // [T, rows, H] at t * y_step + b * y_row, or null
  std::int64_t y_step = 0, y_row = 0;
  void* exchange = nullptr;  // exchange_bytes(), aligned to 128, zeroed before its first launch
  int rows = 0;
  bool reverse = false;  // steps from the last position to the first
};

struct GridLaunch {
  int hidden, steps;
  Activation activation;   // of a cell with one gate
  int first_look;          // clocks from the end of a step's products to the first look for its h
  std::uint64_t limit_ns;  // that a wait may take
  std::uint32_t* note;     // as Launch::note
  GridJob jobs[most_grid_groups];  // of blockIdx.y
};
static_assert(sizeof(GridLaunch) <= 4096);  // what a launch takes

}  // namespace rnnbench::persistent
