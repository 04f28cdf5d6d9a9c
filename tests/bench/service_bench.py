#!/usr/bin/python3
"""The native server beside the Python services that one would pick instead: same bundle, same picture, same core.

    tests/bench/service_bench.py build/release/native_server/beralih models/bundles/resnet34 [--quick]

Each peer is started in turn, on the first cores; the load generator has the last one. Rounds alternate between the
peers, so that all see the same machine. Writes results/services.json, services.md and two SVG plots beside this file,
or into --out (--quick: into a temporary folder; short rounds are for trying, not for publishing). A full run that writes
results/ also renews the table in README.md, and every full run fails where a promised limit is missed.
"""
import argparse
import datetime
import http.client
import importlib
import json
import os
import pathlib
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import service_limits
import service_plots

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCHEMA = "beralih.services/1"
FRACTIONS = (0.5, 0.7, 0.9, 1.2)
TUNED = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
PEERS = {
    "native": "native server, defaults (weights shared with their file)",
    "native packed": "native server, --cpu-engine=packed (weights copied in the processor's order, bf16 where it holds)",
    "uvicorn": "inference_service.py, plain uvicorn",
    "uvicorn tuned": "the same under uvloop and httptools, threads of OpenMP set to the cores, no access log",
    "uvicorn batching": "the same tuned, requests that wait together run as one batch (peers/micro_batching.py)",
}


class Peer:
    """A service in a process of its own, on the first `cores` cores."""

    def __init__(self, name, options, log):
        self.started = time.monotonic()
        self.options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        threads = str(len(options.server_cores))
        environment = {**os.environ, "BERALIH_BUNDLE": str(options.bundle), "BERALIH_THREADS": threads}
        uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(self.port), "--app-dir"]
        service = [*uvicorn, str(ROOT / "web/content/code"), "inference_service:app"]
        native = [str(options.binary), "serve", "--bundle", str(options.bundle), "--port", str(self.port)]
        command = {"native": native, "native packed": [*native, "--cpu-engine=packed"], "uvicorn": service,
                   "uvicorn tuned": [*service, *TUNED],
                   "uvicorn batching": [*uvicorn, str(HERE / "peers"), "micro_batching:app", *TUNED]}[name]
        if name in ("uvicorn tuned", "uvicorn batching"):
            environment["OMP_NUM_THREADS"] = threads
        cores = ",".join(map(str, options.server_cores))
        self.process = subprocess.Popen(["taskset", "-c", cores, *command], env=environment, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def request(self, method, path, body=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def wait_until_ready(self):
        while time.monotonic() < self.started + 120:
            if self.process.poll() is not None:
                raise SystemExit(f"a peer ended while it started; its log: {self.options.log}")
            try:
                if self.request("GET", "/v2/health/ready") == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.005)
        raise SystemExit(f"a peer was not ready within 120 s; its log: {self.options.log}")

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(re.search(rf"{field}:\s+(\d+)", status).group(1)) * 1024 / 1e6
                for key, field in (("resident", "VmRSS"), ("private", "RssAnon"))}


def closed_loop(peer, image, clients, seconds):
    """`clients` that each wait for their answer: (latencies of those served, failures that had been sent)."""
    latencies, failures, end = [], [], time.monotonic() + seconds

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        while time.monotonic() < end:
            begin, sent = time.monotonic(), False
            try:
                if connection.sock is None:
                    connection.connect()
                connection.request("POST", "/api/classify", image, {"Content-Type": "image/jpeg"})
                sent = True
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    latencies.append(time.monotonic() - begin)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if sent:
                    failures.append(type(error).__name__)
                elif isinstance(error, ConnectionRefusedError):
                    return
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, failures


def load(peer, options, rate, seconds):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run(
            ["taskset", "-c", str(options.client_core), str(options.binary), "loadtest", f"http://127.0.0.1:{peer.port}/api/classify",
             "--rate", f"{rate:.3f}", "--duration", str(seconds), "--image", str(options.image), "--json", report.name],
            capture_output=True, text=True)
        content = pathlib.Path(report.name).read_text()
        if not content:
            raise SystemExit(f"beralih loadtest failed: {done.stderr}")
        return json.loads(content)


def measure(name, options, log, capacity):
    """One round of one peer; `capacity` of an earlier round, so that all rounds drive the same rates."""
    image = options.image.read_bytes()
    seconds = options.seconds
    with Peer(name, options, log) as peer:
        row = {"ready_s": peer.wait_until_ready()}
        peer.request("POST", "/api/classify", image)
        row["first_prediction_s"] = time.monotonic() - peer.started
        closed_loop(peer, image, 4, seconds / 3)
        began = time.monotonic()
        latencies, _ = closed_loop(peer, image, 8, seconds)
        row["capacity_per_s"] = len(latencies) / (time.monotonic() - began)
        row["eight_clients_p99_ms"] = 1e3 * statistics.quantiles(latencies, n=100, method="inclusive")[98]
        capacity = capacity or row["capacity_per_s"]
        row["loads"] = [{"at": "10/s", **load(peer, options, 10, seconds)}]
        row["loads"] += [{"at": f"{fraction} x capacity", **load(peer, options, fraction * capacity, seconds)}
                         for fraction in FRACTIONS]
        row["memory_mb"] = peer.memory_mb()
        peer.process.kill()
        peer.process.wait()
    with Peer(name, options, log) as peer:
        row["killed_to_ready_s"] = peer.wait_until_ready()
        stop = threading.Timer(1.0, peer.process.send_signal, [signal.SIGTERM])
        stop.start()
        _, failures = closed_loop(peer, image, 4, 2.5)
        row["lost_at_sigterm"] = len(failures)
    return row


def ceiling(options):
    """The libtorch forward alone, where engine_bench was built."""
    program = options.binary.parent / "engine_bench"
    if not program.exists():
        return None
    cores = ",".join(map(str, options.server_cores))
    done = subprocess.run(["taskset", "-c", cores, str(program), str(options.bundle), str(options.image),
                           str(len(options.server_cores)), "1", "3" if options.quick else "15"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def machine():
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    versions = {"python": platform.python_version()}
    for module in ("torch", "torchvision", "uvicorn", "fastapi", "uvloop", "httptools", "PIL"):
        versions[module] = getattr(importlib.import_module(module), "__version__", "?")
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": len(os.sched_getaffinity(0)),
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--image", type=pathlib.Path, help="default: the bundle's first golden picture that is a JPEG")
    parser.add_argument("--peers", help=f"some of: {', '.join(PEERS)}; comma-separated")
    parser.add_argument("--quick", action="store_true", help="one round of short loads, to see that it works")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else list(PEERS)
    for name in names:
        if name not in PEERS:
            parser.error(f"there is no peer \"{name}\"; there are: {', '.join(PEERS)}")
    options.binary, options.bundle = options.binary.resolve(), options.bundle.resolve()
    for needed in (options.binary, options.bundle / "contract.json"):
        if not needed.is_file():
            parser.error(f"{needed} does not exist; ./run.sh makes it")
    contract = json.loads((options.bundle / "contract.json").read_text())
    if options.image is None:
        pictures = [case["image"] for case in contract["golden"]]
        options.image = options.bundle / next((name for name in pictures if name.endswith(".jpg")), pictures[0])
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("two cores are needed: one for the service, one for the load generator")
    options.server_cores, options.client_core = cores[:-1][:2], cores[-1]
    options.seconds, rounds = (2, 1) if options.quick else (6, 2)
    out = options.out or (pathlib.Path(tempfile.mkdtemp(prefix="services-")) if options.quick else HERE / "results")
    out.mkdir(parents=True, exist_ok=True)
    options.log = out / "services.log"

    about = machine()
    found = {name: [] for name in names}
    with open(options.log, "w") as log:
        for number in range(rounds):
            for name in names:
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
                earlier = found[name][0]["capacity_per_s"] if found[name] else None
                found[name].append(measure(name, options, log, earlier))
    result = {"schema": SCHEMA, "quick": options.quick, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "machine": about, "server_cores": len(options.server_cores), "rounds": rounds, "seconds_per_load": options.seconds,
              "bundle": {"name": contract["name"], "version": contract["version"]}, "image": options.image.name,
              "peers": {name: {"what": PEERS[name], **medians(found[name])} for name in names}, "ceiling": ceiling(options)}
    result["limits"] = service_limits.limits(result)
    if not options.quick:
        options.log.unlink()
    (out / "services.json").write_text(json.dumps(result, indent=2) + "\n")
    table = service_plots.table(result) + "\n" + service_limits.table(result["limits"])
    (out / "services.md").write_text(table)
    (out / "services-latency.svg").write_text(service_plots.latency_plot(result))
    (out / "services-throughput.svg").write_text(service_plots.throughput_plot(result))
    if out.resolve() == HERE / "results":
        readme = HERE / "README.md"
        readme.write_text(service_limits.between_markers(readme.read_text(), table + service_limits.PLOTS))
    print(table)
    print(f"written to {out}", file=sys.stderr)
    broken = service_limits.broken_promises(result["limits"])
    for row in broken:
        print(f"missed: {row['what']} of {row['peer']}: {row['value']:.2f} x {row['against']}, promised {row['direction']} {row['limit']:g} x",
              file=sys.stderr)
    return 1 if broken and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
