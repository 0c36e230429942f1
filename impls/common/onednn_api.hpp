// Making oneDNN primitives under both of its C++ interfaces: version 3 dropped operation
// descriptors, and distributions carry either.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "harness/problem.hpp"

namespace rnnbench::onednn {

/// Descriptors of one RNN primitive; those left empty are inputs or outputs that are not there.
struct RnnDescs {
  dnnl::memory::desc src_layer, src_iter, src_iter_c;
  dnnl::memory::desc weights_layer, weights_iter, bias;
  dnnl::memory::desc dst_layer, dst_iter, dst_iter_c;
};

struct Rnn {
  dnnl::primitive primitive;
  dnnl::memory::desc weights_layer, weights_iter, scratchpad;
  std::string kind;  // the implementation oneDNN picked
};

struct Matmul {
  dnnl::primitive primitive;
  dnnl::memory::desc weights, scratchpad;
};

/// Scratch pads are given by the caller, so that running allocates nothing.
inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

template <class Primitive, class PrimitiveDesc>
Rnn finish(const PrimitiveDesc& pd) {
  return {Primitive(pd), pd.weights_layer_desc(), pd.weights_iter_desc(), pd.scratchpad_desc(),
          pd.impl_info_str()};
}

/// Throws dnnl::error where oneDNN has no such primitive.
inline Rnn rnn(const dnnl::engine& engine, Cell cell, bool bidirectional, const RnnDescs& d) {
  const auto inference = dnnl::prop_kind::forward_inference;
  const auto direction = bidirectional ? dnnl::rnn_direction::bidirectional_concat
                                       : dnnl::rnn_direction::unidirectional_left2right;
  const auto attr = user_scratchpad();
#if DNNL_VERSION_MAJOR >= 3
  const auto made = [&]<class Primitive>(auto... arguments) {
    return finish<Primitive>(typename Primitive::primitive_desc(engine, arguments..., attr));
  };
#else
  const auto made = [&]<class Primitive>(auto... arguments) {
    return finish<Primitive>(
        typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attr, engine));
  };
#endif
  if (cell == Cell::lstm)
    return made.template operator()<dnnl::lstm_forward>(
        inference, direction, d.src_layer, d.src_iter, d.src_iter_c, d.weights_layer,
        d.weights_iter, d.bias, d.dst_layer, d.dst_iter, d.dst_iter_c);
  if (cell == Cell::gru)
    return made.template operator()<dnnl::lbr_gru_forward>(
        inference, direction, d.src_layer, d.src_iter, d.weights_layer, d.weights_iter, d.bias,
        d.dst_layer, d.dst_iter);
  const auto activation =
      cell == Cell::rnn_relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_tanh;
  return made.template operator()<dnnl::vanilla_rnn_forward>(
      inference, activation, direction, d.src_layer, d.src_iter, d.weights_layer, d.weights_iter,
      d.bias, d.dst_layer, d.dst_iter);
}

/// dst = src * weights + bias. Throws dnnl::error.
inline Matmul matmul(const dnnl::engine& engine, const dnnl::memory::desc& src,
                     const dnnl::memory::desc& weights, const dnnl::memory::desc& bias,
                     const dnnl::memory::desc& dst) {
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc pd(engine, src, weights, bias, dst, user_scratchpad());
#else
  const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(src, weights, bias, dst),
                                        user_scratchpad(), engine);
#endif
  return {dnnl::matmul(pd), pd.weights_desc(), pd.scratchpad_desc()};
}

}  // namespace rnnbench::onednn
