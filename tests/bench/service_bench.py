#!/usr/bin/python3
"""The native server beside the services that one would pick instead: same bundle, same picture, same core.

    tests/bench/service_bench.py build/release/native_server/beralih models/bundles/resnet34 [--quick]

Each peer is started in turn, on the first cores; the load generator has the last one. Rounds alternate between the
peers, so that all see the same machine. Writes results/services.json, services.md and two SVG plots beside this file,
or into --out (--quick: into a temporary folder; short rounds are for trying, not for publishing). A full run that writes
results/ also renews the table in README.md. Prints every limit; a full run in which one is missed, or was not measured, ends
with exit status 1.
"""
import argparse
import datetime
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

import server_bench
import service_limits
import service_plots
import service_rows
from service_peers import HERE, IMAGE, NODE_PEER, PEERS, Peer, check_answer, closed_loop, expected_answer, load, percentile_ms

SCHEMA = "beralih.services/1"
FRACTIONS = (0.5, 0.7, 0.9, 1.2)
OPPONENT = service_limits.OPPONENT
SECTIONS = ("peers", "inputs", "second_model", "null")


def measure(name, options, log, expected, capacity, opponents):
    """One round of one peer; `capacity` of an earlier round, so that all rounds drive the same rates; `opponents`: the capacity
    of the service that the limits compare with, where that is measured."""
    image, seconds = options.image.read_bytes(), options.seconds
    with Peer(name, options, log) as peer:
        row = {"ready_s": peer.wait_until_ready()}
        answer = peer.request("POST", IMAGE[0], image, IMAGE[1])
        row["first_prediction_s"] = time.monotonic() - peer.started
        check_answer(name, *answer, expected, options)
        closed_loop(peer, image, 4, seconds / 3)
        latencies, _, took = closed_loop(peer, image, 8, seconds)
        row["capacity_per_s"] = len(latencies) / took
        row["eight_clients_p99_ms"] = percentile_ms(latencies, 99, name)
        capacity = capacity or row["capacity_per_s"]
        rates = {"10/s": 10, **{f"{fraction} x capacity": fraction * capacity for fraction in FRACTIONS}}
        if opponents and name != OPPONENT:
            rates[service_limits.AT_OPPONENTS] = 0.7 * opponents
        loads = {at: load(peer, options, rate, seconds) for at, rate in rates.items()}
        if name == OPPONENT:
            loads[service_limits.AT_OPPONENTS] = loads["0.7 x capacity"]
        row["loads"] = [{"at": at, **report} for at, report in loads.items()]
        row["memory_mb"] = peer.memory_mb()
        peer.process.kill()
        peer.process.wait()
    with Peer(name, options, log) as peer:
        row["killed_to_ready_s"] = peer.wait_until_ready()
        stop = threading.Timer(1.0, peer.process.send_signal, [signal.SIGTERM])
        stop.start()
        row["lost_at_sigterm"] = len(closed_loop(peer, image, 4, 2)[1])
    return row


def measure_peers(options, log, names, rounds):
    expected, found = expected_answer(options), {name: [] for name in names}
    for number in range(rounds):
        for name in sorted(names, key=lambda name: name != OPPONENT):  # its capacity is a rate for the others
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            first = {other: rows[0]["capacity_per_s"] for other, rows in found.items() if rows}
            found[name].append(measure(name, options, log, expected, first.get(name), first.get(OPPONENT)))
    return {name: {"what": PEERS[name], **medians(rows)} for name, rows in found.items()}


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
            "kernel": platform.release(), "load_average": os.getloadavg()[0], "versions": versions}


def medians(rounds):
    def middle(key):
        return statistics.median(row[key] for row in rounds)
    loads = []
    for index, first in enumerate(rounds[0]["loads"]):
        same = [row["loads"][index] for row in rounds]
        loads.append({"at": first["at"], "rate": first["settings"]["rate"],
                      "served_per_s": statistics.median(one["served_per_second"] for one in same),
                      "refused": sum(one["requests"]["refused"] for one in same),
                      "failed": sum(one["requests"]["failed"] for one in same),
                      "latency_ms": {key: statistics.median(one["latency_ms"][key] for one in same)
                                     for key in ("p50", "p75", "p90", "p95", "p99", "max")},
                      "client_warnings": sorted({one["client"]["warning"] for one in same if one["client"]["warning"]})})
    return {**{key: middle(key) for key in ("ready_s", "first_prediction_s", "killed_to_ready_s", "capacity_per_s",
                                            "eight_clients_p99_ms")},
            "lost_at_sigterm": sum(row["lost_at_sigterm"] for row in rounds),
            "memory_mb": {key: statistics.median(row["memory_mb"][key] for row in rounds) for key in ("resident", "private")},
            "loads": loads}


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
    options.answer_bytes, options.onnx = 0, None
    return options


def write_results(result, options, out):
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
    options.seconds, rounds = (2, 1) if options.quick else (5, 2)
    if options.out is None and not (options.quick or whole):
        raise SystemExit("service_bench.py: a part of the peers or sections is not for results/; say where it goes: --out FOLDER")
    out = options.out or (pathlib.Path(tempfile.mkdtemp(prefix="services-")) if options.quick else HERE / "results")
    out.mkdir(parents=True, exist_ok=True)
    options.log = out / "services.log"
    contract = json.loads((options.bundle / "contract.json").read_text())
    options.tolerance = contract["tolerance"]

    with tempfile.TemporaryDirectory() as name, open(options.log, "w") as log:
        folder = pathlib.Path(name)
        find_node(options, folder)
        about = machine(options)
        options.image = options.image or server_bench.photograph(options, folder)
        os.sched_setaffinity(0, {options.client_core})  # this process is a client too

        def able(names):
            return [name for name in names if options.node or not name.startswith("fastify")]

        def section(name, make, names, rounds):
            return make(options, log, folder, able(names), 1 if options.quick else rounds) if name in options.sections else None
        result = {"schema": SCHEMA, "quick": options.quick, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                  "machine": about, "server_cores": len(options.server_cores), "rounds": rounds, "seconds_per_load": options.seconds,
                  "bundle": {"name": contract["name"], "version": contract["version"]}, "image": options.image.name,
                  "peers": measure_peers(options, log, able(options.names), rounds) if "peers" in options.sections else {},
                  "ceiling": ceiling(options),
                  "inputs": section("inputs", service_rows.inputs, service_rows.INPUT_PEERS, 2),
                  "second_model": section("second_model", service_rows.second_model, service_rows.SECOND_MODEL_PEERS, 2),
                  "null": section("null", service_rows.null, service_rows.NULL_PEERS, 3)}
    result["limits"] = service_limits.limits(result)
    if not options.quick:
        options.log.unlink()
    write_results(result, options, out)
    missed = service_limits.missed(result["limits"])
    for row in missed:
        print(service_limits.sentence(row), file=sys.stderr)
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
