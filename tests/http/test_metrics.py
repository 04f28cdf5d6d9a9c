"""/metrics, the access log and trace context, of the real server."""
import json
import math
import pathlib
import re
import shutil
import subprocess

import pytest

from restarts import NO_NETWORK
from server_process import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def promtool():
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    return path


def scrape(server):
    """{name: {labels as a sorted tuple: value}}, and {family: type}."""
    answer = server.request("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples, types = {}, {}
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            assert family in types, line
            samples.setdefault(name, {})[tuple(sorted(LABEL.findall(labels or "")))] = float(value)
    return samples, types


def total(samples, name, **labels):
    return sum(value for have, value in samples.get(name, {}).items() if set(labels.items()) <= set(have))


def test_requests_are_counted_by_route_method_and_status(server, bundle):
    before, _ = scrape(server)
    server.classify((bundle / "golden" / "dog2.jpg").read_bytes())
    server.classify(b"text")
    server.request("GET", "/a/path/that/nobody/knows")
    server.request("GET", "/")
    after, types = scrape(server)
    assert types["beralih_http_requests_total"] == "counter"

    def more(**labels):
        return (total(after, "beralih_http_requests_total", **labels)
                - total(before, "beralih_http_requests_total", **labels))
    assert more(route="/api/classify", method="POST", code="200") == 1
    assert more(route="/api/classify", method="POST", code="415") == 1
    assert more(route="none", code="404") == 1
    assert more(route="page", code="200") == 1
    assert more(route="/metrics", code="200") == 1
    assert "nobody" not in str(after)


def test_histograms_are_cumulative_and_whole(server, bundle):
    server.classify((bundle / "golden" / "dog2.jpg").read_bytes())
    samples, types = scrape(server)
    assert samples["beralih_queue_depth"][(("state", "waiting"),)] >= 0
    histograms = [name for name, kind in types.items() if kind == "histogram"]
    assert {"beralih_http_request_duration_seconds", "beralih_stage_duration_seconds",
            "beralih_batch_size"} <= set(histograms)
    for name in histograms:
        series = {}
        for labels, value in samples[name + "_bucket"].items():
            bound = dict(labels)["le"]
            rest = tuple(label for label in labels if label[0] != "le")
            series.setdefault(rest, []).append((math.inf if bound == "+Inf" else float(bound), value))
        for rest, buckets in series.items():
            buckets.sort()
            assert buckets[-1][0] == math.inf
            assert [count for _, count in buckets] == sorted(count for _, count in buckets)
            assert samples[name + "_count"][rest] == buckets[-1][1] > 0
            assert samples[name + "_sum"][rest] >= 0


def test_every_stage_of_a_prediction_is_observed(server, bundle):
    server.classify((bundle / "golden" / "dog2.jpg").read_bytes())
    samples, _ = scrape(server)
    stages = {dict(labels)["stage"] for labels in samples["beralih_stage_duration_seconds_count"]}
    assert {"decode", "resize", "normalize", "queue", "inference", "postprocess"} <= stages


def test_the_model_is_named_with_its_hashes(server):
    samples, _ = scrape(server)
    ((labels, value),) = samples["beralih_model_info"].items()
    contract = server.request("GET", "/api/contract")
    assert value == 1
    assert f'"{dict(labels)["contract_hash"]}"' == contract.headers["ETag"]
    assert dict(labels)["preprocessing_hash"] == contract.headers["Beralih-Contract"]
    assert samples["beralih_ready"] == {(): 1}


def test_the_process_is_described_by_prometheus_names(server):
    samples, _ = scrape(server)
    pid = server.process.pid
    assert abs(samples["process_resident_memory_bytes"][()] / 1024
               - int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))) < 50_000
    assert abs(samples["process_open_fds"][()] - len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))) <= 2
    assert samples["process_cpu_seconds_total"][()] > 0
    assert samples["process_max_fds"][()] >= 256
    assert samples["process_start_time_seconds"][()] > 1.6e9


def test_refusals_are_counted_by_reason(binary, bundle, tmp_path):
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_listening()
        server.request("GET", "/v2/health/ready")
        server.wait_until_ready()
        samples, _ = scrape(server)
    refused = total(samples, "beralih_http_requests_total", route="/v2/health/ready", code="503")
    assert total(samples, "beralih_requests_shed_total", reason="unavailable") == refused


def test_promtool_accepts_the_metrics(server):
    text = server.request("GET", "/metrics").body
    result = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True)
    assert result.returncode == 0, result.stderr + result.stdout


def test_promtool_accepts_the_alert_rules():
    rules = ROOT / "native_server" / "deploy" / "alerts.yaml"
    result = subprocess.run([promtool(), "check", "rules", str(rules)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_alert_rules_name_metrics_that_exist(server):
    _, types = scrape(server)
    rules = (ROOT / "native_server" / "deploy" / "alerts.yaml").read_text()
    named = set(re.findall(r"\b(?:beralih|process)_[a-z_]+\b", rules))
    assert named
    for name in named:
        assert name in types or re.sub("_(bucket|sum|count)$", "", name) in types, name


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_json_log_lines_and_trace_context(binary, bundle, tmp_path):
    with Server(binary, bundle, "--log-format=json", log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = server.request("GET", '/no"where\\', traceparent=PARENT, X_Request_ID="line-1")
        assert answer.headers["traceparent"] == PARENT
        line = json.loads(server.wait_for_log(r'(?m)^\{.*"id":"line-1".*$', 5).group())
    assert line["method"] == "GET"
    assert line["path"] == "/no%22where%5C"
    assert (line["status"], line["problem"], line["trace"]) == (404, "not_found", TRACE)
    assert line["ms"] >= 0 and line["bytes_out"] > 0


PROBES = ["/v2/health/live", "/v2/health/ready", "/metrics"]


@pytest.mark.parametrize("options, logged", [([], False), (["--log-health"], True), (["--log-health", "--quiet"], False)])
def test_probes_with_nothing_to_tell_are_logged_where_asked_for(binary, bundle, tmp_path, options, logged):
    with Server(binary, bundle, *NO_NETWORK, "--drain-delay-ms", "2000", *options, log=tmp_path / "log") as server:
        server.wait_until_ready()
        for path in PROBES:
            assert server.request("GET", path, X_Request_ID="good").status == 200
            assert server.request("HEAD", path, X_Request_ID="good").status == 200
            assert server.request("POST", path, b"", X_Request_ID="wrong-method").status == 405
        assert server.request("GET", "/v2", X_Request_ID="no-probe").status == 200
        samples, _ = scrape(server)
        assert total(samples, "beralih_http_requests_total", route="/v2/health/live", code="200") == 2
        server.process.terminate()
        while server.request("GET", "/v2/health/ready", X_Request_ID="drains").status == 200:
            pass
    text = (tmp_path / "log").read_text()
    quiet = "--quiet" in options
    assert text.count("id=good") == (6 if logged else 0)
    assert (text.count("id=wrong-method"), text.count("id=no-probe")) == ((0, 0) if quiet else (3, 1))
    assert quiet or re.search(r"path=/v2/health/ready status=503 .* id=drains", text), text


@pytest.mark.parametrize("wrong", ["", "00-" + "0" * 32 + "-b7ad6b7169203331-01", PARENT.upper(), PARENT + "-x",
                                   "ff" + PARENT[2:], PARENT[:-1] + "\xe9"])
def test_a_traceparent_that_is_none_is_dropped(server, wrong):
    answer = server.request("GET", "/v2/health/live", traceparent=wrong)
    assert answer.status == 200
    assert "traceparent" not in answer.headers
