#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "harness/error.hpp"
#include "reports/writers.hpp"
#include "tests/reports_fixture.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

std::string scratch_folder() {
  std::string path = (fs::temp_directory_path() / "rnnbench_reports_XXXXXX").string();
  return mkdtemp(path.data());
}

TEST(Files, appear_whole_and_replace_old_ones) {
  const fs::path folder = fs::path(scratch_folder()) / "deep" / "er";
  RunResult run = one_of_each();
  EXPECT_EQ(write_reports(run, folder, {"json", "csv", "md"}).size(), 3u);
  run.command = "again";
  write_reports(run, folder, {"json"});
  EXPECT_TRUE(read_json(folder / "results.json") == run);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 3);  // nothing left over
  EXPECT_THROW(write_reports(run, folder, {"xml"}), UsageError);
  fs::remove_all(folder.parent_path().parent_path());
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError&) {
    return "usage";
  } catch (const Error& e) {
    return e.what();
  }
  return "none";
}

TEST(Files, full_disk_and_missing_permission_are_told) {
  const std::string full = error_of([] { write_file("/dev/full", "text"); });
  EXPECT_NE(full.find("cannot write /dev/full: No space left on device: free some space"),
            std::string::npos);
  const fs::path folder = scratch_folder();
  const std::string missing = error_of([&] { write_file(folder / "none" / "file", "text"); });
  EXPECT_NE(missing.find("none/file: No such file or directory: name another folder"),
            std::string::npos);
  fs::create_directory(folder / "results.csv");
  const std::string blocked = error_of([&] { write_reports(one_of_each(), folder, {"csv"}); });
  EXPECT_NE(blocked.find("results.csv: Is a directory"), std::string::npos);
  std::ofstream(folder / "file") << "x";
  const std::string no_folder =
      error_of([&] { write_reports(one_of_each(), folder / "file", {"csv"}); });
  EXPECT_NE(no_folder.find("cannot write " + (folder / "file").string()), std::string::npos);
  if (geteuid() != 0) {  // root may write anywhere
    fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
    const std::string denied = error_of([&] { write_file(folder / "new", "text"); });
    EXPECT_NE(denied.find("Permission denied: make its folder writable"), std::string::npos);
    fs::permissions(folder, fs::perms::owner_all);
  }
  fs::remove_all(folder);
}

TEST(Files, beside_a_journal_the_mend_is_one_that_resuming_takes) {
  const fs::path folder = scratch_folder();
  std::ofstream(folder / "journal.jsonl") << "{}\n";
  fs::create_directory(folder / "results.csv");
  const std::string blocked = error_of([&] { write_reports(one_of_each(), folder, {"csv"}); });
  EXPECT_NE(blocked.find("Is a directory: move it out of the way and --resume its folder"),
            std::string::npos)
      << blocked;
  EXPECT_EQ(blocked.find("--out"), std::string::npos) << blocked;
  fs::remove_all(folder);
}

TEST(Files, a_link_keeps_pointing_at_what_is_written) {
  const fs::path folder = scratch_folder();
  std::ofstream(folder / "real") << "old";
  fs::create_symlink("real", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  std::string text;
  std::ifstream(folder / "real") >> text;
  EXPECT_EQ(text, "new");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace rnnbench
