"""GET /api/events?run=ID over sockets: the events of one run, as they happen, and nothing of any other."""
import concurrent.futures
import hashlib
import json
import pathlib
import resource
import signal
import socket
import struct
import threading
import time

import pytest

from events import Stream, run_id
from server_process import Server
from test_metrics import scrape


@pytest.fixture(scope="module")
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture(scope="module", autouse=True)
def quiet(server):
    """A stream that hears nothing, from the first test of this file to its last."""
    with Stream(server, run_id()) as stream:
        stream.head()
        yield stream


def resident_kib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])


def settled_kib(server):
    """What it holds once nothing of its start grows any more: read when the last second brought no page."""
    held, since, end = resident_kib(server), time.monotonic(), time.monotonic() + 60
    while time.monotonic() - since < 1:
        assert time.monotonic() < end, f"still growing after a minute: {held} KiB"
        time.sleep(0.05)
        now = resident_kib(server)
        if now > held:
            since = time.monotonic()
        held = now
    return held


def test_a_request_is_told_step_by_step(server, image):
    run = run_id()
    with Stream(server, run) as stream:
        head = stream.head()
        assert stream.status == 200
        assert "\r\nContent-Type: text/event-stream" in head
        assert "\r\nCache-Control: no-store" in head
        assert "Content-Length" not in head
        answer = server.classify(image, X_Beralih_Run=run, X_Request_ID="step-by-step").json()
        events = stream.until("answered")
        assert stream.until("") [-1].data == {"reason": "done"}
    assert [e.type for e in events] == ["accepted", "decoded", "preprocessed", "queued", "batched", "inferred", "answered"]
    assert [e.id for e in events] == list(range(1, 8))
    assert all(e.data["request_id"] == "step-by-step" for e in events)
    times = [e.data["at_ms"] for e in events]
    assert times == sorted(times) and times[-1] < 60_000
    by_type = {e.type: e.data for e in events}
    assert by_type["accepted"]["items"] == 1 and by_type["accepted"]["queue_depth"] >= 0
    assert (by_type["decoded"]["format"], by_type["decoded"]["width"]) == ("jpeg", answer["image"]["width"])
    assert by_type["preprocessed"]["tensor"] == answer["tensor"]
    assert by_type["batched"]["batch_size"] == answer["engine"]["batch_size"]
    assert by_type["inferred"]["ms"] == answer["timings_ms"]["inference"]
    assert by_type["answered"]["status"] == 200


def test_events_come_while_the_work_goes_on(server, image):
    """Not all at once behind the answer: the network takes longer than the way of an event."""
    run = run_id()
    with Stream(server, run) as stream, concurrent.futures.ThreadPoolExecutor(1) as pool:
        stream.head()
        request = pool.submit(server.classify, image, X_Beralih_Run=run)
        stream.until("batched")
        assert not request.done()
        begun = time.monotonic()
        stream.until("inferred")
        assert time.monotonic() - begun > 0.004  # a forward of this network takes ten times as long
        assert request.result().status == 200


def test_two_runs_do_not_see_each_other(server, image):
    mine, theirs = run_id(), run_id()
    with Stream(server, mine) as my_stream, Stream(server, theirs) as their_stream:
        my_stream.head(), their_stream.head()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(server.classify, image, X_Beralih_Run=run, X_Request_ID=f"{run[:8]}-{i}")
                    for i in range(3) for run in (mine, theirs)]
            assert all(job.result().status == 200 for job in jobs)
        for stream, run in ((my_stream, mine), (their_stream, theirs)):
            events = stream.until("")
            assert {e.data["request_id"][:8] for e in events[:-1]} == {run[:8]}
            assert sum(e.type == "answered" for e in events) == 3
    assert server.classify(image, X_Beralih_Run=run_id()).status == 200


def test_inference_requests_are_told_too(server, image):
    run = run_id()
    data = struct.pack("<I", len(image)) + image
    head = json.dumps({"inputs": [{"name": "input", "shape": [3], "datatype": "BYTES",
                                   "parameters": {"binary_data_size": 3 * len(data)}}]}).encode()
    answer = server.request("POST", "/v2/models/resnet34/infer", head + 3 * data, X_Beralih_Run=run,
                            Inference_Header_Content_Length=str(len(head)))
    assert answer.status == 200
    with Stream(server, run) as stream:
        stream.head()
        events = stream.until("answered")
    assert [e.data["item"] for e in events if e.type == "inferred"] == [0, 1, 2]
    assert events[0].type == "accepted" and events[0].data["items"] == 3


@pytest.mark.parametrize("body, status, problem", [(b"text", 415, "unsupported_format"), (b"", 400, "bad_request")])
def test_a_refusal_is_an_answer(server, body, status, problem):
    run = run_id()
    assert server.classify(body, X_Beralih_Run=run).status == status
    with Stream(server, run) as stream:
        stream.head()
        last = stream.until("answered")[-1]
    assert (last.data["status"], last.data["problem"]) == (status, problem)


def test_last_event_id_continues_where_the_reader_stopped(server, image):
    run = run_id()
    server.classify(image, X_Beralih_Run=run)
    with Stream(server, run) as stream:
        stream.head()
        first = stream.until("answered")
    with Stream(server, run, "Last-Event-ID: 4") as stream:
        stream.head()
        assert stream.until("answered") == first[4:]
        assert stream.until("")[-1].type == "end"
    with Stream(server, run, f"Last-Event-ID: {first[-1].id}") as stream:
        stream.head()
        assert stream.status == 204  # nothing more: an EventSource stops asking


def test_a_ring_is_bounded_and_says_what_it_lost(server):
    run = run_id()
    for _ in range(300):  # an empty body: one event each
        server.classify(b"", X_Beralih_Run=run)
    with Stream(server, run) as stream:
        stream.head()
        events = stream.until("end")
    assert events[0].type == "missed" and events[0].data == {"events": 44}
    assert [e.id for e in events[1:-1]] == list(range(45, 301))


@pytest.mark.parametrize("query", ["run=", "run=x", "run=" + "A" * 32, "run=" + "a" * 31, "run=" + "a" * 33,
                                   f"run={'a' * 32}&run={'b' * 32}", f"run={'a' * 32}&all=1", "run=%00" + "a" * 31])
def test_bad_ids_are_400(server, query):
    answer = server.request("GET", f"/api/events?{query}")
    assert answer.status == 400, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30])
def test_a_bad_last_event_id_is_400(server, last):
    answer = server.request("GET", f"/api/events?run={run_id()}", Last_Event_ID=last)
    assert answer.status == 400
    assert "Last-Event-ID" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/classify", "/v2/models/resnet34/infer"])
def test_a_bad_run_header_is_400(server, image, path):
    answer = server.request("POST", path, image, X_Beralih_Run="short", Content_Type="image/jpeg")
    assert answer.status == 400
    assert b"X-Beralih-Run" in answer.body


def test_everybodys_events_are_not_for_everybody(server):
    answer = server.request("GET", "/api/events")
    assert answer.status == 403
    assert "admin key" in answer.json()["detail"]


def test_head_opens_no_stream(server):
    answer = server.request("HEAD", f"/api/events?run={run_id()}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"


def test_a_client_that_has_gone_is_forgotten(server):
    before = scrape(server)[0]["beralih_event_subscribers"][()]
    streams = [Stream(server, run_id()) for _ in range(20)]
    for stream in streams:
        stream.head()
    assert scrape(server)[0]["beralih_event_subscribers"][()] == before + 20
    for stream in streams[:10]:
        stream.socket.close()
    for stream in streams[10:]:  # a reset
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()
    end = time.monotonic() + 5
    while scrape(server)[0]["beralih_event_subscribers"][()] > before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_thousand_subscribers_hold_no_worker_and_one_more_is_refused(binary, bundle, image, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3000)), hard))
    with Server(binary, bundle, "--max-subscribers", "1000", log=tmp_path / "log") as server:
        server.wait_until_ready()
        # The start's last pages and a request's own memory are no stream's.
        assert server.classify(image).status == 200
        before = settled_kib(server)
        run = run_id()
        streams = [Stream(server, run if i < 10 else run_id()) for i in range(1000)]
        for stream in streams:
            stream.head()
            assert stream.status == 200
        for _ in range(5):
            refused = server.request("GET", f"/api/events?run={run}")
            assert refused.status == 503
            assert refused.json()["limit"] == "subscribers"
            assert refused.headers["Retry-After"] == "1"
        # 1,000 streams are many times the number of workers; everybody else is answered as before.
        assert server.classify(image, X_Beralih_Run=run).status == 200
        for stream in streams[:10]:
            assert len(stream.until("answered")) == 7
        grown = resident_kib(server) - before
        streams[500].socket.close()
        end = time.monotonic() + 5
        while True:
            with Stream(server, run_id()) as another:
                another.head()
                if another.status == 200:
                    break
            assert time.monotonic() < end
            time.sleep(0.05)
        for stream in streams:
            stream.socket.close()
        assert grown < 25_000, f"{grown} KiB for 1,000 streams"
        assert server.stop() == 0


def test_a_slow_reader_is_cut_off_and_costs_the_others_nothing(server):
    run = run_id()
    before = scrape(server)[0]["beralih_event_streams_dropped_total"][()]
    with Stream(server, run, receive_buffer=4096) as slow, Stream(server, run) as quick:
        slow.head(), quick.head()
        sent = 0
        memory = resident_kib(server)
        # Never read by `slow`: what the kernel and the server hold for it has an end.
        connection = socket.create_connection(("127.0.0.1", server.port))
        request = (b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-Request-ID: " + b"x" * 128 +
                   b"\r\nX-Beralih-Run: " + run.encode() + b"\r\n\r\n")
        drained = threading.Thread(target=lambda: [None for _ in iter(lambda: connection.recv(1 << 20), b"")])
        drained.start()
        end = time.monotonic() + 60
        while scrape(server)[0]["beralih_event_streams_dropped_total"][()] == before:
            connection.sendall(request * 200)
            sent += 200
            while quick.next().id < sent - 200:
                pass
            assert time.monotonic() < end, f"{sent} events and still not cut off"
        connection.shutdown(socket.SHUT_WR)
        drained.join()
        connection.close()
        assert resident_kib(server) - memory < 20_000
        while quick.next().id < sent:
            pass
        with pytest.raises((ConnectionResetError, AssertionError)):  # cut, not ended
            while slow.next() is not None:
                pass
            raise AssertionError("ended")


def test_sigterm_ends_streams_with_their_last_answer(binary, bundle, image, tmp_path):
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        run = run_id()
        with Stream(server, run) as busy, Stream(server, run_id()) as waiting:
            busy.head(), waiting.head()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                jobs = [pool.submit(server.classify, image, X_Beralih_Run=run) for _ in range(8)]
                accepted = 0
                while accepted < 8:
                    accepted += busy.next().type == "accepted"
                begun = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                assert [e.data for e in waiting.until("")] == [{"reason": "shutdown"}]
                assert all(job.result().status == 200 for job in jobs)
            events = busy.until("")
            assert events[-1].data == {"reason": "shutdown"}
            assert [e.data["status"] for e in events if e.type == "answered"] == [200] * 8
        assert server.process.wait(30) == 0
        assert time.monotonic() - begun < 10


def test_heartbeats_keep_a_quiet_stream_open(quiet):
    """Their times are tested with a clock of their own (run_events_test.cpp); here: that they come at all."""
    received = b""
    while b"\n\n:\n\n" not in b"\n\n" + received:
        received += quiet.socket.recv(100)
