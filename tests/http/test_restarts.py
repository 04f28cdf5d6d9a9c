"""Restarts that refuse nobody, a few times; tests/slow/test_restarts.py does it 200 times."""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from restarts import NO_NETWORK, kill_and_come_back, listen, reload_under_load, restart_under_load
from server_process import Server

ROUNDS = 8


@pytest.fixture(scope="module")
def photograph(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


def test_restarts_refuse_nobody(binary, bundle, photograph, tmp_path):
    load = restart_under_load(binary, bundle, photograph, tmp_path, ROUNDS, NO_NETWORK)
    assert not load.lost and set(load.statuses) == {200}


def test_kept_connections_are_told_that_the_end_is_near(binary, bundle, tmp_path):
    """So that no client asks on a connection in the moment in which it is closed."""
    with Server(binary, bundle, *NO_NETWORK, "--drain-delay-ms", "3000", log=tmp_path / "log") as server:
        server.wait_until_ready()
        connection = server.connection()

        def ask():
            connection.request("GET", "/v2/health/live")
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["Connection"]
        assert ask() == (200, None)
        server.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 60
        while server.request("GET", "/v2/health/ready").status != 503:
            assert time.monotonic() < end
        assert ask() == (200, "close")
        assert server.process.wait(30) == 0


@pytest.mark.parametrize("arguments", [NO_NETWORK, ()], ids=["null", "resnet34"])
def test_reloads_by_signal_and_by_request_lose_nothing(binary, bundle, photograph, tmp_path, arguments):
    load = reload_under_load(binary, bundle, photograph, tmp_path, ROUNDS, arguments)
    assert not load.lost and set(load.statuses) == {200}
    assert load.statuses[200] > ROUNDS


def test_a_killed_server_comes_back_on_its_socket(binary, bundle, photograph, tmp_path):
    times = kill_and_come_back(binary, bundle, photograph, tmp_path, 2, NO_NETWORK)
    assert len(times) == 2  # how long it takes with a network, tests/slow says


def test_a_successor_beside_the_old_server_leaves_no_gap(binary, bundle, photograph, tmp_path):
    with listen() as listener:
        with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "old", listener=listener) as old:
            old.wait_until_ready()
            with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "new", listener=listener) as new:
                new.wait_until_ready()
                assert old.stop() == 0
                new.wait_for_log(", a socket that was handed over")
                assert new.classify(photograph).status == 200


def test_connections_wait_until_the_server_is_ready(binary, bundle, photograph, tmp_path):
    """They are not told 503, as they would be on a socket of the server's own."""
    with listen() as listener:
        answers = []

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
            connection.request("POST", "/api/classify", photograph, {"Content-Type": "image/jpeg"})
            answers.append(connection.getresponse().status)
        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(0.2)
        with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "log", listener=listener) as server:
            server.wait_until_ready()
            for client in clients:
                client.join()
        assert answers == [200] * 8


def test_a_bundle_that_is_no_good_leaves_the_waiting_to_the_next(binary, bundle, photograph, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    with open(broken / "labels.txt", "ab") as labels:
        labels.write(b"x")
    with listen() as listener, socket.create_connection(listener.getsockname(), timeout=60) as waiting:
        waiting.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        with Server(binary, broken, *NO_NETWORK, log=tmp_path / "broken.log", listener=listener) as server:
            assert server.process.wait(60) == 1
        with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "log", listener=listener) as server:
            server.wait_until_ready()
            assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")


def _datagram():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _unix():
    one = socket.socket(socket.AF_UNIX)
    one.bind("\0beralih-test-%d" % os.getpid())
    one.listen()
    return one


@pytest.mark.parametrize("make", [_datagram, _unix, socket.socket], ids=["UDP", "Unix", "not listening"])
def test_another_socket_than_wanted_is_refused(binary, bundle, tmp_path, make):
    with make() as handed, Server(binary, bundle, *NO_NETWORK, log=tmp_path / "log", listener=handed) as server:
        assert server.process.wait(60) == 1
        assert "one TCP socket that listens is wanted" in server.log()


def test_variables_meant_for_another_process_are_ignored(binary, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert "handed over" not in server.log()


def test_systemds_own_activation(binary, bundle, photograph, tmp_path):
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("systemd-socket-activate is not installed")
    with listen() as probe:
        port = probe.getsockname()[1]
    log = open(tmp_path / "log", "w+")
    manager = subprocess.Popen([program, "-l", f"127.0.0.1:{port}", binary, "serve", "--bundle", str(bundle),
                                *NO_NETWORK], stdout=log,
                               stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while "Listening on" not in (tmp_path / "log").read_text():
            assert time.monotonic() < end and manager.poll() is None
            time.sleep(0.02)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/api/classify", photograph, {"Content-Type": "image/jpeg"})
        assert connection.getresponse().status == 200
        manager.send_signal(signal.SIGTERM)  # it became the server
        assert manager.wait(30) == 0
    finally:
        manager.kill()
        manager.wait()
        log.close()
