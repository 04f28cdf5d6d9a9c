"""Three replicas behind HAProxy, with native_server/deploy/haproxy.cfg: what clients see of a crash, an update and a broken bundle."""
import collections
import concurrent.futures
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from deploy_load import Load, altered_bundle, capacity, classify, contract_hash, newer_bundle
from deploy_names import Names
from haproxy_process import CONFIGURATION, NAMES, RELOAD, Cluster, answer_of, encoded, free_ports
from restarts import NO_NETWORK
from server_process import Server


@pytest.fixture(scope="module")
def replicas(binary, bundle, tmp_path_factory):
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    running = Cluster(binary, bundle, tmp_path_factory.mktemp("cluster"))
    yield running
    running.close()


@pytest.fixture
def cluster(replicas):
    replicas.restore()
    return replicas


@pytest.fixture(scope="module")
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture(scope="module")
def full_load(replicas, image):
    return capacity(replicas.front, image)


@pytest.fixture
def per_second(full_load, measured):
    """70 % of what the three replicas answer here."""
    measured(f"three replicas, one thread each, answer {full_load:.1f} requests/s on {os.cpu_count()} cores, which the clients share")
    return 0.7 * full_load


def kill(cluster, index):
    cluster.replicas[index].process.send_signal(signal.SIGKILL)
    cluster.replicas[index].process.wait()
    cluster.wait(lambda: cluster.states()[NAMES[index]] == "DOWN")
    cluster.restart(index)


def test_a_killed_replica_costs_no_request(cluster, image, per_second, measured):
    """Each once; with BERALIH_DEPLOY_REQUESTS one after the other until so many were sent."""
    wanted = int(os.environ.get("BERALIH_DEPLOY_REQUESTS", "0"))
    kills = 0
    with Load(cluster.front, image, per_second) as load:
        while kills < len(NAMES) or len(load.first) < wanted:
            kill(cluster, kills % len(NAMES))
            kills += 1
            # A start takes its processor from those that answer here: the next one dies under the load, not under what waited for this one.
            cluster.wait(lambda: load.under_way <= 2 * len(NAMES))
    measured(f"kill -9, {kills} time(s): {load}")
    assert len(load.first) >= 12
    assert load.failed_twice == 0
    assert load.failed_once <= 0.001 * len(load.first)


def test_an_altered_bundle_gets_no_traffic(cluster, bundle, image, per_second, measured, tmp_path):
    broken = altered_bundle(bundle, tmp_path / "broken")
    with Load(cluster.front, image, per_second) as load:
        assert cluster.replicas[0].stop() == 0
        before = cluster.sessions("one")
        cluster.replicas[0].__exit__()
        cluster.replicas[0] = cluster.start(0, broken)
        assert cluster.replicas[0].process.wait(60) == 1
        cluster.wait(lambda: cluster.states()["one"] == "DOWN")
        time.sleep(1)
        asked = cluster.sessions("one") - before
    log = cluster.replicas[0].log()
    measured(f"altered bundle: {asked} requests reached it; {load}")
    assert "weights.safetensors" in log and "ready in" not in log and "POST" not in log
    assert asked == 0 and load.failed_once == 0


def test_a_rolling_update_costs_no_request(cluster, bundle, image, per_second, measured, tmp_path):
    new = newer_bundle(bundle, tmp_path / "new")
    with Load(cluster.front, image, per_second) as load:
        for index in range(3):
            assert cluster.replicas[index].stop() == 0
            cluster.restart(index, new)
    measured(f"rolling update to a new bundle: {load}")
    assert load.failed_once == 0 and len(load.first) >= 12
    assert set(load.contracts) == {contract_hash(bundle), contract_hash(new)} and load.contracts[-1] == contract_hash(new)


def test_a_canary_gets_its_share(binary, bundle, image, measured, tmp_path):
    """Of 500 requests 10 %, give or take five standard deviations; when it is killed, the others answer its share."""
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    new = newer_bundle(bundle, tmp_path / "new")
    port, = free_ports(1)
    cluster = Cluster(binary, bundle, tmp_path, NO_NETWORK, BERALIH_CANARY=f"127.0.0.1:{port}", BERALIH_CANARY_PERCENT="10")

    def ask(count):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            return collections.Counter(pool.map(lambda _: classify(cluster.front, image), range(count)))

    old_answer, new_answer = (200, contract_hash(bundle)), (200, contract_hash(new))
    try:
        assert ask(100) == {old_answer: 100}  # there is no canary yet
        with Server(binary, new, *NO_NETWORK, log=tmp_path / "canary.log", port=port) as canary:
            canary.wait_until_ready()
            cluster.wait(lambda: cluster.states("canary")["canary"] == "UP")
            seen = ask(500)
            measured(f"canary of 10 %: {seen[new_answer]} of {seen.total()} requests")
            assert set(seen) == {old_answer, new_answer} and 17 <= seen[new_answer] <= 83
            threading.Timer(0.5, canary.process.kill).start()
            seen = ask(300)
            assert canary.process.wait(1) == -signal.SIGKILL
            measured(f"canary killed: {seen.total()} requests, {seen[new_answer]} answered by it before, "
                     f"{sum(count for (status, _), count in seen.items() if status != 200)} failed")
            assert set(seen) == {old_answer, new_answer}
            assert ask(100) == {old_answer: 100}
    finally:
        cluster.close()


@pytest.mark.parametrize("path", [RELOAD, encoded(RELOAD, "a", "%61"), encoded(RELOAD, "d", "%64"), encoded(RELOAD, "n/", "n%2F"), encoded(RELOAD, "n/", "n%2f"),
                                  encoded(RELOAD, "a", "%u0061"), encoded(RELOAD, "d", "%U0064"), "http://beralih" + RELOAD, RELOAD + "?a=b"])
def test_the_operators_routes_are_not_passed_on(cluster, path):
    """However the path is written; the servers here have no keys, so that a person at their machine may reload."""
    before = [replica.log() for replica in cluster.replicas]
    status, body = answer_of(cluster.front, "POST", path)
    assert status in (400, 403, 404), body
    assert not any("reload" in replica.log()[len(old):] for replica, old in zip(cluster.replicas, before)), "a server has seen it"


@pytest.mark.parametrize("path", [RELOAD, encoded(RELOAD, "a", "%61"), encoded(RELOAD, "n/", "n%2F"), encoded(RELOAD, "a", "%u0061")])
def test_the_servers_themselves_take_them(cluster, path):
    """Without this the test above would show nothing."""
    assert answer_of(cluster.replicas[0].port, "POST", path)[0] in (200, 409)


def test_who_asks_through_the_proxy_is_no_person_at_the_machine(cluster, tmp_path):
    """Were the path not refused, the servers would refuse the caller: they are told that somebody asks through a proxy."""
    text = CONFIGURATION.read_text()
    open_gate = "".join(line for line in text.splitlines(True) if "http-request deny" not in line)
    assert open_gate != text
    (tmp_path / "haproxy.cfg").write_text(open_gate)
    front, operator = free_ports(2)
    proxy = subprocess.Popen(["haproxy", "-W", "-db", "-f", str(tmp_path / "haproxy.cfg")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env={**cluster.environment, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{front}", "BERALIH_HAPROXY_ADMIN": str(tmp_path / "admin.sock"),
                                  "BERALIH_HAPROXY_METRICS": f"127.0.0.1:{operator}"})
    try:
        cluster.wait((tmp_path / "admin.sock").exists)
        status, body = answer_of(front, "POST", RELOAD)
        assert status == 403 and b"neither web pages nor proxies" in body
    finally:
        proxy.terminate()
        proxy.wait(30)


class Run:
    """A run's events, as the page reads them, through HAProxy."""

    def __init__(self, port):
        self.id = secrets.token_hex(16)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connection.request("GET", f"/api/events?run={self.id}")
        self.response = self.connection.getresponse()
        assert self.response.status == 200

    def next_event(self):
        """Its type; nothing where none comes."""
        try:
            for line in iter(self.response.readline, b""):
                if line.startswith(b"event: "):
                    return line[7:].strip().decode()
        except socket.timeout:
            pass
        return ""


def ask_in_run(port, image, run):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/api/classify", image, {"Content-Type": "image/jpeg", "X-Beralih-Run": run})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_a_runs_events_come_from_the_server_that_answers_it(cluster, image):
    before = [cluster.sessions(name, "runs") for name in NAMES]
    runs = [Run(cluster.front) for _ in range(24)]
    try:
        assert [ask_in_run(cluster.front, image, run.id) for run in runs] == [200] * len(runs)
        assert [run.next_event() for run in runs] == ["accepted"] * len(runs)
    finally:
        for run in runs:
            run.connection.close()
    shares = [cluster.sessions(name, "runs") - old for name, old in zip(NAMES, before)]
    assert sum(shares) == 2 * len(runs) and min(shares) > 0, "all of them have a part"


def test_a_killed_replica_costs_a_run_no_request(cluster, image):
    runs = [secrets.token_hex(16) for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        threading.Timer(0.3, cluster.replicas[1].process.kill).start()
        assert list(pool.map(lambda run: ask_in_run(cluster.front, image, run), runs * 3)) == [200] * len(runs) * 3
    cluster.wait(lambda: cluster.states("runs")["two"] == "DOWN")


@pytest.fixture
def named(binary, bundle, tmp_path):
    """Servers on addresses of their own, which HAProxy knows by one name alone, as in an overlay network or a cluster."""
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    port, front, operator = free_ports(3)
    servers = {}

    def start(address):
        servers[address] = Server(binary, bundle, *NO_NETWORK, "--host", address, log=tmp_path / f"{address}.log", port=port)
        servers[address].wait_for_log(r"ready in [\d.]+ s")

    with Names("replicas.test", []) as names:
        def known(*addresses):
            names.addresses = list(addresses)
        proxy = subprocess.Popen(["haproxy", "-W", "-db", "-f", str(CONFIGURATION)], stdout=open(tmp_path / "log", "w"), stderr=subprocess.STDOUT,
                                 env={**os.environ, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{front}", "BERALIH_HAPROXY_ADMIN": str(tmp_path / "admin"),
                                      "BERALIH_HAPROXY_METRICS": f"127.0.0.1:{operator}", "BERALIH_REPLICAS": f"replicas.test:{port}", "BERALIH_DNS": f"127.0.0.1:{names.port}"})
        try:
            yield front, servers, start, known
        finally:
            proxy.terminate()
            proxy.wait(30)
            for server in servers.values():
                server.__exit__()


def test_replicas_come_and_go_by_their_name(named, image):
    front, servers, start, known = named

    def asked(address):
        return servers[address].log().count("method=POST path=/api/classify")

    def answers(count=30):
        return [classify(front, image)[0] for _ in range(count)]

    start("127.0.1.1")
    known("127.0.1.1")
    Cluster.wait(lambda: classify(front, image)[0] == 200)
    start("127.0.1.2")
    start("127.0.1.3")
    known("127.0.1.1", "127.0.1.2", "127.0.1.3")
    Cluster.wait(lambda: classify(front, image)[0] == 200 and asked("127.0.1.2") and asked("127.0.1.3"))
    runs = [Run(front) for _ in range(12)]
    assert [ask_in_run(front, image, run.id) for run in runs] == [200] * len(runs)
    assert [run.next_event() for run in runs] == ["accepted"] * len(runs)
    # One that ends in order, as an orchestrator ends it, costs nothing; then its name goes.
    known("127.0.1.2", "127.0.1.3")
    assert servers["127.0.1.1"].stop() == 0
    assert answers() == [200] * 30
