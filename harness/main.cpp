#include "harness/main.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
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

int complain(const char* what, int code) {
  fmt::print(stderr, "rnnbench: {}\n", what);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch({argv + 1, argv + argc});
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
