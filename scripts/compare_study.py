#!/usr/bin/env python3
"""How often `rnnbench compare` is wrong on this machine: false alarms, and planted slowdowns.

    scripts/compare_study.py BUILD [--times 100] [--rounds 9] [--out FILE]

compares the build with itself by turns, and with itself slowed down by 5 %, each `--times` times, and says what
came out. The noise floor is measured first, from comparisons of the same kind. Nothing else should run meanwhile.
"""
import argparse
import collections
import json
import pathlib
import platform
import stat
import subprocess
import sys
import tempfile

PROBLEM = ["--cell", "rnn_tanh", "--batch", "4", "--seq", "100", "--hidden", "32", "--device", "cpu",
           "--impl", "zoo_planted", "--min-time", "0.02"]


def compare(program, other, zoo, rounds, seed, folder, floor):
    command = [program, "compare", "--interleave", program, other, "--rounds", rounds, "--seed", seed,
               "--out", folder, "--quiet", "--judge-same-code", "--format", "json", *floor,
               "--", *PROBLEM, "--plugin", zoo]
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"compare_study.py: {done.stderr.strip()}")
    return json.loads(done.stdout)["cases"][0]


def counts(cases):
    found = collections.Counter(case["verdict"] for case in cases)
    return ", ".join(f"{count} {verdict}" for verdict, count in found.most_common())


def spread(cases):
    ratios = sorted(case["ratio"] for case in cases)
    tenth = len(ratios) // 10
    return f"ratios {ratios[0]:.3f} to {ratios[-1]:.3f}, nine tenths within {ratios[tenth // 2]:.3f} to " \
           f"{ratios[-1 - tenth // 2]:.3f}"


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("build", type=pathlib.Path)
    words.add_argument("--times", type=int, default=100)
    words.add_argument("--rounds", type=int, default=9)
    words.add_argument("--floor-times", type=int, default=10)
    words.add_argument("--out", type=pathlib.Path)
    asked = words.parse_args()
    program, zoo = (asked.build / "rnnbench").resolve(), (asked.build / "tests/planted_zoo.so").resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        slower = folder / "slower"
        slower.write_text(f'#!/bin/sh\nRNNBENCH_ZOO_MORE_STEPS=5 exec "{program}" "$@"\n')
        slower.chmod(slower.stat().st_mode | stat.S_IXUSR)
        first = [compare(program, program, zoo, asked.rounds, 1000 + k, folder / "f", [])
                 for k in range(asked.floor_times)]
        floor = max(max(case["ratio"], 1 / case["ratio"]) - 1 for case in first)
        flag = ["--noise-floor", f"{100 * floor:.2f}%"]
        same, planted = [], []
        for k in range(asked.times):
            same.append(compare(program, program, zoo, asked.rounds, k, folder / "s", flag))
            planted.append(compare(program, slower, zoo, asked.rounds, k, folder / "p", flag))
    lines = [f"{platform.machine()}, {asked.rounds} processes a side, {asked.times} comparisons of each kind; a call takes "
             f"{1e3 * same[0]['base_s']:.2f} ms",
             f"noise floor, of {asked.floor_times} comparisons before: {100 * floor:.1f} %",
             f"the build with itself: {counts(same)}; {spread(same)}",
             f"with 5 % more work:    {counts(planted)}; {spread(planted)}"]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if asked.out:
        asked.out.write_text(text)


main()
