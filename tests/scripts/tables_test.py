"""What scripts/tables.py makes of result files, in a copy of its own."""
import csv
import gzip
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = "<!-- ratio: r.csv, cuda:a over cuda:b (graph), dtype by batch -->"
ROWS = """problem,impl,mode,cache,outcome,median_s,dtype,batch
p1,cuda:a,graph,hot,passed,1.0,f32,1
p1,cuda:b,graph,hot,passed,2.0,f32,1
p1,cuda:b,eager,hot,passed,9.0,f32,1
p2,cuda:a,graph,hot,passed,1.0,f32,16
p2,cuda:b,graph,hot,passed,8.0,f32,16
p3,cuda:a,graph,hot,passed,1.0,f16,16
p3,cuda:b,graph,hot,passed,0.5,f16,16
p4,cuda:a,graph,hot,passed,1.0,f16,1
p4,cuda:b,graph,hot,unsupported,,f16,1
"""
CASES = """impl,outcome,dtype,batch,fastest,derived
cuda:a,passed,f32,16,true,
cuda:b,timed out,f32,16,false,
cuda:a,passed,f32,4,false,
cuda:b,passed,f32,4,true,
best b,passed,f32,4,true,best b
cuda:a,passed,f16,4,true,
cuda:b,passed,f16,4,false,
cuda:c,unsupported,f16,4,false,
"""


PEERS = """problem,impl,peer,mode,outcome,median_s,dtype,hidden,cache,derived
gru_b1_h8_f32,cuda:a,false,graph,passed,2.0,f32,8,hot,
gru_b1_h8_f32,cuda:p,true,eager,passed,4.0,f32,8,hot,
gru_b1_h8_f32,cuda:q,true,graph,passed,6.0,f32,8,hot,
gru_b1_h8_f16,cuda:a,false,graph,passed,1.0,f16,8,hot,
gru_b1_h8_f16,cuda:p,true,graph,passed,8.0,f16,8,hot,
gru_b1_h9_f16,cuda:a,false,graph,passed,1.0,f16,9,hot,
gru_b1_h9_f16,cuda:p,true,graph,passed,0.25,f16,9,hot,
gru_b1_h7_f16,cuda:a,false,graph,passed,1.0,f16,7,hot,
"""


class Tables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        for name in ("scripts", "docs"):
            (self.top / name).mkdir()
        shutil.copy(TOP / "scripts/tables.py", self.top / "scripts")
        (self.top / "r.csv").write_text(ROWS)
        (self.top / "console.txt").write_text("first\n\nsecond\nof two\n")

    def run_on(self, text, *arguments):
        self.readme = self.top / "README.md"
        self.readme.write_text(text)
        return subprocess.run([sys.executable, self.top / "scripts/tables.py", *arguments],
                              capture_output=True, text=True)

    def test_geometric_means_of_what_both_passed(self):
        self.run_on(f"before\n{HEAD}\nold\n<!-- end -->\nafter\n")
        self.assertEqual(self.readme.read_text(), f"""before
{HEAD}
| dtype | batch 1 | batch 16 | all |
|---|---|---|---|
| f32 | 2.00 | 8.00 | 4.00 |
| f16 |  | 0.50 | 0.50 |
| all | 2.00 | 2.00 | 2.00 |
<!-- end -->
after
""")
        self.assertEqual(self.run_on(self.readme.read_text(), "--check").returncode, 0)

    def test_a_packed_file_is_read_under_its_name(self):
        (self.top / "r.csv").unlink()
        (self.top / "r.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
        done = self.run_on(f"{HEAD}\n<!-- end -->\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| f32 | 2.00 | 8.00 | 4.00 |", self.readme.read_text())

    def test_check_finds_a_typed_number_and_leaves_it(self):
        stale = f"{HEAD}\n| 9.99 |\n<!-- end -->\n"
        done = self.run_on(stale, "--check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("README.md", done.stdout)
        self.assertEqual(self.readme.read_text(), stale)

    def test_a_measured_number_outside_of_tables_is_an_error_in_the_readme(self):
        for typed in ("takes 3.2 ms", "2.5x as fast", "at 1.7 TFLOP/s", "is 3 times as fast"):
            done = self.run_on(f"{HEAD}\n<!-- end -->\n{typed}\n", "--check")
            self.assertEqual(done.returncode, 1, typed)
            self.assertIn("README.md: measured numbers that no result file says", done.stderr)
        self.assertEqual(self.run_on("a 95 % interval over 9 rounds, 3 s a case\n", "--check").returncode, 0)

    def test_nothing_in_common_is_an_error(self):
        done = self.run_on(f"{HEAD.replace('cuda:b', 'cuda:c')}\n<!-- end -->\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no problem that both cuda:a and cuda:c passed", done.stderr)

    def test_a_table_that_it_cannot_read_is_an_error(self):
        table = f"{HEAD}\n<!-- end -->\n"
        for broken in (table.replace("batch -->", "batch  -->"), table.replace(" (graph)", "(graph)"),
                       table.replace("<!-- end -->\n", "") + table,
                       "<!-- count: r.csv, dtype by impl, slowest -->\n<!-- end -->\n"):
            done = self.run_on(broken, "--check")
            self.assertEqual(done.returncode, 1, broken)
            self.assertIn("README.md", done.stderr)

    def test_counts_cases_and_the_fastest_but_no_derived_rows(self):
        (self.top / "r.csv").write_text(CASES)
        for words, table in (
                ("impl by outcome", """| impl | passed | timed out | unsupported | all |
|---|---|---|---|---|
| cuda:a | 3 | 0 | 0 | 3 |
| cuda:b | 2 | 1 | 0 | 3 |
| cuda:c | 0 | 0 | 1 | 1 |
| all | 5 | 1 | 1 | 7 |"""),
                ("dtype by impl, fastest", """| dtype | cuda:a | cuda:b | cuda:c | all |
|---|---|---|---|---|
| f32 | 1 | 1 | 0 | 2 |
| f16 | 1 | 0 | 0 | 1 |
| all | 2 | 1 | 0 | 3 |"""),
                ("impl by batch, fastest", """| impl | batch 4 | batch 16 | all |
|---|---|---|---|
| cuda:a | 1 | 1 | 2 |
| cuda:b | 1 | 0 | 1 |
| cuda:c | 0 | 0 | 0 |
| all | 2 | 1 | 3 |""")):
            head = f"<!-- count: r.csv, {words} -->"
            done = self.run_on(f"{head}\n<!-- end -->\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.readme.read_text(), f"{head}\n{table}\n<!-- end -->\n")

    def test_against_the_best_peer_in_this_format_or_a_more_accurate_one(self):
        (self.top / "p.csv").write_text(PEERS)
        self.run_on("<!-- peers: p.csv, cuda:a -->\n<!-- end -->\n"
                    "<!-- peers: p.csv, cuda:a, dtype by hidden -->\n<!-- end -->\n")
        self.assertEqual(self.readme.read_text(), """<!-- peers: p.csv, cuda:a -->
| problem | us | best peer, us | times as fast | as one at least as accurate |
|---|---|---|---|---|
| gru_b1_h8_f32 | 2000000.0 | 4000000.0 p | 2.00 | 2.00 |
| gru_b1_h8_f16 | 1000000.0 | 8000000.0 p | 8.00 | 4.00 |
| gru_b1_h9_f16 | 1000000.0 | 250000.0 p | 0.25 | 0.25 |
| gru_b1_h7_f16 | 1000000.0 | none |  |  |
<!-- end -->
<!-- peers: p.csv, cuda:a, dtype by hidden -->
| dtype | hidden 8 | hidden 9 | all | problems | the least |
|---|---|---|---|---|---|
| f32 | 2.00 |  | 2.00 | 1 | 2.00 gru_b1_h8_f32 |
| f16 | 4.00 | 0.25 | 1.00 | 2 | 0.25 gru_b1_h9_f16 |
| all | 2.83 | 0.25 | 1.26 | 3 | 0.25 gru_b1_h9_f16 |
<!-- end -->
""")

    def test_a_mean_over_what_is_left_is_refused(self):
        (self.top / "p.csv").write_text(PEERS.replace("gru_b1_h9_f16,cuda:a,false,graph,passed",
                                                      "gru_b1_h9_f16,cuda:a,false,graph,incorrect"))
        done = self.run_on("<!-- peers: p.csv, cuda:a, dtype by hidden -->\n<!-- end -->\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cuda:a is incorrect on gru_b1_h9_f16", done.stderr)

    def test_medians_of_runs_side_by_side(self):
        for name, factor in (("one", 1), ("two", 2)):
            (self.top / name).mkdir()
            (self.top / name / "results.csv").write_text(
                "problem,impl,mode,outcome,median_s,derived\n"
                f"p,cuda:a,graph,passed,{factor * 1.25e-5},\np,cuda:b,graph,passed,{factor * 3e-3},\n"
                f"p,cuda:c,graph,{'passed' if factor == 1 else 'failed'},1,\np,best b,graph,passed,1,best b\n")
        done = self.run_on("<!-- runs: .: one two -->\nold\n<!-- end -->\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.readme.read_text(), """<!-- runs: .: one two -->
| median, us | one | two |
|---|---|---|
| cuda:a (graph) | 12.50 | 25.00 |
| cuda:b (graph) | 3000.00 | 6000.00 |
<!-- end -->
""")

    def sweep_of(self, axis, cases):
        """The block over `axis` of (problem, mode, outcome, microseconds, dtype, config, note, floor_share) cases."""
        sizes = {"_b": "batch", "_t": "seq", "_i": "input", "_h": "hidden", "_l": "layers"}
        with open(self.top / "s.csv", "w", newline="") as file:
            table = csv.DictWriter(file, ["problem", "impl", "mode", "outcome", "median_s", "dtype", "config", "note",
                                          "floor_share", "derived", *sizes.values()])
            table.writeheader()
            for problem, mode, outcome, us, dtype, config, note, share in cases:
                row = {"problem": problem, "impl": "cuda:a", "mode": mode, "outcome": outcome, "dtype": dtype,
                       "median_s": us and us * 1e-6, "config": config, "note": note, "floor_share": share, "derived": ""}
                row |= {name: problem.split(letter)[1].split("_")[0] for letter, name in sizes.items()}
                table.writerow(row)
        head = f"<!-- sweep: s.csv, cuda:a, {axis} -->"
        done = self.run_on(f"{head}\nold\n<!-- end -->\nafter\n")
        return done, self.readme.read_text().removeprefix(head + "\n").removesuffix("\n<!-- end -->\nafter\n")

    def test_a_sweep_over_lengths_has_a_line_for_each_other_problem(self):
        one, auto = "gru_b{}_t{}_i8_h8_l1_{}", "cuda:persistent (predicted 7 us; cuda:fused predicted 9 us): "
        cases = []
        for batch, start, step in ((1, 10, 0.5), (16, 20, 2)):
            for seq in (1024, 1, 4, 64):  # in any order
                us = start + step * seq
                cases += [(one.format(batch, seq, "f32"), "eager", "passed", 9 * us, "f32", "persistent", "", ""),
                          (one.format(batch, seq, "f32"), "graph", "passed", us, "f32", "persistent",
                           auto + "solo-s8 (predicted 7 us): 8 blocks", 0.12345),
                          (one.format(batch, seq, "f16"), "graph", "passed" if seq < 64 else "over budget",
                           us if seq < 64 else "", "f16", "", "COMPUTE_32F, wavefront of 517; hidden products", "")]
        done, text = self.sweep_of("seq", cases)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = text.splitlines()
        self.assertEqual(lines[:6], [
            "| problem | seq | f32, us | by | of floor | f16, us | by | of floor |",
            "|---|---|---|---|---|---|---|---|",
            "| gru_b1_i8_h8_l1 | 1 | 10.5 | persistent solo-s8 | 12.3 % | 10.5 | wavefront |  |",
            "| gru_b1_i8_h8_l1 | 4 | 12.0 | persistent solo-s8 | 12.3 % | 12.0 | wavefront |  |",
            "| gru_b1_i8_h8_l1 | 64 | 42.0 | persistent solo-s8 | 12.3 % | over budget |  |  |",
            "| gru_b1_i8_h8_l1 | 1024 | 522.0 | persistent solo-s8 | 12.3 % | over budget |  |  |"])
        self.assertEqual(lines[10:], [
            "", "| least squares, us | f32 | f16 |", "|---|---|---|",
            "| gru_b1_i8_h8_l1 | 10.0 + 0.500 a step |  |",  # two points are no line
            "| gru_b16_i8_h8_l1 | 20.0 + 2.000 a step |  |"])
        self.assertEqual(self.run_on(self.readme.read_text(), "--check").returncode, 0)

    def test_a_sweep_over_widths_is_one_problem_though_its_input_grows_too(self):
        done, text = self.sweep_of("hidden", [
            (f"gru-bi_b2_t3_i{h}_h{h}_l1_f32_want-hn", "eager", "passed", h, "f32", config, f"{config} (predicted 1 us)", 0.5)
            for h, config in ((64, "solo-s1"), (256, "hoisted-c16-s5"))])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(text, """| problem | hidden | f32, us | by | of floor |
|---|---|---|---|---|
| gru-bi_b2_t3_l1_want-hn | 64 | 64.0 | solo-s1 | 50 % |
| gru-bi_b2_t3_l1_want-hn | 256 | 256.0 | hoisted-c16-s5 | 50 % |""")

    def test_a_sweep_that_cannot_be_made_is_an_error(self):
        case = ("gru_b1_t1_i8_h8_l1_f32", "graph", "passed", 1, "f32", "", "", "")
        for axis, cases, words in (("cell", [case], "not cell"), ("seq", [case] * 2, "has gru_b1_t1_i8_h8_l1_f32 twice"),
                                   ("seq", [case[:2] + ("failed", "") + case[4:]], "no problem that cuda:a passed")):
            done, _ = self.sweep_of(axis, cases)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)

    def test_one_part_of_a_console(self):
        self.run_on("<!-- from: console.txt, problem 2 -->\n<!-- end -->\n")
        self.assertIn("```\nsecond\nof two\n```", self.readme.read_text())

    def test_markdown_stays_markdown(self):
        (self.top / "t.md").write_text("# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
        self.run_on("<!-- from: t.md, part 2 -->\nold\n<!-- end -->\n")
        self.assertEqual(self.readme.read_text(),
                         "<!-- from: t.md, part 2 -->\n| a | b |\n|---|---|\n| 1 | 2 |\n<!-- end -->\n")


if __name__ == "__main__":
    unittest.main()
