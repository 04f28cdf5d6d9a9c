"""What the measurements on a card publish for the page: a result that nobody takes for the processor's."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bench"))
import gpu_report  # noqa: E402

DATE = "2026-03-01T08:00:00+00:00"


def parts(card):
    machine = {"card": card, "cores": 16}
    steady = {"requests": {"scheduled": 2000, "refused": 3, "failed": 1}, "latency_ms": {"p50": 2, "p90": 3, "p99": 4, "p99.9": 5, "max": 6}}
    engine = {"library": "libtorch 2.6.0", "device": "cuda:0", "card": {"cuda_runtime": 12.4}}
    return {"steady": {"date": DATE, "device": "cuda:0", "machine": machine, "result": steady}, "engine": {"result": engine}}


def test_it_is_an_experiment_of_its_own_that_the_page_knows():
    record = gpu_report.recorded("resnet34-1gb", parts("a card"))
    assert (record["schema"], record["experiment"], record["recorded_at"]) == ("beralih.recorded/1", "challenge-gpu", DATE)
    assert f"'{record['experiment']}'" in (ROOT / "web/src/lib/lab/recorded.ts").read_text()
    assert record["machine"] == "a card, 16 cores"
    assert gpu_report.recorded("resnet34-1gb", parts(""))["machine"] == "cuda:0, 16 cores"


def test_the_page_can_read_it():
    record = json.loads(json.dumps(gpu_report.recorded("resnet34-1gb", parts("a card"))))
    assert all(isinstance(version, str) for version in record["versions"].values())  # web/src/lib/lab/recorded.ts takes nothing else
    assert record["series"] == [{"id": "native-resnet34-1gb", "name": "beralih serve, resnet34-1gb", "requests": 2000, "refused": 3, "lost": 1,
                                 "latency_ms": {"p50": 2, "p90": 3, "p99": 4, "max": 6}}]
