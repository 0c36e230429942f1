// What a profiler sees of a case's calls: a device made up writes down what it is asked to do.
#include "harness/served_case.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

namespace rnnbench {
namespace {

using Strings = std::vector<std::string>;

Strings happened;  // "[name" and "]" of ranges, "call", "copy", "fill"

/// The host's memory is its device's.
class WritesDown final : public Session {
 public:
  void* allocate(std::size_t bytes) override { return std::malloc(bytes); }
  void release(void* pointer) noexcept override { std::free(pointer); }
  void copy_in(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_out(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_on_device(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  bool equal(const void*, const void*, std::size_t) override { return true; }
  bool own_memory() const override { return false; }
  void fill(void* to, unsigned char byte, std::size_t bytes) override {
    happened.emplace_back("fill");
    std::memset(to, byte, bytes);
  }
  Stream stream() override { return nullptr; }
  void synchronize() override {}
  Sample time(Kernel& kernel) override {
    kernel.launch(nullptr);
    return {};
  }
  std::unique_ptr<Kernel> record(Kernel&) override { return nullptr; }
  std::size_t llc_bytes() const override { return 64; }
  std::size_t available_bytes() const override { return 1 << 20; }
  Peaks calibrate() override { return {}; }
  std::vector<std::pair<std::string, std::string>> state() override { return {}; }
  Profile profile(Kernel&, Kernel&, const ProfileRequest&) override { return {}; }
  void begin_range(const std::string& name) override { happened.push_back("[" + name); }
  void end_range() noexcept override { happened.emplace_back("]"); }
  bool reference(const Problem&, const std::vector<const float*>&,
                 const std::vector<double*>&) override {
    return false;
  }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    happened.emplace_back("copy");
    std::memcpy(to, from, bytes);
  }
};

struct Calls final : Kernel {
  void launch(Stream) override { happened.emplace_back("call"); }
};

/// One input set, all zeros, and no weights.
struct Served {
  explicit Served(CacheMode cache) {
    std::vector<TensorPlace> inputs;
    for (const auto& spec : tensor_specs(problem))
      if (spec.role == Role::input)
        inputs.push_back({spec.name, memory.path(), memory.size(), 0,
                          spec.elements() * sizeof(float), "f32", spec.shape});
    served.emplace(session, store, problem, std::vector<TensorPlace>{},
                   std::vector<std::vector<TensorPlace>>{inputs}, true);
    Impl impl;
    impl.name = "calls";
    impl.make = [](const Problem&, const Tensors&, const Options&) -> std::unique_ptr<Kernel> {
      return std::make_unique<Calls>();
    };
    served->make(impl, {}, false, cache, {"case"});
    happened.clear();
  }

  const Problem problem = parse_id("rnn_tanh_b1_t2_i3_h4_l1_f32");
  SharedMemory memory{4096};
  WritesDown session;
  WeightStore store{session};
  std::optional<ServedCase> served;
};

/// What happened between the begin of a range and its end.
Strings within(const std::string& range) {
  const auto begin = std::find(happened.begin(), happened.end(), "[" + range);
  return begin == happened.end() ? Strings{"no such range"}
                                 : Strings(begin + 1, std::find(begin, happened.end(), "]"));
}

TEST(ServedCases, AProfilersCallIsAloneInItsRangeAfterTheWarmUp) {
  for (const auto cache : {CacheMode::hot, CacheMode::cold, CacheMode::rotate}) {
    Served one(cache);
    int last_set = 0;
    one.served->time({.discard = 0, .samples = 3, .cache = cache, .sets = {0}, .warmup = true},
                     last_set);
    const auto warm = within("warmup");
    EXPECT_EQ(std::count(warm.begin(), warm.end(), "call"), 3);
    const auto before = happened.size();
    one.served->profile(cache);
    EXPECT_EQ(within("profile"), Strings{"call"});
    EXPECT_EQ(within("measure"), Strings{"no such range"});
    happened.erase(happened.begin(), happened.begin() + static_cast<std::ptrdiff_t>(before));
    EXPECT_EQ(std::count(happened.begin(), happened.end(), "call"), 1);
    // Only `cold` writes over the cache that the warm-up left.
    const auto fills = std::count(happened.begin(), happened.end(), "fill");
    EXPECT_EQ(fills, cache == CacheMode::cold ? 1 : 0);
    EXPECT_EQ(std::count(happened.begin(), happened.end(), "copy"), 0);
  }
}

TEST(ServedCases, WithoutWarmUpAProfilersCallHasInputs) {
  Served one(CacheMode::hot);
  const auto before = happened.size();
  one.served->profile(CacheMode::hot);
  happened.erase(happened.begin(), happened.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_EQ(within("profile"), Strings{"call"});
  EXPECT_EQ(std::count(happened.begin(), happened.end(), "copy"), 2);  // x and h_0
  EXPECT_EQ(std::count(happened.begin(), happened.end(), "fill"), 2);
}

}  // namespace
}  // namespace rnnbench
