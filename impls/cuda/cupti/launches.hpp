// Kernel launches as activity records tell of them: grouped, summed, and some chosen to look at
// closely. No CUDA header here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rnnbench::cupti {

struct Launch {
  using Extent = std::array<std::uint32_t, 3>;
  std::string name;  // readable
  Extent grid{1, 1, 1}, block{1, 1, 1};
  Extent cluster{0, 0, 0};  // zeros: not clustered
  int registers = 0;        // per thread
  int static_shared = 0, dynamic_shared = 0;
  int shared_carveout = 0;       // bytes of an SM that the driver made shared memory; 0: unknown
  int local = 0;                 // bytes per thread
  bool shared_opted_in = false;  // to more than the default limit of shared memory
  std::uint64_t start_ns = 0, end_ns = 0;
  std::uint32_t correlation = 0;  // rises in the order of the calls that launched

  double ns() const { return static_cast<double>(end_ns - start_ns); }
  bool clustered() const { return size(cluster) > 1; }
  static std::uint64_t size(const Extent& e) { return std::uint64_t{e[0]} * e[1] * e[2]; }
};

/// "64x1x1 blocks of 256x1x1 in clusters of 2x1x1"
std::string shape_of(const Launch& launch);

/// A C++ kernel's name without return type and parameters; other names as they are.
std::string readable_name(const char* symbol);

/// The launches of one kernel in one shape.
struct Group {
  std::string name, shape;
  std::vector<std::size_t> ordinals;  // into the launches, ascending
  double total_ns = 0;
  std::size_t usual = 0;  // the one that takes the median time: of those between the first and the
                          // last, and of equal ones that from the middle
};
/// The longest in total first.
std::vector<Group> group(const std::vector<Launch>& launches);

/// Kernels may overlap: their sum may be more than the time in which any of them ran.
struct Spans {
  double sum_ns = 0;   // of durations
  double busy_ns = 0;  // at least one kernel ran
  double gap_ns = 0;   // between the first start and the last end: none ran
  double span_ns = 0;  // from the first start to the last end
};
Spans spans(const std::vector<Launch>& launches);

/// Of `calls` equal calls whose launches follow one another in `launches`, keeps those of the one
/// with the shortest span, and returns its number. The first is out of the question where there are
/// others: setting up the recording stands in it as a gap, of 2 ms on an H200. Where the launches
/// are not `calls` times the same, all are kept and `calls` is returned.
std::size_t shortest_call(std::vector<Launch>& launches, std::size_t calls);

/// How many launches of a group each sampled one stands for, in the order of `sampled` (its
/// ordinals): its first and its last for themselves, what is between for the usual one.
std::vector<double> stands_for(const Group& group, const std::vector<std::size_t>& sampled);

/// Launches that can each give one pass of the counters of launch `ordinal`, ascending: for the
/// usual one of a group up to `most` around it that take as long (within 10 %), each at least
/// `apart` after the one before and with as many launches before the first; else itself.
std::vector<std::size_t> places_of(const std::vector<Launch>& launches, const Group& group,
                                   std::size_t ordinal, std::size_t most, std::size_t apart);

/// What the counters of a group's usual launch do not stand for, where its launches take unlike
/// times; empty where they do not.
std::string uneven(const std::vector<Launch>& launches, const Group& group);

/// Ordinals of launches to look at, in rounds: first the usual one of each group, then its first
/// and its last. Each round is in the order of the groups, the longest first.
std::vector<std::vector<std::size_t>> rounds_of_samples(const std::vector<Group>& groups);

}  // namespace rnnbench::cupti
