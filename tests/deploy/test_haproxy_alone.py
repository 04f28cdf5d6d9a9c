"""HAProxy itself, in front of stand-ins: readiness, metrics, names, TLS, rights, and how it ends."""
import collections
import contextlib
import http.client
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from deploy_names import Names
from haproxy_process import CONFIGURATION, RELOAD, Cluster, Proxy, Stub, encoded, free_ports


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
