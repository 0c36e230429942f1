// What a launch of the persistent cluster kernel is told; see cluster.cuh and wavefront.cuh.
#pragma once

#include <cstdint>

namespace rnnbench::persistent {

enum class Activation { tanh, relu };

/// One layer's and direction's recurrence over a slice of the batch: the work of one cluster. Rows
/// of the batch are counted in the slice; pointers are to the slice's first row. In the storage
/// type unless said otherwise.
struct Chain {
  const void* w_ih = nullptr;  // [G*H, H]; read where the input is another layer's h
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H], or null
  const void* b_hh = nullptr;
  // One of two inputs:
  const float* gates = nullptr;  // W_ih x of all steps, made before: f32 [T, rows, G*H],
  std::int64_t gates_step = 0, gates_row = 0;  // row b of step t at t * step + b * row
  const void* below = nullptr;                 // words of the layer below [1 + T * rows * words]
  const void* h_0 = nullptr;                   // [rows, H]
  const void* c_0 = nullptr;
  void* h_n = nullptr;  // [rows, H] or null, and likewise:
  void* c_n = nullptr;
  void* h_next = nullptr;  // a copy of h_n that may be h_0 itself
  void* c_next = nullptr;
  void* y = nullptr;  // [T, rows, H] at t * y_step + b * y_row, or null
  std::int64_t y_step = 0, y_row = 0;
  void* above = nullptr;           // words for the layer above [1 + T * rows * words], or null
  std::uint32_t* epoch = nullptr;  // calls before this one, one count for all layers of a slice
  int rows = 0;
  int reverse = 0;     // steps from the last position to the first
  int ends_epoch = 0;  // the top layer: hands the epoch on to the next call
};

/// What a wait that was given up waited for.
enum class Waits : std::uint32_t { hidden = 1, below = 2, grid = 3 };

struct Launch {
  const Chain* chains;     // one a cluster
  int hidden;              // H
  int steps;               // T
  Activation activation;   // of a cell with one gate
  std::uint64_t limit_ns;  // that a wait may take
  std::uint32_t* note;     // 4 words that the host can read: whether a wait was given up, what
                           // for (Waits), at which step, and by which block
};

/// Layers that wait on each other hand h on in words of 16 bytes: four units of a row, of which the
/// third has the word's tag as its last bit: the parity of the call. A block has a quarter as many
/// of them for each row as units. Before them all lies one with the factor that h has in them.
inline constexpr int tagged_units = 4, tagged_bytes = 16;

}  // namespace rnnbench::persistent
