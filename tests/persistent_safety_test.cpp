// cuda:persistent where a mistake would show seldom: a thousand launches, neighbours on the same
// GPU, sequences of every length. In a build with RNNBENCH_JITTER (CONTRIBUTING.md) as well.
//
// RNNBENCH_REPEATS=N: launches of each problem in GpuPersistentRepeats, 1000 unless said.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "tests/h200.hpp"
#include "tests/persistent_fixture.hpp"
#include "tests/zoo/busy_zoo.hpp"

namespace rnnbench {
namespace {

using cuda_fixture::DeviceProblem;
using cuda_fixture::random_inputs;
using persistent::Form;
using persistent_fixture::config_of;
using persistent_fixture::GpuPersistent;

struct Case {
  const char* problem;
  Form form;
};
void PrintTo(const Case& what, std::ostream* out) { *out << what.problem; }

constexpr Case repeated[] = {{"gru_b128_t16_i16_h128_l1_f32", Form::solo},
                             {"lstm_b7_t24_i9_h101_l1_f16", Form::solo},
                             {"gru-bi_b9_t20_i33_h203_l2_f32", Form::hoisted},
                             {"gru_b10_t24_i128_h256_l6_f32", Form::wavefront},
                             {"gru_b11_t24_i37_h131_l4_f16", Form::wavefront},
                             {"lstm_b7_t16_i40_h72_l3_f32_stateful", Form::wavefront},
                             {"lstm_b10_t24_i128_h256_l6_f16", Form::wavefront},
                             {"gru_b20_t16_i33_h301_l2_f32", Form::grid},
                             {"lstm-bi_b37_t8_i33_h400_l2_f16", Form::grid},
                             {"gru_b64_t8_i64_h1024_l1_f16", Form::grid},
                             {"gru_b1_t24_i16_h1024_l1_f32", Form::rows},
                             {"lstm-bi_b3_t16_i16_h513_l2_f32", Form::rows},
                             {"lstm_b2_t16_i16_h2048_l1_f32", Form::rows},
                             {"gru_b4_t16_i16_h2816_l1_f16", Form::rows}};

/// Pairs that one GPU may have at once; of the second and third one there is room for half.
constexpr Case together[][2] = {
    {{"gru-bi_b10_t200_i33_h200_l2_f32", Form::hoisted},
     {"lstm-bi_b9_t200_i40_h256_l2_f16", Form::hoisted}},
    {{"gru_b10_t200_i128_h256_l6_f32", Form::wavefront},
     {"gru_b10_t200_i128_h256_l6_f16", Form::wavefront}},
    {{"lstm_b16_t60_i64_h1024_l1_f16", Form::grid}, {"gru_b16_t60_i64_h1024_l1_f32", Form::grid}},
    {{"gru_b10_t200_i128_h256_l6_f32", Form::wavefront},
     {"lstm_b16_t60_i64_h1024_l1_f16", Form::grid}},
    {{"gru_b128_t200_i64_h128_l1_f32", Form::solo}, {"gru_b16_t60_i64_h1024_l1_f32", Form::grid}}};

constexpr Case beside_a_neighbour[] = {{"gru_b128_t200_i64_h128_l1_f32", Form::solo},
                                       {"gru-bi_b10_t200_i33_h200_l2_f32", Form::hoisted},
                                       {"gru_b10_t200_i128_h256_l6_f32", Form::wavefront},
                                       {"lstm_b16_t60_i64_h1024_l1_f16", Form::grid}};

/// Of any length.
constexpr Case long_and_short[] = {{"gru_b3_t1_i8_h128_l1_f32", Form::solo},
                                   {"lstm_b2_t1_i8_h64_l1_f16", Form::solo},
                                   {"gru_b2_t1_i16_h200_l1_f32", Form::hoisted},
                                   {"lstm-bi_b5_t1_i16_h100_l1_f16", Form::hoisted},
                                   {"gru_b2_t1_i16_h100_l3_f32", Form::wavefront},
                                   {"gru_b2_t1_i16_h100_l3_f16", Form::wavefront},
                                   {"lstm_b2_t1_i16_h65_l4_f32", Form::wavefront},
                                   {"lstm_b2_t1_i16_h65_l4_f16", Form::wavefront},
                                   {"gru_b2_t1_i16_h264_l1_f32", Form::grid},
                                   {"lstm_b2_t1_i16_h264_l1_f16", Form::grid},
                                   {"gru_b1_t1_i16_h265_l1_f32", Form::rows}};
constexpr int lengths[] = {1, 2, 3, 4, 5, 7, 8, 64, 511, 4096};

Problem problem_of(const Case& what) { return with_all_outputs(parse_id(what.problem)); }

/// Else tests would be skipped where they are to run.
TEST(PersistentSafety, EveryCaseHasItsFormOnTheGpuItIsFor) {
  const auto expect = [](const Problem& p, Form form) {
    EXPECT_TRUE(config_of(p, form, h200())) << id(p);
  };
  for (const Case& what : repeated) expect(problem_of(what), what.form);
  for (const Case& what : beside_a_neighbour) expect(problem_of(what), what.form);
  for (const Case& what : long_and_short)
    for (const int length : lengths) {
      Problem p = problem_of(what);
      p.seq = length;
      expect(p, what.form);
    }
  const auto blocks = [](const Case& what) {
    const Problem p = problem_of(what);
    for (const auto& plan : persistent::plans(p, h200()))
      if (plan.form == what.form)
        return what.form == Form::grid ? plan.blocks * std::min(plan.at_once, plan.groups(p))
                                       : plan.cluster * plan.slices * plan.layers;
    return 0;
  };
  for (const auto& pair : together)
    for (const Case& what : pair) expect(problem_of(what), what.form);
  for (const int pair : {1, 2})
    EXPECT_GT(blocks(together[pair][0]) + blocks(together[pair][1]), h200().units) << pair;
}

/// A problem with a stream of its own.
class Work {
 public:
  Work(const Impl& impl, const Case& what, const DeviceInfo& device)
      : problem_(problem_of(what)),
        session_(Registry::instance().backend(Device::cuda)->open({})),
        random_(31),
        inputs_(random_inputs(problem_, random_)),
        data_(*session_, problem_, inputs_),
        kernel_(impl.make(
            problem_, data_.tensors,
            {.more = {{"config", config_of(problem_, what.form, device).value_or("none")}}})),
        graph_(session_->record(*kernel_)) {}
  Work(const Work&) = delete;
  ~Work() {
    for (void* first : firsts_) session_->release(first);
  }
  /// The launch that all later ones are compared with: empty, or how it differs from the reference.
  std::string first() {
    poison();
    launch(0);
    for (const auto& [output, bytes] : data_.outputs()) {
      firsts_.push_back(session_->allocate(bytes));
      session_->copy_on_device(firsts_.back(), output, bytes);
    }
    session_->synchronize();
    return data_.difference(reference(problem_, inputs_),
                            tolerance_for(problem_, Protocol{}).value);
  }
  void poison() { data_.poison(); }
  /// Odd ones as a graph. A stateful problem starts from its inputs each time.
  void launch(int number) {
    kernel_->reset(session_->stream());
    (number % 2 ? *graph_ : *kernel_).launch(session_->stream());
  }
  bool same() {
    const auto outputs = data_.outputs();
    for (std::size_t k = 0; k < outputs.size(); ++k)
      if (!session_->equal(firsts_[k], outputs[k].first, outputs[k].second)) return false;
    return true;
  }
  void synchronize() { session_->synchronize(); }
  std::string complaint() const { return kernel_->complaint(); }

 private:
  Problem problem_;
  std::unique_ptr<Session> session_;
  std::mt19937 random_;
  std::vector<HostTensor> inputs_;
  DeviceProblem data_;
  std::unique_ptr<Kernel> kernel_, graph_;
  std::vector<void*> firsts_;
};

class GpuPersistentRepeats : public GpuPersistent, public testing::WithParamInterface<Case> {};

TEST_P(GpuPersistentRepeats, AreBitwiseEqual) {
  if (!config_of(problem_of(GetParam()), GetParam().form, info)) GTEST_SKIP() << "not on this GPU";
  const char* const said = std::getenv("RNNBENCH_REPEATS");
  const int repeats = said ? std::atoi(said) : 1000;
  Work work(*impl, GetParam(), info);
  ASSERT_EQ(work.first(), "");
  for (int launch = 1; launch < repeats; ++launch) {
    work.poison();
    work.launch(launch);
    ASSERT_TRUE(work.same()) << "launch " << launch;
  }
}
INSTANTIATE_TEST_SUITE_P(Problems, GpuPersistentRepeats, testing::ValuesIn(repeated));

class GpuPersistentLengths : public GpuPersistent, public testing::WithParamInterface<Case> {};

TEST_P(GpuPersistentLengths, AgreeWithTheReference) {
  std::mt19937 random(32);
  for (const int length : lengths) {
    Problem p = problem_of(GetParam());
    p.seq = length;
    const auto config = config_of(p, GetParam().form, info);
    if (!config) GTEST_SKIP() << "not on this GPU";
    check(*impl, p, length % 2, 2, random, {.more = {{"config", *config}}});
    if (HasFatalFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Problems, GpuPersistentLengths, testing::ValuesIn(long_and_short));

/// No result, or a wrong one, where nothing excuses it.
struct Wrong {
  std::string what;
};

constexpr int limit_s = 60;  // the kernels' own is 10

/// Ends the process: well if what `run` did was right, or failed with an error in one line. For a
/// process of its own: a kernel that is ended takes the process's device with it, and one that
/// hangs would take the tests.
[[noreturn]] void end_with(const std::function<void()>& run) {
  signal(SIGALRM, [](int) {
    constexpr char text[] = "hangs: not over after 60 s\n";
    static_assert(limit_s == 60);
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(3);
  });
  alarm(limit_s);
  bool well = false;
  std::string said = "right";
  try {
    run();
    well = true;
  } catch (const Wrong& wrong) {
    said = wrong.what;
  } catch (const std::exception& error) {
    said = error.what();
    well = !said.empty() && said.find('\n') == std::string::npos;
    said = (well ? "failed in one line: " : "failed, and says not why in one line: ") + said;
  }
  std::fprintf(well ? stdout : stderr, "%s\n", said.c_str());  // what is well the test leaves out
  std::fflush(nullptr);
  _exit(well ? 0 : 1);
}

/// As the program's worker says it: with what the kernels know of a failure.
template <class Action>
void with_complaints(const std::vector<Work*>& works, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    for (const Work* work : works)
      if (const std::string complaint = work->complaint(); !complaint.empty())
        throw Error(complaint + " (" + error.what() + ")");
    throw;
  }
}

std::unique_ptr<Work> work_alone(const Impl& impl, const Case& what, const DeviceInfo& device) try {
  auto work = std::make_unique<Work>(impl, what, device);
  if (const std::string why = work->first(); !why.empty())
    throw Wrong{std::string(what.problem) + " alone: " + why};
  return work;
} catch (const std::exception& error) {
  throw Wrong{std::string(what.problem) + " alone: " + error.what()};
}

/// Several launches of each work, then a look at the last one's outputs; `begun` after the first.
void launch_all(const std::vector<Work*>& works, int round,
                const std::function<void()>& begun = {}) {
  with_complaints(works, [&] {
    for (Work* work : works) work->poison();
    for (int launch = 0; launch < 5; ++launch) {
      for (std::size_t k = 0; k < works.size(); ++k)
        works[(k + std::size_t(round)) % works.size()]->launch(launch + round);
      if (launch == 0 && begun) begun();
    }
    for (Work* work : works) work->synchronize();
    for (std::size_t k = 0; k < works.size(); ++k)
      if (!works[k]->same())
        throw Wrong{"work " + std::to_string(k) + ": other bits than alone, in round " +
                    std::to_string(round)};
  });
}

class GpuPersistentTogether : public GpuPersistent, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    GpuPersistent::SetUp();
    testing::FLAGS_gtest_death_test_style = "threadsafe";  // the process has threads of CUDA's
  }
};

TEST_P(GpuPersistentTogether, BothAreRightOrFailInOneLine) {
  const auto& [one, other] = together[GetParam()];
  for (const Case& what : {one, other})
    if (!config_of(problem_of(what), what.form, info)) GTEST_SKIP() << "not on this GPU";
  EXPECT_EXIT(end_with([&] {
                const auto first = work_alone(*impl, together[GetParam()][0], info);
                const auto second = work_alone(*impl, together[GetParam()][1], info);
                for (int round = 0; round < 40; ++round)
                  launch_all({first.get(), second.get()}, round);
              }),
              testing::ExitedWithCode(0), "");
}
INSTANTIATE_TEST_SUITE_P(Pairs, GpuPersistentTogether, testing::Range(0, int(std::size(together))));

class GpuPersistentBusy : public GpuPersistent, public testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    GpuPersistent::SetUp();
    testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
};

/// Half of the SMs, then all, have no shared memory left for two seconds.
TEST_P(GpuPersistentBusy, IsRightOrFailsInOneLine) {
  if (!config_of(problem_of(GetParam()), GetParam().form, info)) GTEST_SKIP() << "not on this GPU";
  EXPECT_EXIT(
      end_with([&] {
        void* const library = dlopen(RNNBENCH_BUILD_DIR "/tests/busy_zoo.so", RTLD_NOW);
        if (!library) throw Wrong{dlerror()};
        const auto occupy = reinterpret_cast<zoo::Occupy>(dlsym(library, "rnnbench_busy_zoo"));
        const auto over = reinterpret_cast<zoo::Over>(dlsym(library, "rnnbench_busy_zoo_over"));
        const auto work = work_alone(*impl, GetParam(), info);
        int round = 0;
        for (const double share : {0.5, 1.0}) {
          if (const int error = occupy(share, 2))
            throw Wrong{"the neighbour: CUDA error " + std::to_string(error)};
          launch_all({work.get()}, round++, [&] {
            if (over() == 0) throw Wrong{"the neighbour was over too early"};
          });
          launch_all({work.get()}, round++);
        }
      }),
      testing::ExitedWithCode(0), "");
}
INSTANTIATE_TEST_SUITE_P(Forms, GpuPersistentBusy, testing::ValuesIn(beside_a_neighbour));

}  // namespace
}  // namespace rnnbench
