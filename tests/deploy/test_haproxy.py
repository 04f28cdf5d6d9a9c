"""Three replicas behind HAProxy, with native_server/deploy/haproxy.cfg: what clients see of a crash, an update and a broken bundle."""
import concurrent.futures
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from server_process import Server

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy" / "haproxy.cfg"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """HAProxy and three servers, each of which can be stopped and started again on its port."""

    def __init__(self, binary, bundle, folder):
        self.binary, self.bundle, self.folder = binary, bundle, folder
        *self.ports, self.front = free_ports(4)
        self.starts = 0
        self.replicas = [self.start(i) for i in range(3)]
        for replica in self.replicas:
            replica.wait_until_ready()
        environment = {**os.environ, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{self.front}",
                       "BERALIH_HAPROXY_ADMIN": str(folder / "admin.sock"),
                       **{f"BERALIH_REPLICA_{i + 1}": f"127.0.0.1:{port}" for i, port in enumerate(self.ports)}}
        self.log = open(folder / "haproxy.log", "w")
        self.proxy = subprocess.Popen(["haproxy", "-W", "-db", "-f", str(CONFIGURATION)], env=environment, stdout=self.log,
                                      stderr=subprocess.STDOUT)
        self.wait(lambda: self.status("/v2/health/ready") == 200)

    def start(self, index, bundle=None):
        self.starts += 1
        return Server(self.binary, bundle or self.bundle, "--threads", "1", "--drain-delay-ms", "1500", log=self.folder / f"replica-{self.starts}.log",
                      port=self.ports[index])

    def restart(self, index, bundle=None):
        self.replicas[index] = self.start(index, bundle)
        self.replicas[index].wait_until_ready()

    def status(self, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.front, timeout=60)
        try:
            connection.request("POST" if body else "GET", path, body, {"Content-Type": "image/jpeg"} if body else {})
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def states(self):
        """What HAProxy thinks of each replica: "UP", "DOWN"."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(b"show stat\n")
            text = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        rows = [line.split(",") for line in text.splitlines() if line.startswith("replicas,")]
        return {row[1]: row[17].split()[0] for row in rows if row[1] != "BACKEND"}

    @staticmethod
    def wait(true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    def close(self):
        self.proxy.terminate()
        self.proxy.wait(30)
        self.log.close()
        for replica in self.replicas:
            replica.__exit__()


@pytest.fixture
def cluster(binary, bundle, tmp_path):
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    running = Cluster(binary, bundle, tmp_path)
    yield running
    running.close()


class Load:
    """Requests at a steady rate, whatever comes back, until the `with` block ends. None is sent twice."""

    def __init__(self, cluster, image, per_second):
        self.cluster, self.image, self.interval = cluster, image, 1 / per_second
        self.statuses, self._ended = [], threading.Event()

    def _send(self):
        status = self.cluster.status("/api/classify", self.image)
        self.statuses.append(status)

    def _run(self):
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            at = time.monotonic()
            while not self._ended.is_set():
                pool.submit(self._send)
                at += self.interval
                time.sleep(max(0.0, at - time.monotonic()))

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(1)
        self._ended.set()
        self._thread.join()
        print(f"{len(self.statuses)} requests, statuses { {s: self.statuses.count(s) for s in set(self.statuses)} }")


@pytest.fixture
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


def test_a_killed_replica_costs_no_request(cluster, image):
    with Load(cluster, image, per_second=6) as load:
        cluster.replicas[0].process.send_signal(signal.SIGKILL)
        cluster.replicas[0].process.wait()
        cluster.wait(lambda: cluster.states()["one"] == "DOWN")
        cluster.restart(0)
        cluster.wait(lambda: cluster.states()["one"] == "UP")
    assert set(load.statuses) == {200} and len(load.statuses) >= 12


def test_a_rolling_update_costs_no_request(cluster, bundle, image, tmp_path):
    new = tmp_path / "new"
    shutil.copytree(bundle, new)
    with Load(cluster, image, per_second=6) as load:
        for index, name in enumerate(("one", "two", "three")):
            assert cluster.replicas[index].stop() == 0
            cluster.restart(index, new)
            cluster.wait(lambda: cluster.states()[name] == "UP")
    assert set(load.statuses) == {200} and len(load.statuses) >= 12


def test_an_altered_bundle_gets_no_traffic(cluster, bundle, image, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    with open(broken / "weights.safetensors", "r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        weights.write(b"\x7f")
    assert cluster.replicas[0].stop() == 0
    cluster.replicas[0] = cluster.start(0, broken)
    assert cluster.replicas[0].process.wait(60) == 1
    cluster.wait(lambda: cluster.states()["one"] == "DOWN")
    assert [cluster.status("/api/classify", image) for _ in range(9)] == [200] * 9
    assert "POST" not in cluster.replicas[0].log()
