#!/usr/bin/python3
"""Records the lesson's experiments for pages without a server in lab mode: runs them and writes results/*.json.

    tests/bench/lab_record.py build/release/native_server/beralih models/bundles/resnet34 [--out FOLDER]

Each experiment is the one that the page runs live (serve --lab); the files follow recorded.schema.json
(beralih.recorded/1, web/README.md), or are not written.
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import sys
import tempfile
import time

import provenance

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from server_process import Server  # noqa: E402  (the tests' helper)

POLICIES = {"at-start": "--load at-start", "per-request": "--load per-request", "first-request": "--load first-request"}


def run(server, experiment):
    answer = server.request("POST", "/api/lab/runs", json.dumps(experiment).encode(), Content_Type="application/json")
    if answer.status != 202:
        raise SystemExit(f"the server refused: {answer.body.decode()}")
    address = f"/api/lab/runs/{answer.json()['id']}"
    while True:
        time.sleep(0.5)
        found = server.request("GET", address).json()
        if found["state"] == "done":
            return found["events"]
        if found["state"] != "running":
            raise SystemExit(f"{experiment}: {found['state']} {found.get('error', '')}")


def percentiles(values):
    values = sorted(values)
    rank = lambda share: values[max(0, math.ceil(share * len(values)) - 1)]  # noqa: E731
    return {"p50": rank(0.5), "p90": rank(0.9), "p99": rank(0.99), "max": values[-1]}


def of_type(events, name):
    return [event for event in events if event["type"] == name]


def latencies(events, phase):
    return [done - due for event in of_type(events, "samples") if event["phase"] == phase
            for due, done, status in zip(event["due"], event["done"], event["status"]) if status == 200]


def series_of(server):
    events = run(server, {"experiment": "when-to-load", "requests": 20})
    yield "when-to-load", [
        {"id": policy, "name": name, "requests": 20,
         "latency_ms": percentiles([one["ms"] for one in of_type(events, "request") if one["policy"] == policy])}
        for policy, name in POLICIES.items()]
    series = []
    for fault, name in (("kill", "kill -9"), ("stall", "SIGSTOP, SIGCONT")):
        events = run(server, {"experiment": "failure", "fault": fault, "seconds": 10})
        (result,), recovered = of_type(events, "result"), of_type(events, "recovered")
        one = {"id": fault, "name": name, "requests": result["requests"], "refused": result["turned_away"], "lost": result["lost"],
               "latency_ms": percentiles(latencies(events, "load"))}
        if recovered:
            one["recovery_ms"] = recovered[0]["answered_ms"]
        series.append(one)
    yield "failure", series
    events = run(server, {"experiment": "challenge", "target": "server", "rate": 50, "seconds": 20})
    (result,), (found,) = of_type(events, "result"), of_type(events, "found")
    series = [{"id": "fifty", "name": "50/s", "requests": result["requests"], "refused": result["refused"], "lost": result["failed"],
               "latency_ms": percentiles(latencies(events, "hold"))}]
    if found["rate"]:
        step = [one["rate"] for one in of_type(events, "step")].index(found["rate"]) + 1
        found_ms = latencies(events, f"search-{step}")
        series.insert(0, {"id": "found", "name": f"{found['rate']:g}/s", "requests": len(found_ms), "latency_ms": percentiles(found_ms)})
    yield "challenge", series


def about(facts, binary, cpu, cores, load_average):
    """What a record says of the machine and the program; `engine`: what the server that was asked really ran."""
    return {"schema": "beralih.recorded/1", "machine": f"{cpu}, {cores} cores, {facts['threads']} threads, {facts['engine']} {facts['dtype']}",
            "cores": cores, "load_average": load_average,
            "engine": {"variant": facts["engine"], "dtype": facts["dtype"], "threads": facts["threads"]},
            "program": provenance.program(binary),
            "versions": {"beralih": facts["version"], "libtorch": facts["libtorch"], "kernel": platform.release()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("serve", nargs="*", help="further options of serve, behind --")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cores, load_average = len(os.sched_getaffinity(0)), os.getloadavg()[0]  # before anything of this runs
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)
    with tempfile.TemporaryDirectory() as folder, Server(str(options.binary), options.bundle, "--quiet", "--lab", *options.serve,
                                                         log=pathlib.Path(folder) / "log") as server:
        server.wait_until_ready()
        facts = server.request("GET", "/api/artifacts").json()["server"]
        said = about(facts, options.binary, cpu, cores, load_average)
        for experiment, series in series_of(server):
            result = {**said, "experiment": experiment, "series": series,
                      "recorded_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
            provenance.validate(result, HERE / "recorded.schema.json")
            path = options.out / f"{experiment}.json"
            path.write_text(json.dumps(result, indent=2) + "\n")
            print(f"{path}: " + "; ".join(f"{one['name']} p50 {one['latency_ms']['p50']:.1f} p99 {one['latency_ms']['p99']:.1f} ms" for one in series))


if __name__ == "__main__":
    main()
