"""Three replicas behind HAProxy, with native_server/deploy/haproxy.cfg: what clients see of a crash, an update and a broken bundle."""
import collections
import concurrent.futures
import contextlib
import http.client
import http.server
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from deploy_load import Load, altered_bundle, capacity, classify, contract_hash, newer_bundle
from deploy_names import Names
from restarts import NO_NETWORK
from server_process import Server

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy" / "haproxy.cfg"
NAMES = ("one", "two", "three")
# The replicas share this machine's cores with their clients, and with each start of another, which real ones do not. What waits for that is
# late and not lost: the queue of one replica holds as many as the load ever has under way.
ENGINE = ("--max-queue", str(Load.CLIENTS))


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

    def __init__(self, binary, bundle, folder, arguments=ENGINE, **variables):
        self.binary, self.bundle, self.folder, self.arguments = binary, bundle, folder, arguments
        *self.ports, self.front, self.operator = free_ports(5)
        self.starts = 0
        self.bundles = [bundle] * 3
        self.replicas = [self.start(i) for i in range(3)]
        for replica in self.replicas:
            replica.wait_until_ready()
        self.environment = {**os.environ, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{self.front}",
                            "BERALIH_HAPROXY_ADMIN": str(folder / "admin.sock"), "BERALIH_HAPROXY_METRICS": f"127.0.0.1:{self.operator}",
                            **{f"BERALIH_REPLICA_{i + 1}": f"127.0.0.1:{port}" for i, port in enumerate(self.ports)}, **variables}
        self.log = open(folder / "haproxy.log", "w")
        self.proxy = subprocess.Popen(["haproxy", "-W", "-db", "-f", str(CONFIGURATION)], env=self.environment, stdout=self.log,
                                      stderr=subprocess.STDOUT)
        self.wait(self.ready)

    def start(self, index, bundle=None):
        self.starts += 1
        self.bundles[index] = bundle or self.bundle
        return Server(self.binary, self.bundles[index], *self.arguments, "--threads", "1", "--drain-delay-ms", "1500",
                      log=self.folder / f"replica-{self.starts}.log", port=self.ports[index])

    def restart(self, index, bundle=None):
        """Starts it in place of the one that ended, and waits until HAProxy has seen it ready."""
        self.replicas[index].__exit__()
        self.replicas[index] = self.start(index, bundle)
        self.replicas[index].wait_until_ready()
        self.wait(lambda: self.states()[NAMES[index]] == "UP")

    def restore(self):
        """As at the beginning, whatever a test has done."""
        for index, replica in enumerate(self.replicas):
            if replica.process.poll() is not None or self.bundles[index] != self.bundle:
                self.restart(index)

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

    def _servers(self, backend="replicas"):
        rows = [line.split(",") for line in self.admin("show stat").splitlines() if line.startswith(f"{backend},")]
        return {row[1]: row for row in rows if row[1] != "BACKEND"}

    def states(self, backend="replicas"):
        """What HAProxy thinks of each replica: "UP", "DOWN"."""
        return {name: row[17].split()[0] for name, row in self._servers(backend).items()}

    def sessions(self, name, backend="replicas"):
        """How many requests HAProxy has ever given to it."""
        return int(self._servers(backend)[name][7])

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


def answer_of(port, method, path, **headers):
    """(status, body) of a request whose path is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": "0", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read(65536)
    finally:
        connection.close()


def encoded(path, letter, as_what):
    return path.replace(letter, as_what, 1)


RELOAD = "/api/admin/reload"


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


class Stub:
    """Says 200 and its own name to everything; /api/events goes on for ever. What HAProxy does is seen without the real servers' start."""

    def __init__(self, name, address="127.0.0.1", port=0):
        self.asked = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path != "/v2/health/ready":
                    stub.asked.append((self.path, self.headers.get("X-Beralih-Run")))
                self.send_response(200)
                if self.path.startswith("/api/events"):
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    with contextlib.suppress(OSError):
                        while not stub.ended.wait(0.2):
                            self.wfile.write(b"2\r\n:\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(name)))
                    self.end_headers()
                    self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        self.ended = threading.Event()
        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who asks may hang up, as HAProxy's checks do
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """HAProxy alone, with haproxy.cfg or a changed copy, until the `with` block ends."""

    def __init__(self, folder, configuration=CONFIGURATION, front=None, **variables):
        if shutil.which("haproxy") is None:
            pytest.skip("haproxy is not installed")
        self.folder = folder
        self.front, self.operator = free_ports(2)
        self.front = front or self.front
        self.environment = {**os.environ, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{self.front}", "BERALIH_HAPROXY_ADMIN": str(folder / "admin.sock"),
                            "BERALIH_HAPROXY_METRICS": f"127.0.0.1:{self.operator}", **{f"BERALIH_REPLICA_{i}": "127.0.0.1:1" for i in (1, 2, 3)}, **variables}
        self.command = ["haproxy", "-W", "-db", "-f", str(configuration)]

    def __enter__(self):
        self.log = open(self.folder / "haproxy.log", "w")
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=self.log, stderr=subprocess.STDOUT)
        Cluster.wait(lambda: self.process.poll() is not None or self.ready() in (200, 503))
        assert self.process.poll() is None, (self.folder / "haproxy.log").read_text()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def get(self, path="/", port=None, **headers):
        """(status, body); status 0 where no answer came."""
        try:
            return answer_of(port or self.front, "GET", path, **headers)
        except (OSError, http.client.HTTPException):
            return 0, b""

    def ready(self):
        return self.get("/haproxy-ready", self.operator)[0]

    admin, _servers, states = Cluster.admin, Cluster._servers, Cluster.states


def test_it_is_ready_while_a_server_is(tmp_path):
    port, = free_ports(1)
    with Proxy(tmp_path, BERALIH_REPLICA_2=f"127.0.0.1:{port}") as proxy:
        Cluster.wait(lambda: proxy.ready() == 503)
        with Stub("two", port=port):
            Cluster.wait(lambda: proxy.ready() == 200)
            assert proxy.get() == (200, b"two")
        Cluster.wait(lambda: proxy.ready() == 503)
        # What says so is not for those who send requests.
        assert proxy.get("/haproxy-ready")[0] == 503 and proxy.get("/metrics")[0] == 503


def test_prometheus_reads_what_it_counts(tmp_path):
    with Stub("one") as stub, Proxy(tmp_path, BERALIH_REPLICA_1=f"127.0.0.1:{stub.port}", BERALIH_MAXCONN="7") as proxy:
        Cluster.wait(lambda: proxy.get() == (200, b"one"))
        status, body = proxy.get("/metrics", proxy.operator)
        assert status == 200 and b'haproxy_server_status{proxy="replicas",server="one",state="UP"} 1' in body
        assert b'haproxy_server_limit_sessions{proxy="replicas",server="one"} 7' in body
        assert proxy.get("/", proxy.operator)[0] == 404
        assert "GET /metrics" not in (tmp_path / "haproxy.log").read_text()


@pytest.mark.parametrize("form", ["static", "by name"])
def test_a_canary_whose_name_nobody_knows_keeps_nobody_waiting(form, tmp_path):
    """All requests are its share, and the others answer them; a run's requests and its events come to one of them."""
    with Stub("one") as one, Stub("two", address="127.0.0.2", port=one.port), Names("replicas.test", ["127.0.0.1", "127.0.0.2"]) as names:
        settings = {"BERALIH_REPLICA_1": f"127.0.0.1:{one.port}", "BERALIH_REPLICA_2": f"127.0.0.2:{one.port}"} if form == "static" else \
            {"BERALIH_REPLICAS": f"replicas.test:{one.port}", "BERALIH_DNS": f"127.0.0.1:{names.port}"}
        with Proxy(tmp_path, BERALIH_CANARY="canary.invalid:8080", BERALIH_CANARY_PERCENT="100", **settings) as proxy:
            def up(backend):
                return list(proxy.states(backend).values()).count("UP")
            Cluster.wait(lambda: up("canary") == up("canary-runs") == 2)
            assert collections.Counter(proxy.get() for _ in range(20)).keys() == {(200, b"one"), (200, b"two")}
            runs = [secrets.token_hex(16) for _ in range(16)]
            answers = [{proxy.get(**{"X-Beralih-Run": run}) for _ in range(3)} for run in runs]
            assert all(len(seen) == 1 for seen in answers) and set.union(*answers) == {(200, b"one"), (200, b"two")}


def test_several_canaries_by_one_name(tmp_path):
    port, = free_ports(1)
    with Names("canary.test", []) as names, Stub("old") as old, \
            Proxy(tmp_path, BERALIH_REPLICAS=f"127.0.0.1:{old.port}", BERALIH_DNS=f"127.0.0.1:{names.port}", BERALIH_CANARY=f"canary.test:{port}",
                  BERALIH_CANARY_PERCENT="100") as proxy:
        Cluster.wait(lambda: proxy.get() == (200, b"old"))
        with Stub("new 1", "127.0.1.1", port) as first, Stub("new 2", "127.0.1.2", port):
            names.addresses = ["127.0.1.1", "127.0.1.2"]
            Cluster.wait(lambda: [list(proxy.states(backend).values()).count("UP") for backend in ("canary", "canary-runs")] == [34, 34])
            assert {proxy.get() for _ in range(20)} == {(200, b"new 1"), (200, b"new 2")}
            runs = {secrets.token_hex(16): None for _ in range(16)}
            for run in runs:
                seen = {proxy.get(**{"X-Beralih-Run": run}) for _ in range(3)}
                assert len(seen) == 1, "a run stays with one of them"
                runs[run], = seen
            assert set(runs.values()) == {(200, b"new 1"), (200, b"new 2")}
            connection = http.client.HTTPConnection("127.0.0.1", proxy.front, timeout=10)
            mine = next(run for run, (_, body) in runs.items() if body == b"new 1")
            connection.request("GET", f"/api/events?run={mine}")
            assert connection.getresponse().status == 200 and (f"/api/events?run={mine}", None) in first.asked
            connection.close()
        Cluster.wait(lambda: {proxy.get() for _ in range(10)} == {(200, b"old")})


def test_a_name_server_that_is_gone_takes_no_replica_out(tmp_path):
    """HAProxy's own default drops them after 30 s."""
    with Stub("one") as stub, contextlib.ExitStack() as stack:
        names = stack.enter_context(Names("replicas.test", ["127.0.0.1"]))
        with Proxy(tmp_path, BERALIH_REPLICAS=f"replicas.test:{stub.port}", BERALIH_DNS=f"127.0.0.1:{names.port}") as proxy:
            Cluster.wait(lambda: proxy.get() == (200, b"one"))
            stack.close()
            time.sleep(36)
            assert proxy.get() == (200, b"one") and proxy.ready() == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """NAME.crt and NAME.key, as a Secret of Kubernetes holds them, and both in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"), "-days", "2"],
                   check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "tls.crt").read_text() + (folder / "tls.key").read_text())
    return folder


@pytest.mark.parametrize("file", ["tls.crt", "both.pem"])
def test_with_a_certificate_it_speaks_tls_alone(file, certificate, tmp_path):
    def spoken(port, *protocols, **limits):
        context = ssl.create_default_context(cafile=str(certificate / "tls.crt"))
        context.set_alpn_protocols(protocols)
        for name, value in limits.items():
            setattr(context, name, value)
        with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
            return wrapped.version(), wrapped.selected_alpn_protocol()

    with Stub("one") as stub, Proxy(tmp_path, BERALIH_REPLICA_1=f"127.0.0.1:{stub.port}", BERALIH_HAPROXY_CERT=str(certificate / file)) as proxy:
        Cluster.wait(lambda: proxy.states()["one"] == "UP" and proxy.states()["two"] == "DOWN")
        assert spoken(proxy.front, "h2", "http/1.1") == ("TLSv1.3", "h2")
        assert spoken(proxy.front, "http/1.1", maximum_version=ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "http/1.1")
        assert proxy.get()[0] in (0, 400), "plain HTTP is not answered"
        if shutil.which("curl"):
            def curl(path):
                return subprocess.run(["curl", "-s", "--http2", "--path-as-is", "--cacert", str(certificate / "tls.crt"), "-o", os.devnull,
                                       "-w", "%{http_version} %{http_code}", f"https://127.0.0.1:{proxy.front}{path}"], capture_output=True, text=True).stdout
            assert curl("/") == "2 200"
            assert [curl(path) for path in (RELOAD, encoded(RELOAD, "d", "%64"))] == ["2 403"] * 2 and not any("admin" in path for path, _ in stub.asked)


def test_started_as_root_it_becomes_somebody_else(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with Proxy(tmp_path, BERALIH_HAPROXY_USER="nobody", BERALIH_HAPROXY_GROUP="nogroup") as proxy:
        worker, = pathlib.Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text().split()
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{worker}/status").read_text().splitlines() if ":\t" in line)
        assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split() and status["Groups"].split() in ([], status["Gid"].split()[:1])


def test_a_stream_of_events_does_not_hold_what_is_to_end(tmp_path):
    text = CONFIGURATION.read_text()
    assert text.count("hard-stop-after 65s") == 1, "longer than the longest request (timeout server), shorter than an orchestrator's patience (75 s)"
    (tmp_path / "haproxy.cfg").write_text(text.replace("hard-stop-after 65s", "hard-stop-after 2s"))
    with Stub("one") as stub, Proxy(tmp_path, tmp_path / "haproxy.cfg", BERALIH_REPLICA_1=f"127.0.0.1:{stub.port}") as proxy:
        Cluster.wait(lambda: proxy.get() == (200, b"one"))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.front, timeout=10)
        connection.request("GET", "/api/events?run=1")
        response = connection.getresponse()
        proxy.process.send_signal(signal.SIGUSR1)
        time.sleep(1)
        assert response.read(2) and proxy.process.poll() is None, "it waits for the stream"
        proxy.process.wait(15)
        connection.close()


def test_another_one_takes_over_the_address(tmp_path):
    """Both listen for a while, as in swarm.yaml's update of the proxy (start-first on the host's network): nobody is refused."""
    old_folder, new_folder = tmp_path / "old", tmp_path / "new"
    old_folder.mkdir()
    new_folder.mkdir()
    with Stub("one") as stub:
        settings = {"BERALIH_REPLICA_1": f"127.0.0.1:{stub.port}"}
        with Proxy(old_folder, **settings) as old:
            Cluster.wait(lambda: old.get() == (200, b"one"))
            with Proxy(new_folder, front=old.front, **settings) as new:
                Cluster.wait(lambda: new.states()["two"] == "DOWN")
                seen = collections.Counter(new.get() for _ in range(40))
                old.process.send_signal(signal.SIGUSR1)
                old.process.wait(15)
                seen += collections.Counter(new.get() for _ in range(40))
                assert seen == {(200, b"one"): 80}
