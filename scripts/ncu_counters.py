"""Counters of kernels as two files have them: rnnbench's metrics.json, and Nsight Compute's --csv --page raw."""
import csv
import json
import re

TIME = "gpu__time_duration.sum"
BYTES = ("dram__bytes_read.sum", "dram__bytes_write.sum")


class Bad(Exception):
    """Input that cannot be compared: the place and the mend, in one line."""


class Kernel:
    """All launches of one kernel in one shape, their values averaged."""

    def __init__(self):
        self.launches, self.sums, self.why = 0, {}, {}

    def add(self, name, value, weight):
        total = self.sums.setdefault(name, [0.0, 0.0])
        total[0] += value * weight
        total[1] += weight

    def merge(self, other):
        self.launches += other.launches
        self.why.update(other.why)
        for name, (total, weight) in other.sums.items():
            self.add(name, total / weight, weight)
        return self

    def value(self, name):
        total, weight = self.sums.get(name, (0, 0))
        return total / weight if weight else None


# Names and shapes.

ANONYMOUS = re.compile(r"\(anonymous namespace\)|<unnamed>|\{anonymous\}|_GLOBAL__N__\w+")


def names_of(text):
    """("fused_step", "fused_step<OneGate,72,0>") of any form of a kernel's name: the bare one, and the one
    with template arguments as far as demanglers agree on them."""
    text = re.sub(r"\s*\[clone [^\]]*\]", "", ANONYMOUS.sub("anonymous", text)).strip()
    open_, spaces, outside = [], [], ""
    for k, c in enumerate(text):
        if c == "(" and not open_ and outside:  # its parameters
            text = text[:k].rstrip()
            break
        if not open_:
            if c == " ":
                spaces.append(k)
            if c not in "<(":
                outside += c
        if c == "(" or (c == "<" and "(" not in open_):
            open_.append(c)
        elif open_ and (c, open_[-1]) in ((")", "("), (">", "<")):
            open_.pop()
    begin = max((k + 1 for k in spaces if k < len(text)), default=0)  # after a return type
    bare = (outside.split() or [text])[-1].split("::")[-1]
    full = re.sub(r"\b\w+::", "", text[begin:])
    full = re.sub(r"\([\w :*&]+\)(?=-?\d|true|false)", "", full)  # (int)72, (bool)1
    full = re.sub(r"\btrue\b", "1", re.sub(r"\bfalse\b", "0", full))
    return bare, re.sub(r"\s", "", re.sub(r"\b(\d+)[uUlL]+\b", r"\1", full))


def shape_text(grid, block):
    return f"{'x'.join(map(str, grid))} of {'x'.join(map(str, block))}"


# Reading.

def read_ours(path):
    """({(bare name, full name, shape): Kernel}, names of the cases) of the eager cases in a metrics.json."""
    try:
        content = json.loads(path.read_text())
        if "schema_version" not in content:
            raise Bad(f"{path}: not rnnbench's metrics.json: name the one beside results.json")
        if content.get("schema_version") != 1:
            raise Bad(f"{path}: schema_version {content.get('schema_version')}, and this script reads 1: "
                      "use the script of the revision that wrote it")
        cases = {name: case for name, case in content["cases"].items() if case["mode"] == "eager"}
        kernels = {}
        for name, case in cases.items():
            for key, entry in case["kernels"].items():
                add_ours(kernels, f"{path}: {name}", key, entry, case["why"])
    except OSError as error:
        raise Bad(f"{path}: {error.strerror}: name the metrics.json of a run with --metrics default") from error
    except json.JSONDecodeError as error:
        raise Bad(f"{path}: line {error.lineno}: no JSON ({error.msg}): was the run interrupted? Run it "
                  "again") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Bad(f"{path}: not rnnbench's metrics.json ({type(error).__name__}: {error}): name the one "
                  "beside results.json") from error
    if not kernels:
        why = next((case["why"]["kernels"] for case in cases.values() if "kernels" in case["why"]),
                   "run cuda: implementations, not as graphs alone")
        raise Bad(f"{path}: no eager case has kernels: {why}")
    return kernels, list(cases)


def add_ours(kernels, place, key, entry, why):
    shape = entry["shape"]
    found = re.match(r"(\d+)x(\d+)x(\d+) blocks of (\d+)x(\d+)x(\d+)", shape)
    if not found:
        raise Bad(f"{place}: kernel '{key}': shape '{shape}' is not 'XxYxZ blocks of XxYxZ': was the file "
                  "edited?")
    sizes = found.groups()
    # Later shapes of one kernel have theirs in the key.
    name = re.sub(r" #\d+$", "", key).removesuffix(" " + shape)
    kernel = kernels.setdefault((*names_of(name), shape_text(sizes[:3], sizes[3:])), Kernel())
    kernel.launches += entry["launches"]
    for metric, value in entry.items():
        if metric in ("shape", "launches", "sampled", "why"):
            continue
        if value is None:
            kernel.why[metric] = entry.get("why", {}).get(metric, why.get(metric, "no value"))
        else:
            kernel.add(metric, float(value), entry["launches"])


UNIT = re.compile(r"([num\u00b5\u03bcKMGT]?)(second|s|byte|inst)")
PREFIX = {"": 1, "n": 1e-9, "u": 1e-6, "\u00b5": 1e-6, "\u03bc": 1e-6, "m": 1e-3,
          "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def factor(unit):
    """To ns, bytes or instructions; none for other units."""
    found = UNIT.fullmatch(unit)
    if not found:
        return None
    return PREFIX[found[1]] * (1e9 if found[2] in ("s", "second") else 1)


def read_ncu(path):
    """{(bare name, full name, shape): Kernel} of ncu --csv --page raw."""
    try:
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines(keepends=True)
    except OSError as error:
        raise Bad(f"{path}: {error.strerror}: name the output of ncu --csv --page raw") from error
    start = next((k for k, line in enumerate(lines) if line.startswith('"ID",')), None)
    if start is None:
        said = next((": " + line.strip() for line in lines if line.startswith("==ERROR==")), "")
        raise Bad(f"{path}: no header row ('\"ID\",...'){said}: ncu profiled no kernel, or not with --csv "
                  "--page raw")
    # A reader, not lines: NVTX ranges may break a row in two.
    reader = csv.reader(lines[start:])
    header, units, kernels, ended = next(reader), None, {}, 1
    for column in ("Kernel Name", "Block Size", "Grid Size"):
        if column not in header:
            raise Bad(f"{path}: line {start + 1}: no column '{column}': it needs a newer ncu")
    try:
        for row in reader:
            place, ended = f"{path}: line {start + ended + 1}", reader.line_num
            if units is None and row and row[0] == "" and len(row) == len(header):
                units = dict(zip(header, row))
            elif row and row[0].isdigit():  # others are ncu's messages and the program's output
                if units is None:
                    raise Bad(f"{place}: no row of units after the header: run ncu with --page raw")
                if len(row) != len(header):
                    raise Bad(f"{place}: {len(row)} cells under {len(header)} columns: the file is cut off or "
                              "edited; run ncu again")
                add_ncu(kernels, place, dict(zip(header, row)), units)
    except csv.Error as error:
        raise Bad(f"{path}: line {start + reader.line_num}: no CSV ({error}): run ncu again") from error
    if not kernels:
        raise Bad(f"{path}: line {start + 1}: a header and no kernel after it: was ncu's run ended early?")
    return kernels


def add_ncu(kernels, place, row, units):
    sizes = [re.findall(r"\d+", row[column]) for column in ("Grid Size", "Block Size")]
    if [len(size) for size in sizes] != [3, 3]:
        raise Bad(f"{place}: grid '{row['Grid Size']}', block '{row['Block Size']}': expected (X, Y, Z); run "
                  "ncu again")
    kernel = kernels.setdefault((*names_of(row["Kernel Name"]), shape_text(*sizes)), Kernel())
    kernel.launches += 1
    for metric, text in row.items():
        if "__" not in metric:
            continue
        try:
            value = float(text.replace(",", ""))
        except ValueError:
            value = float("nan")
        if value - value != 0:  # "n/a", nan, inf
            kernel.why[metric] = f"Nsight Compute has '{text}'"
            continue
        scale = factor(units[metric])
        if scale is None and metric in (TIME, *BYTES):
            raise Bad(f"{place}: {metric} in unit '{units[metric]}', which is not known here: run ncu "
                      "with --print-units base")
        kernel.add(metric, value * (scale or 1), 1)
