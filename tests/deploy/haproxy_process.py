"""HAProxy with native_server/deploy/haproxy.cfg, in front of real servers (Cluster) or of stand-ins (Proxy, Stub)."""
import contextlib
import http.client
import http.server
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import pytest

from deploy_load import Load
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


RELOAD = "/api/admin/reload"


def encoded(path, letter, as_what):
    return path.replace(letter, as_what, 1)


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
