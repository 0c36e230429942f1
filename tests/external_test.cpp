// Workers of one's own, in another language: docs/worker-protocol.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

TEST(External, AnExternalWorkerIsMeasuredLikeAnyOther) {
  const Folder folder;
  const auto run = run_program(
      "--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl mine " + fast + out_flag(folder) +
      "--external mine='python3 " RNNBENCH_SOURCE_DIR "/tests/external_worker.py'");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("impl"), "cpu:mine");
  EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
}

/// The worker of docs/worker-protocol.md, with other lines where it opens its device.
void write_worker(const std::filesystem::path& file, const std::string& open) {
  std::string text = text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  const std::string from = "    if op == \"open\":\n";
  ASSERT_NE(text.find(from), std::string::npos);
  text.replace(text.find(from), from.size(), from + open);
  std::ofstream(file) << text;
}

TEST(External, WorkersOpenTheirDevicesAtTheSameTime) {
  const Folder folder;
  const auto file = folder.path() / "worker.py", log = folder.path() / "opened";
  write_worker(file, fmt::format("        for word in ('begin', 'end'):\n"
                                 "            with open('{}', 'a') as log: log.write(word + ' ')\n"
                                 "            time.sleep(1)\n",
                                 log.string()));
  const auto worker = "'python3 " + file.string() + "' ";
  const auto run =
      run_program("--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl one,two " + fast +
                  out_flag(folder) + "--external one=" + worker + "--external two=" + worker);
  EXPECT_EQ(run.code, 0) << run.output;
  std::ifstream in(log);
  std::string first, second;
  in >> first >> second;
  EXPECT_EQ(first + second, "beginbegin");  // one after the other they would be begin, end
}

/// One line for each call that a worker is asked for in a run, and for what makes the kernel: the
/// operation, and what decides about names on a profiler's timeline.
std::string asked_of_a_worker(const std::string& arguments) {
  const Folder folder;
  const auto log = folder.path() / "asked", worker = folder.path() / "worker.py";
  std::string text = text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  const std::string from = "    if op == \"make\":\n";
  EXPECT_NE(text.find(from), std::string::npos);
  text.insert(text.find(from),
              fmt::format("    if op in ('make', 'run', 'time', 'profile'):\n"
                          "        known = [request.get(key) for key in\n"
                          "                 ('ranges', 'warmup', 'discard', 'samples', 'cache')]\n"
                          "        with open('{}', 'a') as log: print(op, *known, file=log)\n",
                          log.string()));
  std::ofstream(worker) << text;
  const auto run = run_program("--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl mine " +
                               fast + out_flag(folder) + "--external mine='python3 " +
                               worker.string() + "' " + arguments);
  EXPECT_EQ(run.code, 0) << run.output;
  return text_of(log);
}

const std::string made =
    "make ['ad_hoc', 'rnn_tanh_b1_t3_i4_h4_l1_f32', 'cpu:mine'] None None None ";

TEST(External, CallsAreNamedForProfilers) {
  const auto lines = asked_of_a_worker("");
  EXPECT_NE(lines.find(made + "hot\n"), std::string::npos) << lines;
  const auto warm = lines.find("time None True 0 "), timed = lines.find("time None False 1 ");
  ASSERT_NE(warm, std::string::npos) << lines;
  ASSERT_NE(timed, std::string::npos) << lines;
  EXPECT_LT(warm, timed);
}

TEST(External, AProfilersCallComesAfterTheWarmUpAndIsOne) {
  EXPECT_EQ(asked_of_a_worker("--profile --warmup 3 --cache cold"),
            made + "cold\ntime None True 0 3 cold\nprofile None None None None cold\n");
  EXPECT_EQ(asked_of_a_worker("--profile"),
            made + "hot\ntime None True 0 1 hot\nprofile None None None None hot\n");
  EXPECT_EQ(asked_of_a_worker("--profile --warmup 0"),
            made + "hot\nprofile None None None None hot\n");
}

TEST(External, UnderAProfilerNoCeilingIsMeasured) {
  const Folder folder, cache;
  const auto run = run_program(
      "--device cpu --cell rnn_tanh --hidden 4 --impl naive --profile " + out_flag(folder),
      "env RNNBENCH_CACHE=" + cache.path().string() + "/none ");
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_EQ(run.output.find("ceilings"), std::string::npos) << run.output;
  EXPECT_FALSE(std::filesystem::exists(cache.path() / "none"));
}

TEST(External, AWorkerThatLostCountOfItsCallsHasNotPassed) {
  const Folder folder;
  std::string text = text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  const std::string from = "\"last_set\": sets[(calls - 1) % len(sets)]";
  ASSERT_NE(text.find(from), std::string::npos);
  text.replace(text.find(from), from.size(), "\"last_set\": 7");
  std::ofstream(folder.path() / "worker.py") << text;
  const auto run = run_program("--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl mine " +
                               fast + out_flag(folder) + "--external mine='python3 " +
                               (folder.path() / "worker.py").string() + "'");
  EXPECT_EQ(run.code, 1) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("outcome"), "failed");
  EXPECT_EQ(one.at("reason"), "its last call had input set 7, which was not asked for");
}

TEST(External, ADeviceThatCannotBeOpenedIsThatCasesOutcome) {
  const Folder folder;
  write_worker(folder.path() / "worker.py", "        raise ValueError('the fan fell off')\n");
  const auto run =
      run_program("--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl mine,naive " + fast +
                  out_flag(folder) + "--external mine='python3 " +
                  (folder.path() / "worker.py").string() + "'");
  EXPECT_EQ(run.code, 1) << run.output;
  for (const auto& one : cases_in(folder.path())) {
    const bool mine = one.at("impl") == "cpu:mine";
    EXPECT_EQ(one.at("outcome"), mine ? "failed" : "passed") << one.at("reason");
    if (mine) {
      EXPECT_EQ(one.at("reason"), "the fan fell off");
    }
  }
}

}  // namespace
}  // namespace rnnbench::testing
