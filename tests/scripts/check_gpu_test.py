#!/usr/bin/env python3
"""scripts/check_gpu.sh with stand-ins for the GPU, the tests and the tools: what is run, said and returned."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """#!/bin/sh
[ "$1" = --gtest_list_tests ] || exit 0
printf 'Running main()\\nShapes/GpuFusedOddShape.\\n  OneLaunchAfterAnother/0  # GetParam() = 1\\n  OneLaunchAfterAnother/1\\n'
"""
SANITIZER = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$2 $*" in
  racecheck*/1) sleep 20 ;;
  memcheck*/1) echo "========= ERROR SUMMARY: ${ERRORS:-0} errors"; [ -z "$ERRORS" ] || exit 99 ;;
  *) echo '========= ERROR SUMMARY: 0 errors' ;;
esac
"""


class CheckGpu(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "scripts").mkdir()
        for name in ("check_gpu.sh", "setup.sh"):
            shutil.copy(ROOT / "scripts" / name, self.folder / "scripts")
        self.write("build/lib/rnnbench/cuda.so", "")
        self.write("build/tests/rnnbench_tests", TESTS)
        self.write("bin/nvidia-smi", '#!/bin/sh\n[ -z "$NO_GPU" ] || exit 9\necho 9.0\n')
        self.write("bin/ctest", '#!/bin/sh\necho "ctest $*"\nexit ${CTEST:-0}\n')
        self.write("bin/compute-sanitizer", SANITIZER)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run_script(self, *arguments, **variables):
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        calls = self.folder / "calls"
        return subprocess.run(
            [self.folder / "scripts/check_gpu.sh", *arguments], text=True, capture_output=True,
            env={**os.environ, "PATH": path, "CALLS": str(calls), **variables})

    def test_every_tool_sees_every_shape(self):
        done = self.run_script("1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ctest --output-on-failure -L gpu", done.stdout)
        calls = (self.folder / "calls").read_text().splitlines()
        self.assertEqual(len(calls), 8)
        self.assertIn("--tool memcheck --error-exitcode 99", calls[0])
        self.assertIn("--gtest_filter=Shapes/GpuFusedOddShape.OneLaunchAfterAnother/0", calls[0])
        lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()[1:]]
        self.assertEqual([line[0] for line in lines],
                         2 * ["memcheck"] + 2 * ["racecheck"] + 2 * ["initcheck"] + 2 * ["synccheck"])
        self.assertEqual(lines[0][2], "ERROR SUMMARY: 0 errors")
        self.assertEqual(lines[3][2], "did not end within 1 s")

    def test_what_a_tool_finds_fails(self):
        done = self.run_script("1", ERRORS="3")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("ERROR SUMMARY: 3 errors", done.stdout)

    def test_a_failed_test_fails(self):
        done = self.run_script("0", CTEST="8")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertFalse((self.folder / "calls").exists())

    def test_without_a_gpu_one_line_says_so(self):
        done = self.run_script(NO_GPU="1")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "check_gpu.sh: no GPU answers (nvidia-smi)\n")

    def test_refuses_other_words(self):
        done = self.run_script("soon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: scripts/check_gpu.sh", done.stderr)


if __name__ == "__main__":
    unittest.main()
