// What each mistake in a scenario file or in a flag is answered with.
#include "tests/scenario_fixture.hpp"

namespace rnnbench {
namespace {

TEST_F(ScenarioTest, IncludeErrors) {
  EXPECT_EQ(error("include = [\n  \"gone.toml\"]\n"),
            ":2:3: expected a file beside this one, found 'gone.toml'");
  EXPECT_EQ(error("include = [\"it.toml\"]\n"),
            ":1:12: expected a file without 'include', found 'it.toml'");
  EXPECT_EQ(error("include = [\"a.toml\"]\n[problem]\ncell = \"gru\"\n"),
            ":2:2: expected no problems beside 'include', found 'problem'");
}

struct Mistake {
  const char* what;
  std::string text;
  const char* message;
};

TEST_F(ScenarioTest, MistakesAreAnsweredWithTheirPlace) {
  const std::string cell = "[problem]\ncell = \"gru\"\n";
  const std::string zip = cell + "[zip]\ncolumns = [\"hidden\", \"seq\"]\n";
  const Mistake mistakes[] = {
      {"syntax", "[problem]\ncell = gru\n", ":2:8: expected TOML, found a syntax error: "},
      {"syntax of a table's name", "[,problem]\n", ":1:2: expected TOML, found a syntax error: "},
      {"syntax in the middle", gru + "[sweep]\nbatch = [1, 2\n", ": expected TOML, found a syntax"},
      {"not text", "\xff\xfe", ": expected TOML, found a syntax error: "},
      {"a key twice", gru + "hidden = 9\n", ":4:"},
      {"unknown key", gru + "hiden = 4\n", ":4:1: expected one of cell, batch, seq, "},
      {"unknown key, hint", gru + "hiden = 4\n", "found the key 'hiden' (did you mean 'hidden'?)"},
      {"unknown table", "[problm]\ncell = \"gru\"\n",
       "found the key 'problm' (did you mean 'problem'?)"},
      {"unknown device", gru + "[device.gpu]\n", ":4:9: expected one of cpu, cuda, found the key "},
      {"unknown in quick", gru + "[quick]\n seq = 4\n",
       ":5:2: expected one of problem, sweep, zip, protocol, found the key 'seq'"},
      {"string for a size", cell + "hidden = \"8\"\n",
       ":3:10: expected a whole number, found the string '8'"},
      {"fraction", cell + "hidden = 1.5\n", ":3:10: expected a whole number, found the number 1.5"},
      {"list for a size", cell + "hidden = [8]\n", ":3:10: expected a whole number, found a list"},
      {"number for a flag", gru + "bias = 1\n", ":4:8: expected true or false, found the number 1"},
      {"number for a word", "[problem]\ncell = 3\n", ":2:8: expected a string, found the number 3"},
      {"date", gru + "batch = 1979-05-27\n", ":4:9: expected a whole number, found a date or time"},
      {"table for a value", gru + "[problem.batch]\n",
       ":4:1: expected a whole number, found a table"},
      {"value for a table", "problem = 3\n", ":1:11: expected a table, found the number 3"},
      {"unknown word", "[problem]\ncell = \"gruu\"\n",
       ":2:8: expected one of rnn_tanh, rnn_relu, gru, lstm, found 'gruu' (did you mean 'gru'?)"},
      {"zero", gru + "batch = 0\n", ":4:9: expected a whole number of at least 1, found '0'"},
      {"negative", gru + "batch = -4\n", ":4:9: expected a whole number of at least 1, found '-4'"},
      {"negative in a list", gru + "[sweep]\nbatch = [1,\n  -2]\n",
       ":6:3: expected a whole number of at least 1, found '-2'"},
      {"negative head", gru + "head = -1\n",
       ":4:8: expected a whole number of at least 0 (0: no head), found '-1'"},
      {"number above 64 bits", gru + "batch = 99999999999999999999\n", ":4:"},
      {"product above 64 bits", gru + "batch = 4000000000\nseq = 5000000000\n",
       ":5:7: expected sizes that can be counted, found 5000000000 ("},
      {"layers", gru + "layers = 3000000000\n", ":4:10: expected at most 10000 layers"},
      {"empty axis", gru + "[sweep]\nbatch = []\n",
       ":5:9: expected a list or a range, not empty, found an empty list"},
      {"number for an axis", gru + "[sweep]\nbatch = 4\n",
       ":5:9: expected a list or a range, found the number 4"},
      {"string for a word axis", "[problem]\nhidden = 8\n[sweep]\ncell = \"gru\"\n",
       ":4:8: expected a list, found the string 'gru'"},
      {"value twice", gru + "[sweep]\nbatch = [1, 2, 1]\n",
       ":5:16: expected every value once, found the number 1 twice"},
      {"range without stride", gru + "[sweep]\nbatch = \"1:8\"\n",
       ":5:9: expected a range START:STOP:STRIDE or pow2:START:STOP, found '1:8'"},
      {"range down", gru + "[sweep]\nbatch = \"8:1:1\"\n",
       ":5:9: expected a range that starts at or below its end, found '8:1:1'"},
      {"range with stride 0", gru + "[sweep]\nbatch = \"1:8:0\"\n",
       ":5:9: expected whole numbers of at least 1 in a range, found '0'"},
      {"pow2 of others", gru + "[sweep]\nbatch = \"pow2:3:8\"\n",
       ":5:9: expected powers of two, found '3' in 'pow2:3:8'"},
      {"endless range", gru + "[sweep]\nbatch = \"1:9000000000000:1\"\n",
       ":5:9: expected a range of at most 100000 values, found "},
      {"too many problems", gru + "[sweep]\nbatch = \"1:1000:1\"\nseq = \"1:1001:1\"\n",
       ":6:7: expected at most 100000 problems, found 1001000"},
      {"short row", zip + "rows = [[8, 1], [8]]\n", ":5:17: expected a row of 2 values, found 1"},
      {"long row", zip + "rows = [[8, 1, 2]]\n", ":5:9: expected a row of 2 values, found 3"},
      {"no row", zip + "rows = []\n", ":5:8: expected a list of rows, not empty, found an empty"},
      {"no rows", zip, ":3:1: expected 'rows' in zip, found none"},
      {"unknown column", cell + "[zip]\ncolumns = [\"hidden\", \"sequ\"]\nrows = [[1, 2]]\n",
       "found 'sequ' (did you mean 'seq'?)"},
      {"wrong cell of a row", zip + "rows = [[8, \"1\"]]\n",
       ":5:13: expected a whole number, found the string '1'"},
      {"row twice", zip + "rows = [[8, 1],\n  [8, 1]]\n",
       ":6:3: expected every problem once, found gru_b1_t1_i8_h8_l1_f32 again (first at "},
      {"fixed and swept", gru + "[sweep]\nhidden = [1, 2]\n",
       ":5:1: expected 'hidden' in one place of problem, sweep and zip, found it again (first at "},
      {"fixed and zipped", gru + "[zip]\ncolumns = [\"hidden\"]\nrows = [[1]]\n",
       ":5:12: expected 'hidden' in one place"},
      {"place without head", gru + "head_at = \"last_step\"\n",
       ":4:11: expected a head of at least 1 beside head_at, found none"},
      {"head without place", gru + "head = 4\nhead_at = \"none\"\n",
       ":5:11: expected every_step or last_step, because head has a size, found 'none'"},
      {"c_n of a gru", gru + "outputs = [\"c_n\"]\n",
       ":4:11: expected outputs that gru has (output, h_n), found 'c_n'"},
      {"no outputs", gru + "outputs = []\n",
       ":4:11: expected at least one of output, h_n, c_n where there is no head, found none"},
      {"unknown output", gru + "outputs = [\"hn\"]\n", "found 'hn' (did you mean 'h_n'?)"},
      {"output twice", gru + "outputs = [\"h_n\", \"h_n\"]\n",
       ":4:11: expected every output once, found 'h_n' twice"},
      {"no cell", "[problem]\nhidden = 8\n", ":1:1: expected a value for 'cell', found none"},
      {"no hidden", "title = \"x\"\n" + cell, ":2:1: expected a value for 'hidden', found none"},
      {"empty file", "", ":1:1: expected a value for 'cell', found none"},
      {"name with a folder", "name = \"../../evil\"\n" + gru, ":1:8: expected a name of letters"},
      {"protocol key", gru + "[protocol]\nrepetition = 3\n",
       "found the key 'repetition' (did you mean 'repetitions'?)"},
      {"protocol count", gru + "[protocol]\nrepetitions = 0\n",
       ":5:15: expected a whole number of at least 1, found the number 0"},
      {"protocol seconds", gru + "[protocol]\nbudget = nan\n",
       ":5:10: expected seconds, more than 0, found the number nan"},
      {"protocol cache", gru + "[protocol]\ncache = \"warm\"\n",
       ":5:9: expected one of hot, cold, rotate, found the string 'warm'"},
      {"a variant of the other device", gru + "[device.cuda.problem]\nbatch = 0\n",
       ":5:9: expected a whole number of at least 1, found '0'"},
  };
  for (const auto& m : mistakes) {
    SCOPED_TRACE(m.what);
    const auto got = error(m.text);
    EXPECT_NE(got.find(m.message), std::string::npos) << got;
    EXPECT_EQ(got[0], ':') << got;  // the file, then line and column
  }
}

TEST_F(ScenarioTest, UnreadableFilesAreNamed) {
  const auto message = [](const fs::path& file) {
    return message_of([&] { load_scenario(file, Device::cpu, false, {}); });
  };
  EXPECT_EQ(message(folder / "gone.toml"),
            (folder / "gone.toml").string() + ": expected a readable file, found none");
  EXPECT_EQ(message(folder), folder.string() + ": expected a readable file, found a folder");
}

TEST_F(ScenarioTest, OverrideErrorsNameTheFlag) {
  EXPECT_EQ(error(gru, {{"batch", "x"}}),
            "--batch: expected whole numbers, START:STOP:STRIDE or pow2:START:STOP, "
            "comma-separated, found 'x'");
  EXPECT_EQ(error(gru, {{"batch", "0"}}),
            "--batch: expected a whole number of at least 1, found '0'");
  EXPECT_EQ(error(gru, {{"batch", ""}}), "--batch: expected at least one value, found none");
  EXPECT_EQ(error(gru, {{"batch", "1,,2"}}),
            "--batch: expected whole numbers, START:STOP:STRIDE or pow2:START:STOP, "
            "comma-separated, found ''");
  EXPECT_EQ(error(gru, {{"batch", "4,1:4:1"}}),
            "--batch: expected every value once, found '4' twice");
  EXPECT_EQ(error(gru, {{"head_at", "last"}}),
            "--head-at: expected one of none, every_step, last_step, found 'last'");
  EXPECT_EQ(error(gru, {{"bias", "yes"}}), "--bias: expected one of true, false, found 'yes'");
  EXPECT_EQ(error(gru, {{"cell", "gru,gru"}}),
            "--cell: expected every value once, found 'gru' twice");
  EXPECT_EQ(error(gru, {{"batch", "1:1000:1"}, {"seq", "1:1000:1"}}),
            "--batch: expected at most 100000 problems, found 1000000");
  EXPECT_EQ(error(gru, {{"seq", "9000000000000000000"}}).rfind("--seq: expected sizes that can", 0),
            0u);
  EXPECT_EQ(error(gru, {{"sequence", "1"}}).rfind("--sequence: expected one of problem, cell", 0),
            0u);
  EXPECT_EQ(error(gru, {{"problem", "gru_b1"}}).rfind("--problem: expected the id of a problem", 0),
            0u);
  EXPECT_EQ(error(gru, {{"problem", "gru_b1_t1_i1_h1_l1_f32"}, {"seq", "2"}}),
            "--seq: expected no other size or option beside --problem, found '2'");
}

}  // namespace
}  // namespace rnnbench
