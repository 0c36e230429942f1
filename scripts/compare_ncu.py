#!/usr/bin/env python3
"""Do rnnbench's counters agree with Nsight Compute's? Runs both and compares them by kernel.

scripts/compare_ncu.py --out FOLDER [arguments of rnnbench: --scenario ... --impl ...]

FOLDER then holds rnnbench/ (its results), ncu.csv and compare.md. RNNBENCH and NCU name other
programs, as for scripts/ncu.sh. Exits 0 where all is within its tolerance, 1 where not or where
nothing could be compared, 2 for bad input. docs/profiling.md.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

from ncu_counters import BYTES, TIME, Bad, Kernel, read_ncu, read_ours

TOP = pathlib.Path(__file__).resolve().parent.parent
WARPS = "sm__warps_active.avg.pct_of_peak_sustained_active"
EXACT = ("launch__registers_per_thread", "launch__grid_size", "launch__block_size",
         "launch__occupancy_limit_registers", "launch__occupancy_limit_shared_mem",
         "launch__occupancy_limit_warps", "launch__occupancy_limit_blocks")
JUDGED = (TIME, *BYTES, WARPS, *EXACT)
ASKED = (*JUDGED, "launch__waves_per_multiprocessor")
RULES = ("Within: duration 3 % or 0.3 us, DRAM bytes 5 % where over 1 MB, warps active 2 points, registers, "
         "grid, block and the blocks that each limit of occupancy allows equal. Rows without a verdict are "
         "shown, not judged.")


# Comparing.

def match(ours, ncu):
    """[(key, our Kernel, ncu's Kernel, its shape)], keys that ours alone has, keys that ncu's alone has."""
    left, right = dict(ours), dict(ncu)
    pairs = [(key, left.pop(key), right.pop(key), key[2]) for key in ours if key in ncu]

    def groups(kernels, *fields):
        found = {}
        for key in kernels:
            found.setdefault(tuple(key[field] for field in fields), []).append(key)
        return found

    def together(kernels, keys):
        whole = Kernel()
        for key in keys:
            whole.merge(kernels.pop(key))
        return whole

    # Template arguments may be written differently, or not at all: what is left of one name and shape is
    # one kernel.
    others = groups(right, 0, 2)
    for (name, shape), keys in groups(left, 0, 2).items():
        if (name, shape) in others:
            full = keys[0][1] if len(keys) == 1 else name
            pairs.append(((name, full, shape), together(left, keys), together(right, others[name, shape]),
                          shape))
    # A kernel that has one shape here and another there is not missing: its shape is wrong.
    others = groups(right, 0, 1)
    for group, keys in groups(left, 0, 1).items():
        there = others.get(group, [])
        if len(keys) == len(there) == 1:
            pairs.append((keys[0], left.pop(keys[0]), right.pop(there[0]), there[0][2]))
    return pairs, list(left), list(right)


def verdict(metric, ours, ncu):
    """Whether they agree; none where nothing is judged."""
    difference = abs(ours - ncu)
    if metric == TIME:
        return difference <= max(0.03 * ncu, 300)
    if metric in BYTES:
        return difference <= 0.05 * ncu if max(ours, ncu) > 1e6 else None
    if metric == WARPS:
        return difference <= 2
    return difference < 1e-6 if metric in EXACT else None


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def apart(metric, ours, ncu):
    if metric == WARPS:
        return f"{ours - ncu:+.2f} points"
    if metric in EXACT or ncu == 0:
        return number(ours - ncu)
    return f"{100 * (ours / ncu - 1):+.1f} %"


def overview(kernels):
    """One line a kernel: (its label, our Kernel, ncu's)."""
    shown = ((TIME, "duration, us", 1e-3), (BYTES[0], "DRAM read, MB", 1e-6), (BYTES[1], "DRAM written, MB", 1e-6),
             (WARPS, "warps active, %", 1))
    lines = ["| kernel | " + " | ".join(title for _, title, _ in shown) + " | launch, occupancy limits |",
             "|---" * (len(shown) + 2) + "|"]
    for label, left, right in kernels:
        cells = []
        for metric, _, scale in shown:
            a, b = left.value(metric), right.value(metric)
            known = a is not None and b is not None
            off = known and verdict(metric, a, b) is False
            cells.append(f"{a * scale:.4g} / {b * scale:.4g}{' **no**' if off else ''}" if known else "")
        differ = [m for m in EXACT if None not in (left.value(m), right.value(m))
                  and not verdict(m, left.value(m), right.value(m))]
        short = label if len(label) <= 60 else label[:36] + "… " + " ".join(label.split()[-3:])
        lines.append(f"| {short} | " + " | ".join(cells) + f" | {'**' + ', '.join(differ) + '**' if differ else 'equal'} |")
    return lines


def compare(ours, ncu):
    """(lines of Markdown, summary, whether all agree)"""
    pairs, only_ours, only_ncu = match(ours, ncu)
    rows, unread, compared, outside = [], [], 0, 0
    keys = [key for key, *_ in pairs] + only_ours + only_ncu

    def label(key):
        alike = {k[1] for k in keys if (k[0], k[2]) == (key[0], key[2])}
        return f"{key[1] if len(alike) > 1 else key[0]} {key[2]}".replace("|", "\\|")

    for key, left, right, shape in pairs:
        lines = []
        if shape != key[2]:
            lines.append(("shape", key[2], shape, "", False))
        for metric in [*JUDGED, *sorted(set(left.sums) & set(right.sums) - set(JUDGED))]:
            a, b = left.value(metric), right.value(metric)
            if a is None or b is None:
                side, why = ((left, "rnnbench did not read it") if a is None else
                             (right, "Nsight Compute was not asked for it"))
                unread.append(f"- {label(key)}: {metric}: {side.why.get(metric, why)}")
                continue
            unit = " (ns)" if metric == TIME else " (bytes)" if metric in BYTES else ""
            lines.append((metric + unit, number(a), number(b), apart(metric, a, b), verdict(metric, a, b)))
        for quantity, a, b, difference, good in lines:
            compared += good is not None
            outside += good is False
            word = {None: "", True: "yes", False: "**no**"}[good]
            rows.append(f"| {label(key)} | {left.launches} / {right.launches} | {quantity} | {a} | {b} | "
                        f"{difference} | {word} |")
    text = [*overview([(label(key), left, right) for key, left, right, _ in pairs]), "",
            "| kernel | launches | quantity | ours | ncu | difference | within |", "|---" * 7 + "|", *rows]
    for title, only in (("Only in rnnbench's (ncu was limited by --launches or a filter?):", only_ours),
                        ("Only in Nsight Compute's (a call that rnnbench has no counters of?):", only_ncu)):
        if only:
            text += ["", title, "", *(f"- {label(key)}" for key in only)]
    if unread:
        text += ["", "Not compared:", "", *unread]
    summary = f"{len(pairs)} kernels, {compared} quantities compared, {outside} outside"
    return text, summary, compared > 0 and outside == 0


# Running.

def run(command):
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise Bad(f"{command[0]}: {error.strerror}: build it (CONTRIBUTING.md), or set RNNBENCH") from error


def run_ours(folder, arguments):
    # What decides about the counters can be chosen; times are not looked at.
    extra = [word for option, value in (("--metrics", "default"), ("--min-time", "0.05"))
             if not any(a.split("=")[0] == option for a in arguments) for word in (option, value)]
    path = folder / "rnnbench" / "metrics.json"
    code = run([os.environ.get("RNNBENCH", str(TOP / "build/rnnbench")), *arguments, *extra, "--out",
                str(path.parent)])
    if code not in (0, 1):  # 1: some case is wrong, and the others have counters
        raise Bad(f"rnnbench ended with {code}, as it says above: mend that, or name a metrics.json by --ours")
    if not path.exists():
        raise Bad(f"{path}: rnnbench wrote none: no case passed, or --metrics none or a --format without json "
                  "was given")
    return path


def run_ncu(folder, arguments, ours, launches, replay):
    # What rnnbench could not read may be unknown to ncu too, and one unknown name ends its run.
    read = {name for kernel in ours.values() for name in kernel.sums
            if not name.startswith(("launch__", "rnnbench__"))}
    path = folder / "ncu.csv"
    path.unlink(missing_ok=True)  # an old one would pass for this run's
    # Into a file of its own: the program prints too. Kernel replay, which is ncu's own default, saves
    # and restores memory around every pass: that leaves the L2 as no call of the program does, and
    # DRAM bytes come out wrong by factors. Replaying the application, each kernel finds the caches
    # as the kernels before it left them.
    # Each of its passes is a run of the program, so it is asked for what is judged alone.
    shown = sorted(read - set(ASKED)) if replay == "kernel" else []
    code = run([str(TOP / "scripts/ncu.sh"), "--csv", "--page", "raw", "--print-units", "base",
                "--replay-mode", replay, "--log-file", str(path), "--launch-count", str(launches),
                "--metrics", ",".join([*ASKED, *shown]), "--", *arguments])
    if not path.exists():
        raise Bad(f"scripts/ncu.sh ended with {code} and wrote no {path}: see above, or name a file by --ncu")
    if code != 0:
        print(f"compare_ncu.py: scripts/ncu.sh ended with {code}: {path} may be incomplete",
              file=sys.stderr)
    return path


def fail(message):
    print(f"compare_ncu.py: {message}", file=sys.stderr)
    sys.exit(2)


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found '{text}'")
    return int(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.error = fail
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="FOLDER", help="for all files")
    parser.add_argument("--ours", type=pathlib.Path, metavar="FILE",
                        help="a metrics.json: rnnbench is not run")
    parser.add_argument("--ncu", type=pathlib.Path, metavar="FILE",
                        help="output of ncu --csv --page raw: ncu is not run")
    parser.add_argument("--launches", type=positive, default=40, metavar="N",
                        help="kernel launches that ncu profiles (40)")
    parser.add_argument("--replay", choices=("application", "kernel"), default="application",
                        help="what ncu repeats for each pass: the whole program, with the caches of a "
                        "real call (application, the default), or each kernel, which is quicker")
    options, arguments = parser.parse_known_args()
    arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
    if options.ours and options.ncu and arguments:
        fail(f"{' '.join(arguments)}: nothing is run where both --ours and --ncu are given: leave these out")
    if not (options.ours and options.ncu) and not arguments:
        fail("no arguments for rnnbench: name a --scenario or sizes, or give both --ours and --ncu")
    ncu_program = os.environ.get("NCU", "ncu")
    if not options.ncu and not shutil.which(ncu_program):
        fail(f"{ncu_program} is missing: it comes with the CUDA Toolkit (nsight-compute); or set NCU, or name its "
             "output by --ncu")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        ours, cases = read_ours(options.ours or run_ours(options.out, arguments))
        ncu = read_ncu(options.ncu or run_ncu(options.out, arguments, ours, options.launches,
                                                   options.replay))
        table, summary, good = compare(ours, ncu)
        text = "\n".join(["# Counters of rnnbench and of Nsight Compute", "", "Cases: " + ", ".join(cases), "",
                          RULES, "", *table, "", summary, ""])
        (options.out / "compare.md").write_text(text)
    except Bad as error:
        fail(error)
    except OSError as error:
        fail(f"--out {options.out}: {error.strerror}: choose another folder")
    print(text, end="")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
