"""Checks the float64 reference against torch.nn's RNN, GRU, LSTM and Linear.

usage: check_with_torch.py WRITE_CASES COUNT

WRITE_CASES is the program that writes COUNT random problems with their reference outputs into a
folder. Exits with 77, the code for a skipped test, where PyTorch cannot be imported.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-12  # of max(1, |expected|)

try:
    import numpy
    import torch
except ImportError as error:
    print(f"skipped: {sys.executable} cannot import PyTorch ({error});"
          " Debian and Ubuntu have it in the package python3-torch")
    sys.exit(SKIPPED)


def make_module(case):
    """The torch module of a case, in float64."""
    options = dict(num_layers=case["layers"], bias=case["bias"], batch_first=case["batch_first"],
                   bidirectional=case["directions"] == 2)
    cell = case["cell"]
    if cell.startswith("rnn_"):
        module = torch.nn.RNN(case["input"], case["hidden"], nonlinearity=cell[4:], **options)
    else:
        kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
        module = kind(case["input"], case["hidden"], **options)
    return module.double()


def run(case, tensors):
    """All outputs of a case as torch computes them, by name."""
    module = make_module(case)
    module.load_state_dict({name: tensor for name, tensor in tensors.items()
                            if name.startswith(("weight_", "bias_"))})  # strict: all, and no more
    state = tensors["h_0"]
    if case["cell"] == "lstm":
        state = (state, tensors["c_0"])
    output, state = module(tensors["x"], state)
    outputs = {"output": output}
    outputs["h_n"], *rest = state if case["cell"] == "lstm" else (state,)
    if rest:
        outputs["c_n"], = rest
    if case["head_at"] != "none":
        head = torch.nn.Linear(case["directions"] * case["hidden"], case["head"]).double()
        head.load_state_dict({"weight": tensors["head.weight"], "bias": tensors["head.bias"]})
        last = output[:, -1] if case["batch_first"] else output[-1]
        outputs["y"] = head(last if case["head_at"] == "last" else output)
    return outputs


def check(case, values):
    """The largest error of a case, and a line for each output that disagrees."""
    def load(entry):
        count = int(numpy.prod(entry["shape"]))
        part = values[entry["first"]:entry["first"] + count]
        return torch.from_numpy(numpy.array(part).reshape(entry["shape"]))

    with torch.no_grad():
        expected = run(case, {entry["name"]: load(entry) for entry in case["inputs"]})
    found = {entry["name"]: load(entry) for entry in case["outputs"]}
    if set(found) != set(expected):
        return float("inf"), [f"{case['id']}: has {sorted(found)}, expected {sorted(expected)}"]
    worst, wrong = 0.0, []
    for name, want in expected.items():
        got = found[name]
        if got.shape != want.shape:
            return float("inf"), [f"{case['id']}: {name} is {got.shape}, expected {want.shape}"]
        error = ((got - want).abs() / want.abs().clamp(min=1)).max().item()
        worst = max(worst, error)
        if not error <= TOLERANCE:  # a NaN is wrong too
            wrong.append(f"{case['id']}: {name} is off by {error:.3g}")
    return worst, wrong


def coverage(cases):
    """A line for each value of an option that no case has."""
    seen = collections.Counter((key, case[key]) for case in cases for key in case
                               if key not in ("id", "inputs", "outputs"))
    wanted = {"cell": ["rnn_tanh", "rnn_relu", "gru", "lstm"], "layers": [1, 2, 3],
              "directions": [1, 2], "bias": [True, False], "batch_first": [True, False],
              "head_at": ["none", "every", "last"]}
    wanted |= {key: [1, 7, 33, 257] for key in ("batch", "seq", "input", "hidden", "head")}
    return [f"no case with {key} {value}" for key, all_of in wanted.items() for value in all_of
            if not seen[key, value]]


def main(write_cases, count):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([write_cases, folder, count], check=True)
        cases = json.loads(pathlib.Path(folder, "cases.json").read_text())
        values = numpy.memmap(pathlib.Path(folder, "cases.bin"), dtype="<f8", mode="r")
        results = [check(case, values) for case in cases]
    wrong = coverage(cases) + [line for _, lines in results for line in lines]
    print(f"{len(cases)} problems against PyTorch {torch.__version__}: largest error"
          f" {max(error for error, _ in results):.3g}, {TOLERANCE:g} allowed", *wrong, sep="\n")
    return 1 if wrong or len(cases) != int(count) else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
