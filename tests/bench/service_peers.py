"""The services that service_bench.py compares: how each is started, on which cores, and how it is asked."""
import http.client
import json
import math
import os
import pathlib
import queue
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TUNED = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
NODE_PEER = HERE / "peers/onnx"
PEERS = {
    "native": "native server, defaults",
    "native direct": "native server, --cpu-engine=packed --dtype=fp32: weights in the processor's order, direct convolutions",
    "native packed": "native server, --cpu-engine=packed: the quickest form, bf16 where the golden cases hold",
    "native mapped": "native server, --cpu-engine=mapped: weights shared with their file",
    "uvicorn naive": "inference_service_naive.py: the bundle is loaded for every request; one client, one request after another",
    "uvicorn": "inference_service.py, plain uvicorn",
    "uvicorn tuned": "the same under uvloop and httptools, as many requests at a time and threads of OpenMP as cores, no access log (peers/tuned_service.py)",
    "uvicorn optimized": "tuned, and the network frozen, channels last, optimized for inference by TorchScript's own passes",
    "uvicorn batching": "optimized, and requests that wait together run as one batch (peers/micro_batching.py)",
    "fastify onnx": "Node: fastify and onnxruntime-node, the same weights as ONNX in fp32, preprocessing by the core's WASM (peers/onnx)",
}
IMAGE = ("/api/classify", {"Content-Type": "image/jpeg"})


def command_of(name, options, port):
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(port), "--app-dir"]
    lesson, peers = [*uvicorn, str(ROOT / "web/content/code")], [*uvicorn, str(HERE / "peers")]
    native = [str(options.binary), "serve", "--bundle", str(options.bundle), "--port", str(port)]
    return {"native": native, "native direct": [*native, "--cpu-engine=packed", "--dtype=fp32"],
            "native packed": [*native, "--cpu-engine=packed"], "native mapped": [*native, "--cpu-engine=mapped"],
            "native null": [*native, "--engine=null", "--quiet", "--canary-interval=0"],
            "uvicorn naive": [*lesson, "inference_service_naive:app"], "uvicorn": [*lesson, "inference_service:app"],
            "uvicorn tuned": [*peers, "tuned_service:app", *TUNED],
            "uvicorn optimized": [*peers, "tuned_service:app", *TUNED],
            "uvicorn batching": [*peers, "micro_batching:app", *TUNED],
            "uvicorn optimized, tensors": [*peers, "tensor_inputs:app", *TUNED],
            "uvicorn tuned null": [*peers, "null_service:app", *TUNED],
            "uvicorn tensor null": [*peers, "null_service:service", *TUNED],
            "uvicorn bare null": [*peers, "null_service:bare", *TUNED],
            "fastify onnx": [options.node, str(NODE_PEER / "server.mjs"), str(port)],
            "fastify null": [options.node, str(NODE_PEER / "null.mjs"), str(port), str(options.answer_bytes)]}[name]


def environment_of(name, options):
    threads = str(len(options.server_cores))
    environment = {**os.environ, "BERALIH_BUNDLE": str(options.bundle), "BERALIH_THREADS": threads,
                   "BERALIH_ONNX": str(options.onnx), "BERALIH_ANSWER_BYTES": str(options.answer_bytes)}
    if name.startswith("uvicorn ") and name != "uvicorn naive":
        environment["OMP_NUM_THREADS"] = threads
    if name.startswith(("uvicorn optimized", "uvicorn batching")):
        # What one forward pass frees the next one takes: without these glibc gives it back to the kernel each time.
        environment |= {"BERALIH_OPTIMIZED": "1", "MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
    return environment


class Peer:
    """A service in a process of its own, on the first cores."""

    def __init__(self, name, options, log):
        self.started = time.monotonic()
        self.name, self.options = name, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        cores = ",".join(map(str, options.server_cores))
        self.process = subprocess.Popen(["taskset", "-c", cores, *command_of(name, options, self.port)], env=environment_of(name, options),
                                        stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def request(self, method, path, body=None, headers=None, timeout=30):
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait_until_ready(self):
        while time.monotonic() < self.started + 300:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended while it started; its log: {self.options.log}")
            try:
                if self.request("GET", "/v2/health/ready")[0] == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.005)
        raise SystemExit(f"{self.name} was not ready within 300 s; its log: {self.options.log}")

    def engine(self):
        """What a native server really runs, by its own account; None of the others."""
        if not self.name.startswith("native"):
            return None
        status, answer = self.request("GET", "/api/artifacts")
        if status != 200:
            raise SystemExit(f"{self.name} does not say what it runs (status {status}): {answer[:300]!r}")
        facts = json.loads(answer)["server"]
        return {"variant": facts["engine"], "dtype": facts["dtype"], "threads": facts["threads"]}

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(re.search(rf"{field}:\s+(\d+)", status).group(1)) * 1024 / 1e6
                for key, field in (("resident", "VmRSS"), ("private", "RssAnon"))}


def what_ran(engines):
    """Of all rounds: a server that chooses the quickest form by measuring may choose another one where two are equally quick, and the row then names
    both."""
    if not engines[0]:
        return None
    return {**engines[0], **{key: " or ".join(dict.fromkeys(engine[key] for engine in engines)) for key in ("variant", "dtype")}}


def expected_answer(options):
    """What the native command says of the picture: whoever is measured must say the same."""
    done = subprocess.run([str(options.binary), "predict", "--bundle", str(options.bundle), "--json", str(options.image)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"beralih predict failed: {done.stderr}")
    return json.loads(done.stdout)


def check_answer(name, status, body, expected, options):
    """A service that answers something else is not measured: the run ends."""
    tolerance = options.tolerance["bf16" if name == "native packed" else "fp32"]
    answer = json.loads(body) if status == 200 else {}
    if status != 200 or answer["tensor"]["sha256"] != expected["tensor"]["sha256"]:
        raise SystemExit(f"{name} made another tensor of the picture than the native server, or none (status {status}): {body[:300]!r}")
    found, (wanted, second) = answer["predictions"][0], expected["predictions"][:2]
    tie = wanted["probability"] - second["probability"] <= tolerance
    if abs(found["probability"] - wanted["probability"]) > tolerance or (found["index"] != wanted["index"] and not tie):
        raise SystemExit(f"{name} answers {found} where the native server answers {wanted}")


class Client:
    """One connection at a time, with or without keep-alive."""

    def __init__(self, port, body, path, headers, keep_alive=True):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.body, self.path, self.keep_alive = body, path, keep_alive
        self.headers = headers if keep_alive else {**headers, "Connection": "close"}
        self.sent = False

    def ask(self):
        """The status. `sent` says, after an error, whether the request was already on its way."""
        self.sent = False
        try:
            if self.connection.sock is None:
                self.connection.connect()
            self.connection.request("POST", self.path, self.body, self.headers)
            self.sent = True
            response = self.connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        finally:
            if not self.keep_alive:
                self.connection.close()


def closed_loop(peer, body, clients, seconds, path=IMAGE[0], headers=IMAGE[1], keep_alive=True):
    """`clients` that each wait for their answer: (latencies of those served, failures that had been sent, seconds)."""
    latencies, failures, start = [], [], time.monotonic()
    end = start + seconds

    def work():
        client = Client(peer.port, body, path, headers, keep_alive)
        while time.monotonic() < end:
            begin = time.monotonic()
            try:
                if client.ask() == 200:
                    latencies.append(time.monotonic() - begin)
            except (OSError, http.client.HTTPException) as error:
                if client.sent:
                    failures.append(type(error).__name__)
                elif isinstance(error, ConnectionRefusedError):
                    return
    run_threads(work, clients)
    return latencies, failures, time.monotonic() - start


def open_loop(peer, body, rate, seconds, path, headers, keep_alive, clients=16):
    """Seeded Poisson arrivals, latency from when a request was due: (latencies of those served, how many were not)."""
    arrivals, schedule, at = random.Random(1), queue.Queue(), 0.0
    while (at := at + arrivals.expovariate(rate)) < seconds:
        schedule.put(at)
    latencies, lost, start = [], [], time.monotonic()

    def work():
        client = Client(peer.port, body, path, headers, keep_alive)
        while True:
            try:
                due = start + schedule.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                (latencies if client.ask() == 200 else lost).append(time.monotonic() - due)
            except (OSError, http.client.HTTPException):
                lost.append(time.monotonic() - due)
    run_threads(work, clients)
    return latencies, len(lost)


def run_threads(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def p99_bound_ms(latencies, confidence=0.95):
    """What the 99th percentile is below, at that confidence, whatever the distribution; None of too few requests (299 are needed)."""
    ordered, below = sorted(latencies), 0.0
    for rank in range(len(ordered)):  # P(at most `rank` of n are below the percentile), binomial
        below += math.exp(math.lgamma(len(ordered) + 1) - math.lgamma(rank + 1) - math.lgamma(len(ordered) - rank + 1)
                          + rank * math.log(0.99) + (len(ordered) - rank) * math.log(0.01))
        if below >= confidence:
            return 1e3 * ordered[rank]
    return None


def percentile_ms(latencies, percent, name):
    if not latencies:
        raise SystemExit(f"{name} served 0 requests of a round: nothing to measure")
    if len(latencies) == 1:
        return 1e3 * latencies[0]
    return 1e3 * statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1]


def load(peer, options, rate, seconds, path=IMAGE[0], body="image", keep_alive=True):
    """beralih loadtest's report. Its verdict's bound is the one of the 99th percentile at 95 % confidence."""
    more = ["--image", str(options.image)] if body == "image" else []
    more += [] if keep_alive else ["--no-keep-alive"]
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run(
            ["taskset", "-c", str(options.client_core), str(options.binary), "loadtest", f"http://127.0.0.1:{peer.port}{path}", "--body", body,
             "--rate", f"{rate:.3f}", "--duration", f"{seconds:.3f}", "--percentile", "99", "--confidence", "95", "--json", report.name, *more],
            capture_output=True, text=True)
        content = pathlib.Path(report.name).read_text()
        if not content:
            raise SystemExit(f"beralih loadtest failed against {peer.name}: {done.stderr}")
        return json.loads(content)


def load_row(at, report):
    """What services.json keeps of such a report."""
    warning = report["client"]["warning"]
    return {"at": at, "rate": report["settings"]["rate"], "seconds": report["settings"]["duration_s"],
            "served_per_s": report["served_per_second"], "samples": report["requests"]["served"],
            "refused": report["requests"]["refused"], "failed": report["requests"]["failed"],
            "latency_ms": {key: report["latency_ms"][key] for key in ("p50", "p75", "p90", "p95", "p99", "max")},
            "p99_bound_ms": report["verdict"]["percentile_bound_ms"], "client_warnings": [warning] if warning else []}
