#include "harness/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "harness/interrupt.hpp"

extern char** environ;

namespace rnnbench {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw Error(fmt::format("pipe: {}", std::strerror(errno)));
    read = ends[0], write = ends[1];
  }
};

/// What waitpid said, in words.
std::string ending(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("its process was ended by signal {} ({}{})", signal, strsignal(signal),
                       signal == SIGKILL ? "; out of memory?" : "");
  }
  return fmt::format("its process ended by itself with exit code {}", WEXITSTATUS(status));
}

}  // namespace

WorkerProcess::WorkerProcess(const std::vector<std::string>& argv) {
  signal(SIGPIPE, SIG_IGN);  // a dead worker is found by write's answer
  const Pipe requests, replies;
  errors_ = memfd_create("worker stderr", MFD_CLOEXEC);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, requests.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, replies.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors_, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: Ctrl-C on the terminal reaches the parent alone, and a shell that runs an
  // external worker is ended with all its children.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  const int error = posix_spawn(&pid_, words[0], &actions, &attributes, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(requests.read);
  close(replies.write);
  to_ = requests.write;
  fcntl(to_, F_SETFL, O_NONBLOCK);  // a worker that does not read must not stop the parent
  from_ = replies.read;
  if (error != 0) {
    pid_ = -1;
    throw Error(fmt::format("cannot start {}: {}", argv[0], std::strerror(error)));
  }
}

WorkerProcess::~WorkerProcess() {
  if (alive()) {
    const char* quit = "{\"op\":\"quit\"}\n";
    [[maybe_unused]] const auto sent = write(to_, quit, std::strlen(quit));
    stop(false);
  }
  for (const int fd : {to_, from_, errors_})
    if (fd >= 0) close(fd);
}

void WorkerProcess::stop(bool at_once) {
  // Two seconds to close its device in peace; nobody waits longer for a worker that is done with.
  for (int tries = 0; !at_once && tries < 400; ++tries) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return;
    }
    usleep(tries < 100 ? 200 : 5000);
  }
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string WorkerProcess::last_words() const {
  const off_t size = lseek(errors_, 0, SEEK_END);
  std::array<char, 512> tail{};
  const auto count = pread(errors_, tail.data(), tail.size(),
                           std::max<off_t>(0, size - static_cast<off_t>(tail.size())));
  std::string text(tail.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

void WorkerProcess::report_death() {
  // It may have closed its output and live on: a second to end by itself, then it is ended.
  int status = 0;
  bool ended = false;
  for (int tries = 0; !ended && tries < 200; ++tries) {
    ended = waitpid(pid_, &status, WNOHANG) == pid_;
    if (!ended) usleep(5000);
  }
  kill(-pid_, SIGKILL);  // and children it may have left
  while (!ended && waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  const auto words = last_words();
  throw WorkerFailure(Outcome::crashed,
                      ending(status) + (words.empty() ? "" : "; it last said: " + words));
}

void WorkerProcess::send(const std::string& line, double timeout_s) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(timeout_s));
  for (std::size_t sent = 0; sent < line.size();) {
    wait_for(to_, POLLOUT, deadline, timeout_s);
    const auto count = write(to_, line.data() + sent, line.size() - sent);
    if (count >= 0)
      sent += static_cast<std::size_t>(count);
    else if (errno == EPIPE)
      return;  // it reads no more, but may have said why: read_line gets that, or its end
    else if (errno != EINTR && errno != EAGAIN)
      report_death();
  }
}

void WorkerProcess::wait_for(int fd, short event, Clock::time_point deadline, double timeout_s) {
  for (;;) {
    if (interrupted()) {
      stop(true);
      throw Interrupted();
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      stop(true);
      throw WorkerFailure(Outcome::timed_out,
                          fmt::format("no answer within {:g} s (--timeout)", timeout_s));
    }
    pollfd waiting{fd, event, 0};
    // Short waits, so that a signal that arrives just before poll is not slept over.
    if (poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 200))) > 0) return;
  }
}

std::string WorkerProcess::read_line(double timeout_s) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(timeout_s));
  for (;;) {
    const auto end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    wait_for(from_, POLLIN, deadline, timeout_s);
    std::array<char, 65536> chunk;
    const auto count = read(from_, chunk.data(), chunk.size());
    if (count == 0) report_death();
    if (count > 0) buffered_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

Json WorkerProcess::ask(const Json& request, double timeout_s) {
  this->request(request, timeout_s);
  return reply(timeout_s);
}

void WorkerProcess::request(const Json& request, double timeout_s) {
  if (!alive()) throw WorkerFailure(Outcome::crashed, "its process is gone");
  send(request.dump() + "\n", timeout_s);
}

Json WorkerProcess::reply(double timeout_s) {
  if (!alive()) throw WorkerFailure(Outcome::crashed, "its process is gone");
  const std::string line = read_line(timeout_s);
  Json reply = Json::parse(line, nullptr, false);
  if (!reply.is_object() || !reply.contains("ok"))
    throw WorkerFailure(Outcome::failed,
                        fmt::format("its answer is not of the protocol: {}", line.substr(0, 120)));
  if (!reply.at("ok").get<bool>()) {
    const bool refused = reply.value("kind", "") == "unsupported";
    throw WorkerFailure(refused ? Outcome::unsupported : Outcome::failed,
                        reply.value("error", "it gave no reason"));
  }
  return reply;
}

}  // namespace rnnbench
