#include "harness/main.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "harness/interrupt.hpp"
#include "harness/worker.hpp"

namespace {

int dispatch(const std::vector<std::string>& arguments) {
  using namespace rnnbench;
  bool exit_now = false;
  const CommandLine line = parse_command_line(arguments, exit_now);
  if (exit_now) return 0;
  if (line.command == Command::worker)
    return run_worker({line.worker_modules, line.worker_plugins});
  watch_for_interrupts();
  if (line.command == Command::list) return list_command(line);
  if (line.command == Command::doctor) return doctor_command(line);
  if (line.command == Command::tune) return tune_command(line);
  if (line.command == Command::report) return report_command(line);
  if (line.command == Command::compare) return compare_command(line);
  if (line.command == Command::history) return history_command(line);
  return run_command(line);
}

/// Whether all that went to standard output is there; a full disk says so only now.
bool is_written(bool stream_is_good) {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && stream_is_good;
}

int complain(const char* what, int code) {
  fmt::print(stderr, "rnnbench: {}\n", what);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int code = dispatch({argv + 1, argv + argc});
    if (is_written(std::cout.flush().good())) return code;
    return complain(
        fmt::format("cannot write standard output: {}: what it was to hold is not whole",
                    std::strerror(errno))
            .c_str(),
        code == 0 ? 1 : code);
  } catch (const rnnbench::UsageError& error) {
    return complain(error.what(), 2);
  } catch (const rnnbench::Interrupted&) {
    return complain("interrupted", 130);
  } catch (const std::bad_alloc&) {
    return complain("out of memory: use smaller sizes, or --filter fewer problems", 1);
  } catch (const std::exception& error) {
    return complain(error.what(), 1);
  }
}
