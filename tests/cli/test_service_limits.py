"""The services' benchmark: its limits, its schema and its place in tests/bench/README.md, on what was recorded."""
import copy
import json
import pathlib
import sys

import jsonschema
import pytest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import service_limits  # noqa: E402
import service_plots  # noqa: E402

RECORDED = json.loads((BENCH / "results/services.json").read_text())


def test_what_was_recorded_follows_the_schema_and_was_no_trial():
    jsonschema.validate(RECORDED, json.loads((BENCH / "services.schema.json").read_text()))
    assert RECORDED["quick"] is False


def test_the_recorded_limits_are_those_of_the_recorded_values():
    assert RECORDED["limits"] == service_limits.limits(RECORDED)
    assert all(row["promised"] or row["why"] for row in RECORDED["limits"])


def test_a_promise_is_broken_only_beyond_its_limit():
    assert service_limits.broken_promises(service_limits.limits(RECORDED)) == []
    slow = copy.deepcopy(RECORDED)
    slow["peers"]["native packed"]["capacity_per_s"] = 1.09 * slow["peers"]["uvicorn tuned"]["capacity_per_s"]
    slow["peers"]["native packed"]["ready_s"] = 100
    assert [row["what"] for row in service_limits.broken_promises(service_limits.limits(slow))] == ["images/s at saturation"]


def test_peers_that_were_not_measured_are_not_judged():
    few = {**RECORDED, "peers": {name: RECORDED["peers"][name] for name in ("native", "uvicorn")}}
    assert {row["against"] for row in service_limits.limits(few)} == {"uvicorn"}


def test_the_readme_shows_what_was_recorded():
    text = (BENCH / "README.md").read_text()
    table = service_plots.table(RECORDED) + "\n" + service_limits.table(RECORDED["limits"])
    assert service_limits.between_markers(text, table + service_limits.PLOTS) == text
    assert (BENCH / "results/services.md").read_text() == table


def test_a_readme_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="services: begin"):
        service_limits.between_markers("nothing", "table")
