"""A disk that is full while something is written: one sentence, nothing half-written, what was there intact.

The disk is a tmpfs of 128 KiB, which only root can mount; elsewhere these tests are skipped."""
import hashlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tiny_network

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "recipes"))

import safetensors_file  # noqa: E402

FULL = "No space left on device"


@pytest.fixture()
def disk(tmp_path):
    """Small enough for a tiny bundle, too small for two."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root: " + mounted.stderr.strip())
    yield place
    subprocess.run(["umount", str(place)], check=True)


def contents(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def fill(disk):
    """Leaves 8 KiB."""
    with open(disk / "filler", "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096):
                pass
        except OSError:
            f.truncate(f.tell() - 8192)


def test_make(bundles, disk):
    old = bundles.make(disk / "tiny", model=tiny_network.PARTS)
    fill(disk)
    before = contents(disk)
    sentence = bundles.refused(*bundles.arguments(old, model=tiny_network.PARTS, model_version="2.0.0"), "--replace")
    assert FULL in sentence and str(disk) in sentence
    assert contents(disk) == before
    assert bundles.run("verify", old).returncode == 0


def test_pack_and_unpack(bundles, parts, disk, tmp_path):
    assert bundles.run("pack", parts, "--out", tmp_path / "tiny.tar").returncode == 0
    (disk / "tiny.tar").write_bytes(b"the one before")
    fill(disk)
    before = contents(disk)
    assert FULL in bundles.refused("pack", parts, "--out", disk / "new.tar")
    assert FULL in bundles.refused("unpack", tmp_path / "tiny.tar", disk / "tiny")
    assert contents(disk) == before


def test_fetch(bundles, disk, tmp_path):
    checkpoint = np.random.default_rng(3).bytes(40_000)
    (tmp_path / "have.pth").write_bytes(checkpoint)
    prefix = hashlib.sha256(checkpoint).hexdigest()[:8]
    (tmp_path / "catalog.json").write_text(json.dumps({"models": [
        {"name": "tiny", "weights": "Tiny_Weights.V1", "url": f"https://download.example/tiny-{prefix}.pth",
         "sha256_prefix": prefix, "license": "CC0-1.0", "top1": 1.0, "megabytes": 0}]}))
    fill(disk)
    before = contents(disk)
    assert FULL in bundles.refused("fetch", "tiny", "--from", tmp_path / "have.pth", "--directory", disk, "--catalog",
                                   tmp_path / "catalog.json")
    assert contents(disk) == before


def test_weights_of_a_recipe(disk):
    """What grow.py and the importers write with."""
    fill(disk)
    before = contents(disk)
    layouts = [safetensors_file.Layout("fc.weight", "F32", (64, 64))]
    with pytest.raises(SystemExit) as stopped:
        safetensors_file.write(str(disk / "weights.safetensors"), layouts, [np.zeros((64, 64), np.float32)])
    assert FULL in str(stopped.value) and len(str(stopped.value).splitlines()) == 1
    assert contents(disk) == before
