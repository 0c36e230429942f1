"""What bench.sh and test.sh decide, with stand-ins for cmake, apt-get, nvidia-smi and the program."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash echo env dirname basename sed nproc xargs mktemp tail head rm cat timeout tr mkdir grep "
         "printf touch chmod sh").split()
# Remembers how it was called; configuring leaves a cache, building leaves the program.
CMAKE = r"""#!/usr/bin/env bash
echo "cmake $*" >>"$CALLS"
if [ "$1" = -S ]; then
  mkdir -p "$4" && touch "$4/build.ninja" "$4/CMakeCache.txt"
  while [ $# -gt 0 ]; do
    if [ "$1" = -D ]; then
      name=${2%%=*}
      sed -i "/^$name:/d" "$BUILD/CMakeCache.txt"
      echo "$name:STRING=${2#*=}" >>"$BUILD/CMakeCache.txt"
    fi
    shift
  done
else
  printf '#!/usr/bin/env bash\necho "ran $*"\nexit 7\n' >"$BUILD/rnnbench"
  chmod +x "$BUILD/rnnbench"
fi
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        self.top = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        shutil.copytree(ROOT / "scripts", self.top / "scripts")
        self.bin = self.top / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.calls = self.top / "calls"
        self.stand_in("cmake", CMAKE)
        self.stand_in("ctest", '#!/usr/bin/env bash\necho "ctest $*" >>"$CALLS"\n')

    def stand_in(self, name, text):
        file = self.bin / name
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def run_script(self, name, *arguments, **env):
        """(exit code, output, lines of calls)"""
        self.calls.write_text("")
        done = subprocess.run(
            [self.top / "scripts" / name, *arguments], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
            env={"PATH": str(self.bin), "CALLS": str(self.calls), "BUILD": str(self.top / "build"),
                 "RNNBENCH_SETUP": "skip", **env})
        return done.returncode, done.stdout, self.calls.read_text().splitlines()

    def gpu(self, cc="9.0"):
        self.stand_in("nvidia-smi", f"#!/usr/bin/env bash\necho {cc}\n")
        self.stand_in("nvcc", "#!/usr/bin/env bash\n")

    def test_bench_hands_over_arguments_and_exit_code(self):
        code, out, _ = self.run_script("bench.sh", "--batch", "1 2")
        self.assertEqual(code, 7)
        self.assertIn("ran --batch 1 2", out)
        self.assertIn("ran --scenario gru_bidir", self.run_script("bench.sh")[1])

    def test_second_bench_does_not_configure(self):
        _, _, first = self.run_script("bench.sh", RNNBENCH_CUDA="OFF")
        _, _, second = self.run_script("bench.sh", RNNBENCH_CUDA="OFF")
        self.assertEqual([line.split()[1] for line in first], ["-S", "--build"])
        self.assertIn("RNNBENCH_TESTS=OFF", first[0])
        self.assertEqual([line.split()[1] for line in second], ["--build"])

    def test_bench_and_test_do_not_undo_each_other(self):
        self.run_script("test.sh", RNNBENCH_CUDA="OFF")
        _, _, bench = self.run_script("bench.sh", RNNBENCH_CUDA="OFF")
        self.assertEqual([line.split()[1] for line in bench], ["--build"])
        self.assertIn("RNNBENCH_TESTS:STRING=ON",
                      (self.top / "build/CMakeCache.txt").read_text())

    def test_cuda_side_where_a_gpu_answers(self):
        self.gpu("8.9")
        _, _, calls = self.run_script("bench.sh")
        self.assertIn("RNNBENCH_CUDA=ON", calls[0])
        self.assertIn("CMAKE_CUDA_ARCHITECTURES=89", calls[0])
        self.assertIn("rnnbench_cuda", calls[1])

    def test_gpu_of_cc_9_gets_what_has_wgmma(self):
        self.gpu("9.0")
        _, _, calls = self.run_script("bench.sh")
        self.assertIn("CMAKE_CUDA_ARCHITECTURES=90a", calls[0])

    def test_cuda_side_added_on_request_once(self):
        self.run_script("bench.sh", RNNBENCH_CUDA="OFF")
        _, _, calls = self.run_script("bench.sh", RNNBENCH_CUDA="ON", CUDAARCHS="90")
        self.assertIn("RNNBENCH_CUDA=ON", calls[0])
        self.assertIn("CMAKE_CUDA_ARCHITECTURES=90", calls[0])
        _, _, calls = self.run_script("bench.sh", RNNBENCH_CUDA="ON")
        self.assertEqual([line.split()[1] for line in calls], ["--build"])

    def test_tests_build_two_architectures_and_hand_arguments_to_ctest(self):
        self.stand_in("nvcc", "#!/usr/bin/env bash\n")
        code, out, calls = self.run_script("test.sh", "-R", "Problem")
        self.assertEqual(code, 0)
        self.assertIn("CMAKE_CUDA_ARCHITECTURES=89-real;90a-real", calls[0])
        self.assertRegex(calls[-1], r"^ctest .*-R Problem$")
        self.assertIn("no GPU answers", out)

    def packages(self, user, sudo=False):
        self.stand_in("dpkg-query", "#!/usr/bin/env bash\nexit 1\n")
        self.stand_in("apt-get", '#!/usr/bin/env bash\necho "apt-get $*" >>"$CALLS"\n')
        self.stand_in("id", f"#!/usr/bin/env bash\necho {user}\n")
        if sudo:
            self.stand_in("sudo", '#!/usr/bin/env bash\necho "sudo" >>"$CALLS"\nexec "$@"\n')
        return self.run_script("bench.sh", RNNBENCH_SETUP="", RNNBENCH_CUDA="OFF")

    def test_without_rights_it_says_what_to_run(self):
        code, out, calls = self.packages(user=1000)
        self.assertEqual((code, calls), (1, []))
        self.assertRegex(out, r"apt-get install -y .*libtomlplusplus-dev")

    def test_installs_as_root_or_through_sudo(self):
        code, out, calls = self.packages(user=0)
        self.assertEqual(code, 7)
        self.assertIn("installing g++", out)
        self.assertRegex(calls[1], r"^apt-get .* install .*libdnnl-dev")
        self.assertEqual(self.packages(user=1000, sudo=True)[2][0], "sudo")

    def test_silent_where_nothing_is_missing(self):
        self.stand_in("dpkg-query", "#!/usr/bin/env bash\necho installed\n")
        for tool in ("g++", "ninja", "apt-get"):
            self.stand_in(tool, "#!/usr/bin/env bash\nexit 1\n")
        _, out, _ = self.run_script("bench.sh", RNNBENCH_SETUP="", RNNBENCH_CUDA="OFF")
        self.assertNotIn("installing", out)

    def test_a_failed_configuration_is_shown(self):
        self.stand_in("cmake", "#!/usr/bin/env bash\necho no such compiler\nexit 1\n")
        code, out, _ = self.run_script("bench.sh")
        self.assertEqual(code, 1)
        self.assertIn("no such compiler", out)


if __name__ == "__main__":
    os.environ.pop("CUDACXX", None)
    unittest.main()
