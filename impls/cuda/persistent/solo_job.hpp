// What a launch of the persistent solo kernel is told; see solo.cuh.
#pragma once

#include <cstdint>

#include "impls/cuda/persistent/job.hpp"

namespace rnnbench::persistent {

/// One layer's and direction's recurrence over the whole batch, of which each block takes a
/// slice. In the storage type unless said otherwise; row b of a tensor [B, H] at b * H.
struct SoloJob {
  const float* gates = nullptr;  // W_ih x: f32 [T, B, G*H] at t * gates_step + b * gates_row
  std::int64_t gates_step = 0, gates_row = 0;
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H], or null
  const void* b_hh = nullptr;
  const void* h_0 = nullptr;  // [B, H]
  const void* c_0 = nullptr;
  void* h_n = nullptr;  // [B, H] or null, and likewise:
  void* c_n = nullptr;
  void* h_next = nullptr;  // a copy of h_n that may be h_0 itself
  void* c_next = nullptr;
  void* y = nullptr;  // [T, B, H] at t * y_step + b * y_row, or null
  std::int64_t y_step = 0, y_row = 0;
  bool reverse = false;  // steps from the last position to the first
};

/// Block n does slice n % slices of job n / slices.
struct SoloLaunch {
  std::int64_t batch;
  int slices;             // as even as can be: the first B % slices have a row more
  int hidden, steps;      // H, T
  Activation activation;  // of a cell with one gate
  SoloJob jobs[2];        // of each direction
};

}  // namespace rnnbench::persistent
