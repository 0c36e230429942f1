"""A new implementation is one new file: put into a copy of impls/cpu, it is listed and it runs.

Arguments: the build folder (whose program is used), then unittest's.
"""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from command import run

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()
CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")
PARTS = ("CMakeLists.txt", "LICENSE", "README.md", "cmake", "harness", "impls", "reports",
         "scenarios")


class NewFile(unittest.TestCase):
    def test_one_new_file_is_listed_and_runs(self):
        scratch = Path(tempfile.mkdtemp(prefix="new-file-", dir=BUILD))
        self.addCleanup(shutil.rmtree, scratch)
        tree = scratch / "tree"
        tree.mkdir()
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, tree / part)
            elif source.exists():
                shutil.copy(source, tree / part)
        build = scratch / "build"
        run(CMAKE, "-S", tree, "-B", build, "-DCMAKE_BUILD_TYPE=Debug", "-DRNNBENCH_CUDA=OFF",
            "-DRNNBENCH_TESTS=OFF")
        modules = build / "lib/rnnbench"
        self.assertNotIn("cpu:example", run(BUILD / "rnnbench", "list", "impls"))

        shutil.copy(ROOT / "examples/plugin/example.cpp", tree / "impls/cpu/example.cpp")
        run(CMAKE, "--build", build, "--target", "rnnbench_cpu", "--parallel", "2")

        env = {**os.environ, "RNNBENCH_MODULES": str(modules)}
        self.assertRegex(run(BUILD / "rnnbench", "list", "impls", env=env), r"cpu:example\s")
        out = run(BUILD / "rnnbench", "--impl", "example", "--device", "cpu", "--cell", "rnn_tanh",
                  "--batch", "3", "--seq", "7", "--input", "5", "--hidden", "33", "--verify-only",
                  "--require-ran", "1", "--no-color", "--format", "console",
                  "--out", scratch / "out", env=env)
        self.assertRegex(out, r"cpu:example.*passed")


if __name__ == "__main__":
    unittest.main()
