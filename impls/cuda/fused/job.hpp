// What a fused step kernel is told: one job for each layer and direction that steps in this launch.
#pragma once

#include <cstdint>

namespace rnnbench::fused {

/// What becomes of the sum of a cell with one gate; `none` makes the job a linear layer.
enum class Activation : int { tanh, relu, none };

/// One layer and direction through all its steps; or, with w_hh null, a linear layer of one step.
/// Pointers without a type are in the storage type. Element (t, row, k) of a sequence is at
/// (t & mask) * step + row * row_stride + k: a mask of 1 makes it a ring of the last two steps.
struct Job {
  const void* x = nullptr;  // null: the input product is in `gates`
  std::int64_t x_step = 0, x_row = 0;
  const float* gates = nullptr;  // W_ih x, all gates: [.., G*H]; added to the sums
  std::int64_t gates_step = 0, gates_row = 0;
  const void* w_ih = nullptr;  // [G*H, x_width]
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H]
  const void* b_hh = nullptr;  // [G*H]
  const void* h_0 = nullptr;   // [B, H], before the first step
  void* h = nullptr;           // where step t puts h and step t + 1 reads it
  std::int64_t h_step = 0, h_row = 0;
  void* h_n = nullptr;               // [B, H], after the last step; may be null
  const void* c_0 = nullptr;         // [B, H]
  float* c = nullptr;                // [B, H], between steps
  void* c_n = nullptr;               // [B, H]; may be null
  const void* carry_from = nullptr;  // [B, H], copied to carry_to beside the work
  void* carry_to = nullptr;
  int x_width = 0, hidden = 0, rows = 0;  // rows: B
  int steps = 1, first_wave = 0;
  int x_mask = -1, h_mask = -1;
  bool reverse = false;
  bool store_last = true;  // h of the last step has a reader at its place in the sequence or ring
  bool x_wide = false,
       h_wide = false;  // rows of x and w_ih, of h and w_hh, are aligned to 16 bytes
  Activation activation = Activation::none;
};

/// Kernel parameters must stay under 4 KiB.
inline constexpr int most_jobs = 16;

struct Launch {
  int wave = 0;
  Job jobs[most_jobs];
};
static_assert(sizeof(Launch) + sizeof(void*) <= 4096);  // and what the wgmma kernel has besides

}  // namespace rnnbench::fused
