// Scenario files and command-line axes: what they expand to.
#include "tests/scenario_fixture.hpp"

namespace rnnbench {
namespace {

TEST_F(ScenarioTest, DefaultsAreOneRowOneStepOneLayerAndInputAsWideAsHidden) {
  EXPECT_EQ(ids(gru), Ids{"gru_b1_t1_i8_h8_l1_f32"});
}

TEST_F(ScenarioTest, ReadsEveryField) {
  const auto s = load(R"(name = "mine"
title = "A title"
shows = "A lesson"
references = ["a", "b"]
[problem]
cell = "lstm"
batch = 2
seq = 3
input = 4
hidden = 5
layers = 6
bidirectional = true
bias = false
layout = "btc"
head = 7
head_at = "last_step"
outputs = ["h_n", "c_n"]
stateful = true
dtype = "tf32"
[protocol]
repetitions = 5
warmup = 0
min_time = 1
budget = 2.5
timeout = 60
cache = "cold"
graph = true
)");
  EXPECT_EQ(s.name, "mine");
  EXPECT_EQ(s.title, "A title");
  EXPECT_EQ(s.shows, "A lesson");
  EXPECT_EQ(s.references, (Ids{"a", "b"}));
  ASSERT_EQ(s.problems.size(), 1u);
  EXPECT_EQ(id(s.problems[0]),
            "lstm-bi_b2_t3_i4_h5_l6_tf32_btc_nobias_head7-last_want-hn+cn_stateful");
  Protocol protocol;
  apply(s.protocol, protocol);
  EXPECT_EQ(protocol.rounds, 5);
  EXPECT_EQ(protocol.warmup, 0);
  EXPECT_DOUBLE_EQ(protocol.min_time_s, 1);
  EXPECT_DOUBLE_EQ(protocol.budget_s, 2.5);
  EXPECT_DOUBLE_EQ(protocol.timeout_s, 60);
  EXPECT_EQ(protocol.cache, "cold");
  EXPECT_TRUE(protocol.graph);
}

TEST_F(ScenarioTest, ProtocolKeepsWhatTheFileDoesNotSay) {
  Protocol protocol;
  protocol.rounds = 77;
  apply(load(gru).protocol, protocol);
  EXPECT_EQ(protocol.rounds, 77);
  EXPECT_EQ(load(gru).name, "it");
}

TEST_F(ScenarioTest, SweepsMultiplyInFileOrderTheLastFastest) {
  EXPECT_EQ(ids("[problem]\ncell = \"gru\"\n[sweep]\nseq = [5, 6]\nhidden = \"4:8:4\"\n"
                "batch = \"pow2:1:2\"\n"),
            (Ids{"gru_b1_t5_i4_h4_l1_f32", "gru_b2_t5_i4_h4_l1_f32", "gru_b1_t5_i8_h8_l1_f32",
                 "gru_b2_t5_i8_h8_l1_f32", "gru_b1_t6_i4_h4_l1_f32", "gru_b2_t6_i4_h4_l1_f32",
                 "gru_b1_t6_i8_h8_l1_f32", "gru_b2_t6_i8_h8_l1_f32"}));
}

TEST_F(ScenarioTest, ZippedRowsAreCrossedWithSweeps) {
  const std::string text =
      "[problem]\nhidden = 8\n[sweep]\ndtype = [\"f32\", \"f16\"]\n"
      "[zip]\ncolumns = [\"cell\", \"batch\"]\nrows = [[\"gru\", 1], [\"lstm\", 2]]\n";
  EXPECT_EQ(ids(text), (Ids{"gru_b1_t1_i8_h8_l1_f32", "gru_b1_t1_i8_h8_l1_f16",
                            "lstm_b2_t1_i8_h8_l1_f32", "lstm_b2_t1_i8_h8_l1_f16"}));
}

TEST_F(ScenarioTest, TablesOfSeveralShapesFollowEachOther) {
  EXPECT_EQ(ids("[problem]\ncell = \"gru\"\n[[zip]]\ncolumns = [\"hidden\"]\nrows = [[4]]\n"
                "[[zip]]\ncolumns = [\"hidden\", \"layers\"]\nrows = [[8, 2]]\n"),
            (Ids{"gru_b1_t1_i4_h4_l1_f32", "gru_b1_t1_i8_h8_l2_f32"}));
}

TEST_F(ScenarioTest, HeadMeansEveryStepUnlessSaidAndWantsOnlyY) {
  EXPECT_EQ(ids(gru + "head = 3\n"), Ids{"gru_b1_t1_i8_h8_l1_f32_head3-every"});
  EXPECT_EQ(ids(gru + "head = 3\noutputs = \"h_n\"\n"),
            Ids{"gru_b1_t1_i8_h8_l1_f32_head3-every_want-hn"});
  EXPECT_EQ(ids(gru + "head = 3\noutputs = []\n"), Ids{"gru_b1_t1_i8_h8_l1_f32_head3-every"});
}

TEST_F(ScenarioTest, VariantsReplaceFieldByField) {
  const std::string text = gru + R"(seq = 512
[sweep]
batch = [1, 2]
[protocol]
repetitions = 9
[device.cpu.problem]
batch = 4
[device.cpu.quick.protocol]
repetitions = 2
[device.cuda.zip]
columns = ["hidden", "seq"]
rows = [[16, 1], [16, 2]]
[quick.problem]
seq = 64
)";
  EXPECT_EQ(ids(text), Ids{"gru_b4_t512_i8_h8_l1_f32"});
  EXPECT_EQ(ids(text, {}, true), Ids{"gru_b4_t64_i8_h8_l1_f32"});
  EXPECT_EQ(load(text).protocol.rounds, 9);
  EXPECT_EQ(load(text, {}, true).protocol.rounds, 2);
  EXPECT_EQ(ids(text, {}, false, Device::cuda),
            (Ids{"gru_b1_t1_i16_h16_l1_f32", "gru_b2_t1_i16_h16_l1_f32", "gru_b1_t2_i16_h16_l1_f32",
                 "gru_b2_t2_i16_h16_l1_f32"}));
  // The quick seq replaces a column; the rows that become equal are kept once.
  EXPECT_EQ(ids(text, {}, true, Device::cuda),
            (Ids{"gru_b1_t64_i16_h16_l1_f32", "gru_b2_t64_i16_h16_l1_f32"}));
}

TEST_F(ScenarioTest, OverridesReplaceFixedFieldsAxesAndColumns) {
  const std::string table =
      "[problem]\ncell = \"gru\"\n[sweep]\nbatch = [1, 2]\n[zip]\ncolumns = [\"hidden\", \"seq\"]\n"
      "rows = [[4, 1], [4, 2], [8, 2]]\n";
  EXPECT_EQ(ids(table, {{"seq", "7"}, {"batch", "3"}}),
            (Ids{"gru_b3_t7_i4_h4_l1_f32", "gru_b3_t7_i8_h8_l1_f32"}));
  EXPECT_EQ(ids(gru, {{"cell", "gru,lstm"}, {"input", "hidden,3"}}),
            (Ids{"gru_b1_t1_i8_h8_l1_f32", "gru_b1_t1_i3_h8_l1_f32", "lstm_b1_t1_i8_h8_l1_f32",
                 "lstm_b1_t1_i3_h8_l1_f32"}));
  EXPECT_EQ(ids(gru, {{"outputs", "h_n,output+h_n"}}),
            (Ids{"gru_b1_t1_i8_h8_l1_f32_want-hn", "gru_b1_t1_i8_h8_l1_f32"}));
}

TEST_F(ScenarioTest, ProblemIdsReplaceEverythingButTheProtocol) {
  const std::string one = "gru-bi_b10_t512_i128_h256_l6_f32_want-hn";
  const std::string two = "rnn_relu_b1_t2_i3_h4_l1_f16_head5-last";
  const auto s = load(gru + "[protocol]\nrepetitions = 3\n", {{"problem", one + "," + two}});
  ASSERT_EQ(s.problems.size(), 2u);
  EXPECT_EQ(id(s.problems[0]), one);
  EXPECT_EQ(id(s.problems[1]), two);
  EXPECT_EQ(s.protocol.rounds, 3);
}

TEST_F(ScenarioTest, IncludedFilesAreJoinedEachProblemOnce) {
  write(gru, "a.toml");
  write("[problem]\ncell = \"gru\"\n[sweep]\nhidden = [4, 8]\n[quick.sweep]\nhidden = [5]\n",
        "b.toml");
  const std::string text = "include = [\"a.toml\", \"b.toml\"]\n[protocol]\nwarmup = 3\n";
  EXPECT_EQ(ids(text), (Ids{"gru_b1_t1_i8_h8_l1_f32", "gru_b1_t1_i4_h4_l1_f32"}));
  EXPECT_EQ(load(text).repeated, 1u);
  EXPECT_EQ(load(text).protocol.warmup, 3);
  EXPECT_EQ(ids(text, {}, true), (Ids{"gru_b1_t1_i8_h8_l1_f32", "gru_b1_t1_i5_h5_l1_f32"}));
  EXPECT_EQ(ids(text, {{"hidden", "2"}}), Ids{"gru_b1_t1_i2_h2_l1_f32"});
}

TEST(AxisTest, Ranges) {
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(parse_axis("7"), Sizes{7});
  EXPECT_EQ(parse_axis("1,16,64"), (Sizes{1, 16, 64}));
  EXPECT_EQ(parse_axis("256:1024:256"), (Sizes{256, 512, 768, 1024}));
  EXPECT_EQ(parse_axis("1:10:4"), (Sizes{1, 5, 9}));
  EXPECT_EQ(parse_axis("5:5:1"), Sizes{5});
  EXPECT_EQ(parse_axis("pow2:64:1024"), (Sizes{64, 128, 256, 512, 1024}));
  EXPECT_EQ(parse_axis("3,pow2:1:2,8:9:1"), (Sizes{3, 1, 2, 8, 9}));
  EXPECT_EQ(parse_axis("pow2:4611686018427387904:4611686018427387904"), Sizes{4611686018427387904});
  EXPECT_EQ(parse_axis("9223372036854775806:9223372036854775807:1").size(), 2u);
  for (const auto bad : {"", "a", "1:", "1:2:3:4", "pow2:1", "-1:2:1", "0:4:1", "1 ", "1e3", "+1",
                         "99999999999999999999", "pow2:1:5", ",", "0"})
    EXPECT_THROW(parse_axis(bad), UsageError) << bad;
}

TEST(AdHocTest, MultipliesListsAndHasDefaults) {
  const auto s = ad_hoc_scenario({{"cell", "gru,lstm"}, {"hidden", "8"}, {"batch", "1,2"}});
  ASSERT_EQ(s.problems.size(), 4u);
  EXPECT_EQ(id(s.problems[0]), "gru_b1_t1_i8_h8_l1_f32");
  EXPECT_EQ(id(s.problems[1]), "gru_b2_t1_i8_h8_l1_f32");
  EXPECT_EQ(id(s.problems[3]), "lstm_b2_t1_i8_h8_l1_f32");
  EXPECT_TRUE(s.file.empty());
  EXPECT_EQ(message_of([] {
              ad_hoc_scenario({{"cell", "gru"}});
            }),
            "command line: expected a value for 'hidden', found none");
  EXPECT_EQ(ad_hoc_scenario({{"problem", "gru_b1_t1_i8_h8_l1_f32"}}).problems.size(), 1u);
}

}  // namespace
}  // namespace rnnbench
