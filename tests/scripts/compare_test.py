"""rnnbench compare as a person types it; its p values are SciPy's.

Arguments: the build folder, then unittest's. The tests that need SciPy skip themselves without it.
"""

import json
import os
import random
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(sys.argv.pop(1)).resolve()
PROGRAM = BUILD / "rnnbench"
PROBLEM = ["--cell", "rnn_tanh", "--batch", "1", "--seq", "40", "--hidden", "16", "--device", "cpu"]
try:
    from scipy.stats import mannwhitneyu
except ImportError:
    mannwhitneyu = None


def rnnbench(*arguments, **settings):
    return subprocess.run([str(PROGRAM), *map(str, arguments)], text=True, capture_output=True,
                          check=False, **settings)


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.here = Path(self.folder.name)

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            done = rnnbench(*PROBLEM, "--impl", "naive", "--fresh-workers", "--quiet", "--min-time",
                            "0.01", "--metrics", "none", "--format", "json", "--out", folder)
            assert done.returncode == 0, done.stderr
            cls.run_as_measured = json.loads((Path(folder) / "results.json").read_text())

    def write(self, name, seconds, **facts):
        """A run of these process medians, as file `name`."""
        result = json.loads(json.dumps(self.run_as_measured))
        case = result["rnnbench"]["cases"][0]
        case["samples"] = {"round": list(range(len(seconds))), "seconds": seconds,
                           "wall_seconds": seconds}
        for key, value in facts.items():
            for fact in result["rnnbench"]["environment"]["facts"]:
                if fact[0] == key.replace("_", " "):
                    fact[1] = value
        file = self.here / name
        file.write_text(json.dumps(result))
        return file

    def compared(self, base, new, *flags):
        done = rnnbench("compare", base, new, "--format", "json", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["cases"][0]

    def test_rounds_are_processes(self):
        case = self.run_as_measured["rnnbench"]["cases"][0]
        self.assertEqual(sorted(set(case["samples"]["round"])), list(range(9)))
        self.assertEqual(case["outcome"], "passed")
        facts = dict(self.run_as_measured["rnnbench"]["environment"]["facts"])
        for label in ("code of rnnbench", "code of cpu", "libraries of cpu"):
            self.assertRegex(facts[label], r"^fnv1a64:[0-9a-f]{16}$")

    @unittest.skipIf(mannwhitneyu is None, "needs python3-scipy")
    def test_p_is_that_of_scipy(self):
        chance = random.Random(1)
        kinds = set()
        for turn in range(60):
            n, m = chance.choice([(9, 9), (12, 9), (9, 30), (50, 50), (60, 70)])
            shift = chance.choice([0, 0.02, 0.1])
            digits = chance.choice([2, 3, 17])  # few of them: ties
            base = [round(chance.gauss(1, 0.05), digits) for _ in range(n)]
            new = [round(chance.gauss(1 + shift, 0.05), digits) for _ in range(m)]
            one = self.compared(self.write("base.json", base, code_of_cpu="x"),
                                self.write("new.json", new))
            tied = len(set(base + new)) < n + m
            if one["p_is_exact"] and tied:  # SciPy has no exact p for these: tests/rank_test_test.cpp
                continue
            method = "exact" if one["p_is_exact"] else "asymptotic"
            kinds.add(method)
            u, p = mannwhitneyu(new, base, alternative="two-sided", method=method)
            self.assertAlmostEqual(one["u"], u, places=6)
            self.assertLess(abs(one["p"] - p), 1e-9 + 1e-7 * p, (turn, one["p"], p))
        self.assertEqual(kinds, {"exact", "asymptotic"})

    def test_a_regression_fails_the_job_when_asked(self):
        steady = [1 + k / 1000 for k in range(9)]
        base = self.write("base.json", steady, code_of_cpu="x")
        new = self.write("new.json", [1.05 * s for s in steady])
        self.assertEqual(rnnbench("compare", base, new).returncode, 0)
        self.assertEqual(rnnbench("compare", base, new, "--fail-on", "regression").returncode, 1)
        self.assertEqual(rnnbench("compare", new, base, "--fail-on", "regression").returncode, 0)
        for flags, code in ((["--threshold", "6%", "--fail-on", "regression"], 0),
                            (["--noise-floor", "6%", "--fail-on", "regression"], 0),
                            (["--noise-floor", "6%", "--fail-on", "undecided"], 1)):
            done = rnnbench("compare", base, new, *flags)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        done = rnnbench("compare", base, new, "--out", self.here / "report")
        self.assertIn("1 slower", done.stdout)
        self.assertIn("**slower**", (self.here / "report/comparison.md").read_text())
        self.assertIn('"slower"', (self.here / "report/comparison.json").read_text())

    def test_the_same_program_is_not_judged(self):
        steady = [1 + k / 1000 for k in range(9)]
        base, new = self.write("base.json", steady), self.write("new.json", [2 * s for s in steady])
        self.assertEqual(self.compared(base, new)["verdict"], "same code")
        self.assertEqual(self.compared(base, new, "--judge-same-code")["verdict"], "slower")

    def test_two_builds_by_turns(self):
        slower = self.here / "slower"
        slower.write_text(f'#!/bin/sh\nRNNBENCH_ZOO_MORE_STEPS=100 exec "{PROGRAM}" "$@"\n')
        slower.chmod(slower.stat().st_mode | stat.S_IXUSR)
        out = self.here / "out"
        done = rnnbench("compare", "--interleave", PROGRAM, slower, "--out", out, "--quiet",
                        "--judge-same-code", "--fail-on", "regression", "--", *PROBLEM,
                        "--plugin", BUILD / "tests/planted_zoo.so", "--impl", "zoo_planted")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        case = json.loads((out / "comparison.json").read_text())["cases"][0]
        self.assertEqual(case["verdict"], "slower")
        self.assertEqual((case["base_processes"], case["new_processes"]), (9, 9))
        self.assertGreater(case["ratio"], 1.5)  # twice the work, on however busy a machine
        self.assertEqual(sorted(file.name for file in out.iterdir()),
                         ["base.json", "comparison.json", "comparison.md", "new.json"])
        again = self.compared(out / "base.json", out / "new.json", "--judge-same-code")
        self.assertEqual((again["ratio"], again["p"]), (case["ratio"], case["p"]))

    def test_what_standard_output_does_not_take_is_an_error(self):
        steady = self.write("base.json", [1.0] * 9)
        for arguments in (["compare", steady, steady, "--format", "json"], ["history", "github", steady], ["list"],
                          ["--version"]):
            with open("/dev/full", "w", encoding="utf8") as full:
                done = subprocess.run([str(PROGRAM), *map(str, arguments)], stdout=full, stderr=subprocess.PIPE,
                                      text=True, check=False)
            self.assertEqual(done.returncode, 1, (arguments, done.stderr))
            self.assertRegex(done.stderr, "^rnnbench: cannot write standard output: No space left on device[^\n]*\n$")

    def test_a_gate_that_held_nothing_against_anything_has_not_passed(self):
        base = self.write("base.json", [1.0] * 9)
        other = json.loads(base.read_text())
        for case in other["rnnbench"]["cases"]:
            case["impl"] = "cpu:other"
        apart = self.here / "apart.json"
        apart.write_text(json.dumps(other))
        for flags, code in (([], 0), (["--fail-on", "regression"], 1), (["--fail-on", "undecided"], 1)):
            done = rnnbench("compare", base, apart, *flags)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn("the two runs have no case in common", " ".join(done.stdout.split()))

    def test_mistakes_are_one_clear_line(self):
        steady = self.write("base.json", [1.0] * 9)
        torn = self.here / "torn.json"
        torn.write_text(steady.read_text()[:5000])
        for arguments, said in (
                ([steady], "expected two runs, BASE.json NEW.json, found 1"),
                ([], "name two runs, BASE.json NEW.json, or two programs with --interleave"),
                ([steady, self.here / "none.json"], "none.json"),
                ([steady, torn], "torn.json"),
                ([steady, steady, "--threshold", "2"], "--threshold 2: expected a percentage"),
                ([steady, steady, "--threshold", "nan%"], "expected a percentage"),
                ([steady, steady, "--noise-floor", steady], "two runs of the same code are needed"),
                ([steady, steady, "--", "--quick"], "go with --interleave"),
                (["--interleave", PROGRAM, PROGRAM], "say what to run after two dashes"),
                (["--interleave", PROGRAM, PROGRAM, "--", "--quick"], "name a folder"),
                (["--interleave", self.here / "no", PROGRAM, "--out", self.here / "o", "--",
                  *PROBLEM], "no program that can be run"),
                (["--interleave", PROGRAM, self.here, "--out", self.here / "o", "--",
                  *PROBLEM], "no program that can be run"),
                (["--interleave", PROGRAM, PROGRAM, "--out", self.here / "o", "--", "--nonsense"],
                 "refuses: rnnbench: "),
                (["--interleave", PROGRAM, PROGRAM, "--out", self.here / "o", "--",
                  "--repetitions=3"], "sets --repetitions itself")):
            done = rnnbench("compare", "--quiet", *arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    os.environ.setdefault("RNNBENCH_CACHE", str(BUILD / "tests/cache"))
    unittest.main()
