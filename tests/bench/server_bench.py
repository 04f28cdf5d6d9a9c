#!/usr/bin/python3
"""What the server costs around a network, and what it leaves of one.

    tests/bench/server_bench.py build/release/native_server/beralih models/bundles/resnet34 [--part null|engine] [--quick]

null: the null engine answers at once, so all that is measured is the server; the client (server_load) shares its two cores.
engine: the packed engine with one thread behind HTTP, saturated, against the same libtorch forward in a bare loop
(engine_bench); preprocessing, HTTP and the client have the other cores. Rounds alternate, the rows are medians. Every limit is printed; one that
does not hold is marked and makes the exit status 1. Needs the targets server_load and engine_bench.
"""
import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

import null_bundle

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from server_process import Server  # noqa: E402  (the tests' helper)

TICKS = os.sysconf("SC_CLK_TCK")
MANY = 2000


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def request_bytes(path, body, *headers):
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def tensor_request(model, elements):
    """Small whole numbers as floats, in the binary tensor extension's raw form."""
    floats = b"".join(bytes((0, 0, 128 + i % 64, 63)) for i in range(elements))
    return request_bytes(f"/v2/models/{model}/infer", floats, "Content-Type: application/octet-stream",
                         "Inference-Header-Content-Length: 0")


def drive(options, server, request, connections, seconds):
    """server_load's figures, and what the server's process used meanwhile."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        before = cpu_seconds(server.process.pid)
        done = subprocess.run([str(options.load), str(server.port), file.name, str(connections), str(seconds)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        result = json.loads(done.stdout)
    result["server_cpu_s"] = cpu_seconds(server.process.pid) - before
    if set(result["statuses"]) - {"200"} or result["closed"]:
        raise SystemExit(f"the load did not get 200 alone: {result}")
    return result


def idle_connections(port, count):
    """Each has had one answer and keeps its connection."""
    ask = b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for one in sockets:
        one.sendall(ask)
    for one in sockets:
        if not one.recv(4096).startswith(b"HTTP/1.1 200"):
            raise SystemExit("an idle connection was not answered")
    return sockets


def opened_at_once(port, request, count=MANY):
    """How many of `count` connections that all open before any is served get a 200."""
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        sockets.append(one)
    answered = 0
    for one in sockets:
        one.setblocking(True)
        one.settimeout(30)
        one.sendall(request)
    for one in sockets:
        try:
            answered += one.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            pass
        one.close()
    return answered


def measure_null(options, folder):
    bundle = null_bundle.make(str(options.binary), folder / "null")
    request = tensor_request("null", null_bundle.TENSOR_BYTES // 4)
    seconds, rounds = (1, 2) if options.quick else (4, 5)
    arguments = ["--engine", "null", "--quiet", "--max-queue", "4096", "--connection-threads", "64", "--canary-interval", "0"]
    with Server(str(options.binary), bundle, *arguments, log=folder / "log") as server:
        server.wait_until_ready()
        pid = server.process.pid
        drive(options, server, request, 8, seconds)
        one, full, plain, beside_idle, idle_cpu = [], [], [], [], []
        for _ in range(rounds):
            one.append(drive(options, server, request, 1, seconds))
            full.append(drive(options, server, request, options.connections, seconds))
        for _ in range(rounds):
            plain.append(drive(options, server, request, 4, seconds))
            sockets = idle_connections(server.port, 1000)
            before = cpu_seconds(pid)
            time.sleep(seconds)
            idle_cpu.append((cpu_seconds(pid) - before) / seconds)
            beside_idle.append(drive(options, server, request, 4, seconds))
            for each in sockets:
                each.close()
            time.sleep(0.2)
        answered = opened_at_once(server.port, request)
    middle = lambda rows, key: statistics.median(row[key] for row in rows)  # noqa: E731
    used = statistics.median((row["server_cpu_s"] + row["cpu_s"]) / row["requests"] for row in full)
    cores = len(os.sched_getaffinity(0))
    return {"body_bytes": null_bundle.TENSOR_BYTES, "p50_ms": middle(one, "p50_ms"), "p99_ms": middle(one, "p99_ms"),
            "requests_per_s": middle(full, "per_second"), "best_requests_per_s": max(row["per_second"] for row in full),
            "server_us": 1e6 * statistics.median(row["server_cpu_s"] / row["requests"] for row in full),
            "client_us": 1e6 * statistics.median(row["cpu_s"] / row["requests"] for row in full),
            "requests_per_s_of_cpu": min(cores, 2) / used, "idle_core": statistics.median(idle_cpu),
            "idle_p99": middle(beside_idle, "p99_ms") / middle(plain, "p99_ms"), "answered": answered}


def bare_loop(options, threads, batch):
    done = subprocess.run([str(options.engine), str(options.bundle), str(options.jpeg), str(threads), str(batch),
                           "2" if options.quick else "3"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def measure_engine(options, folder):
    contract = json.loads((options.bundle / "contract.json").read_text())
    shape = contract["input"]["shape"]
    tensor = tensor_request(contract["name"], shape[1] * shape[2] * shape[3])
    jpeg = request_bytes("/api/classify", options.jpeg.read_bytes(), "Content-Type: image/jpeg")
    batch = 4
    seconds, rounds = (3, 1) if options.quick else (10, 3)
    rows = {"tensor": [], "jpeg": [], "bare": [], "tensor_cpu": [], "jpeg_cpu": [], "bare_cpu": []}
    reports = []
    for _ in range(rounds):
        with Server(str(options.binary), options.bundle, "--quiet", "--threads", "1", "--cpu-engine", "packed", "--max-batch", str(batch),
                    "--deterministic", "--batch-delay", "100000", "--canary-interval", "0", log=folder / "log") as server:
            server.wait_until_ready()
            for name, request in (("tensor", tensor), ("jpeg", jpeg)):
                drive(options, server, request, 2 * batch, seconds / 3)
                result = drive(options, server, request, 2 * batch, seconds)
                rows[name].append(result["per_second"])
                rows[name + "_cpu"].append(result["server_cpu_s"] / result["requests"])
        report = bare_loop(options, 1, batch)
        reports.append(report)
        rows["bare"].append(1e3 / report["rows"]["bare_loop"]["wall_ms_per_image"])
        rows["bare_cpu"].append(report["rows"]["bare_loop"]["cpu_ms_per_image"] / 1e3)
    middle = {name: statistics.median(values) for name, values in rows.items()}
    last_report = reports[-1]
    return {"batch": batch, "chosen": last_report["chosen"], "images_per_s": {name: middle[name] for name in ("bare", "tensor", "jpeg")},
            "tensor": middle["tensor"] / middle["bare"], "jpeg": middle["jpeg"] / middle["bare"],
            "tensor_cpu": middle["bare_cpu"] / middle["tensor_cpu"], "jpeg_cpu": middle["bare_cpu"] / middle["jpeg_cpu"],
            "packed_fp32": statistics.median(r["ratios"]["wall"]["packed_fp32_to_plain"] for r in reports),
            "chosen_to_plain": statistics.median(r["ratios"]["wall"]["chosen_to_plain"] for r in reports)}


def limits(results):
    if null := results.get("null"):
        yield "null engine, 60 KB tensor: p50, ms", null["p50_ms"], "<=", 0.25
        yield "null engine, 60 KB tensor: requests/s", null["requests_per_s"], ">=", 10000
        yield "1,000 idle connections: share of a core", null["idle_core"], "<=", 0.02
        yield "1,000 idle connections: p99 to p99 without", null["idle_p99"], "<=", 1.2
        yield f"{MANY} connections at once: answered", null["answered"], ">=", MANY
    if engine := results.get("engine"):
        yield "HTTP, tensors: images/s to the bare loop's", engine["tensor"], ">=", 0.97
        yield "HTTP, JPEG 500x375: images/s to the bare loop's", engine["jpeg"], ">=", 0.93
        yield "packed fp32: forward to the plain module's", engine["packed_fp32"], "<=", 0.75
        if "bf16" in engine["chosen"]:
            yield "packed bf16: forward to the plain module's", engine["chosen_to_plain"], "<=", 0.6


def judge(results, junit):
    suite = ET.Element("testsuite", name="server_bench")
    broken = 0
    print(f"{'limit':52}{'measured':>12}{'limit':>12}")
    for what, value, sign, limit in limits(results):
        holds = value <= limit if sign == "<=" else value >= limit
        broken += not holds
        print(f"{what:52}{value:12.3f}{sign:>5}{limit:>9}{'' if holds else '  EXCEEDED'}")
        case = ET.SubElement(suite, "testcase", classname="server_bench", name=what)
        if not holds:
            ET.SubElement(case, "failure", message=f"{value:.3f}, which is not {sign} {limit}")
    if junit:
        ET.ElementTree(suite).write(junit, encoding="utf-8", xml_declaration=True)
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--part", choices=["null", "engine"], help="only this one")
    parser.add_argument("--connections", type=int, default=16, help="of the null engine's throughput")
    parser.add_argument("--quick", action="store_true", help="short rounds, to see that it works")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures to this file")
    parser.add_argument("--junit", help="also write the limits to this file")
    options = parser.parse_args()
    options.load = options.binary.parent.parent / "tests/server_load"
    options.engine = options.binary.parent / "engine_bench"
    options.jpeg = options.bundle / "golden" / "dog1.jpg"
    for needed in (options.binary, options.load, options.bundle / "contract.json"):
        if not needed.is_file():
            parser.error(f"{needed} does not exist; ./test.sh bench makes it")
    results = {"machine": re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text()).group(1),
               "load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        options.jpeg = photograph(options, folder)
        if options.part != "engine":
            results["null"] = measure_null(options, folder)
        if options.part != "null":
            results["engine"] = measure_engine(options, folder)
    print(json.dumps(results, indent=2))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 1 if judge(results, options.junit) else 0


def photograph(options, folder):
    """A golden picture as a JPEG of 500 x 375."""
    from PIL import Image
    path = folder / "500x375.jpg"
    Image.open(options.bundle / "golden" / "dog1.jpg").convert("RGB").resize((500, 375), Image.Resampling.LANCZOS).save(
        path, quality=90, subsampling="4:2:0")
    return path


if __name__ == "__main__":
    sys.exit(main())
