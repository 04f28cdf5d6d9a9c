"""200 SIGTERMs and 50 hot reloads under load, and kill -9: what clients lose, and how long it takes."""
import os

import pytest

from restarts import NO_NETWORK, kill_and_come_back, reload_under_load, restart_under_load

RESTARTS = int(os.environ.get("BERALIH_RESTARTS", "200"))
RELOADS = int(os.environ.get("BERALIH_RELOADS", "50"))
KILLS = 10
MOST_SECONDS_TO_READY = 1.0


@pytest.fixture(scope="module")
def photograph(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.mark.parametrize("arguments", [NO_NETWORK, ()], ids=["null", "resnet34"])
def test_sigterms_under_load(binary, bundle, photograph, tmp_path, arguments):
    load = restart_under_load(binary, bundle, photograph, tmp_path, RESTARTS, arguments)
    assert not load.lost and set(load.statuses) == {200}


def test_sigterms_under_load_with_kept_connections(binary, bundle, photograph, tmp_path):
    load = restart_under_load(binary, bundle, photograph, tmp_path, RESTARTS, [*NO_NETWORK, "--drain-delay-ms", "300"], kept=3)
    assert not load.lost and set(load.statuses) == {200}


def test_reloads_under_load(binary, bundle, photograph, tmp_path):
    load = reload_under_load(binary, bundle, photograph, tmp_path, RELOADS)
    assert not load.lost and set(load.statuses) == {200}


def test_kill_9(binary, bundle, photograph, tmp_path):
    times = sorted(kill_and_come_back(binary, bundle, photograph, tmp_path, KILLS))
    print(f"kill -9 to ready: median {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s")
    assert times[len(times) // 2] <= MOST_SECONDS_TO_READY
