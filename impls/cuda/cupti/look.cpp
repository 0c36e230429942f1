#include "impls/cuda/cupti/look.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "harness/error.hpp"

namespace rnnbench::cupti {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Why the ranges collected are not `expected` ones, numbered on from each other: empty where they
/// are. The profiler counts on through restarts, so that the first has any number.
std::string why_not_in_order(const Session& session, std::size_t collected, std::size_t expected) {
  if (collected != expected)
    return fmt::format("{} ranges were collected of {} launches", collected, expected);
  const auto number = [&](std::size_t range) {
    const std::string name = session.name(range);
    std::size_t found = 0;
    const auto end = name.data() + name.size();
    const auto read = std::from_chars(name.data(), end, found);
    return read.ec == std::errc{} && read.ptr == end ? std::optional(found) : std::nullopt;
  };
  const auto first = number(0);
  for (std::size_t k = 0; k < expected; ++k)
    if (!first || number(k) != *first + k)
      return fmt::format("range {} is called '{}', the first '{}'", k, session.name(k),
                         session.name(0));
  return {};
}

/// Begins before some launches what is to be ended after them, or after later ones.
class Watch final : public LaunchHooks {
 public:
  struct Chosen {
    std::function<bool(std::size_t)> opens;  // whether to begin before this launch
    std::function<void()> begin;
    std::function<bool(std::size_t)> closes;  // whether to end after it, if begun
    std::function<void(std::size_t)> end;     // of that launch
  };
  /// Launches are counted on through calls of `expected` each.
  Watch(Profiler& profiler, const std::vector<Launch>& expected, Chosen chosen)
      : profiler_(profiler), expected_(expected), chosen_(std::move(chosen)) {}

  void enter(const char* symbol) override {
    count_ = next_++;
    const bool opens = !open_ && chosen_.opens(count_);
    if (!opens && !open_) return;
    if (symbol && readable_name(symbol) != expected_[count_ % expected_.size()].name) {
      ++out_of_order_;
      return;
    }
    if (!opens) return;
    profiler_.synchronize();  // what came before is not this kernel's
    chosen_.begin();
    open_ = true;
  }

  void leave() override {
    if (!open_ || !chosen_.closes(count_)) return;
    open_ = false;
    profiler_.synchronize();
    chosen_.end(count_);
  }

  bool open() const { return open_; }
  std::size_t out_of_order() const { return out_of_order_; }

 private:
  Profiler& profiler_;
  const std::vector<Launch>& expected_;
  const Chosen chosen_;
  std::size_t next_ = 0, count_ = 0, out_of_order_ = 0;
  bool open_ = false;
};

/// All passes of one launch in place. Empty where it gave none, or where the time was over.
class OneInPlace {
 public:
  OneInPlace(Profiler& profiler, Session& session, const Visit& visit, const Sample& sample)
      : profiler_(profiler),
        session_(session),
        visit_(visit),
        sample_(sample),
        before_(sample.places.front() < visit.lead ? visit.expected.size() : 0) {}

  std::vector<double> values(double seconds, Found& found) {
    const auto start = Clock::now();
    session_.restart();
    const double places = static_cast<double>(sample_.places.size());
    for (int calls = 0; !done_ && pass_ < session_.passes() + 5; ++calls) {
      const double began = since(start);
      if (!call(found)) break;
      slowest_ = std::max(slowest_, since(start) - began);
      if (done_ || calls == 0) continue;
      const double each = (since(start) - slowest_) / calls;
      if (since(start) + each * std::ceil((session_.passes() - pass_) / places) > seconds) {
        ++found.out_of_time;
        return {};
      }
    }
    const std::size_t last = before_ + sample_.places.front() - opening(sample_.places.front());
    const std::string why = done_ ? why_not_in_order(session_, session_.decode(), last + 1)
                                  : "its passes did not come to an end";
    if (why.empty()) return session_.values(last);
    ++found.failed;
    found.why_failed = why;
    return {};
  }
  double slowest() const { return slowest_; }

 private:
  /// The launch, counted through both calls where there are two, at which to begin for a place.
  std::size_t opening(std::size_t place) const {
    const std::size_t at = before_ + place;
    return at - std::min(at, visit_.lead);
  }

  /// As many passes as a forward has places for. Whether all came as expected.
  bool call(Found& found) {
    auto place = sample_.places.begin();
    const auto opens = [&](std::size_t count) {
      return !done_ && place != sample_.places.end() && count == opening(*place);
    };
    const auto closes = [&](std::size_t count) { return count == before_ + *place; };
    const auto end = [&](std::size_t) {
      ++place, ++pass_;
      done_ = session_.stop();
    };
    Watch watch(profiler_, visit_.expected, {opens, [&] { session_.start(); }, closes, end});
    profiler_.observe(watch, [&] {
      if (before_ > 0) visit_.forward();
      visit_.forward();
    });
    found.out_of_order += watch.out_of_order();
    const bool came = place != sample_.places.begin() && !watch.open();
    if (watch.open()) (void)session_.stop();
    if (came && watch.out_of_order() == 0) return true;
    done_ = false;
    return false;
  }

  Profiler& profiler_;
  Session& session_;
  const Visit& visit_;
  const Sample& sample_;
  const std::size_t before_;  // launches of a call that is made before
  double slowest_ = 0;        // call: the first has the set-up in it
  int pass_ = 0;
  bool done_ = false;
};

}  // namespace

void look_in_place(Profiler& profiler, Session& session, const Visit& visit, Found& found) {
  const auto start = Clock::now();
  for (const Sample& sample : visit.chosen) {
    const double left = visit.seconds - since(start);
    if (found.pace * sample.cost > left) {
      ++found.out_of_time;
      continue;
    }
    const auto began = Clock::now();
    OneInPlace one(profiler, session, visit, sample);
    auto values = one.values(left, found);
    if (values.empty()) continue;
    found.values[sample.ordinal] = std::move(values);
    found.pace = std::max(found.pace, (since(began) - one.slowest()) / sample.cost);
  }
}

void look_alone(Profiler& profiler, Session& session, const Visit& visit, Found& found) {
  const auto start = Clock::now();
  auto began = start;
  double expected = 0;
  bool set_up = false;  // by the first launch, which tells nothing of the others
  const auto opens = [&](std::size_t ordinal) {
    const auto sample =
        std::find_if(visit.chosen.begin(), visit.chosen.end(),
                     [&](const Sample& chosen) { return chosen.ordinal == ordinal; });
    if (sample == visit.chosen.end()) return false;
    expected = sample->cost;
    if (since(start) + found.pace * expected <= visit.seconds) return true;
    ++found.out_of_time;
    return false;
  };
  const auto begin = [&] {
    began = Clock::now();
    session.start();
  };
  const auto end = [&](std::size_t ordinal) {
    (void)session.stop();
    if (session.decode() > 0) found.values[ordinal] = session.values(0);
    session.clear();
    if (std::exchange(set_up, true)) found.pace = std::max(found.pace, since(began) / expected);
  };
  Watch watch(profiler, visit.expected, {opens, begin, [](std::size_t) { return true; }, end});
  const std::size_t known = found.values.size() + found.out_of_time;
  profiler.observe(watch, visit.forward);
  found.out_of_order += watch.out_of_order();
  found.failed += visit.chosen.size() + known - found.values.size() - found.out_of_time;
}

Values look_at_all(Session& session, std::size_t launches, const std::function<void()>& forward,
                   int calls, double seconds) {
  const auto start = Clock::now();
  const std::size_t all = launches * static_cast<std::size_t>(calls);
  PassTimes times(session.passes());
  for (bool done = false; !done;) {
    const double before = since(start);
    session.start();
    for (int call = 0; call < calls; ++call) forward();
    done = session.stop();
    times.add(since(start) - before);
    const std::string why = done ? "" : times.why_too_long(seconds - since(start));
    if (!why.empty()) throw Error(why);
  }
  if (const auto why = why_not_in_order(session, session.decode(), all); !why.empty())
    throw Error(why);
  Values values;
  for (std::size_t k = 0; k < launches; ++k) values[k] = session.values(all - launches + k);
  return values;
}

}  // namespace rnnbench::cupti
