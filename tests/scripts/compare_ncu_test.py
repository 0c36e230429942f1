"""What scripts/compare_ncu.py says of made-up counters, and what it runs: programs of ours stand in."""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
WARPS = "sm__warps_active.avg.pct_of_peak_sustained_active"
NAMES = ["gpu__time_duration.sum", "dram__bytes_read.sum", "dram__bytes_write.sum", WARPS,
         "launch__registers_per_thread", "launch__grid_size", "launch__block_size",
         "launch__occupancy_limit_registers", "launch__occupancy_limit_shared_mem",
         "launch__occupancy_limit_warps", "launch__occupancy_limit_blocks", "smsp__inst_executed.sum"]
BASE = ["ns", "byte", "byte", "%", "register/thread", "", "", "block", "block", "block", "block", "inst"]
SCALED = ["usecond", "Mbyte", "Kbyte", *BASE[3:]]
RANGES = "thread Domain:Push/Pop_Range:PL_Type:PL_Value:CLR_Type:Color:Msg_Type:Msg"
LEAD = ["ID", "Process ID", "Process Name", "Host Name", RANGES, "Kernel Name", "Context", "Stream",
        "Block Size", "Grid Size", "Device", "CC"]
STEP = "rnnbench::(anonymous namespace)::fused_step<rnnbench::OneGate, 72ul, false>"
NCU_STEP = "void rnnbench::<unnamed>::fused_step<rnnbench::OneGate, (unsigned long)72, (bool)0>(Launch)"


def values(grid=64, **changed):
    return {**dict(zip(NAMES, [10000.0, 2e6, 5e5, 40.0, 72, grid, 256, 3, 4, 8, 32, 1e5])), **changed}


def ours(*kernels, mode="eager", why=None):
    """One case; kernels are (name, blocks, values)."""
    entries = {}
    for name, grid, found in kernels:
        shape = f"{grid}x1x1 blocks of 256x1x1"
        key = f"{name} {shape}" if name in entries else name
        entries[key] = {"shape": shape, "launches": 20, "sampled": 3, **found, "why": {}}
    return {"mode": mode, "kernels": entries, "why": why or {}}


def metrics_json(*cases):
    return json.dumps({"schema_version": 1, "cases": {f"gru/p/cuda:fused#{k}": c for k, c in enumerate(cases)}})


def ncu_csv(*rows, units=None):
    """Rows are (name, blocks, values)."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([*LEAD, *NAMES])
    writer.writerow([*[""] * len(LEAD), *(units or BASE)])
    for k, (name, grid, found) in enumerate(rows):
        ranges = '7  "rnnbench:gru:none"\n "rnnbench:profile:none"'
        writer.writerow([k, 7, "rnnbench", "host", ranges, name, 1, 7, "(256, 1, 1)", f"({grid}, 1, 1)",
                         0, "9.0", *(f"{found[n]:,}" if found[n] is not None else "n/a" for n in NAMES)])
    return ('==PROF== Connected to process 7 (rnnbench)\n==PROF== Profiling "k", 1 of 2\n'
            + out.getvalue() + "==PROF== Disconnected\n")


class CompareNcu(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out"

    def run_script(self, *arguments, **environment):
        return subprocess.run([sys.executable, TOP / "scripts/compare_ncu.py", *map(str, arguments)],
                              capture_output=True, text=True, env={**os.environ, **environment},
                              check=False)

    def compare(self, left, right):
        (self.folder / "metrics.json").write_text(left)
        (self.folder / "in.csv").write_text(right)
        done = self.run_script("--out", self.out, "--ours", self.folder / "metrics.json",
                               "--ncu", self.folder / "in.csv")
        self.assertNotIn("Traceback", done.stderr)
        if done.returncode != 2:
            self.assertEqual((self.out / "compare.md").read_text(), done.stdout)
        return done

    def refused(self, left, right, *words):
        done = self.compare(left, right)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_agreement(self):
        done = self.compare(metrics_json(ours((STEP, 64, values()))),
                            ncu_csv((NCU_STEP, 64, values()),
                                    (NCU_STEP, 64, values(**{NAMES[0]: 10400.0}))))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        self.assertIn("| kernel | launches | quantity | ours | ncu | difference | within |", lines)
        step = "| fused_step 64x1x1 of 256x1x1 | 20 / 2 | "
        # Their mean; too few bytes to be judged.
        self.assertIn(step + "gpu__time_duration.sum (ns) | 10,000 | 10,200 | -2.0 % | yes |", lines)
        self.assertIn(step + "dram__bytes_write.sum (bytes) | 500,000 | 500,000 | +0.0 % |  |", lines)
        self.assertIn(step + "smsp__inst_executed.sum | 100,000 | 100,000 | +0.0 % |  |", lines)
        self.assertIn(step + "launch__occupancy_limit_blocks | 32 | 32 | 0 | yes |", lines)
        self.assertEqual(lines[-1], "1 kernels, 10 quantities compared, 0 outside")

    def test_an_overview_of_each_kernel(self):
        name = "a_kernel_of_a_library_with_a_very_long_name_that_says_all_of_its_parameters_one_by_one"
        done = self.compare(metrics_json(ours((STEP, 64, values()), (name, 8, values(grid=8)))),
                            ncu_csv((NCU_STEP, 64, values(**{NAMES[1]: 3e6, WARPS: 41.0})),
                                    (name, 8, values(grid=8, **{NAMES[4]: 80}))))
        lines = done.stdout.splitlines()
        self.assertIn("| kernel | duration, us | DRAM read, MB | DRAM written, MB | warps active, % | "
                      "launch, occupancy limits |", lines)
        self.assertIn("| fused_step 64x1x1 of 256x1x1 | 10 / 10 | 2 / 3 **no** | 0.5 / 0.5 | 40 / 41 | equal |", lines)
        self.assertIn("| a_kernel_of_a_library_with_a_very_lo… 8x1x1 of 256x1x1 | 10 / 10 | 2 / 2 | 0.5 / 0.5 | "
                      f"40 / 40 | **{NAMES[4]}** |", lines)

    def test_each_tolerance(self):
        for metric, good, bad in (
                (NAMES[0], 10250.0, 10400.0), (NAMES[0], 9750.0, 9650.0), (NAMES[1], 2.09e6, 2.2e6),
                (NAMES[1], 1.91e6, 1.8e6), (NAMES[2], 9e5, 1.1e6), (WARPS, 41.9, 42.1), (WARPS, 38.1, 37.9),
                *((name, values()[name], values()[name] + 1) for name in NAMES[4:11])):
            for value, code, word in ((good, 0, "0 outside"), (bad, 1, "1 outside")):
                done = self.compare(metrics_json(ours((STEP, 64, values()))),
                                    ncu_csv((NCU_STEP, 64, values(**{metric: value}))))
                self.assertEqual(done.returncode, code, (metric, value, done.stdout))
                self.assertIn(word, done.stdout)
                self.assertEqual(done.stdout.count("| **no** |"), code)
        short = [values(**{NAMES[0]: ns}) for ns in (2000.0, 2290.0)]  # 0.29 us is over 3 % here, and within
        self.assertEqual(self.compare(metrics_json(ours((STEP, 64, short[0]))),
                                      ncu_csv((NCU_STEP, 64, short[1]))).returncode, 0)

    def test_scaled_units(self):
        scaled = values(**{NAMES[0]: 10.0, NAMES[1]: 2.0, NAMES[2]: 500.0})
        done = self.compare(metrics_json(ours((STEP, 64, values()))),
                            ncu_csv((NCU_STEP, 64, scaled), units=SCALED))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("dram__bytes_read.sum (bytes) | 2,000,000 | 2,000,000 |", done.stdout)
        self.assertIn("dram__bytes_write.sum (bytes) | 500,000 | 500,000 |", done.stdout)
        for unit in ("msecond", "s", "", "parsec"):
            done = self.compare(metrics_json(ours((STEP, 64, values()))),
                                ncu_csv((NCU_STEP, 64, scaled), units=[unit, *SCALED[1:]]))
            self.assertEqual(done.returncode, 1 if unit in ("msecond", "s") else 2, unit)

    def test_forms_of_names(self):
        for name in (NCU_STEP, "fused_step", "void fused_step<OneGate, 72, 0>(Launch)",
                     "void fused_step<T1, (int)5>(Launch)", "rnnbench::<unnamed>::fused_step(Launch)"):
            done = self.compare(metrics_json(ours((STEP, 64, values()))), ncu_csv((name, 64, values())))
            self.assertEqual(done.returncode, 0, name + done.stdout)
            self.assertIn("1 kernels, ", done.stdout)
        done = self.compare(metrics_json(ours((STEP, 64, values()))),
                            ncu_csv(("void other_step<1>(Launch)", 64, values())))
        self.assertEqual(done.returncode, 1)
        self.assertIn("0 kernels, 0 quantities compared", done.stdout)

    def test_two_shapes_and_two_instantiations(self):
        small, other = values(32, **{NAMES[0]: 5000.0}), STEP.replace("false", "true")
        slow = values(**{NAMES[0]: 50000.0})
        left = metrics_json(ours((STEP, 64, values()), (STEP, 32, small), (other, 64, slow)))
        done = self.compare(left, ncu_csv((NCU_STEP, 32, small), (NCU_STEP, 64, values()),
                                          (NCU_STEP.replace("(bool)0", "(bool)1"), 64, slow)))
        self.assertEqual(done.returncode, 0, done.stdout)
        for kernel, ns in (("fused_step 32x1x1", "5,000"), ("fused_step<OneGate,72,0> 64x1x1", "10,000"),
                           ("fused_step<OneGate,72,1> 64x1x1", "50,000")):
            self.assertIn(f"| {kernel} of 256x1x1 | 20 / 1 | gpu__time_duration.sum (ns) | {ns} | {ns} |",
                          done.stdout)
        self.assertIn("3 kernels, ", done.stdout)
        # Names without template arguments cannot tell the two apart: their means are compared.
        done = self.compare(left, ncu_csv(("fused_step", 32, small), ("fused_step", 64, values()),
                                          ("fused_step", 64, slow)))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("| 40 / 2 | gpu__time_duration.sum (ns) | 30,000 | 30,000 |", done.stdout)

    def test_cases_with_the_same_kernel_are_one(self):
        left = metrics_json(ours((STEP, 64, values())),
                            ours((STEP, 64, values(**{NAMES[0]: 20000.0}))),
                            ours((STEP, 64, values(**{NAMES[0]: 9e9})), mode="graph"))
        done = self.compare(left, ncu_csv((NCU_STEP, 64, values(**{NAMES[0]: 15000.0}))))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("| 40 / 1 | gpu__time_duration.sum (ns) | 15,000 | 15,000 |", done.stdout)

    def test_missing_kernels_are_listed(self):
        done = self.compare(metrics_json(ours((STEP, 64, values()), ("late", 8, values(8)))),
                            ncu_csv((NCU_STEP, 64, values()), ("void extra(int)", 4, values(4))))
        self.assertEqual(done.returncode, 0, done.stdout)
        ours_only, theirs_only = done.stdout.split("Only in rnnbench's")[1].split("Only in Nsight Compute's")
        self.assertIn("- late 8x1x1 of 256x1x1\n", ours_only)
        self.assertIn("- extra 4x1x1 of 256x1x1\n", theirs_only)

    def test_a_kernel_in_another_shape_is_wrong_not_missing(self):
        done = self.compare(metrics_json(ours((STEP, 64, values()))), ncu_csv((NCU_STEP, 128, values(128))))
        self.assertEqual(done.returncode, 1)
        self.assertIn("| shape | 64x1x1 of 256x1x1 | 128x1x1 of 256x1x1 |  | **no** |", done.stdout)
        self.assertIn("| launch__grid_size | 64 | 128 | -64 | **no** |", done.stdout)

    def test_what_was_not_read_is_said_not_judged(self):
        left = ours((STEP, 64, values(**{WARPS: None})), why={WARPS: "left out: budget"})
        done = self.compare(metrics_json(left), ncu_csv((NCU_STEP, 64, values(**{NAMES[7]: None}))))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"- fused_step 64x1x1 of 256x1x1: {WARPS}: left out: budget\n", done.stdout)
        self.assertIn(f"{NAMES[7]}: Nsight Compute has 'n/a'", done.stdout)
        self.assertIn("1 kernels, 8 quantities compared, 0 outside", done.stdout)
        nothing = dict.fromkeys(NAMES)
        done = self.compare(metrics_json(ours((STEP, 64, nothing))), ncu_csv((NCU_STEP, 64, values())))
        self.assertEqual(done.returncode, 1)  # nothing compared is no agreement

    def test_bad_input(self):
        left, right = metrics_json(ours((STEP, 64, values()))), ncu_csv((NCU_STEP, 64, values()))
        cut = right[:right.index('"72"')]
        self.refused(left, cut, "in.csv: line 5: ", "cells under", "run ncu again")
        self.refused(left, "".join(right.splitlines(True)[:3]), "a header and no kernel")
        self.refused(left, right.replace(",".join(['""'] * len(LEAD)), '"x"'), "no row of units")
        self.refused(left, right.replace('"Grid Size"', '"Grid"'), "line 3", "no column 'Grid Size'")
        self.refused(left, right.replace("(64, 1, 1)", "64"), "line 5", "grid '64'")
        self.refused(left, "==ERROR== ERR_NVGPUCTRPERM\n", "no header row", "ERR_NVGPUCTRPERM", "--csv --page raw")
        self.refused("{", right, "metrics.json: line 1: no JSON")
        self.refused("[]", right, "not rnnbench's metrics.json")
        self.refused('{"schema_version": 2}', right, "schema_version 2")
        self.refused(left.replace(" blocks of ", " by "), right, "is not 'XxYxZ blocks of XxYxZ'")
        self.refused(metrics_json(ours(why={"kernels": "a CPU call has none"})), right, "a CPU call has none")

    def test_bad_command_lines(self):
        (self.folder / "metrics.json").write_text(metrics_json(ours((STEP, 64, values()))))
        given = ("--out", self.out, "--ours", self.folder / "metrics.json")
        for arguments, words in (
                ((*given, "--ncu", self.folder / "none.csv"), "none.csv: No such file"),
                (("--out", self.out, "--ours", self.folder / "none.json", "--ncu", "x"), "none.json: No such file"),
                ((*given, "--ncu", "x", "--launchs", "3"), "--launchs 3: nothing is run"),
                (given, "no arguments for rnnbench"),
                ((*given, "--launches", "0", "--ncu", "x"), "above 0, found '0'"),
                ((*given, "--replay", "range", "--ncu", "x"), "--replay: invalid choice: 'range'"),
                (("--scenario", "gru"), "--out"),
                (("--out", self.out, "--scenario", "gru"), "/no/rnnbench")):
            done = self.run_script(*arguments, RNNBENCH="/no/rnnbench", NCU=sys.executable)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_says_before_anything_is_run_that_ncu_is_missing(self):
        done = self.run_script("--out", self.out, "--scenario", "gru", NCU="/no/ncu",
                               RNNBENCH=self.program("prog", f"touch {self.folder}/ran\n"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("/no/ncu is missing", done.stderr)
        self.assertFalse((self.folder / "ran").exists())

    def program(self, name, text):
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return str(path)

    def test_runs_both(self):
        (self.folder / "metrics.json").write_text(metrics_json(ours((STEP, 64, values(unknown__x=None)))))
        (self.folder / "in.csv").write_text(ncu_csv((NCU_STEP, 64, values())))
        find = 'while [ "$1" != {} ]; do shift; done\n'
        keep = f'for word; do echo "$word"; done > {self.folder}/{{}}.said\n'
        rnnbench = self.program("prog", keep.format("prog") + find.format("--out") +
                                f'mkdir -p "$2" && cp {self.folder}/metrics.json "$2"\nexit ${{CODE:-0}}\n')
        ncu = self.program("ncu", keep.format("ncu") + find.format("--log-file") +
                           f'cp {self.folder}/in.csv "$2"\n')
        given = ("--out", self.out, "--launches", "7", "--scenario", "a b", "--dtype", "f32")
        done = self.run_script(*given, RNNBENCH=rnnbench, NCU=ncu)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((self.folder / "prog.said").read_text().splitlines(),
                         ["--scenario", "a b", "--dtype", "f32", "--metrics", "default",
                          "--min-time", "0.05", "--out", str(self.out / "rnnbench")])
        words = (self.folder / "ncu.said").read_text().splitlines()
        self.assertEqual(words[words.index(rnnbench) + 1:],
                         ["--profile", "--quiet", "--scenario", "a b", "--dtype", "f32"])
        for option, value in (("--launch-count", "7"), ("--page", "raw"), ("--print-units", "base"),
                              ("--replay-mode", "application"),
                              ("--log-file", str(self.out / "ncu.csv"))):
            self.assertEqual(words[words.index(option) + 1], value)
        asked = words[words.index("--metrics") + 1].split(",")
        judged = {*NAMES, "launch__waves_per_multiprocessor"} - {"smsp__inst_executed.sum"}
        self.assertEqual(set(asked), judged)
        self.assertEqual(len(asked), len(set(asked)))

        done = self.run_script(*given, "--replay", "kernel", RNNBENCH=rnnbench, NCU=ncu)
        self.assertEqual(done.returncode, 0, done.stderr)
        words = (self.folder / "ncu.said").read_text().splitlines()
        self.assertEqual(words[words.index("--replay-mode") + 1], "kernel")
        self.assertIn("smsp__inst_executed.sum", words[words.index("--metrics") + 1].split(","))
        self.assertNotIn("--replay", [*words, *(self.folder / "prog.said").read_text().splitlines()])

        done = self.run_script(*given, "--metrics", "full", RNNBENCH=rnnbench, NCU=ncu, CODE="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("default", (self.folder / "prog.said").read_text())
        done = self.run_script(*given, RNNBENCH=rnnbench, NCU=ncu, CODE="2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("rnnbench ended with 2", done.stderr)
        # An old file is not taken for this run's.
        done = self.run_script(*given, RNNBENCH=rnnbench, NCU=self.program("broken", "exit 9\n"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("ended with 9 and wrote no ", done.stderr)


if __name__ == "__main__":
    unittest.main()
