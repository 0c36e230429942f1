// Weights that a worker keeps from case to case: converted once, never another problem's.
#include "harness/weight_store.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "harness/impl.hpp"
#include "harness/storage.hpp"

namespace rnnbench {
namespace {

class WeightStores : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string file = RNNBENCH_BUILD_DIR "/lib/rnnbench/cpu.so";
    ASSERT_TRUE(dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) << dlerror();
  }
  static constexpr std::size_t count = 1000;

  static SharedMemory filled(float value) {
    SharedMemory memory(count * sizeof(float));
    std::fill_n(reinterpret_cast<float*>(memory.data()), count, value);
    return memory;
  }
  static TensorPlace place_in(const SharedMemory& memory) {
    TensorPlace place;
    place.name = "w", place.path = memory.path();
    place.map_bytes = place.bytes = memory.size();
    return place;
  }
  float first_of(const void* values) {
    float first = 0;
    from_storage(Dtype::f16, static_cast<const std::byte*>(values), 1, &first);
    return first;
  }

  std::unique_ptr<Session> session = Registry::instance().backend(Device::cpu)->open({});
  WeightStore store{*session};
};

TEST_F(WeightStores, ConvertsOnce) {
  const auto memory = filled(0.5F);
  const void* values = store.values(place_in(memory), Dtype::f16);
  ASSERT_NE(values, nullptr);
  EXPECT_EQ(first_of(values), 0.5F);
  EXPECT_EQ(store.values(place_in(memory), Dtype::f16), values);
  EXPECT_NE(store.values(place_in(memory), Dtype::bf16), values);
}

TEST_F(WeightStores, TellsMemoriesUnderOneNameApart) {
  auto memory = filled(1);
  const auto place = place_in(memory);
  EXPECT_EQ(first_of(store.values(place, Dtype::f16)), 1);
  memory = SharedMemory();  // what comes next gets the same file descriptor
  memory = filled(2);
  ASSERT_EQ(memory.path(), place.path);
  EXPECT_EQ(first_of(store.values(place_in(memory), Dtype::f16)), 2);
}

TEST_F(WeightStores, KeepsNothingThatTheHostHasAnyway) {
  const auto memory = filled(1);
  EXPECT_EQ(store.values(place_in(memory), Dtype::f32), nullptr);
}

TEST_F(WeightStores, FreesThoseOfAnotherProblemBeforeRoomIsMade) {
  auto memory = filled(1);
  const auto place = place_in(memory);
  const void* values = store.values(place, Dtype::f16);
  store.expect(place.path);
  EXPECT_EQ(store.values(place, Dtype::f16), values);  // the same ones stay
  const auto other = filled(2);
  store.expect(other.path());
  memory = SharedMemory();  // held by nobody now: its number may be given again
  EXPECT_EQ(first_of(store.values(place_in(other), Dtype::f16)), 2);
}

TEST_F(WeightStores, APlaceOutsideItsMemoryIsAnErrorThatNamesIt) {
  const auto memory = filled(1);
  TensorPlace place = place_in(memory);
  place.offset = 4;
  try {
    store.values(place, Dtype::f16);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "tensor w lies outside its shared memory");
  }
}

TEST_F(WeightStores, MemoryThatIsGoneIsAnErrorThatNamesIt) {
  TensorPlace place = place_in(filled(1));
  try {
    store.values(place, Dtype::f16);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(place.path), std::string::npos);
  }
}

}  // namespace
}  // namespace rnnbench
