"""Three replicas behind HAProxy, with native_server/deploy/haproxy.cfg: what clients see of a crash, an update and a broken bundle."""
import concurrent.futures
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from deploy_load import Load, altered_bundle, capacity, classify, contract_hash, newer_bundle
from server_process import Server

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy" / "haproxy.cfg"
NAMES = ("one", "two", "three")


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
        self.wait(self.ready)

    def start(self, index, bundle=None):
        self.starts += 1
        return Server(self.binary, bundle or self.bundle, "--threads", "1", "--cpu-engine", "packed", "--drain-delay-ms", "1500",
                      log=self.folder / f"replica-{self.starts}.log",
                      port=self.ports[index])

    def restart(self, index, bundle=None):
        self.replicas[index] = self.start(index, bundle)
        self.replicas[index].wait_until_ready()

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.front, timeout=60)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def admin(self, command):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def _servers(self):
        rows = [line.split(",") for line in self.admin("show stat").splitlines() if line.startswith("replicas,")]
        return {row[1]: row for row in rows if row[1] != "BACKEND"}

    def states(self):
        """What HAProxy thinks of each replica: "UP", "DOWN"."""
        return {name: row[17].split()[0] for name, row in self._servers().items()}

    def sessions(self, name):
        """How many requests HAProxy has ever given to it."""
        return int(self._servers()[name][7])

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


@pytest.fixture
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture
def per_second(cluster, image, measured):
    """70 % of what the three replicas answer here."""
    full = capacity(cluster.front, image)
    measured(f"three replicas, one thread each, answer {full:.1f} requests/s on {os.cpu_count()} cores, which the clients share")
    return 0.7 * full


def kill(cluster, index):
    name = NAMES[index]
    cluster.replicas[index].process.send_signal(signal.SIGKILL)
    cluster.replicas[index].process.wait()
    cluster.wait(lambda: cluster.states()[name] == "DOWN")
    cluster.restart(index)
    cluster.wait(lambda: cluster.states()[name] == "UP")


def test_a_killed_replica_costs_no_request(cluster, image, per_second, measured):
    """BERALIH_DEPLOY_REQUESTS: kill one after the other until so many were sent; else once."""
    wanted = int(os.environ.get("BERALIH_DEPLOY_REQUESTS", "0"))
    kills = 0
    with Load(cluster.front, image, per_second) as load:
        while kills == 0 or len(load.first) < wanted:
            kill(cluster, kills % len(NAMES))
            kills += 1
    measured(f"kill -9, {kills} time(s): {load}")
    assert len(load.first) >= 12
    assert load.failed_twice == 0
    assert load.failed_once <= 0.001 * len(load.first)


def test_a_rolling_update_costs_no_request(cluster, bundle, image, per_second, measured, tmp_path):
    new = newer_bundle(bundle, tmp_path / "new")
    with Load(cluster.front, image, per_second) as load:
        for index, name in enumerate(NAMES):
            assert cluster.replicas[index].stop() == 0
            cluster.restart(index, new)
            cluster.wait(lambda: cluster.states()[name] == "UP")
    measured(f"rolling update to a new bundle: {load}")
    assert load.failed_once == 0 and len(load.first) >= 12
    assert set(load.contracts) == {contract_hash(bundle), contract_hash(new)} and load.contracts[-1] == contract_hash(new)


def test_an_altered_bundle_gets_no_traffic(cluster, bundle, image, per_second, measured, tmp_path):
    broken = altered_bundle(bundle, tmp_path / "broken")
    with Load(cluster.front, image, per_second) as load:
        assert cluster.replicas[0].stop() == 0
        before = cluster.sessions("one")
        cluster.replicas[0] = cluster.start(0, broken)
        assert cluster.replicas[0].process.wait(60) == 1
        cluster.wait(lambda: cluster.states()["one"] == "DOWN")
        time.sleep(1)
        asked = cluster.sessions("one") - before
    log = cluster.replicas[0].log()
    measured(f"altered bundle: {asked} requests reached it; {load}")
    assert "weights.safetensors" in log and "ready in" not in log and "POST" not in log
    assert asked == 0 and load.failed_once == 0
