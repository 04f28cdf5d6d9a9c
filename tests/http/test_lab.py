"""Lab mode: each experiment really run, in child processes that end with their run, and for this machine's own page alone."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from server_process import Server

JSON = "application/json"


@pytest.fixture(scope="module")
def lab(binary, bundle, tmp_path_factory):
    """Around the null engine: the experiments are the same, only the network costs nothing."""
    with Server(binary, bundle, "--engine", "null", "--lab", log=tmp_path_factory.mktemp("lab") / "log") as server:
        server.wait_until_ready()
        yield server


def ask(server, experiment, **headers):
    headers = {"Content_Type": JSON, **headers}
    return server.request("POST", "/api/lab/runs", json.dumps(experiment).encode(), **headers)


def follow(server, run, until=lambda events: False, seconds=60):
    """All events, read in portions as the page does, until the run ends or `until` holds."""
    events, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        found = server.request("GET", f"/api/lab/runs/{run}?after={len(events)}").json()
        events += found["events"]
        assert found["next"] == len(events)
        if found["state"] != "running" or until(events):
            return found["state"], events, found.get("error")
        time.sleep(0.05)
    raise AssertionError(f"the run did not end in {seconds} s: {events[-3:]}")


def run(server, experiment, seconds=60):
    answer = ask(server, experiment)
    assert answer.status == 202, answer.body
    state, events, error = follow(server, answer.json()["id"], seconds=seconds)
    assert state == "done", error
    return events


def of_type(events, name):
    return [event for event in events if event["type"] == name]


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)
        for child in (task / "children").read_text().split()]


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_is_off_by_default(server):
    answer = server.request("GET", "/api/lab")
    assert answer.status == 404 and "--lab" in answer.json()["detail"]
    assert ask(server, {"experiment": "when-to-load"}).status == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_it_is_for_loopback_alone(binary, bundle, host):
    done = subprocess.run([binary, "serve", "--bundle", str(bundle), "--host", host, "--port", "0", "--lab"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "loopback" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--api-keys", "--tls-cert"])
def test_it_is_not_for_a_server_with_keys_or_tls(binary, bundle, option, tmp_path):
    more = ["--tls-key", str(tmp_path / "key.pem")] if option == "--tls-cert" else []
    done = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", "--lab", option, str(tmp_path / "file"), *more],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and option in done.stderr and "--lab" in done.stderr and done.stderr.count("\n") == 1


def test_it_says_what_it_can_do(lab):
    body = lab.request("GET", "/api/lab").json()
    assert body["schema"] == "beralih.lab/1" and body["running"] is None
    assert body["experiments"] == ["when-to-load", "failure", "challenge"]      # no Python service beside it


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
    {"Host": "evil.example"}, {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"},    # another name for this address
    {"Host": "127.0.0.1.evil.example"}, {"Host": "[::2]"}])
def test_other_sites_may_not_ask(lab, headers):
    assert ask(lab, {"experiment": "when-to-load"}, **headers).status == 403
    assert lab.request("GET", "/api/lab", **headers).status == 403


def test_the_own_page_may(lab):
    own = f"127.0.0.1:{lab.port}"
    assert lab.request("GET", "/api/lab", Host=own, Origin=f"http://{own}", Sec_Fetch_Site="same-origin").status == 200
    assert lab.request("GET", "/api/lab", Host=f"localhost:{lab.port}").status == 200


@pytest.mark.parametrize("body, words", [
    (b"", "JSON"), (b"[]", "JSON"), (b"{}", '"experiment" is missing'), (b'{"experiment": "rm -rf"}', "one of when-to-load"),
    (b'{"experiment": 3}', "one of"), (b'{"experiment": "when-to-load", "requests": 1000}', "from 2 to 20"),
    (b'{"experiment": "when-to-load", "requests": 2.5}', "whole number"), (b'{"experiment": "when-to-load", "shell": "x"}', '"shell"'),
    (b'{"experiment": "challenge", "rate": 1e9}', "from 1 to 300"), (b'{"experiment": "challenge", "replicas": 50}', "from 1 to 3"),
    (b'{"experiment": "challenge", "seconds": "long"}', '"seconds"'), (b'{"experiment": "challenge", "loading": "never"}', "per-request"),
    (b'{"experiment": "failure", "fault": "fire"}', "kill, stall")])
def test_nonsense_is_refused_with_the_member(lab, body, words):
    answer = lab.request("POST", "/api/lab/runs", body, Content_Type=JSON)
    assert answer.status == 400 and words in answer.json()["detail"]


def test_other_types_and_sizes_are_refused(lab):
    assert lab.request("POST", "/api/lab/runs", b"{}", Content_Type="text/plain").status == 415   # a form's type needs no preflight
    assert lab.request("POST", "/api/lab/runs", b" " * 5000, Content_Type=JSON).status == 413
    assert lab.request("GET", "/api/lab/runs/nothing").status == 404
    assert lab.request("DELETE", "/api/lab/runs/nothing").status == 404


def test_python_needs_a_python_service(lab):
    answer = ask(lab, {"experiment": "python-or-cpp"})
    assert answer.status == 503 and "--with-python" in answer.json()["detail"]


def test_when_to_load(lab):
    events = run(lab, {"experiment": "when-to-load", "requests": 4})
    servers = of_type(events, "server")
    assert [one["policy"] for one in servers] == ["at-start", "per-request", "first-request"]
    assert len({one["pid"] for one in servers} | {lab.process.pid}) == 4        # each a process of its own
    assert "ready in" in servers[0]["line"] and "without a model" in servers[1]["line"]
    requests = of_type(events, "request")
    assert [(one["policy"], one["number"]) for one in requests] == [
        (policy, number) for policy in ("at-start", "per-request", "first-request") for number in (1, 2, 3, 4)]
    assert all(one["status"] == 200 and one["ms"] > 0 for one in requests)
    assert all(gone(one["pid"]) for one in servers)


def test_a_crash_is_a_crash(lab):
    events = run(lab, {"experiment": "failure", "rate": 200, "seconds": 4})
    (server,), (killed,), (recovered,) = (of_type(events, name) for name in ("server", "killed", "recovered"))
    assert killed["pid"] == server["pid"] != recovered["pid"] and gone(server["pid"]) and gone(recovered["pid"])
    assert 0 <= recovered["gone_ms"] <= recovered["listening_ms"] <= recovered["ready_ms"] <= recovered["answered_ms"] < 10000
    (result,) = of_type(events, "result")
    assert result["served"] + result["failed"] + result["refused"] == result["requests"]
    assert result["lost"] + result["turned_away"] > 0                           # nobody listened for a while
    statuses = [status for event in of_type(events, "samples") for status in event["status"]]
    assert len(statuses) == result["requests"] and statuses.count(200) == result["served"] > 0


def test_a_stall_delays_and_loses_nothing(lab):
    events = run(lab, {"experiment": "failure", "fault": "stall", "rate": 20, "seconds": 4})
    (stalled,), (result,) = of_type(events, "stalled"), of_type(events, "result")
    assert result["lost"] == 0 and result["served"] == result["requests"]
    assert result["late"] > 0 and result["max_ms"] > 0.5 * stalled["ms"]


def test_the_challenge_runs_the_plan(lab):
    events = run(lab, {"experiment": "challenge", "rate": 20, "seconds": 2, "replicas": 2, "batching": 4, "loading": "at-start"})
    assert len(of_type(events, "server")) == 2
    steps = of_type(events, "step")
    (found,), (result,) = of_type(events, "found"), of_type(events, "result")
    assert found["rate"] == max((step["rate"] for step in steps if step["holds"]), default=None)
    assert result["rate"] == 20 and result["requests"] == result["served"] + result["refused"] + result["failed"]
    held = [event for event in of_type(events, "samples") if event["phase"] == "hold"]
    assert sum(len(event["due"]) for event in held) == result["requests"]
    assert all(done >= sent >= 0 for event in held for sent, done in zip(event["sent"], event["done"]))


def test_only_one_runs_at_a_time_and_stop_ends_it_at_once(lab):
    first = ask(lab, {"experiment": "challenge", "seconds": 60})
    assert first.status == 202 and first.headers["Location"].endswith(first.json()["id"])
    second = ask(lab, {"experiment": "when-to-load"})
    assert second.status == 409 and "one at a time" in second.json()["detail"]
    assert lab.request("GET", "/api/lab").json()["running"] == first.json()["id"]
    follow(lab, first.json()["id"], until=lambda events: of_type(events, "samples"))
    begin = time.monotonic()
    assert lab.request("DELETE", f"/api/lab/runs/{first.json()['id']}").status == 202
    state, events, _ = follow(lab, first.json()["id"])
    assert state == "stopped" and time.monotonic() - begin < 3
    assert all(gone(one["pid"]) for one in of_type(events, "server")) and not children(lab.process.pid)


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_their_server(binary, bundle, tmp_path, with_signal):
    with Server(binary, bundle, "--engine", "null", "--lab", log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = ask(server, {"experiment": "challenge", "seconds": 60, "replicas": 2})
        _, events, _ = follow(server, answer.json()["id"], until=lambda events: len(of_type(events, "server")) == 2)
        pids = [one["pid"] for one in of_type(events, "server")]
        assert len(pids) == 2 and sorted(children(server.process.pid)) == sorted(pids)
        begin = time.monotonic()
        status = server.stop(with_signal)
        assert status == (0 if with_signal == signal.SIGTERM else -signal.SIGKILL) and time.monotonic() - begin < 10
        wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_child_has_bounds_and_nothing_of_its_parents_settings(binary, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("BERALIH_LAB", "1")                  # a child with a lab of its own would be one too many
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with Server(binary, bundle, "--engine", "null", log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = ask(server, {"experiment": "challenge", "seconds": 60})
        _, events, _ = follow(server, answer.json()["id"], until=lambda events: of_type(events, "server"))
        child = pathlib.Path(f"/proc/{of_type(events, 'server')[0]['pid']}")
        environment = (child / "environ").read_bytes().split(b"\0")
        assert not [one for one in environment if one.startswith((b"BERALIH_", b"NOTIFY_SOCKET"))]
        data = next(line for line in (child / "limits").read_text().splitlines() if line.startswith("Max data size"))
        assert 0 < int(data.split()[3]) <= 8 << 30
        inherited = [os.readlink(fd) for fd in (child / "fd").iterdir()]
        assert sum(name.startswith("socket:") for name in inherited) <= 20 and str(tmp_path / "log") not in inherited


def test_a_policy_that_loads_on_demand(binary, bundle, tmp_path):
    """The real network: what each policy costs is what the lesson shows."""
    picture = (bundle / "golden" / "dog1.jpg").read_bytes()
    times = {}
    for policy in ("at-start", "first-request", "per-request"):
        with Server(binary, bundle, "--load", policy, log=tmp_path / policy) as server:
            server.wait_until_ready()
            assert server.request("GET", "/v2/health/ready").status == 200
            times[policy] = []
            for _ in range(3):
                begin = time.monotonic()
                answer = server.classify(picture)
                times[policy].append(time.monotonic() - begin)
                assert answer.status == 200 and answer.json()["predictions"][0]["label"].startswith("Pembroke")
    print({policy: [round(1000 * one) for one in found] for policy, found in times.items()})
    assert times["first-request"][0] > 1.3 * min(times["first-request"][1:])
    assert min(times["per-request"][1:]) > 1.3 * min(times["at-start"][1:])
