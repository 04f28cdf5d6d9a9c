#!/usr/bin/python3
"""The native server beside the services that one would pick instead: same bundle, same picture, same core.

    tests/bench/service_bench.py build/release/native_server/beralih models/bundles/resnet34 [--quick]

Each peer is started in turn, on the first cores; the load generator has the last one. Rounds alternate between the
peers, so that all see the same machine. Writes results/services.json, services.md and two SVG plots beside this file,
or into --out (--quick: into a temporary folder; short rounds are for trying, not for publishing). A full run that writes
results/ also renews the table in README.md. Prints how long it will take, and every limit; a full run in which one is missed, or was not
measured, ends with exit status 1. What was measured is kept part by part (services.part.json): after a failure, --resume goes on.
"""
import argparse
import datetime
import hashlib
import importlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import bench_progress
import provenance
import server_bench
import service_limits
import service_plots
import service_rows
from service_peers import (HERE, IMAGE, NODE_PEER, PEERS, Peer, check_answer, closed_loop, expected_answer, load, load_row, p99_bound_ms,
                           percentile_ms, what_ran)

SCHEMA, REVISION = "beralih.services/1", service_limits.REVISION
ROUNDS = 2
FIRST_LOADS = {"0.5 x capacity": 0.5, "0.9 x capacity": 0.9, "1.2 x capacity": 1.2}  # and 10/s; in the first round
OWN, AT_OPPONENTS = service_limits.AT_OWN, service_limits.AT_OPPONENTS  # in the second one
SECTIONS = ("peers", "inputs", "second_model", "null")
NAIVE = "uvicorn naive"


def seconds_of_load(name, at, rate, options):
    """The judged ones until the 99th percentile has its samples; Poisson's arrivals vary by some per cent."""
    if at in (OWN, AT_OPPONENTS) and name in service_limits.JUDGED_AT_A_RATE:
        return max(options.seconds, 1.1 * options.samples / rate)
    return options.seconds if at == "10/s" else options.short_seconds


def seconds_of_eight(name, capacity, options):
    return max(options.seconds, 1.1 * options.samples / ROUNDS / capacity) if name in service_limits.JUDGED_WITH_EIGHT else options.seconds


def first_loads(capacity):
    return {"10/s": 10, **{at: fraction * capacity for at, fraction in FIRST_LOADS.items()}}


def second_loads(name, capacities):
    """Each at 0.7 of its own capacity; and all that bear it at 0.7 of the capacity of the best Python service."""
    rates = {OWN: 0.7 * capacities[name]}
    best = max((capacities[peer] for peer in service_limits.TUNED if peer in capacities), default=None)
    if best and 0.7 * best < 0.95 * capacities[name] and name in (*service_limits.NATIVE, *service_limits.TUNED):
        rates[AT_OPPONENTS] = 0.7 * best
    return rates


def measure(name, options, log, expected, capacities, number):
    """One round of one peer. `capacities`: what the first round found, for the second one's rates."""
    image = options.image.read_bytes()
    with Peer(name, options, log) as peer:
        row = {"ready_s": peer.wait_until_ready()}
        answer = peer.request("POST", IMAGE[0], image, IMAGE[1])
        row["first_prediction_s"] = time.monotonic() - peer.started
        check_answer(name, *answer, expected, options)
        row["engine"] = peer.engine()
        if name == NAIVE:
            latencies, _, took = closed_loop(peer, image, 1, options.naive_seconds)
            row["capacity_per_s"] = len(latencies) / took
            row["one_by_one_s"] = latencies
        else:
            latencies, _, took = closed_loop(peer, image, 4, options.seconds / 3)
            eight = seconds_of_eight(name, max(1.0, len(latencies) / took), options)
            row["eight_clients_s"], _, took = closed_loop(peer, image, 8, eight)
            row["capacity_per_s"] = len(row["eight_clients_s"]) / took
            rates = first_loads(row["capacity_per_s"]) if number == 0 else second_loads(name, capacities)
            row["loads"] = {at: load_row(at, load(peer, options, rate, seconds_of_load(name, at, rate, options))) for at, rate in rates.items()
                            if (at, rate) != (AT_OPPONENTS, rates.get(OWN))}
            if AT_OPPONENTS in rates and AT_OPPONENTS not in row["loads"]:  # of the best Python service both are one
                row["loads"][AT_OPPONENTS] = {**row["loads"][OWN], "at": AT_OPPONENTS}
        row["memory_mb"] = peer.memory_mb()
        peer.process.kill()
        peer.process.wait()
    with Peer(name, options, log) as peer:
        row["killed_to_ready_s"] = peer.wait_until_ready()
        stop = threading.Timer(1.0, peer.process.send_signal, [signal.SIGTERM])
        stop.start()
        row["lost_at_sigterm"] = len(closed_loop(peer, image, 1 if name == NAIVE else 4, 2)[1])
    return row


def measure_peers(options, log, names, progress):
    expected, found = expected_answer(options), {name: [] for name in names}
    for number in range(ROUNDS):
        capacities = {name: rows[0]["capacity_per_s"] for name, rows in found.items() if rows}
        for name in names:
            title = f"round {number + 1} of {ROUNDS}: {name}"
            print(title, file=sys.stderr, flush=True)
            found[name].append(progress.part(title, lambda: measure(name, options, log, expected, capacities, number)))
    return {name: {"what": PEERS[name], **together(name, rows)} for name, rows in found.items()}


def one_by_one(rows):
    """The naive service's only load: a client that waits for each answer."""
    latencies = [latency for row in rows for latency in row["one_by_one_s"]]
    rate = statistics.median(row["capacity_per_s"] for row in rows)
    return {"at": "one client", "rate": rate, "seconds": sum(latencies), "served_per_s": rate, "samples": len(latencies), "refused": 0, "failed": 0,
            "latency_ms": {**{f"p{percent}": percentile_ms(latencies, percent, NAIVE) for percent in (50, 75, 90, 95, 99)}, "max": 1e3 * max(latencies)},
            "p99_bound_ms": p99_bound_ms(latencies), "client_warnings": []}


def together(name, rows):
    """What the rounds found: medians; of eight clients all latencies; each load was driven in one round alone."""
    result = {key: statistics.median(row[key] for row in rows) for key in ("ready_s", "first_prediction_s", "killed_to_ready_s", "capacity_per_s")}
    result["lost_at_sigterm"] = sum(row["lost_at_sigterm"] for row in rows)
    result["memory_mb"] = {key: statistics.median(row["memory_mb"][key] for row in rows) for key in ("resident", "private")}
    if rows[0]["engine"]:
        result["engine"] = what_ran([row["engine"] for row in rows])
    if name == NAIVE:
        return {**result, "loads": [one_by_one(rows)]}
    latencies = [latency for row in rows for latency in row["eight_clients_s"]]
    result |= {"eight_clients_p99_ms": percentile_ms(latencies, 99, name), "eight_clients_p99_bound_ms": p99_bound_ms(latencies),
               "eight_clients_samples": len(latencies)}
    loads = {at: row for each in rows for at, row in each["loads"].items()}
    order = ("10/s", "0.5 x capacity", OWN, "0.9 x capacity", "1.2 x capacity", AT_OPPONENTS)
    return {**result, "loads": [loads[at] for at in order if at in loads]}


def expected_seconds(options, names, recorded):
    """Of a run on a machine as quick as the one of the recorded run; a slower one drives the judged loads longer."""
    known = {name: peer["capacity_per_s"] for name, peer in recorded.get("peers", {}).items()}
    capacities = {name: known.get(name, 3 if name == NAIVE else 25) for name in names}
    total, starts, loadtest = 0.0, 2 * 1.5, 0.4  # what each takes beside its arrivals
    for name in names if "peers" in options.sections else []:
        total += ROUNDS * (starts + 2 + (options.naive_seconds if name == NAIVE else options.seconds / 3 + seconds_of_eight(name, capacities[name], options)))
        if name != NAIVE:
            rates = {**first_loads(capacities[name]), **second_loads(name, capacities)}
            total += sum(seconds_of_load(name, at, rate, options) + loadtest for at, rate in rates.items()
                         if (at, rate) != (AT_OPPONENTS, rates.get(OWN)))
    return total + sum(service_rows.SECONDS[section](options) for section in options.sections if section in service_rows.SECONDS)


def ceiling(options):
    """The libtorch forward alone, where engine_bench was built."""
    program = options.binary.parent / "engine_bench"
    if not program.exists():
        return None
    cores = ",".join(map(str, options.server_cores))
    done = subprocess.run(["taskset", "-c", cores, str(program), str(options.bundle), str(options.image),
                           str(len(options.server_cores)), "1", "3" if options.quick else "15"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def machine(options):
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    versions = {"python": platform.python_version()}
    for module in ("torch", "torchvision", "uvicorn", "fastapi", "uvloop", "httptools", "PIL"):
        versions[module] = getattr(importlib.import_module(module), "__version__", "?")
    if options.node:
        versions["node"] = subprocess.run([options.node, "--version"], capture_output=True, text=True, check=True).stdout.strip().lstrip("v")
        for package in ("fastify", "onnxruntime-node"):
            versions[package] = json.loads((NODE_PEER / "node_modules" / package / "package.json").read_text())["version"]
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": len(options.cores),
            "kernel": platform.release(), "load_average": options.load_average, "versions": versions}


def find_node(options, folder):
    """Node and the weights as ONNX for the peer in Node; without its packages it is left out, and said so."""
    if options.node and not (NODE_PEER / "node_modules/onnxruntime-node").is_dir():
        print(f"the peer in Node is left out: npm --prefix {NODE_PEER} ci --ignore-scripts   installs it", file=sys.stderr)
        options.node = None
    if options.node:
        options.onnx = folder / "resnet34.onnx"
        subprocess.run([sys.executable, str(NODE_PEER / "export_onnx.py"), str(options.bundle), str(options.onnx)], check=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--image", type=pathlib.Path, help="default: the bundle's dog1.jpg as a JPEG of 500 x 375")
    parser.add_argument("--peers", help=f"some of: {', '.join(PEERS)}; comma-separated")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"some of: {', '.join(SECTIONS)} (peers: the main table)")
    parser.add_argument("--node", default=shutil.which("node"), help="the Node (20 or newer) that the peer in Node runs in")
    parser.add_argument("--quick", action="store_true", help="one round of short loads, to see that it works")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--resume", action="store_true", help="go on behind what an interrupted or failed run of the same measurement kept")
    parser.add_argument("--junit", type=pathlib.Path, help="also write the limits to this file")
    options = parser.parse_args()
    options.sections = options.sections.split(",")
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"there is no section \"{section}\"; there are: {', '.join(SECTIONS)}")
    options.names = options.peers.split(",") if options.peers else list(PEERS)
    for name in options.names:
        if name not in PEERS:
            parser.error(f"there is no peer \"{name}\"; there are: {', '.join(PEERS)}")
    options.binary, options.bundle = options.binary.resolve(), options.bundle.resolve()
    options.load = options.binary.parent.parent / "tests/server_load"
    options.golden = options.bundle / "golden" / "dog1.jpg"
    needs = [options.binary, options.bundle / "contract.json", options.golden]
    for needed in [*needs, options.load] if "null" in options.sections else needs:
        if not needed.is_file():
            parser.error(f"{needed} does not exist; ./test.sh bench makes it")
    options.cores = sorted(os.sched_getaffinity(0))
    if len(options.cores) < 2:
        parser.error("two cores are needed: one for the service, one for the load generator")
    options.server_cores, options.client_core = options.cores[:-1][:2], options.cores[-1]
    options.answer_bytes, options.onnx, options.load_average = 0, None, os.getloadavg()[0]  # before anything of this runs
    options.seconds, options.short_seconds, options.naive_seconds, options.samples = (1, 1, 2, 0) if options.quick else (5, 3, 8, 1000)
    return options


def write_results(result, options, out):
    provenance.validate(result, HERE / "services.schema.json")
    (out / "services.json").write_text(json.dumps(result, indent=2) + "\n")
    text = service_plots.whole_text(result)
    (out / "services.md").write_text(text)
    if result["peers"]:
        (out / "services-latency.svg").write_text(service_plots.latency_plot(result))
        (out / "services-throughput.svg").write_text(service_plots.throughput_plot(result))
    if out.resolve() == HERE / "results":
        readme = HERE / "README.md"
        readme.write_text(service_limits.between_markers(readme.read_text(), text + service_limits.PLOTS))
    if options.junit:
        options.junit.write_text(service_limits.junit(result["limits"]))
    print(text)
    print(f"written to {out}", file=sys.stderr)


def main():
    options = arguments()
    whole = not options.peers and options.sections == list(SECTIONS)
    if options.out is None and not (options.quick or whole):
        raise SystemExit("service_bench.py: a part of the peers or sections is not for results/; say where it goes: --out FOLDER")
    out = options.out or (pathlib.Path(tempfile.mkdtemp(prefix="services-")) if options.quick else HERE / "results")
    out.mkdir(parents=True, exist_ok=True)
    options.log = out / "services.log"
    contract = json.loads((options.bundle / "contract.json").read_text())
    options.tolerance = contract["tolerance"]

    with tempfile.TemporaryDirectory() as name, open(options.log, "a" if options.resume else "w") as log:
        folder = pathlib.Path(name)
        find_node(options, folder)
        about = machine(options)
        options.image = options.image or server_bench.photograph(options, folder)
        os.sched_setaffinity(0, {options.client_core})  # this process is a client too

        def able(names):
            return [name for name in names if options.node or not name.startswith("fastify")]

        def section(name, make, names, rounds):
            return progress.part(name, lambda: make(options, log, folder, able(names), 1 if options.quick else rounds)) if name in options.sections else None
        program = provenance.program(options.binary)
        progress = bench_progress.Progress(out / "services.part.json", {
            "program": program, "machine": {key: about[key] for key in about if key != "load_average"}, "bundle": contract["files"],
            "image": hashlib.sha256(options.image.read_bytes()).hexdigest(), "quick": options.quick, "names": options.names}, options.resume)
        recorded = HERE / "results/services.json"
        took = expected_seconds(options, able(options.names), json.loads(recorded.read_text()) if recorded.exists() else {})
        print(f"This takes about {took / 60:.0f} minutes, on a slower machine longer.", file=sys.stderr, flush=True)
        result = {"schema": SCHEMA, "revision": REVISION, "quick": options.quick,
                  "date": datetime.datetime.fromtimestamp(progress.began(), datetime.timezone.utc).isoformat(timespec="seconds"),
                  "program": program, "machine": about, "server_cores": len(options.server_cores), "rounds": ROUNDS,
                  "seconds_per_load": options.seconds, "bundle": {"name": contract["name"], "version": contract["version"]}, "image": options.image.name,
                  "peers": measure_peers(options, log, able(options.names), progress) if "peers" in options.sections else {},
                  "ceiling": ceiling(options) if "peers" in options.sections else None,
                  "inputs": section("inputs", service_rows.inputs, service_rows.INPUT_PEERS, 1),
                  "second_model": section("second_model", service_rows.second_model, service_rows.SECOND_MODEL_PEERS, 2),
                  "null": section("null", service_rows.null, service_rows.NULL_PEERS, 3)}
        result["minutes"] = progress.seconds() / 60
    result["limits"] = service_limits.limits(result)
    write_results(result, options, out)
    progress.done()
    if not options.quick:
        options.log.unlink()
    missed = service_limits.missed(result["limits"])
    for row in missed:
        print(service_limits.sentence(row), file=sys.stderr)
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
