"""Each alert fires where it should and is quiet where it should be, as Prometheus itself computes it (promtool test rules)."""
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ALERTS = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy" / "alerts.yaml"
RULES = [rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]

# Of one minute each; the alerts are asked for after so many minutes. A counter 0+6x100 grows by 6 a minute.
HOUR = "x100"


def replica(number, family="beralih_ready", **labels):
    more = "".join(f', {key}="{value}"' for key, value in labels.items())
    return f'{family}{{job="beralih", instance="{number}"{more}}}'


def requests(route, code):
    return replica("a", "beralih_http_requests_total", route=route, method="POST", code=code)


def model(number, **labels):
    return replica(number, "beralih_model_info", **{"name": "resnet34", "contract_hash": "1", "preprocessing_hash": "1", **labels})


def proxy(family, **labels):
    more = "".join(f', {key}="{value}"' for key, value in labels.items())
    return f'{family}{{job="beralih-haproxy", instance="p"{more}}}'


PREDICTIONS, TENSORS, HEALTH, METRICS = "/api/classify", "/v2/models/{model}/infer", "/v2/health/ready", "/metrics"
ANSWERS = "haproxy_backend_http_responses_total"
# alert, what Prometheus has, minutes, how many fire.
CASES = {
    "not ready": ("BeralihNotReady", {replica("a"): "0" + HOUR, replica("b"): "1" + HOUR}, 5, 1),
    "starting": ("BeralihNotReady", {replica("a"): "0 0 1" + HOUR}, 5, 0),
    "not scraped": ("BeralihGone", {replica("a", "up"): "0" + HOUR, replica("b", "up"): "1" + HOUR}, 5, 1),
    "no target is left": ("BeralihGone", {'up{job="other"}': "1" + HOUR}, 5, 1),
    "one of two targets is left": ("BeralihGone", {replica("a", "up"): "1 1 stale", replica("b", "up"): "1" + HOUR}, 9, 0),
    "scraped": ("BeralihGone", {replica("a", "up"): "1" + HOUR}, 5, 0),
    "one is ready": ("BeralihFew", {replica("a"): "1" + HOUR, replica("b"): "0" + HOUR}, 5, 1),
    "one target is left": ("BeralihFew", {replica("a"): "1" + HOUR, replica("b"): "1 1 stale"}, 9, 1),
    "nobody is ready": ("BeralihFew", {'up{job="other"}': "1" + HOUR}, 5, 1),
    "two are ready": ("BeralihFew", {replica("a"): "1" + HOUR, replica("b"): "1" + HOUR}, 5, 0),
    "it starts again and again": ("BeralihRestarts", {replica("a", "process_start_time_seconds"): "0+60x30", replica("a"): "1x30"}, 30, 1),
    "it was updated": ("BeralihRestarts", {replica("a", "process_start_time_seconds"): "1x10 2x20", replica("a"): "1x30"}, 30, 0),
    "somebody else's starts": ("BeralihRestarts", {'process_start_time_seconds{instance="c"}': "0+60x30", replica("a"): "1x30"}, 30, 0),
    "one prediction of fifty fails among many checks": (
        "BeralihFails", {requests(PREDICTIONS, "200"): "0+49" + HOUR, requests(PREDICTIONS, "500"): "0+1" + HOUR,
                         requests(HEALTH, "200"): "0+600" + HOUR, requests(METRICS, "200"): "0+60" + HOUR}, 20, 1),
    "tensors fail": ("BeralihFails", {requests(TENSORS, "200"): "0+9" + HOUR, requests(TENSORS, "500"): "0+1" + HOUR}, 20, 1),
    "one prediction of two hundred fails": ("BeralihFails", {requests(PREDICTIONS, "200"): "0+199" + HOUR, requests(PREDICTIONS, "500"): "0+1" + HOUR}, 20, 0),
    "refusals are no failures": ("BeralihFails", {requests(PREDICTIONS, "200"): "0+9" + HOUR, requests(PREDICTIONS, "503"): "0+9" + HOUR}, 20, 0),
    "one prediction of ten is refused among many checks": (
        "BeralihSheds", {requests(PREDICTIONS, "200"): "0+9" + HOUR, requests(PREDICTIONS, "429"): "0+1" + HOUR, requests(HEALTH, "200"): "0+600" + HOUR}, 30, 1),
    "refused before their path was read": ("BeralihSheds", {requests(PREDICTIONS, "200"): "0+9" + HOUR, requests("none", "503"): "0+1" + HOUR}, 30, 1),
    "health checks of a server that is not ready": (
        "BeralihSheds", {requests(PREDICTIONS, "200"): "0+100" + HOUR, requests(HEALTH, "503"): "0+100" + HOUR,
                         replica("a", "beralih_requests_shed_total", reason="unavailable"): "0+100" + HOUR}, 30, 0),
    "slow": ("BeralihSlow", {replica("a", "beralih_http_request_duration_seconds_bucket", route=PREDICTIONS, le="2.5"): "0+90" + HOUR,
                             replica("a", "beralih_http_request_duration_seconds_bucket", route=PREDICTIONS, le="5"): "0+100" + HOUR,
                             replica("a", "beralih_http_request_duration_seconds_bucket", route=PREDICTIONS, le="+Inf"): "0+100" + HOUR}, 30, 1),
    "a stream of events is long": ("BeralihSlow", {replica("a", "beralih_http_request_duration_seconds_bucket", route="/api/events", le="+Inf"): "0+100" + HOUR}, 30, 0),
    "two ways to preprocess": ("BeralihContractsDiffer", {model("a"): "1" + HOUR, model("b", preprocessing_hash="2", contract_hash="2"): "1" + HOUR}, 20, 1),
    "two models": ("BeralihContractsDiffer", {model("a"): "1" + HOUR, model("b", name="vgg", preprocessing_hash="2"): "1" + HOUR}, 20, 0),
    "other weights preprocess alike": ("BeralihContractsDiffer", {model("a"): "1" + HOUR, model("b", contract_hash="2"): "1" + HOUR}, 20, 0),
    "two bundles for an hour": ("BeralihBundlesDiffer", {model("a"): "1" + HOUR, model("b", contract_hash="2"): "1" + HOUR}, 70, 1),
    "an update under way": ("BeralihBundlesDiffer", {model("a"): "1" + HOUR, model("b", contract_hash="2"): "1" + HOUR}, 40, 0),
    "bundles of two models": ("BeralihBundlesDiffer", {model("a"): "1" + HOUR, model("b", name="vgg", contract_hash="2"): "1" + HOUR}, 70, 0),
    "descriptors": ("BeralihDescriptorsRunOut", {replica("a", "process_open_fds"): "90" + HOUR, replica("a", "process_max_fds"): "100" + HOUR, replica("a"): "1" + HOUR}, 10, 1),
    "few descriptors": ("BeralihDescriptorsRunOut", {replica("a", "process_open_fds"): "9" + HOUR, replica("a", "process_max_fds"): "100" + HOUR, replica("a"): "1" + HOUR}, 10, 0),
    "HAProxy is gone": ("BeralihProxyGone", {proxy("up"): "0" + HOUR}, 5, 1),
    "there is none": ("BeralihProxyGone", {replica("a", "up"): "0" + HOUR}, 5, 0),
    "HAProxy has no server": ("BeralihProxyEmpty", {proxy("haproxy_backend_active_servers", proxy="replicas"): "0" + HOUR}, 5, 1),
    "HAProxy has one": ("BeralihProxyEmpty", {proxy("haproxy_backend_active_servers", proxy="replicas"): "1" + HOUR,
                                              proxy("haproxy_backend_active_servers", proxy="canary"): "0" + HOUR}, 5, 0),
    "clients get 5xx": ("BeralihProxyFails", {proxy(ANSWERS, proxy="replicas", code="2xx"): "0+9" + HOUR, proxy(ANSWERS, proxy="replicas", code="5xx"): "0+1" + HOUR}, 20, 1),
    "clients get few": ("BeralihProxyFails", {proxy(ANSWERS, proxy="replicas", code="2xx"): "0+99" + HOUR, proxy(ANSWERS, proxy="replicas", code="5xx"): "0+1" + HOUR}, 20, 0),
}


def values(text):
    """In Prometheus' words: "1x30" is 31 samples of 1, "0+6x30" grows."""
    return re.sub(r"(?<![\d+])(\d+)x", r"\1+0x", text)


def test_every_alert_is_tried_both_ways():
    for alert in RULES:
        assert {fires > 0 for name, _, _, fires in CASES.values() if name == alert} == {True, False}, alert


def test_they_fire_and_are_quiet(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    # promtool compares labels and texts too, which are of no interest here: a rule of its own counts what fires.
    counts = [{"record": f"firing:{alert}", "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'} for alert in RULES]
    (tmp_path / "count.yaml").write_text(yaml.safe_dump({"groups": [{"name": "count", "rules": counts}]}))
    tests = [{"name": what, "interval": "1m", "input_series": [{"series": series, "values": values(text)} for series, text in given.items()],
              "promql_expr_test": [{"expr": f"firing:{alert}", "eval_time": f"{minutes}m",
                                    "exp_samples": [{"labels": f"firing:{alert}", "value": fires}]}]}
             for what, (alert, given, minutes, fires) in CASES.items()]
    files = [str(ALERTS), str(tmp_path / "count.yaml")]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": files, "evaluation_interval": "1m", "group_eval_order": ["beralih", "beralih-haproxy", "count"],
                                                         "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "tests.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
