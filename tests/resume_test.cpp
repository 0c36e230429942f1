// Going on with a run: with the same build, on a machine of the same kind, problem by problem.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A journal's header and cases, to be changed and written back: as if the run had been cut off
/// there, or begun elsewhere.
struct Lines {
  explicit Lines(const fs::path& folder) : file(folder / "journal.jsonl") {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
  }
  Json& header() { return all.at(0); }
  void write() const {
    std::ofstream out(file);
    for (const auto& line : all) out << line.dump() << "\n";
  }

  fs::path file;
  std::vector<Json> all;
};

/// Two problems, two implementations, and a folder with what a finished run of them left.
class Resume : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto run = run_program("--device cpu --cell gru --batch 1,2 --hidden 6 --seq 3 " + fast +
                                 "--impl naive,blas --metrics none " + out_flag(folder));
    ASSERT_EQ(run.code, 0) << run.output;
    first = cases_in(folder.path());
    ASSERT_EQ(first.size(), 4U);
  }

  Finished resume(const std::string& before = "") const {
    return run_program("--quiet --resume " + folder.path().string(), before);
  }
  /// One line and exit code 2.
  void expect_refused(const std::vector<std::string>& says, const std::string& before = "") const {
    const auto run = resume(before);
    EXPECT_EQ(run.code, 2) << run.output;
    EXPECT_EQ(std::count(run.output.begin(), run.output.end(), '\n'), 1) << run.output;
    for (const auto& words : says)
      EXPECT_NE(run.output.find(words), std::string::npos) << words << "\n" << run.output;
  }
  Json second() const { return cases_in(folder.path()); }
  std::string warning() const {
    return read_results(folder.path()).at("rnnbench").at("warning").get<std::string>();
  }

  const Folder folder;
  Json first;
};

TEST_F(Resume, AnotherKindOfMachineIsRefusedInALineThatNamesBoth) {
  Lines lines(folder.path());
  const auto here = lines.header().at("kind").at(0).at(1).get<std::string>();
  lines.header().at("kind").at(0) = {"cpu", "Z80"};
  lines.write();
  expect_refused({"another kind of machine (cpu: Z80 there, " + here + " here)",
                  "go on on one like", "or run anew with --out"});
  EXPECT_EQ(Lines(folder.path()).header().at("kind").at(0).at(1),
            "Z80");  // still to be gone on with
}

TEST_F(Resume, AnotherMachineOfTheKindGoesOnAndTheResultsSaySo) {
  Lines lines(folder.path());
  lines.all.resize(3);  // of the second problem nothing
  for (std::size_t k = 1; k < lines.all.size(); ++k) lines.all[k]["machine"] = "elsewhere";
  lines.write();
  const auto run = resume();
  EXPECT_EQ(run.code, 0) << run.output;
  const auto cases = second();
  ASSERT_EQ(cases.size(), 4U);
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_EQ(cases[k].at("machine"), k < 2 ? Json("elsewhere") : first[k].at("machine"));
  for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(cases[k].at("samples"), first[k].at("samples"));
  const std::string says = "the cases come from 2 machines of one kind";
  EXPECT_NE(warning().find(says), std::string::npos) << warning();
  auto shown = run.output;
  std::replace(shown.begin(), shown.end(), '\n', ' ');  // it is broken where the line is full
  EXPECT_NE(shown.find(says), std::string::npos) << run.output;
  EXPECT_NE(text_of(folder.path() / "report.md").find(says), std::string::npos);
  EXPECT_EQ(resume().code, 0);  // and remembers it
  EXPECT_NE(warning().find(says), std::string::npos) << warning();
}

TEST_F(Resume, AProblemThatWasNotFinishedRunsAgainAsAWhole) {
  for (const bool elsewhere : {false, true}) {
    Lines lines(folder.path());
    lines.all.resize(4);  // of the second problem one of two cases
    if (elsewhere) lines.all[3]["machine"] = "elsewhere";
    lines.write();
    first = second();
    const auto run = resume();
    EXPECT_EQ(run.code, 0) << run.output;
    const auto cases = second();
    ASSERT_EQ(cases.size(), 4U);
    for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(cases[k], first[k]);
    for (std::size_t k = 2; k < 4; ++k) EXPECT_NE(cases[k].at("samples"), first[k].at("samples"));
    EXPECT_EQ(warning().find("machines"), std::string::npos) << warning();
    EXPECT_EQ(Lines(folder.path()).all.size(), 5U);
  }
}

// As when a machine has no oneDNN, or a scenario was edited.
TEST_F(Resume, ACaseThatIsNoneAnyMoreIsNotDroppedInSilence) {
  Lines lines(folder.path());
  lines.all[2]["impl"] = "cpu:gone";
  lines.write();
  expect_refused({"gru_b1_t3_i6_h6_l1_f32/cpu:gone was measured before", "run anew with --out"});
}

TEST_F(Resume, AJournalOfAnotherVersionIsRefused) {
  Lines lines(folder.path());
  lines.header()["rnnbench_journal"] = 2;
  lines.header().erase("kind");
  lines.write();
  expect_refused({"its journal was written by another version; run anew with --out"});
}

TEST_F(Resume, WhereItsFolderCannotBeWrittenTheMendIsOneThatItTakes) {
  std::string user;
  if (geteuid() == 0) {  // root may write anywhere
    user = "setpriv --reuid=65534 --regid=65534 --clear-groups ";
    if (run_program("--version", user).code != 0) GTEST_SKIP() << "nobody cannot run the program";
  }
  const auto all = fs::perms::owner_all, others = fs::perms::group_read | fs::perms::group_exec |
                                                  fs::perms::others_read | fs::perms::others_exec;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec | others);
  const auto run = resume(user);
  fs::permissions(folder.path(), all);
  EXPECT_EQ(run.code, 1) << run.output;
  EXPECT_NE(run.output.find("journal.jsonl: Permission denied: make its folder writable and "
                            "--resume it, or a copy of it elsewhere"),
            std::string::npos)
      << run.output;
  EXPECT_EQ(run.output.find("--out"), std::string::npos) << run.output;

  const Folder elsewhere;
  fs::copy(folder.path(), elsewhere.path() / "copy");
  const auto copy = run_program("--quiet --resume " + (elsewhere.path() / "copy").string());
  EXPECT_EQ(copy.code, 0) << copy.output;
  EXPECT_EQ(cases_in(elsewhere.path() / "copy"), first);
}

TEST_F(Resume, WhereTheProjectLiesElsewhereItGoesOnThere) {
  Lines lines(folder.path());
  lines.all.resize(3);
  lines.header()["folder"] = "/nowhere";
  lines.write();
  const auto run = resume("cd " + fs::temp_directory_path().string() + " && ");
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_EQ(second().size(), 4U);
  EXPECT_EQ(Lines(folder.path()).header().at("folder"), fs::temp_directory_path().string());
}

// Built anew from the same revision it is the same build, whenever it was linked; from sources
// that no revision states it is not.
TEST_F(Resume, TheSameRevisionLinkedAgainIsTheSameBuild) {
  const Folder again;
  for (const char* part : {"rnnbench", "lib"})
    fs::copy(fs::path(RNNBENCH_BUILD_DIR) / part, again.path() / part,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::last_write_time(again.path() / "lib/rnnbench/cpu.so",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  const auto copy = "sh -c 'exec " + (again.path() / "rnnbench").string() + " \"$@\"'";
  const auto version = run_program("--version").output;
  const bool stated = version.find("git state: clean") != std::string::npos ||
                      version.find("git state: as stated") != std::string::npos;
  if (!stated) return expect_refused({"another build", ", linked at "}, copy);
  const auto run = resume(copy);
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_EQ(second(), first);
  Lines lines(folder.path());
  lines.header()["build"] = "another revision";
  lines.write();
  expect_refused({"another build (another revision; this is "}, copy);
}

/// A GPU made up, of an external worker: its driver and UUID are its file's.
class ResumeOnAGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    // The program's own CUDA module may find a device: the one of the tests never does.
    fs::create_symlink(RNNBENCH_BUILD_DIR "/lib/rnnbench/cpu.so", folder.path() / "cpu.so");
    fs::create_symlink(RNNBENCH_BUILD_DIR "/tests/no_cuda/cuda.so", folder.path() / "cuda.so");
    write_worker("570.1", "GPU-1");
    const auto run = run_program(
        fmt::format("--device cpu,cuda --cell rnn_tanh --batch 1,2 --hidden 4 --seq 3 {} "
                    "--impl naive,mine --metrics none --no-verify --external mine='python3 {}' "
                    "--out {}",
                    fast, (folder.path() / "worker.py").string(), out().string()),
        modules());
    ASSERT_EQ(run.code, 0) << run.output;
    first = cases_in(out());
    ASSERT_EQ(first.size(), 4U);  // on the CPU with batch 1 and 2, then on the GPU
    Lines lines(out());
    lines.all.resize(4);  // but one
    lines.write();
  }

  void write_worker(const std::string& driver, const std::string& uuid) const {
    auto text = text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
    const auto replace = [&](const std::string& from, const std::string& to) {
      ASSERT_NE(text.find(from), std::string::npos);
      for (std::size_t at; (at = text.find(from)) != std::string::npos;)
        text.replace(at, from.size(), to);
    };
    replace("cpu:python", "cuda:python");
    replace("\"devices\": []",
            fmt::format("\"devices\": [{{\"kind\": \"cuda\", \"name\": \"made up\", \"card\": "
                        "[[\"driver\", \"{}\"], [\"UUID\", \"{}\"]]}}]",
                        driver, uuid));
    std::ofstream(folder.path() / "worker.py") << text;
  }
  fs::path out() const { return folder.path() / "out"; }
  std::string modules() const { return "RNNBENCH_MODULES=" + folder.path().string() + " "; }
  Finished resume() const { return run_program("--quiet --resume " + out().string(), modules()); }

  const Folder folder;
  Json first;
};

TEST_F(ResumeOnAGpu, CasesOfAProblemNeverMixMachinesWhateverTheirDevices) {
  write_worker("570.1", "GPU-2");
  const auto run = resume();
  EXPECT_EQ(run.code, 0) << run.output;
  const auto cases = cases_in(out());
  ASSERT_EQ(cases.size(), 4U);
  for (std::size_t k = 0; k < 4; ++k) {
    const bool kept = k == 0 || k == 2;  // the problem that had both its cases
    EXPECT_EQ(cases[k].at("samples") == first[k].at("samples"), kept) << k;
    const auto machine = cases[k].at("machine").get<std::string>();
    EXPECT_TRUE(machine.ends_with(kept ? " GPU-1" : " GPU-2")) << machine;
  }
}

TEST_F(ResumeOnAGpu, OnTheSameMachineTheOtherDevicesCasesStand) {
  const auto run = resume();
  EXPECT_EQ(run.code, 0) << run.output;
  const auto cases = cases_in(out());
  ASSERT_EQ(cases.size(), 4U);
  for (std::size_t k = 0; k < 4; ++k)
    EXPECT_EQ(cases[k].at("samples") == first[k].at("samples"), k < 3) << k;
}

TEST_F(ResumeOnAGpu, AnotherDriverIsAnotherKindOfMachine) {
  write_worker("580.2", "GPU-2");
  const auto run = resume();
  EXPECT_EQ(run.code, 2) << run.output;
  EXPECT_NE(run.output.find("(cuda:0 driver: 570.1 there, 580.2 here)"), std::string::npos)
      << run.output;
}

TEST_F(ResumeOnAGpu, AnotherVersionOfALibraryIsAnotherKindOfMachine) {
  Lines lines(out());
  bool found = false;
  for (auto& fact : lines.header().at("kind"))
    if (fact == Json{"another", "1.2.3"}) fact[1] = "1.2.2", found = true;
  ASSERT_TRUE(found) << lines.header().dump();
  lines.write();
  const auto run = resume();
  EXPECT_EQ(run.code, 2) << run.output;
  EXPECT_NE(run.output.find("(another: 1.2.2 there, 1.2.3 here)"), std::string::npos) << run.output;
  const auto facts = read_results(out()).at("rnnbench").at("environment").at("facts");
  EXPECT_NE(std::find(facts.begin(), facts.end(), Json{"another", "1.2.3"}), facts.end());
}

}  // namespace
}  // namespace rnnbench::testing
