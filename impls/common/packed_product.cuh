// A · Wᵀ for many W of one shape, kept in one array: the form of W and the algorithm that are
// fastest on this device, found by trying.
//
// Why by trying: for products of few rows cuBLAS picks its kernel by the shapes and transpositions
// it is given, and picks badly at times. On an H200, W [768, 256] times 10 rows took 25 us as it
// lies and 5 us from a transposed copy; W [1024, 256] times 10 rows took 3 us as it lies and 4 us
// from the copy. cublasLt has more algorithms for the same product than cuBLAS ever picks.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "impls/common/cublas_lt.cuh"
#include "impls/common/cuda_graph.cuh"

namespace rnnbench {

/// What the products on one stream need. Workspaces are its own, so that its calls can be recorded
/// and do not meet those of another lane.
class ProductLane {
 public:
  /// cublasLt's workspace may be as large as cuBLAS recommends for its own on Hopper.
  ProductLane() : lt_(cublas_lt_handle()), lt_workspace_(lt_ ? std::size_t{32} << 20 : 0) {}

  void use(cudaStream_t stream) {
    cublas_.use(stream);
    stream_ = stream;
  }
  cudaStream_t stream() const { return stream_; }
  cublasHandle_t cublas_handle() const { return cublas_; }
  cublasLtHandle_t lt() const { return lt_.get(); }  // null without the library
  const DeviceArray<char>& lt_workspace() const { return lt_workspace_; }

 private:
  CublasHandle cublas_;
  CublasLtHandle lt_;
  DeviceArray<char> lt_workspace_;
  cudaStream_t stream_ = nullptr;
};

/// `count` elements of a tensor; null data stands for zeros.
struct Piece {
  const void* data = nullptr;
  std::int64_t count = 0;
};

/// The pieces one after another.
template <class T>
DeviceArray<T> joined(const std::vector<Piece>& pieces, cudaStream_t stream) {
  std::size_t total = 0;
  for (const Piece& piece : pieces) total += std::size_t(piece.count);
  DeviceArray<T> all(total);
  T* to = all.get();
  for (const Piece& piece : pieces) {
    const std::size_t bytes = std::size_t(piece.count) * sizeof(T);
    if (piece.data)
      RNNBENCH_CUDA(cudaMemcpyAsync(to, piece.data, bytes, cudaMemcpyDeviceToDevice, stream));
    else
      RNNBENCH_CUDA(cudaMemsetAsync(to, 0, bytes, stream));
    to += piece.count;
  }
  return all;
}

template <class T, class Out>
class PackedProduct {
 public:
  /// For `tries`: cuBLAS's own choice for W as it lies, the same in every process.
  static constexpr int plain = -1;

  /// weights: [places, n, k]. `a` and `c` are for trying, and c is overwritten; later ones are any
  /// number of a_stride and c_stride further on, or aligned as cudaMalloc aligns. `tries`: of
  /// cublasLt's algorithms for each form of W, or plain. bias: [n], added to every row, or null; of
  /// Out's type, and only without a batch. For make: allocates, and may wait.
  PackedProduct(ProductLane& lane, Dtype dtype, const ProductShape& s, const T* a,
                DeviceArray<T> weights, Out* c, int tries, const T* bias = nullptr)
      : dtype_(dtype), shape_(s), tries_(tries), bias_(bias), weights_(std::move(weights)) {
    std::size_t available = 0, total = 0;
    RNNBENCH_CUDA(cudaMemGetInfo(&available, &total));
    fits_ = tries != plain && available / 2 >= weights_.bytes();  // else W stays
    const Key key = key_of(a, c, fits_);
    const auto known = choices().find(key);
    if (known != choices().end())
      chosen_ = known->second;
    else
      try_form(lane, WeightForm::given, a, weights_, c);
    if (fits_ && (known == choices().end() || chosen_.form == WeightForm::transposed)) {
      DeviceArray<T> transposed = transposed_copy(weights_, s.n, s.k, lane.stream());
      if (known == choices().end()) try_form(lane, WeightForm::transposed, a, transposed, c);
      if (chosen_.form == WeightForm::transposed) weights_ = std::move(transposed);
    }
    choices().emplace(key, chosen_);
    // W is kept in one form.
    std::erase_if(contenders_, [&](const Way& way) {
      return way.form != chosen_.form || way.seconds > nearly * chosen_.seconds;
    });
    std::stable_sort(contenders_.begin(), contenders_.end(),
                     [](const Way& x, const Way& y) { return x.seconds < y.seconds; });
    if (contenders_.size() > most_contenders) contenders_.resize(most_contenders);
    take(chosen_);
  }

  /// The product, or batch of products, that begins with the W of `place`.
  void launch(ProductLane& lane, const T* a, std::int64_t place, Out* c) const {
    cublas_check(
        start(lane, chosen_, lt_.get(), a, weights_.get() + place * shape_.n * shape_.k, c),
        "cublasLtMatmul", __FILE__, __LINE__);
  }

  /// Tries those that were nearly as fast in a row of them once more, where they are used:
  /// `seconds_in_use()` is what a call takes with this product as it is. For make.
  template <class SecondsInUse>
  void settle(const T* a, const Out* c, const SecondsInUse& seconds_in_use) {
    if (contenders_.size() < 2) return;  // or it was settled before
    double least = std::numeric_limits<double>::infinity();
    Way best = chosen_;
    for (const Way& way : contenders_) {
      take(way);
      const double seconds = seconds_in_use();
      if (seconds < 0.99 * least) least = seconds, best = way;
    }
    take(best);
    contenders_.clear();
    choices()[key_of(a, c, fits_)] = chosen_;
  }

  /// Of one launch, in a row of them.
  double seconds() const { return chosen_.seconds; }
  std::string note() const {
    return (chosen_.rank > 0 ? "cublasLt's choice " + std::to_string(chosen_.rank) + " of " +
                                   std::to_string(chosen_.of)
                             : std::string("cuBLAS")) +
           (chosen_.form == WeightForm::transposed ? ", W transposed" : "");
  }

 private:
  /// One way of computing it: cublasLt's choice `rank` of `of`, or, with rank 0, cuBLAS as it
  /// picks.
  struct Way {
    WeightForm form = WeightForm::given;
    int rank = 0, of = 0;
    CublasLtAlgorithm algorithm{};
    double seconds = std::numeric_limits<double>::infinity();
  };

  static constexpr double nearly = 1.15;  // times as long as the fastest
  static constexpr std::size_t most_contenders = 4;

  void take(const Way& way) {
    chosen_ = way;
    lt_ = way.rank > 0 ? std::make_unique<CublasLtProduct>(lt_product(way.form)) : nullptr;
  }

  /// What this process chose before: trying takes a fraction of a second, and instances of one
  /// problem that are timed together should not differ.
  using Key = std::array<std::int64_t, 15>;
  static std::map<Key, Way>& choices() {
    static std::map<Key, Way> all;
    return all;
  }
  Key key_of(const T* a, const Out* c, bool fits) const {
    int device = 0;
    RNNBENCH_CUDA(cudaGetDevice(&device));
    const ProductShape& s = shape_;
    const ProductAddresses at = addresses(a, weights_.get(), c);
    return {device,
            std::int64_t(dtype_),
            s.m,
            s.n,
            s.k,
            s.lda,
            s.count,
            s.a_stride,
            s.c_stride,
            alignment_of(at.a),
            alignment_of(at.w),
            alignment_of(at.c),
            tries_,
            bias_ != nullptr,
            fits};
  }

  ProductAddresses addresses(const T* a, const T* w, const Out* c) const {
    const auto bits = [](const void* pointer, std::int64_t stride, std::size_t element) {
      return reinterpret_cast<std::uintptr_t>(pointer) | std::size_t(stride) * element;
    };
    return {.a = bits(a, shape_.a_stride, sizeof(T)),
            .w = bits(w, shape_.n * shape_.k, sizeof(T)),
            .c = bits(c, shape_.c_stride, sizeof(Out))};
  }

  CublasLtProduct lt_product(WeightForm form) const {
    return {shape_, form, cuda_type<T>, cuda_type<Out>, compute_type(dtype_), bias_};
  }

  /// `lt`: of the way's form. cuBLAS throws where it fails; what cublasLt says is returned.
  cublasStatus_t start(ProductLane& lane, const Way& way, const CublasLtProduct* lt, const T* a,
                       const T* w, Out* c) const {
    if (way.rank > 0)
      return lt->launch(lane.lt(), way.algorithm, a, w, c, lane.lt_workspace(), lane.stream());
    if constexpr (std::is_same_v<T, Out>)
      if (bias_) {
        constexpr unsigned threads = 256;
        fill_rows<<<blocks_for(std::size_t(shape_.m * shape_.n), threads), threads, 0,
                    lane.stream()>>>(c, bias_, shape_.m, int(shape_.n));
        RNNBENCH_LAUNCHED(fill_rows);
      }
    cublas_multiply(lane.cublas_handle(), dtype_, shape_, a, w, way.form, c, bias_ ? 1.0f : 0.0f);
    return CUBLAS_STATUS_SUCCESS;
  }

  double work() const {
    return double(shape_.m) * double(shape_.n) * double(shape_.k) * shape_.count;
  }

  void try_form(ProductLane& lane, WeightForm form, const T* a, const DeviceArray<T>& weights,
                Out* c) {
    try_way(lane, {.form = form}, nullptr, a, weights.get(), c);
    // Large products fill the chip whatever the algorithm, and trying them takes long.
    const int most = work() > 1e10 ? 0 : work() > 1e9 ? std::min(tries_, 4) : tries_;
    if (!lane.lt() || most <= 0) return;
    const CublasLtProduct product = lt_product(form);
    const auto algorithms = product.algorithms(lane.lt(), addresses(a, weights.get(), c),
                                               lane.lt_workspace().bytes(), most);
    Way way{.form = form, .of = int(algorithms.size())};
    for (const CublasLtAlgorithm& algorithm : algorithms) {
      way.algorithm = algorithm, ++way.rank;
      try_way(lane, way, &product, a, weights.get(), c);
    }
  }

  /// Keeps `way` if it gains 1 %. One of cublasLt's that it refuses after all, or that cannot be
  /// recorded, is left out.
  void try_way(ProductLane& lane, Way way, const CublasLtProduct* lt, const T* a, const T* w,
               Out* c) {
    try {
      way.seconds = seconds_as_graph(lane.stream(), work() > 1e9 ? 1 : 20, [&](int) {
        cublas_check(start(lane, way, lt, a, w, c), "cublasLtMatmul", __FILE__, __LINE__);
      });
    } catch (const Error&) {
      if (way.rank == 0) throw;
      return;
    }
    if (way.seconds <= 0.99 * chosen_.seconds) chosen_ = way;
    contenders_.push_back(way);
  }

  Dtype dtype_;
  ProductShape shape_;
  int tries_;
  const T* bias_;
  DeviceArray<T> weights_;
  bool fits_ = false;  // a transposed copy of W
  Way chosen_;
  std::vector<Way> contenders_;                // until one is settled on
  std::unique_ptr<const CublasLtProduct> lt_;  // null where cuBLAS is chosen
};

}  // namespace rnnbench
