"""The services' benchmark: its limits, its schema and its place in tests/bench/README.md, on what was recorded and on made-up values."""
import argparse
import copy
import http.server
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import threading
from xml.etree import ElementTree

import jsonschema
import pytest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import lab_record  # noqa: E402
import provenance  # noqa: E402
import service_bench  # noqa: E402
import service_limits  # noqa: E402
import service_peers  # noqa: E402
import service_plots  # noqa: E402
import service_rows  # noqa: E402

RECORDED = json.loads((BENCH / "results/services.json").read_text())
SCHEMA = json.loads((BENCH / "services.schema.json").read_text())
# The peers of the recorded run's inputs, by its revision.
INPUT_PEERS = {1: ("native mapped", "uvicorn tuned, tensors", "fastify onnx"), 2: service_rows.INPUT_PEERS}
of_this_revision = pytest.mark.skipif(RECORDED.get("revision", 1) != service_limits.REVISION,
                                      reason="services.json is of an earlier revision; ./test.sh bench records it anew")


def test_what_was_recorded_follows_the_schema_and_was_no_trial():
    jsonschema.validate(RECORDED, SCHEMA)
    assert RECORDED["quick"] is False


def test_the_recorded_inputs_are_those_of_its_revision():
    assert set(RECORDED["inputs"]) == set(INPUT_PEERS[RECORDED.get("revision", 1)])


@of_this_revision
def test_the_recorded_limits_are_those_of_the_recorded_values():
    assert RECORDED["limits"] == service_limits.limits(RECORDED)
    assert all(row["why"] for row in RECORDED["limits"] if row["judged"] and row["holds"] is False)


@of_this_revision
def test_the_recorded_peers_are_all_there_and_say_what_they_ran():
    assert set(RECORDED["peers"]) == set(service_peers.PEERS)
    assert RECORDED["program"]["commit"] not in ("unknown", "") and not RECORDED["program"]["commit"].endswith("-dirty")
    assert RECORDED["peers"]["native"]["engine"]["dtype"] == "fp32"  # as its opponents


@of_this_revision
def test_the_plots_are_of_what_was_recorded():
    for name in ("latency", "throughput"):
        assert (BENCH / f"results/services-{name}.svg").read_text() == getattr(service_plots, f"{name}_plot")(RECORDED)


@of_this_revision
def test_the_readme_shows_what_was_recorded():
    text = (BENCH / "README.md").read_text()
    table = service_plots.whole_text(RECORDED)
    assert service_limits.between_markers(text, table + service_limits.PLOTS) == text
    assert (BENCH / "results/services.md").read_text() == table


def test_the_readme_and_services_md_are_of_one_run():
    text = (BENCH / "README.md").read_text()
    assert service_limits.between_markers(text, (BENCH / "results/services.md").read_text() + service_limits.PLOTS) == text


def driven(at, p99, samples=1000):
    return {"at": at, "rate": 10.0, "seconds": 5.0, "served_per_s": 9.5, "samples": samples, "refused": 0, "failed": 0, "p99_bound_ms": 1.2 * p99,
            "latency_ms": {"p50": p99 / 4, "p75": p99 / 3, "p90": p99 / 2, "p95": p99 / 1.5, "p99": p99, "max": 2 * p99}, "client_warnings": []}


LOADS = ("10/s", "0.5 x capacity", service_limits.AT_OWN, "0.9 x capacity", "1.2 x capacity", service_limits.AT_OPPONENTS)
ENGINE = {"variant": "winograd", "dtype": "fp32", "threads": 1}


def whole():
    """A result with every member, whose limits are each exactly at their value. The values are made up."""
    def peer(capacity, p99, eight, memory, ready, **more):
        return {"what": "…", "ready_s": ready, "first_prediction_s": ready, "killed_to_ready_s": ready, "capacity_per_s": capacity, "lost_at_sigterm": 0,
                "eight_clients_p99_ms": eight, "eight_clients_p99_bound_ms": eight, "eight_clients_samples": 1000,
                "memory_mb": {"resident": memory, "private": memory}, "loads": [driven(at, p99) for at in LOADS], **more}
    naive = peer(3, 300, 0, 400, 2)
    naive = {**{key: value for key, value in naive.items() if not key.startswith("eight")}, "loads": [driven("one client", 300, 40)]}
    peers = {"native": peer(22, 70, 50, 60, 0.75, engine=ENGINE), "uvicorn naive": naive, "uvicorn": peer(1, 1, 100, 1, 1), "uvicorn tuned": peer(15, 120, 1, 100, 2.5),
             "uvicorn optimized": peer(19, 100, 1, 150, 3), "uvicorn batching": peer(20, 110, 1, 160, 3), "fastify onnx": peer(25, 90, 90, 90, 1)}
    of_second = {"p99_ms": 9.0, "samples": 900, "p99_bound_ms": None}
    form = {"body_bytes": 5, "client": "beralih loadtest --body image", "capacity_per_s": 20.0, "loads": [driven(at, 20) for at in LOADS[:5]]}
    result = {
        "schema": "beralih.services/1", "revision": 2, "quick": False, "date": "2026-12-01T10:00:00+00:00", "minutes": 20.0,
        "program": {"name": "beralih", "version": "0.1.0", "commit": "0123456789ab", "sha256": "a" * 64},
        "machine": {"cpu": "…", "cores": 2, "kernel": "6", "load_average": 0.1, "versions": {"python": "3.11"}}, "server_cores": 1, "rounds": 2,
        "seconds_per_load": 5, "bundle": {"name": "resnet34", "version": "1.0.0"}, "image": "500x375.jpg", "peers": peers,
        "ceiling": {"rows": {"default_forward": {"wall_ms_per_image": 20.0}}, "forms": {"default_forward": "winograd fp32"}},
        "inputs": {name: {"forms": {"JPEG": form}, **({"engine": ENGINE} if name == "native" else {})} for name in service_rows.INPUT_PEERS},
        "second_model": {"name": "mobilenet_v3_small", "weights": "random", "peers": {
            "native": {"capacity_per_s": 150, "engine": ENGINE, **of_second}, "uvicorn tuned": {"capacity_per_s": 100, **of_second},
            "uvicorn batching": {"capacity_per_s": 90, **of_second}}},
        "null": {"body_bytes": 60000, "answer_bytes": 4149, "connections": 8, "peers": {
            name: {"what": "…", "tensor": {"requests_per_s": tensor, "p99_ms": 1.0}, "get": {"requests_per_s": get, "p99_ms": 1.0}}
            for name, tensor, get in (("native null", 5000, 50000), ("uvicorn tuned null", 1000, 10000))}}}
    return {**result, "limits": service_limits.limits(result)}


def load_of(result, peer, at):
    return next(load for load in result["peers"][peer]["loads"] if load["at"] == at)


WORSE = {
    "images/s at saturation, resnet34": lambda r: r["peers"]["native"].update(capacity_per_s=21.9),
    "images/s at saturation, mobilenet_v3_small": lambda r: r["second_model"]["peers"]["native"].update(capacity_per_s=149),
    "p99 at 0.7 x the opponent's capacity": lambda r: load_of(r, "native", service_limits.AT_OPPONENTS)["latency_ms"].update(p99=71),
    "p99, each at 0.7 x its own capacity": lambda r: load_of(r, "native", service_limits.AT_OWN)["latency_ms"].update(p99=71),
    "p99 with 8 clients": lambda r: r["peers"]["native"].update(eight_clients_p99_ms=51),
    "resident memory": lambda r: r["peers"]["native"]["memory_mb"].update(resident=61),
    "start to ready": lambda r: r["peers"]["native"].update(ready_s=0.76),
    "null answers a second, GET": lambda r: r["null"]["peers"]["native null"]["get"].update(requests_per_s=49900),
    "null answers a second, tensor of 60 KB": lambda r: r["null"]["peers"]["native null"]["tensor"].update(requests_per_s=4990),
}


def test_every_limit_holds_at_its_value():
    rows = service_limits.limits(whole())
    assert [row["what"] for row in rows] == list(WORSE) and service_limits.missed(rows) == []


def test_the_opponent_is_the_best_tuned_python_service_at_each_measure():
    against = {row["what"]: row["against"] for row in service_limits.limits(whole())}
    assert against["images/s at saturation, resnet34"] == "uvicorn batching"
    assert against["images/s at saturation, mobilenet_v3_small"] == "uvicorn tuned"
    assert against["p99 at 0.7 x the opponent's capacity"] == against["p99, each at 0.7 x its own capacity"] == "uvicorn optimized"
    assert against["resident memory"] == against["start to ready"] == "uvicorn tuned"
    assert against["p99 with 8 clients"] == "uvicorn"


@pytest.mark.parametrize("what", WORSE)
def test_a_limit_is_missed_just_beyond_its_value_and_says_why(what):
    result = whole()
    WORSE[what](result)
    rows = service_limits.limits(result)
    (row,) = service_limits.missed(rows)
    assert row["what"] == what and row["why"] and "MISSED" in service_limits.table(rows)
    suite = ElementTree.fromstring(service_limits.junit(rows))
    failed = {case.get("name"): case.find("failure").get("message") for case in suite.iter("testcase") if case.find("failure") is not None}
    assert list(failed) == [what] and row["why"] in failed[what] and row["against"] in failed[what]


@pytest.mark.parametrize("peer", ["native", "uvicorn optimized"])
def test_a_percentile_of_too_few_requests_does_not_hold(peer):
    result = whole()
    load_of(result, peer, service_limits.AT_OWN)["samples"] = 999
    (row,) = service_limits.missed(service_limits.limits(result))
    assert row["what"] == "p99, each at 0.7 x its own capacity" and service_limits.verdict(row) == "fewer than 1000 requests"
    assert 999 in row["samples"] and "999" in service_limits.sentence(row)


def test_who_refuses_requests_has_no_low_percentile():
    what, result = "p99, each at 0.7 x its own capacity", whole()
    for peer in ("native", "uvicorn optimized"):
        load_of(result, peer, service_limits.AT_OWN).update(refused=10)  # of 1010: within 1 %
    assert not service_limits.missed(service_limits.limits(result))
    load_of(result, "uvicorn optimized", service_limits.AT_OWN).update(refused=20)
    assert [row["against"] for row in service_limits.limits(result) if row["what"] == what] == ["uvicorn batching"]
    load_of(result, "native", service_limits.AT_OWN).update(failed=20)
    (row,) = service_limits.missed(service_limits.limits(result))
    assert row["what"] == what and row["holds"] is False and "not served" in service_limits.sentence(row)
    jsonschema.validate({**result, "limits": service_limits.limits(result)}, SCHEMA)


def test_what_was_not_measured_does_not_hold():
    rows = service_limits.limits({"peers": {}, "second_model": None, "null": None})
    assert len(service_limits.missed(rows)) == len(service_limits.LIMITS)
    assert {service_limits.verdict(row) for row in rows} == {"not measured"}


def test_another_configuration_hides_no_limit_that_the_default_misses():
    result = whole()
    result["peers"]["native packed"] = copy.deepcopy(result["peers"]["native"])
    result["peers"]["native"]["capacity_per_s"] = result["peers"]["native packed"]["ready_s"] = 20
    assert [(row["peer"], row["what"]) for row in service_limits.missed(service_limits.limits(result))] == [("native", "images/s at saturation, resnet34")]


def test_every_limit_says_what_was_tried():
    assert all(re.search("[Tt]ried", why) for *_, why in service_limits.LIMITS)


def test_a_whole_result_follows_the_schema():
    jsonschema.validate(whole(), SCHEMA)


@pytest.mark.parametrize("spoil", [
    lambda r: r.pop("program"), lambda r: r["program"].pop("commit"), lambda r: r["peers"]["native"].pop("engine"),
    lambda r: r["peers"]["native"]["loads"][0].pop("samples"), lambda r: r["peers"]["uvicorn"]["loads"].pop(0) and r["peers"]["uvicorn"]["loads"].pop(0),
    lambda r: r["inputs"]["native"].pop("engine"), lambda r: r["second_model"]["peers"]["native"].pop("engine"), lambda r: r["ceiling"].pop("forms"),
    lambda r: r["machine"].pop("load_average"), lambda r: r["inputs"]["native"]["forms"]["JPEG"]["loads"].pop()])
def test_a_result_that_does_not_say_what_ran_is_not_written(spoil):
    result = whole()
    spoil(result)
    with pytest.raises(jsonschema.ValidationError):
        provenance.validate(result, BENCH / "services.schema.json")


def test_a_row_names_every_form_that_ran_in_its_rounds():
    one = {"variant": "packed", "dtype": "fp32", "threads": 1}
    assert service_peers.what_ran([one, one]) == one
    assert service_peers.what_ran([one, {**one, "dtype": "bf16"}]) == {**one, "dtype": "fp32 or bf16"}
    assert service_peers.what_ran([None, None]) is None


def test_table_and_plots_say_what_ran_and_of_how_many_requests():
    result = whole()
    text = service_plots.whole_text(result)
    assert "beralih 0.1.0, commit 0123456789ab" in text and "winograd fp32 (the default) 50.0 images/s" in text
    assert "| native | winograd fp32, 1 thread(s) | 22.0 |" in text and "70 ms (n 1000, ≤ 84)" in text
    assert "uvicorn naive, one client: p50 75 ms, p99 300 ms (n 40, ≤ 360)" in text
    for plot in (service_plots.latency_plot(result), service_plots.throughput_plot(result)):
        assert "0123456789ab" in plot and "native (winograd fp32)" in plot and "naive" not in plot


def test_the_plots_have_colours_for_a_dark_ground():
    result = whole()
    for plot in (service_plots.latency_plot, service_plots.throughput_plot):
        light, dark = plot(result).split("@media (prefers-color-scheme:dark)")
        for kind in [".ground{", "text{", ".grid{", *(f".line{i}{{" for i in range(len(service_plots.COLORS)))]:
            assert kind in light and kind in dark
        assert not re.search(r'(?:fill|stroke)="#', dark)  # all colours by class


def test_the_bound_of_a_percentile_is_the_binomial_one():
    assert service_peers.p99_bound_ms([1.0] * 298) is None  # 0.99 ** 298 is still more than 5 %
    assert service_peers.p99_bound_ms(range(299)) == 298e3
    random.seed(3)
    truth, held = -math.log(0.01) * 1e3, 0  # of exponential latencies
    for _ in range(400):
        held += service_peers.p99_bound_ms([random.expovariate(1) for _ in range(1000)]) >= truth
    assert 0.93 < held / 400 <= 1


def planned(**more):
    return argparse.Namespace(seconds=5, short_seconds=3, naive_seconds=8, samples=1000, quick=False, sections=list(service_bench.SECTIONS), **more)


def test_judged_loads_are_driven_long_enough_for_their_percentile():
    for name in (service_limits.JUDGED, *service_limits.TUNED):
        assert service_bench.seconds_of_load(name, service_limits.AT_OWN, 20, planned()) * 20 >= 1100  # three deviations of 1000
    assert service_bench.seconds_of_load("fastify onnx", service_limits.AT_OWN, 20, planned()) == 3
    assert service_bench.seconds_of_eight("uvicorn", 20, planned()) * 20 * service_bench.ROUNDS >= 1100


def test_only_services_that_bear_it_are_driven_at_the_best_pythons_rate():
    capacities = {"native": 30, "uvicorn tuned": 20, "uvicorn batching": 28, "fastify onnx": 40, "native mapped": 15}
    rates = {name: service_bench.second_loads(name, capacities).get(service_limits.AT_OPPONENTS) for name in capacities}
    assert rates == {"native": 0.7 * 28, "uvicorn batching": 0.7 * 28, "uvicorn tuned": None, "fastify onnx": None, "native mapped": None}


def test_a_whole_run_is_expected_to_end_within_twenty_two_minutes_on_the_machine_of_the_first_recording():
    capacities = {"native": 34.2, "native direct": 34.2, "native packed": 59.3, "native mapped": 20.8, "uvicorn": 21.7, "uvicorn tuned": 20.0,
                  "uvicorn optimized": 26.0, "uvicorn batching": 32.0, "fastify onnx": 32.9, "uvicorn naive": 3.0}
    recorded = {"peers": {name: {"capacity_per_s": capacity} for name, capacity in capacities.items()}}
    assert 15 < service_bench.expected_seconds(planned(), list(service_peers.PEERS), recorded) / 60 < 23


def test_the_commit_is_that_of_the_sources(monkeypatch, tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x", *arguments], check=True, capture_output=True)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() == "unknown"
    git("init")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-m", "x")
    assert re.fullmatch("[0-9a-f]{12}", provenance.commit())
    (tmp_path / "file").write_text("b")
    assert re.fullmatch("[0-9a-f]{12}-dirty", provenance.commit())


FACTS = {"version": "0.1.0", "libtorch": "1.13.0", "engine": "winograd", "dtype": "fp32", "threads": 2}


def lab_result(binary):
    series = [{"id": "fifty", "name": "50/s", "requests": 9, "refused": 1, "lost": 0, "latency_ms": {"p50": 1.0, "p90": 2.0, "p99": 3.0, "max": 3.0}}]
    return {**lab_record.about(FACTS, binary, "AMD EPYC", 2, 0.5), "experiment": "challenge", "series": series, "recorded_at": "2026-12-01T10:00:00+00:00"}


def test_a_recorded_experiment_says_cores_load_and_engine(binary):
    result = lab_result(binary)
    provenance.validate(result, BENCH / "recorded.schema.json")
    assert result["cores"] == 2 and result["load_average"] == 0.5 and result["engine"] == {"variant": "winograd", "dtype": "fp32", "threads": 2}
    assert "2 cores, 2 threads, winograd fp32" in result["machine"]


@pytest.mark.parametrize("member", ["cores", "load_average", "engine", "program"])
def test_an_experiment_that_does_not_say_it_is_not_written(binary, member):
    with pytest.raises(jsonschema.ValidationError, match=member):
        provenance.validate({key: value for key, value in lab_result(binary).items() if key != member}, BENCH / "recorded.schema.json")


@pytest.mark.parametrize("experiment", ["when-to-load", "failure", "challenge"])
def test_what_was_recorded_of_the_lab_follows_the_schema(experiment):
    recorded = json.loads((BENCH / f"results/{experiment}.json").read_text())
    if "program" not in recorded:
        pytest.skip("recorded before the schema; ./test.sh bench records it anew")
    provenance.validate(recorded, BENCH / "recorded.schema.json")


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
