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
  std::ifstream in(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  std::string text(std::istreambuf_iterator<char>(in), {});
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

TEST(External, CallsAreNamedForProfilers) {
  const Folder folder;
  const auto log = folder.path() / "asked";
  std::ifstream in(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  std::string text(std::istreambuf_iterator<char>(in), {});
  const std::string from = "    if op == \"make\":\n";
  ASSERT_NE(text.find(from), std::string::npos);
  text.insert(text.find(from),
              fmt::format("    if op in ('make', 'time'):\n"
                          "        with open('{}', 'a') as log:\n"
                          "            log.write(f\"{{op}} {{request.get('ranges')}} "
                          "{{request.get('warmup')}}\\n\")\n",
                          log.string()));
  std::ofstream(folder.path() / "worker.py") << text;
  const auto run = run_program("--device cpu --cell rnn_tanh --hidden 4 --seq 3 --impl mine " +
                               fast + out_flag(folder) + "--external mine='python3 " +
                               (folder.path() / "worker.py").string() + "'");
  EXPECT_EQ(run.code, 0) << run.output;
  std::ifstream asked(log);
  const std::string lines(std::istreambuf_iterator<char>(asked), {});
  EXPECT_NE(lines.find("make ['ad_hoc', 'rnn_tanh_b1_t3_i4_h4_l1_f32', 'cpu:mine'] None\n"),
            std::string::npos)
      << lines;
  const auto warm = lines.find("time None True\n"), timed = lines.find("time None False\n");
  ASSERT_NE(warm, std::string::npos) << lines;
  ASSERT_NE(timed, std::string::npos) << lines;
  EXPECT_LT(warm, timed);
}

TEST(External, AWorkerThatLostCountOfItsCallsHasNotPassed) {
  const Folder folder;
  std::ifstream in(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  std::string text(std::istreambuf_iterator<char>(in), {});
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
    if (mine) EXPECT_EQ(one.at("reason"), "the fan fell off");
  }
}

}  // namespace
}  // namespace rnnbench::testing
