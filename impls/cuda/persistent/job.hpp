// What a launch of the persistent cluster kernel is told; see cluster.cuh.
#pragma once

#include <cstdint>

namespace rnnbench::persistent {

enum class Activation { tanh, relu };

/// One layer's and direction's recurrence over a slice of the batch: the work of one cluster. Rows
/// of the batch are counted in the slice; pointers are to the slice's first row. In the storage
/// type unless said otherwise.
struct Chain {
  const void* w_ih = nullptr;  // [G*H, x_width]; read where the input products are inside
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H], or null
  const void* b_hh = nullptr;
  // One of three inputs. Row b of step t lies at t * step + b * row:
  const float* gates = nullptr;          // W_ih x of all steps, made before: f32 [T, rows, G*H]
  const void* x = nullptr;               // [T, rows, x_width]
  const std::uint64_t* below = nullptr;  // tagged values of the layer below [T, rows, width]
  std::int64_t input_step = 0, input_row = 0;
  int x_width = 0;
  const void* h_0 = nullptr;  // [rows, H]
  const void* c_0 = nullptr;
  void* h_n = nullptr;  // [rows, H] or null, and likewise:
  void* c_n = nullptr;
  void* h_next = nullptr;  // a copy of h_n that may be h_0 itself
  void* c_next = nullptr;
  void* y = nullptr;  // [T, rows, H] at t * y_step + b * y_row, or null
  std::int64_t y_step = 0, y_row = 0;
  std::uint64_t* above = nullptr;  // tagged values for the layer above [T, rows, width], or null
  std::uint32_t* epoch = nullptr;  // first tag of this call less 1, one for all layers of a slice
  int rows = 0;
  int reverse = 0;     // steps from the last position to the first
  int ends_epoch = 0;  // the top layer: hands the epoch on to the next call
};

struct Launch {
  const Chain* chains;     // one a cluster
  int hidden, units;       // H; units of each block of the cluster, a multiple of 4
  int steps;               // T
  Activation activation;   // of a cell with one gate
  std::uint64_t limit_ns;  // that a wait may take
  std::uint32_t* note;     // 4 words that the host can read: who waited in vain; see waiting.cuh
};

/// Layers that wait on each other hand each value on with a tag of its step beside it.
inline constexpr int tagged_bytes = 8;

}  // namespace rnnbench::persistent
