#!/usr/bin/env python3
"""A worker in another language: docs/worker-protocol.md spoken by plain Python, no packages.

It computes a one-layer, one-direction rnn_tanh and says so of everything else.
"""
import json
import math
import mmap
import re
import struct
import sys
import time

cases = {}


def parse(problem):
    """The sizes of an id such as rnn_tanh_b1_t3_i4_h4_l1_f32; None for what is not ours."""
    found = re.fullmatch(r"rnn_tanh_b(\d+)_t(\d+)_i(\d+)_h(\d+)_l1_f32", problem)
    return tuple(map(int, found.groups())) if found else None


def tensor(place):
    with open(place["path"], "r+b") as file:
        memory = mmap.mmap(file.fileno(), place["map_bytes"])
    return memory, place["offset"], place["bytes"] // 4


def read(place):
    memory, offset, count = tensor(place)
    return struct.unpack_from(f"<{count}f", memory, offset)


def write(place, values):
    memory, offset, count = tensor(place)
    struct.pack_into(f"<{count}f", memory, offset, *values)


def forward(case, inputs):
    """x: [T, B, I], h_0: [1, B, H] -> output: [T, B, H], h_n: [1, B, H]."""
    batch, steps, features, hidden = case["sizes"]
    w = case["weights"]
    x, h, output = inputs["x"], list(inputs["h_0"]), []
    for t in range(steps):
        before = h
        h = []
        for b in range(batch):
            for u in range(hidden):
                total = w["bias_ih_l0"][u] + w["bias_hh_l0"][u]
                for k in range(features):
                    total += w["weight_ih_l0"][u * features + k] * x[(t * batch + b) * features + k]
                for k in range(hidden):
                    total += w["weight_hh_l0"][u * hidden + k] * before[b * hidden + k]
                h.append(math.tanh(total))
        output += h
    return {"output": output, "h_n": h}


def call(case, chosen):
    start = time.perf_counter()
    case["outputs"] = forward(case, case["sets"][chosen])
    return time.perf_counter() - start


def answer(request):
    op = request["op"]
    if op == "describe":
        return {"protocol": 1, "devices": [], "no_device": {},
                "impls": [{"name": "cpu:python", "summary": "plain Python", "peer": False,
                           "deterministic": True}]}
    if op == "supports":
        reasons = [None if parse(p) else "only rnn_tanh, one layer, all outputs, no options"
                   for p in request["problems"]]
        return {"reasons": {"cpu:python": reasons}}
    if op == "load":
        cases[request["case"]] = {
            "sizes": parse(request["problem"]),
            "weights": {p["name"]: read(p) for p in request["weights"]},
            "sets": [{p["name"]: read(p) for p in s} for s in request["sets"]]}
        return {}
    if op == "make":
        return {"setup_s": 0.0, "note": "", "instances": 1}
    if op == "run":
        case = cases[request["case"]]
        took = call(case, request["set"])
        for place in request["fetch"]:
            write(place, case["outputs"][place["name"]])
        return {"wall_s": took, "violation": None}
    if op == "time":
        case, sets = cases[request["case"]], request["sets"]
        calls = request["discard"] + request["samples"]
        took = [call(case, sets[k % len(sets)]) for k in range(calls)][request["discard"]:]
        return {"device_s": took, "wall_s": took, "last_set": sets[(calls - 1) % len(sets)],
                "violation": None}
    if op == "fetch":
        for place in request["fetch"]:
            write(place, cases[request["case"]]["outputs"][place["name"]])
        return {}
    if op == "profile":
        call(cases[request["case"]], 0)
        return {}
    if op == "metrics":  # numbers of a kind that nobody measured: this worker shows the words
        call(cases[request["case"]], 0)
        known = {"instructions": 1000.0, "task-clock": 2e6}
        return {"profile": {
            "region": {name: known.get(name, {"why": "plain Python does not count it"})
                       for name in request["metrics"]},
            "kernels": [{"name": "step", "shape": "4x1x1 blocks of 64x1x1", "launches": 3,
                         "sampled": 1, "metrics": {"gpu__time_duration.sum": 1500.0}}],
            "timeline": {"interval_s": 1e-5, "forwards": 2, "series": {"cycles": [1.0, 2.0]}},
            "warnings": ["made up"], "spent_s": 0.01}}
    if op == "drop":
        cases.pop(request["case"], None)
        return {}
    if op == "state":
        return {"state": []}
    if op == "open":
        return {}
    raise ValueError(f"operation {op} is not known")


for line in sys.stdin:
    asked = json.loads(line)
    if asked["op"] == "quit":
        break
    try:
        reply = {"ok": True, **answer(asked)}
    except Exception as error:  # whatever went wrong is the answer
        reply = {"ok": False, "kind": "error", "error": str(error)}
    print(json.dumps(reply), flush=True)
