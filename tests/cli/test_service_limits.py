"""The services' benchmark: its limits, its schema and its place in tests/bench/README.md, on what was recorded."""
import argparse
import copy
import http.server
import json
import pathlib
import re
import sys
import threading
from xml.etree import ElementTree

import jsonschema
import pytest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import service_limits  # noqa: E402
import service_peers  # noqa: E402
import service_plots  # noqa: E402

RECORDED = json.loads((BENCH / "results/services.json").read_text())


def test_what_was_recorded_follows_the_schema_and_was_no_trial():
    jsonschema.validate(RECORDED, json.loads((BENCH / "services.schema.json").read_text()))
    assert RECORDED["quick"] is False


def test_the_recorded_limits_are_those_of_the_recorded_values():
    assert RECORDED["limits"] == service_limits.limits(RECORDED)
    assert all(row["why"] for row in RECORDED["limits"] if row["judged"] and row["holds"] is False)


def measured():
    """Every value that a limit wants: each exactly at its limit."""
    def peer(capacity, p99, eight, memory, ready):
        return {"capacity_per_s": capacity, "eight_clients_p99_ms": eight, "memory_mb": {"resident": memory}, "ready_s": ready,
                "loads": [{"at": at, "latency_ms": {"p99": p99}} for at in ("0.7 x capacity", service_limits.AT_OPPONENTS)]}
    return {"peers": {"native": peer(22, 70, 50, 60, 0.75), "uvicorn": peer(1, 1, 100, 1, 1), "uvicorn tuned": peer(20, 100, 1, 100, 2.5)},
            "second_model": {"peers": {"native": {"capacity_per_s": 150}, "uvicorn tuned": {"capacity_per_s": 100}}},
            "null": {"peers": {"native null": {"tensor": {"requests_per_s": 5000}, "get": {"requests_per_s": 50000}},
                               "uvicorn tuned null": {"tensor": {"requests_per_s": 1000}, "get": {"requests_per_s": 10000}}}}}


WORSE = {
    "images/s at saturation, resnet34": lambda r: r["peers"]["native"].update(capacity_per_s=21.9),
    "images/s at saturation, mobilenet_v3_small": lambda r: r["second_model"]["peers"]["native"].update(capacity_per_s=149),
    "p99 at 0.7 x the opponent's capacity": lambda r: r["peers"]["native"]["loads"][1]["latency_ms"].update(p99=71),
    "p99, each at 0.7 x its own capacity": lambda r: r["peers"]["native"]["loads"][0]["latency_ms"].update(p99=71),
    "p99 with 8 clients": lambda r: r["peers"]["native"].update(eight_clients_p99_ms=51),
    "resident memory": lambda r: r["peers"]["native"]["memory_mb"].update(resident=61),
    "start to ready": lambda r: r["peers"]["native"].update(ready_s=0.76),
    "null answers a second, GET": lambda r: r["null"]["peers"]["native null"]["get"].update(requests_per_s=49900),
    "null answers a second, tensor of 60 KB": lambda r: r["null"]["peers"]["native null"]["tensor"].update(requests_per_s=4990),
}


def test_every_limit_holds_at_its_value():
    rows = service_limits.limits(measured())
    assert [row["what"] for row in rows] == list(WORSE) and service_limits.missed(rows) == []


@pytest.mark.parametrize("what", WORSE)
def test_a_limit_is_missed_just_beyond_its_value_and_says_why(what):
    result = measured()
    WORSE[what](result)
    rows = service_limits.limits(result)
    (row,) = service_limits.missed(rows)
    assert row["what"] == what and row["why"] and "MISSED" in service_limits.table(rows)
    suite = ElementTree.fromstring(service_limits.junit(rows))
    failed = {case.get("name"): case.find("failure").get("message") for case in suite.iter("testcase") if case.find("failure") is not None}
    assert list(failed) == [f"{what}: native to {row['against']}"] and row["why"] in failed[f"{what}: native to {row['against']}"]


def test_what_was_not_measured_does_not_hold():
    rows = service_limits.limits({"peers": {}, "second_model": None, "null": None})
    assert len(service_limits.missed(rows)) == len(service_limits.LIMITS)
    assert {service_limits.verdict(row) for row in rows} == {"not measured"}


def test_another_configuration_hides_no_limit_that_the_default_misses():
    result = measured()
    result["peers"]["native packed"] = copy.deepcopy(result["peers"]["native"])
    result["peers"]["native"]["capacity_per_s"] = result["peers"]["native packed"]["ready_s"] = 20
    assert [(row["peer"], row["what"]) for row in service_limits.missed(service_limits.limits(result))] == [("native", "images/s at saturation, resnet34")]


def test_the_plots_have_colours_for_a_dark_ground():
    for plot in (service_plots.latency_plot, service_plots.throughput_plot):
        light, dark = plot(RECORDED).split("@media (prefers-color-scheme:dark)")
        for kind in [".ground{", "text{", ".grid{", *(f".line{i}{{" for i in range(len(RECORDED["peers"])))]:
            assert kind in light and kind in dark
        assert not re.search(r'(?:fill|stroke)="#', dark)  # all colours by class
    assert (BENCH / "results/services-latency.svg").read_text() == service_plots.latency_plot(RECORDED)


def test_the_readme_shows_what_was_recorded():
    text = (BENCH / "README.md").read_text()
    table = service_plots.whole_text(RECORDED)
    assert service_limits.between_markers(text, table + service_limits.PLOTS) == text
    assert (BENCH / "results/services.md").read_text() == table


def test_a_readme_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="services: begin"):
        service_limits.between_markers("nothing", "table")


ANSWER = {"tensor": {"sha256": "a" * 64}, "predictions": [{"index": 7, "probability": 0.8}, {"index": 9, "probability": 0.1}]}


def answer_of(sha256="a" * 64, index=7, probability=0.8):
    return json.dumps({"tensor": {"sha256": sha256}, "predictions": [{"index": index, "probability": probability}]}).encode()


def check(name, status, body, expected=ANSWER):
    service_peers.check_answer(name, status, body, expected, argparse.Namespace(tolerance={"fp32": 1e-4, "bf16": 0.03}))


def test_a_service_with_the_same_answer_is_measured():
    check("uvicorn", 200, answer_of(probability=0.80009))
    check("native packed", 200, answer_of(probability=0.78))  # bf16
    tie = {**ANSWER, "predictions": [{"index": 7, "probability": 0.4}, {"index": 9, "probability": 0.39995}]}
    check("uvicorn", 200, answer_of(index=9, probability=0.4), tie)


@pytest.mark.parametrize("name, status, body", [
    ("uvicorn", 200, answer_of(sha256="b" * 64)), ("uvicorn", 500, b"Internal Server Error"), ("uvicorn", 200, answer_of(index=9)),
    ("uvicorn", 200, answer_of(probability=0.78)), ("native mapped", 200, answer_of(probability=0.78)),
    ("native packed", 200, answer_of(probability=0.76))],
    ids=["another tensor", "an error", "another class", "another probability", "bf16 where fp32 is said", "beyond bf16's tolerance"])
def test_a_service_with_another_answer_is_not(name, status, body):
    with pytest.raises(SystemExit, match=name):
        check(name, status, body)


def test_an_open_loop_counts_what_was_not_served():
    """A service that refuses everything is not one with low latencies."""
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(503)

        def log_message(self, *_):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        peer = argparse.Namespace(port=server.server_address[1])
        served, lost = service_peers.open_loop(peer, b"x", 50, 0.5, "/", {}, False)
        closed, _, _ = service_peers.closed_loop(peer, b"x", 2, 0.2)
        server.shutdown()
    assert served == [] and lost > 5 and closed == []
    with pytest.raises(SystemExit, match="served 0"):
        service_peers.percentile_ms(served, 99, "refusing")
