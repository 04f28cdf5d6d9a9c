"""Many, idle, slow and broken connections, of the real server."""
import json
import pathlib
import re
import resource
import select
import signal
import socket
import time

import pytest

from restarts import NO_NETWORK
from server_process import Server

LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def receive_answer(connection):
    """(status, head, body) of one answer; the connection stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, f"closed after {data!r}"
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")][0].split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), head, body


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_kib(server):
    return int(pathlib.Path(f"/proc/{server.process.pid}/status").read_text().split("RssAnon:")[1].split()[0])


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"needs {count} file descriptors, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


POST = b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
MALFORMED = {  # what is sent, and the status
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "HTTP/2": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "long headers": (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2000 + b"\r\n", 431),
    "Content-Length and Transfer-Encoding": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two Content-Lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "a list of Content-Lengths": (POST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    "another coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a bad chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a chunk longer than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
    "a huge chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", 413),
    "another expectation": (POST + b"Expect: miracles\r\nContent-Length: 1\r\n\r\n", 417),
    "an encoded body": (POST + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 415),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_http(server, name):
    data, status = MALFORMED[name]
    with connect(server) as connection:
        connection.sendall(data)
        got, head, body = receive_answer(connection)
        assert got == status, head
        assert json.loads(body)["status"] == status
        assert b"X-Request-ID:" in head
        if status != 415:  # the body was whole: the connection goes on
            assert b"\r\nConnection: close" in head
            assert connection.recv(1) == b""


def test_no_second_request_is_smuggled(server):
    """What one parser takes for the end of a body, another takes for a request."""
    smuggled = b"0\r\n\r\nGET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(smuggled) + smuggled)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert data.count(b"HTTP/1.1 ") == 1
    assert data.startswith(b"HTTP/1.1 400 ")


def test_pipelined_requests_are_answered_in_order(server):
    with connect(server) as connection:
        connection.sendall(LIVE + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + LIVE)
        data = b""
        while data.count(b'{"live":true}') < 2:
            data += connection.recv(65536)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", data) == [b"200", b"404", b"200"]


def test_a_half_closed_connection_gets_its_answer(server):
    with connect(server) as connection:
        connection.sendall(LIVE)
        connection.shutdown(socket.SHUT_WR)
        assert receive_answer(connection)[0] == 200


def test_100_continue(server, bundle):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    with connect(server) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(image))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(image)
        assert receive_answer(connection)[0] == 200


def test_a_byte_at_a_time_holds_nothing_and_ends(binary, bundle, tmp_path):
    """200 slow requests are more than there are workers; others are answered, the slow ones get 408."""
    with Server(binary, bundle, "--request-timeout", "3", log=tmp_path / "log") as server:
        server.wait_until_ready()
        slow = [connect(server) for _ in range(200)]
        start = time.monotonic()
        try:
            for at in range(20):
                for i, connection in enumerate(slow):
                    connection.sendall((LIVE if i % 2 else POST + b"Content-Length: 9999\r\n\r\n")[at:at + 1])
                asked = time.monotonic()
                assert server.request("GET", "/v2/health/live").status == 200
                assert time.monotonic() - asked < 2
                time.sleep(0.05)
            for connection in slow:
                assert receive_answer(connection)[0] == 408
                assert connection.recv(1) == b""
            assert 2 < time.monotonic() - start < 30
        finally:
            for connection in slow:
                connection.close()


@pytest.fixture
def quiet_server(binary, bundle, tmp_path):
    """One whose own predictions (golden cases, canary) use no processor while it is measured."""
    with Server(binary, bundle, *NO_NETWORK, "--canary-interval", "0", log=tmp_path / "log") as running:
        running.wait_until_ready()
        yield running


def test_two_thousand_connections_at_once_are_all_answered(quiet_server):
    server = quiet_server
    allow_descriptors(3000)
    before = resident_kib(server)
    connections = []
    for _ in range(2000):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", server.port))
        connections.append(connection)
    poller = select.poll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poller.register(number, select.POLLOUT)
    waiting, answers = set(by_number), 0
    end = time.monotonic() + 60
    while waiting and time.monotonic() < end:
        for number, event in poller.poll(1000):
            assert not event & (select.POLLERR | select.POLLNVAL), "refused or reset"
            if event & select.POLLOUT:
                by_number[number].send(LIVE)
                poller.modify(number, select.POLLIN)
            elif event & select.POLLIN:
                answers += by_number[number].recv(4096).startswith(b"HTTP/1.1 200 ")
                poller.unregister(number)
                waiting.discard(number)
    assert answers == 2000
    # They are idle now: no thread polls them.
    used = cpu_seconds(server)
    time.sleep(2)
    used = cpu_seconds(server) - used
    for connection in connections:
        connection.close()
    assert used <= 2 * 0.04, f"{used} s of CPU in 2 s with 2,000 idle connections"
    assert resident_kib(server) - before < 40_000


def test_beyond_the_limit_connections_get_503(binary, bundle, tmp_path):
    with Server(binary, bundle, "--max-connections", "50", log=tmp_path / "log") as server:
        server.wait_until_ready()
        first = [connect(server) for _ in range(50)]
        for connection in first:
            connection.sendall(LIVE)
            assert receive_answer(connection)[0] == 200
        for _ in range(20):
            with connect(server) as connection:
                connection.sendall(LIVE)
                status, head, _ = receive_answer(connection)
                assert status == 503
                assert b"\r\nRetry-After: 1" in head
        for connection in first:
            connection.close()
        end = time.monotonic() + 10
        while server.request("GET", "/v2/health/live").status != 200:
            assert time.monotonic() < end


def test_unfinished_uploads_beyond_their_limit_get_503_and_others_go_on(binary, bundle, tmp_path):
    body = b"x" * 900_000
    head = POST + b"Content-Length: %d\r\n\r\n" % len(body)
    with Server(binary, bundle, *NO_NETWORK, "--max-body-bytes", "1000000", "--max-buffered-bytes", "2000000",
                log=tmp_path / "log") as server:
        server.wait_until_ready()
        for _ in range(3):  # what is answered, refused or abandoned is counted no longer
            first = [connect(server) for _ in range(2)]
            for connection in first:
                connection.sendall(head + body[:800_000])
            time.sleep(0.3)  # until they have been read
            with connect(server) as beyond:
                beyond.sendall(head + body[:800_000])
                status, answer, detail = receive_answer(beyond)
                assert status == 503 and b"\r\nRetry-After: 1" in answer and b"\r\nConnection: close" in answer
                assert "2000000 bytes" in json.loads(detail)["detail"]
            image = (bundle / "golden" / "dog2.jpg").read_bytes()
            assert server.classify(image).status == 200
            first.pop().close()
            first[0].sendall(body[800_000:])
            assert receive_answer(first[0])[0] == 415
            first[0].close()
        assert server.request("GET", "/v2/health/live").status == 200


def test_waiting_predictions_leave_threads_for_health(binary, bundle, tmp_path):
    """More of them than 64, all waiting for company. With 64 threads it is seen that the test would notice."""
    image = (bundle / "golden" / "dog2.jpg").read_bytes()

    def asked_among_waiting(*options):
        with Server(binary, bundle, *NO_NETWORK, "--max-queue", "80", "--max-batch", "128", "--batch-delay", "10000000",
                    "--deadline-ms", "0", "--canary-interval", "0", *options, log=tmp_path / "log") as server:
            server.wait_until_ready()
            server.wait_for_log("batches warm: .*128")
            waiting = [connect(server) for _ in range(78)]
            for connection in waiting:
                connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(image) + image)
            time.sleep(2)
            with connect(server) as probe:
                probe.settimeout(2)
                probe.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" + LIVE)
                try:
                    return receive_answer(probe)[2].decode()
                except socket.timeout:
                    return None
                finally:
                    for connection in waiting:
                        connection.close()
    text = asked_among_waiting()
    depth = re.findall(r'beralih_queue_depth\{state="(?:preparing|waiting)"\} (\d+)', text)
    assert sum(map(int, depth)) == 78
    assert asked_among_waiting("--connection-threads", "64") is None


def test_an_idle_connection_is_closed_after_its_time(binary, bundle, tmp_path):
    with Server(binary, bundle, "--idle-timeout", "1", log=tmp_path / "log") as server:
        server.wait_until_ready()
        with connect(server) as connection:
            connection.sendall(LIVE)
            receive_answer(connection)
            start = time.monotonic()
            assert connection.recv(1) == b""
            assert 0.5 < time.monotonic() - start < 10


def test_sigterm_does_not_wait_for_idle_connections(binary, bundle, tmp_path):
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        idle = [connect(server) for _ in range(20)]
        for connection in idle[:10]:
            connection.sendall(LIVE)
            receive_answer(connection)
        start = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - start < 3
        for connection in idle:
            connection.close()


def test_connections_that_wait_to_be_accepted_are_answered_at_the_end(binary, bundle, tmp_path):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.process.send_signal(signal.SIGSTOP)  # so that they stay in the kernel's queue
        queued = [connect(server) for _ in range(10)]
        for connection in queued:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(image) + image)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        for connection in queued:
            assert receive_answer(connection)[0] == 200
            connection.close()
        assert server.process.wait(30) == 0


def test_a_large_file_read_slowly_holds_no_worker(server, bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    (size,) = [file["bytes"] for file in contract["files"] if file["role"] == "edge_model"]
    readers = [connect(server) for _ in range(100)]
    before = resident_kib(server)
    for reader in readers:
        reader.sendall(b"GET /bundle/edge.onnx HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.5)
    assert server.request("GET", "/v2/health/live").status == 200
    assert resident_kib(server) - before < 100_000
    assert len(receive_answer(readers[0])[2]) == size
    for reader in readers:
        reader.close()
