// A plain RNN with a slowdown that is known, as a plug-in: what `rnnbench compare` has to find.
// $RNNBENCH_ZOO_MORE_STEPS percent of the steps are calculated twice; it does real work, so its
// times are as noisy as any implementation's.
#include <cstdlib>

#include "tests/zoo/plain_rnn.hpp"

namespace rnnbench {
namespace {

class Planted final : public Kernel {
 public:
  Planted(const Problem& p, const Tensors& t) : p_(p), t_(t) {
    if (const char* percent = std::getenv("RNNBENCH_ZOO_MORE_STEPS"))
      more_ = p.seq * std::atoi(percent) / 100;
  }

  void launch(Stream) override {
    if (more_ > 0) plain_rnn(p_, t_, more_);
    plain_rnn(p_, t_, p_.seq);
  }

 private:
  const Problem p_;
  const Tensors t_;
  std::int64_t more_ = 0;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  if (is_plain_rnn(p)) return std::nullopt;
  return "only rnn_tanh, one layer, no options";
}

std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options&) {
  return std::make_unique<Planted>(p, t);
}

RNNBENCH_IMPL({.name = "zoo_planted",
               .device = Device::cpu,
               .summary = "for compare",
               .unsupported = unsupported,
               .make = make});

}  // namespace
}  // namespace rnnbench
