#!/usr/bin/env python3
"""What each CUDA kernel takes of a multiprocessor, from ptxas' own reports.

scripts/kernel_resources.py OBJECTS OUT.json   reads OBJECTS/**/*.ptxas (the build writes them)

One entry a kernel and architecture: kernel (demangled), file, arch, registers (a thread),
shared_bytes (a block, static), stack_bytes, spill_store_bytes and spill_load_bytes (a thread).
"""
import json
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(\w+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def parse(text, file):
    """The kernels of one report, names as ptxas gives them."""
    kernels = []
    for line in text.splitlines():
        if found := ENTRY.search(line):
            kernels.append({"kernel": found[1], "file": file, "arch": found[2], "registers": 0,
                            "shared_bytes": 0, "stack_bytes": 0, "spill_store_bytes": 0,
                            "spill_load_bytes": 0})
        elif not kernels:
            continue
        elif found := FRAME.search(line):
            keys = ("stack_bytes", "spill_store_bytes", "spill_load_bytes")
            kernels[-1].update(zip(keys, map(int, found.groups())))
        elif found := USED.search(line):
            kernels[-1]["registers"] = int(found[1])
            if shared := SHARED.search(line):
                kernels[-1]["shared_bytes"] = int(shared[1])
    return kernels


def demangle(names):
    """C++ names where c++filt is there, else as they are."""
    try:
        text = subprocess.run(["c++filt"], input="\n".join(names), text=True, check=True,
                              stdout=subprocess.PIPE).stdout
    except (OSError, subprocess.CalledProcessError):
        return names
    return text.splitlines()


def spilled(kernels):
    """Those that keep values of a thread in memory."""
    return [k for k in kernels if k["spill_store_bytes"] or k["spill_load_bytes"]]


def main(objects, out):
    kernels = []
    for report in sorted(pathlib.Path(objects).rglob("*.ptxas")):
        kernels += parse(report.read_text(), report.name.removesuffix(".o.ptxas"))
    for kernel, name in zip(kernels, demangle([k["kernel"] for k in kernels])):
        kernel["kernel"] = name
    pathlib.Path(out).write_text(json.dumps({"version": 1, "kernels": kernels}, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
