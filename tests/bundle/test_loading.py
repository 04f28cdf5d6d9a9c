"""Hashes that are remembered: fewer bytes read, nothing altered accepted."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from server_process import Server


@pytest.fixture()
def copy(parts, tmp_path):
    return pathlib.Path(shutil.copytree(parts, tmp_path / "parts"))


def predict(bundles, bundle, *flags, **environment):
    return subprocess.run([bundles.binary, "predict", "--bundle", bundle, *map(str, flags),
                           bundles.folder / "red.png"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})


def settle(bundle):
    """Files that changed just now are not remembered."""
    youngest = max(path.stat().st_ctime for path in bundle.rglob("*"))
    time.sleep(max(0.0, youngest + 2.1 - time.time()))


def entries(cache):
    return sorted(path.name for path in (cache / "hashes").glob("*"))


def test_every_file_is_remembered_once_and_an_altered_one_is_not_believed(bundles, copy, tmp_path):
    cache = tmp_path / "cache"
    settle(copy)
    assert predict(bundles, copy, "--cache-dir", cache).returncode == 0
    assert len(entries(cache)) == 5
    assert predict(bundles, copy, "--cache-dir", cache).returncode == 0
    assert len(entries(cache)) == 5

    # The same size, the same modification time: the change time tells.
    labels = copy / "labels.txt"
    before = labels.stat()
    labels.write_text("zerO\none\ntwo\n")
    os.utime(labels, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "altered" in predict(bundles, copy, "--cache-dir", cache).stderr
    assert predict(bundles, copy, "--verify", "never").returncode == 0      # what never means
    assert "altered" in predict(bundles, copy, "--verify", "always").stderr


def test_the_cache_lies_where_the_environment_says(bundles, copy, tmp_path):
    settle(copy)
    assert predict(bundles, copy, XDG_CACHE_HOME=str(tmp_path / "xdg")).returncode == 0
    assert len(entries(tmp_path / "xdg" / "beralih")) == 5
    assert predict(bundles, copy, BERALIH_CACHE_DIR=str(tmp_path / "own")).returncode == 0
    assert len(entries(tmp_path / "own")) == 5


def test_a_cache_that_cannot_be_used_is_no_error(bundles, copy, tmp_path):
    settle(copy)
    (tmp_path / "file").write_text("")
    assert predict(bundles, copy, "--cache-dir", tmp_path / "file").returncode == 0
    assert predict(bundles, copy, "--cache-dir", "/proc/nowhere").returncode == 0
    assert predict(bundles, copy, XDG_CACHE_HOME="", HOME="").returncode == 0
    foreign = tmp_path / "foreign"
    (foreign / "hashes").mkdir(parents=True)
    (foreign / "hashes").chmod(0o777)
    assert predict(bundles, copy, "--cache-dir", foreign).returncode == 0
    assert entries(foreign) == []       # anybody could plant an entry there


def test_a_planted_entry_of_another_state_is_not_believed(bundles, copy, tmp_path):
    cache = tmp_path / "cache"
    settle(copy)
    predict(bundles, copy, "--cache-dir", cache)
    (copy / "labels.txt").write_text("zerO\none\ntwo\n")
    for path in (cache / "hashes").glob("*"):
        path.write_text(path.read_text().replace(" ", "  "))
    assert "altered" in predict(bundles, copy, "--cache-dir", cache).stderr


def test_a_wrong_mode_is_named(bundles, copy):
    result = predict(bundles, copy, "--verify", "sometimes")
    assert result.returncode == 2 and "--verify" in result.stderr


def test_a_file_cut_short_while_it_serves_is_explained(bundles, parts, tmp_path):
    """Labels and weights are mapped: a page that is gone ends the process, but not without a word."""
    bundle = pathlib.Path(shutil.copytree(parts, tmp_path / "parts"))
    with Server(bundles.binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        image = (bundles.folder / "red.png").read_bytes()
        assert server.classify(image).status == 200
        os.truncate(bundle / "weights.safetensors", 0)
        with pytest.raises(Exception):
            server.classify(image)
        assert server.process.wait(30) == -7    # SIGBUS
    assert "mapped file of the bundle cannot be read any more" in server.log()
