#!/usr/bin/env python3
"""PyTorch's torch.nn.RNN, GRU and LSTM on the CPU as an implementation beside rnnbench's own.

    rnnbench --scenario cpu_headline --device cpu --external torch='python3 examples/torch_rnn.py'

Speaks docs/worker-protocol.md. The modules are called as a user would call them for inference: eager,
in torch.inference_mode(), with as many threads as rnnbench --threads says (0: all cores).
"""
import argparse
import json
import mmap
import os
import re
import sys
import time

# As rnnbench does for its own workers: threads that wait give way after microseconds, not after
# milliseconds in which they hold up their own team, and OpenBLAS's all of the next turn.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")

try:
    import torch
except ImportError as error:
    sys.exit(f"torch_rnn.py: no PyTorch for {sys.executable} ({error}): install it (Debian: "
             "python3-torch, for /usr/bin/python3) or name another Python in --external")

IMPL = "cpu:torch"
CELLS = {"rnn_tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}),
         "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
         "gru": (torch.nn.GRU, {}), "lstm": (torch.nn.LSTM, {})}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class Problem:
    """What an id such as gru-bi_b10_t512_i128_h256_l6_f32_btc_head10-last says."""

    def __init__(self, text):
        found = re.fullmatch(r"(rnn_tanh|rnn_relu|gru|lstm)(-bi)?_b(\d+)_t(\d+)_i(\d+)_h(\d+)"
                             r"_l(\d+)_([a-z0-9]+)((?:_[^_]+)*)", text)
        if not found:
            raise ValueError(f"problem {text} is not understood")
        self.cell, self.bidirectional = found[1], found[2] is not None
        self.batch, self.seq, self.input, self.hidden, self.layers = map(int, found.groups()[2:7])
        self.dtype, words = found[8], found[9].split("_")[1:]
        self.batch_first, self.bias = "btc" in words, "nobias" not in words
        self.stateful = "stateful" in words
        self.head, self.head_last = 0, False
        for word in words:
            if head := re.fullmatch(r"head(\d+)-(every|last)", word):
                self.head, self.head_last = int(head[1]), head[2] == "last"

    def why_not(self):
        if self.dtype not in DTYPES:
            return f"dtype {self.dtype}: PyTorch's CPU modules are run in f32 and bf16"
        return None


def mapped(place):
    """A tensor of the protocol, in the shared memory itself: f32."""
    with open(place["path"], "r+b") as file:
        memory = mmap.mmap(file.fileno(), place["map_bytes"])
    flat = torch.frombuffer(memory, dtype=torch.float32, count=place["bytes"] // 4,
                            offset=place["offset"])
    return flat.reshape(place["shape"])


class Case:
    def __init__(self, request):
        self.problem = Problem(request["problem"])
        self.weights = {place["name"]: mapped(place) for place in request["weights"]}
        self.sets = [{place["name"]: mapped(place) for place in one} for one in request["sets"]]
        self.state = None  # of a stateful problem
        self.outputs = {}

    def make(self):
        p, dtype = self.problem, DTYPES[self.problem.dtype]
        module, more = CELLS[p.cell]
        self.layer = module(p.input, p.hidden, p.layers, bias=p.bias, batch_first=p.batch_first,
                            bidirectional=p.bidirectional, **more).to(dtype).eval()
        head = {name[5:]: value for name, value in self.weights.items() if name.startswith("head.")}
        self.layer.load_state_dict({name: value for name, value in self.weights.items()
                                    if not name.startswith("head.")})
        self.head = None
        if p.head:
            self.head = torch.nn.Linear(p.hidden * (2 if p.bidirectional else 1), p.head)
            self.head.load_state_dict(head)
            self.head = self.head.to(dtype).eval()
        self.inputs = {name: value.to(dtype, copy=True) for name, value in self.sets[0].items()}

    def forward(self, chosen, reset=False):
        """One call on an input set, copied into place before the clock starts; its seconds."""
        for name, value in self.sets[chosen].items():
            self.inputs[name].copy_(value)
        if reset or not self.problem.stateful:
            self.state = None
        self.outputs = {}
        x, state = self.inputs["x"], self.state
        if state is None:
            state = self.inputs["h_0"]
            if self.problem.cell == "lstm":
                state = (state, self.inputs["c_0"])
        y = None
        start = time.perf_counter()
        output, state = self.layer(x, state)
        if self.head is not None:
            last = output[:, -1] if self.problem.batch_first else output[-1]
            y = self.head(last if self.problem.head_last else output)
        took = time.perf_counter() - start
        h_n, c_n = state if self.problem.cell == "lstm" else (state, None)
        self.state = state if self.problem.stateful else None
        self.outputs = {"output": output, "h_n": h_n, "c_n": c_n, "y": y}
        return took

    def changed_input(self, chosen):
        for name, value in self.sets[chosen].items():
            if not torch.equal(self.inputs[name].float(), value):
                return f"{name} was changed"
        return None

    def fetch(self, places):
        for place in places:
            mapped(place).copy_(self.outputs[place["name"]])


cases = {}


def make(request):
    if request.get("graph"):
        raise NotImplementedError("eager modules: there is no graph of them")
    if request.get("cache", "hot") != "hot":
        raise NotImplementedError("this worker has no cold caches: --cache hot")
    start = time.perf_counter()
    cases[request["case"]].make()
    took = time.perf_counter() - start
    n = torch.get_num_threads()
    return {"setup_s": took, "instances": 1,
            "note": f"torch {torch.__version__}, {n} thread" + ("s" if n > 1 else "")}


def time_calls(request):
    case, sets = cases[request["case"]], request["sets"]
    calls = request["discard"] + request["samples"]
    took = [case.forward(sets[k % len(sets)]) for k in range(calls)][request["discard"]:]
    return {"device_s": took, "wall_s": took, "last_set": sets[(calls - 1) % len(sets)],
            "violation": None}


def open_device(request, threads):
    if request["device"] != "cpu":
        raise ValueError("this worker runs PyTorch's CPU modules")
    torch.set_num_threads(threads or request.get("threads") or len(os.sched_getaffinity(0)))
    return {}


def answer(request, threads):
    op, case = request["op"], cases.get(request.get("case"))
    if op == "describe":
        return {"protocol": 1, "devices": [], "no_device": {}, "impls": [
            {"name": IMPL, "summary": "torch.nn modules, eager, in inference mode", "peer": True,
             "deterministic": True}]}
    if op == "supports":
        return {"reasons": {IMPL: [Problem(text).why_not() for text in request["problems"]]}}
    if op == "open":
        return open_device(request, threads)
    if op == "load":
        cases[request["case"]] = Case(request)
        return {}
    if op == "make":
        return make(request)
    if op == "run":
        took = case.forward(request["set"], request["reset"])
        case.fetch(request["fetch"])
        return {"wall_s": took, "violation": case.changed_input(request["set"])}
    if op == "time":
        return time_calls(request)
    if op == "fetch":
        case.fetch(request["fetch"])
        return {}
    if op == "profile":
        case.forward(0)
        return {}
    if op == "drop":
        cases.pop(request["case"], None)
        return {}
    if op == "state":
        return {"state": [["torch", torch.__version__]]}
    raise ValueError(f"operation {op} is not known")


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--threads", type=int, default=0,
                       help="instead of those that rnnbench asks for")
    threads = flags.parse_args().threads
    with torch.inference_mode():
        for line in sys.stdin:
            request = json.loads(line)
            if request["op"] == "quit":
                break
            try:
                reply = {"ok": True, **answer(request, threads)}
            except NotImplementedError as error:
                reply = {"ok": False, "kind": "unsupported", "error": str(error)}
            except Exception as error:  # whatever went wrong is the answer
                reply = {"ok": False, "kind": "error", "error": str(error).replace("\n", " ")}
            print(json.dumps(reply), flush=True)


main()
