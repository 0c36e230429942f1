"""No shipped kernel spills registers; the report that says so is read rightly.

Arguments: the build folder, then unittest's.
"""

import importlib.util
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()

spec = importlib.util.spec_from_file_location("kernel_resources",
                                              ROOT / "scripts/kernel_resources.py")
kernel_resources = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kernel_resources)

REPORT = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1aPf' for 'sm_80'
ptxas info    : Function properties for _Z1aPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 24 registers, used 1 barriers, 4224 bytes smem, 384 bytes cmem[0]
ptxas info    : Compiling entry function '_Z1bPf' for 'sm_90'
ptxas info    : Function properties for _Z1bPf
    64 bytes stack frame, 48 bytes spill stores, 40 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
"""


class Reports(unittest.TestCase):
    def test_reads_what_ptxas_says(self):
        first, second = kernel_resources.parse(REPORT, "x.cu")
        self.assertEqual((first["kernel"], first["arch"], first["registers"],
                          first["shared_bytes"], first["stack_bytes"]),
                         ("_Z1aPf", "sm_80", 24, 4224, 0))
        self.assertEqual((second["arch"], second["registers"], second["stack_bytes"],
                          second["spill_store_bytes"], second["spill_load_bytes"]),
                         ("sm_90", 255, 64, 48, 40))

    def test_finds_the_one_that_spills(self):
        found = kernel_resources.spilled(kernel_resources.parse(REPORT, "x.cu"))
        self.assertEqual([k["kernel"] for k in found], ["_Z1bPf"])


class Shipped(unittest.TestCase):
    def test_no_kernel_spills(self):
        file = BUILD / "kernel_resources.json"
        if not (BUILD / "lib/rnnbench/cuda.so").exists():
            self.skipTest("built without the CUDA side")
        if "RNNBENCH_JITTER:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text():
            self.skipTest("built with RNNBENCH_JITTER, whose pauses take registers")
        kernels = json.loads(file.read_text())["kernels"]
        names = " ".join(k["kernel"] for k in kernels)
        for part in ("naive_step", "gate_step", "fused_step"):  # the report is not empty, or of other files
            self.assertIn(part, names)
        self.assertEqual(kernel_resources.spilled(kernels), [])
        self.assertTrue(all(0 < k["registers"] <= 255 for k in kernels))


if __name__ == "__main__":
    unittest.main()
