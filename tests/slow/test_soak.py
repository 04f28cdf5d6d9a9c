"""Hours in minutes: 70 % of the capacity beside all kinds of bad input, and memory that stays where it is."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from server_process import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "bench"))
import null_bundle  # noqa: E402

SECONDS = float(os.environ.get("BERALIH_SOAK_SECONDS", "120"))
MOST_GROWTH_MB = 8           # of the whole soak, however long it is
INFER = "/v2/models/{model}/infer"


def post(path, body, *headers):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]).encode() + b"\r\n\r\n" + body


def bad_requests(picture, model):
    """(bytes to send, whether to wait for the answer). None may harm the server or the others."""
    image = "Content-Type: image/jpeg"
    json_type = "Content-Type: application/json"
    infer = INFER.format(model=model)
    deep = b'{"inputs":' + b"[" * 3000 + b"]" * 3000 + b"}"
    wrong_shape = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 2**40, 2**40], "data": [1]}]}
    return [
        (post("/api/classify", b"no picture at all", image), True),
        (post("/api/classify", picture[:len(picture) // 2], image), True),
        (post("/api/classify", b"", image), True),
        (post("/api/classify?k=many", picture, image), True),
        (post("/api/classify", picture, image, "Beralih-Contract: " + "0" * 64), True),
        (post("/api/classify", picture, image, "X-Request-Deadline-Ms: -1"), True),
        (post("/api/classify", picture, image, "X-Request-Deadline-Ms: 1"), True),
        (post("/api/classify", picture, image), False),                               # gone before the answer
        (post("/api/classify", picture, image)[:-100], False),                        # gone before the end
        (post(infer, deep, json_type), True),
        (post(infer, json.dumps(wrong_shape).encode(), json_type), True),
        (post(infer, b'{"inputs":[{"name":"\xff\xfe"}]}', json_type), True),
        (post(infer, b"\0" * 100, "Inference-Header-Content-Length: 99999999999999999999"), True),
        (b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", True),
        (b"POST /api/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", True),
        (b"POST /api/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", True),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /bundle/%2e%2e%2fsecret HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", True),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), False),      # TLS to a plain port
        (b"\0" * 500, False),
        (b"", False),
    ]


class Mischief(threading.Thread):
    def __init__(self, server, requests, rate):
        super().__init__(daemon=True)
        self.server, self.requests, self.rate = server, requests, rate
        self.ended, self.sent, self.unanswered = threading.Event(), 0, []

    def run(self):
        choose = random.Random(7)
        while not self.ended.wait(1 / self.rate):
            index = choose.randrange(len(self.requests))
            data, wait = self.requests[index]
            try:
                with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as one:
                    one.sendall(data)
                    self.sent += 1
                    if wait and not one.recv(65536).startswith(b"HTTP/1.1 "):
                        self.unanswered.append(index)
            except OSError as error:
                self.unanswered.append((index, str(error)))


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def growth_mb(samples):
    """The least-squares line through the last two thirds: what it rises over the whole of them."""
    samples = samples[len(samples) // 3:]
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_m = sum(m for _, m in samples) / len(samples)
    slope = sum((t - mean_t) * (m - mean_m) for t, m in samples) / sum((t - mean_t) ** 2 for t, _ in samples)
    return slope, slope * (samples[-1][0] - samples[0][0])


def warm_up(server, picture, clients=64):
    """Every thread of the server has worked, so that its buffers and heaps are there before the memory is watched."""
    from slow.test_overload import capacity
    capacity(server, picture.read_bytes(), 8, clients)


def soak(binary, server, picture, model, rate, seconds, report):
    """The load test's report, what mischief was done, and (seconds, resident MB) every second."""
    warm_up(server, picture)
    mischief = Mischief(server, bad_requests(picture.read_bytes(), model), 20)
    mischief.start()
    load = subprocess.Popen([binary, "loadtest", f"http://127.0.0.1:{server.port}/api/classify", "--rate", f"{rate:.2f}", "--duration",
                             str(seconds), "--image", str(picture), "--connections", "64", "--json", str(report)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    samples, begin = [], time.monotonic()
    while load.poll() is None:
        samples.append((time.monotonic() - begin, resident_mb(server.process.pid)))
        time.sleep(1)
    mischief.ended.set()
    mischief.join()
    return json.loads(report.read_text()), mischief, samples


def measure_capacity(server, picture):
    from slow.test_overload import capacity
    capacity(server, picture.read_bytes(), 3)
    return capacity(server, picture.read_bytes(), 6)


def test_memory_stays_flat_at_70_percent(binary, bundle, tmp_path, record_property):
    picture = bundle / "golden" / "dog1.jpg"
    with Server(binary, bundle, "--quiet", log=tmp_path / "log") as server:
        server.wait_until_ready()
        rate = 0.7 * measure_capacity(server, picture)
        report, mischief, samples = soak(binary, server, picture, "resnet34", rate, SECONDS, tmp_path / "report.json")
        assert server.stop() == 0
    slope, growth = growth_mb(samples)
    record_property("rss_kb_per_minute", 1024 * 60 * slope)
    print(f"{report['requests']['served']} of {report['requests']['scheduled']} served at {rate:.1f}/s, {mischief.sent} bad requests; "
          f"resident {samples[0][1]:.1f} MB at first, {samples[-1][1]:.1f} MB at last, slope {1024 * 60 * slope:.1f} KB/min")
    assert mischief.sent > SECONDS / 2 and not mischief.unanswered
    assert report["errors"]["transport"] == {} and set(report["errors"]["status"]) <= {"504"}
    assert report["requests"]["served"] >= 0.95 * report["requests"]["scheduled"]
    assert growth <= MOST_GROWTH_MB


def test_the_sanitizers_find_nothing_under_the_same_load(binary, tmp_path):
    """The server around the null engine, built with AddressSanitizer and UndefinedBehaviorSanitizer."""
    sanitized = ROOT / "build" / "asan" / "native_server" / "beralih"
    if not sanitized.is_file():
        pytest.skip(f"{sanitized} is not built; cmake --preset asan && cmake --build --preset asan --target beralih")
    bundle = null_bundle.make(binary, tmp_path / "null")
    picture = bundle / "golden" / "gradient.png"
    with Server(str(sanitized), bundle, "--engine", "null", "--quiet", log=tmp_path / "log") as server:
        server.wait_until_ready()
        report, mischief, samples = soak(binary, server, picture, "null", 60, SECONDS / 4, tmp_path / "report.json")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        status = server.stop()
        log = server.log()
    print(f"{report['requests']['served']} of {report['requests']['scheduled']} served, {mischief.sent} bad requests, exit {status}")
    assert status == 0 and "ERROR" not in log and "runtime error" not in log, log
    assert not mischief.unanswered and report["errors"]["transport"] == {}
    assert report["requests"]["served"] == report["requests"]["scheduled"]
