"""`beralih bundle make`: whole or nothing, the same bytes again, the research side's numbers kept."""
import hashlib
import json
import os
import resource
import signal
import subprocess
import time

import numpy as np
import pytest
import torch

import tiny_network
from tiny_network import PARTS


def digests(bundle):
    return {str(path.relative_to(bundle)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(bundle.rglob("*")) if path.is_file()}


def contract(bundle):
    return json.loads((bundle / "contract.json").read_text())


def probabilities(bundles, image):
    """What PyTorch computes from the tensor of our core, which equals Pillow's (tests/parity)."""
    out = bundles.folder.parent / f"{image}.npy"
    subprocess.run([bundles.binary, "preprocess", "--spec", bundles.folder / "spec.json", "--npy", out,
                    bundles.folder / image], check=True, stdout=subprocess.DEVNULL)
    with torch.inference_mode():
        return torch.softmax(tiny_network.make()(torch.from_numpy(np.load(out))).double(), 1)[0].tolist()


@pytest.fixture()
def research(bundles, tmp_path):
    """Writes a file of research-side probabilities for the two images."""
    def write(change=lambda cases: None, source="PyTorch"):
        cases = [{"image": name, "probabilities": probabilities(bundles, name)} for name in ("red.png", "noise.png")]
        change(cases)
        path = tmp_path / "research.json"
        path.write_text(json.dumps({"source": source, "golden": cases}))
        return path
    return write


@pytest.mark.parametrize("model", [("--model", "model.pt"), PARTS])
def test_the_same_inputs_make_the_same_bytes(bundles, tmp_path, model):
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        made.append(bundles.make(tmp_path / folder / "tiny", model=model))
    first, second = made
    assert digests(first) == digests(second)
    assert "contract.json" in digests(first) and len(digests(first)) >= 6
    assert bundles.run("verify", first).returncode == 0


def test_it_reads_as_people_expect(whole, bundles):
    made = contract(whole)
    assert made["name"] == "whole" and made["version"] == "1.0.0"
    assert made["input"]["shape"] == [-1, 3, 16, 16] and made["output"]["shape"] == [-1, 3]
    assert made["preprocessing"]["image_mean"] == [0.485, 0.456, 0.406]
    assert "computed by the engine" in made["provenance"]["note"]
    assert [file["role"] for file in made["files"]] == ["labels", "model", "golden_image", "golden_image"]
    top = made["golden"][1]["top5"]
    expected = probabilities(bundles, "noise.png")
    assert len(top) == 3
    assert all(abs(entry["probability"] - expected[entry["index"]]) < 1e-5 for entry in top)


def test_the_research_sides_numbers_are_kept(bundles, research, tmp_path):
    bundle = bundles.make(tmp_path / "tiny", probabilities=research())
    made = contract(bundle)
    assert "research side (PyTorch)" in made["provenance"]["note"]
    expected = sorted(probabilities(bundles, "red.png"), reverse=True)
    assert [entry["probability"] for entry in made["golden"][0]["top5"]] == [round(p, 6) for p in expected]


@pytest.mark.parametrize("change, words", [
    (lambda c: c[0]["probabilities"].reverse(), "does not come to the golden probabilities"),
    (lambda c: c.pop(), "no case for"),
    (lambda c: c[0].update(image="other.png"), "other.png"),
    (lambda c: c[0]["probabilities"].append(0), "4 probabilities for 3 labels"),
    (lambda c: c[0].update(probabilities=[3.0, -1.0, 0.5]), "from 0 to 1"),
    (lambda c: c[0].update(probabilities=[0.1, 0.1, 0.1]), "sum"),
    (lambda c: c[0].update(tensor_sha256="0" * 64), "correct the knobs"),
    (lambda c: c[0].update(top5=[{"index": 9, "probability": 1}]), "either"),
    (lambda c: (c[0].pop("probabilities"), c[0].update(top5=[{"index": 9, "probability": 1}])), "beyond the 3 labels"),
])
def test_research_numbers_that_do_not_fit_are_refused(bundles, research, tmp_path, change, words):
    sentence = bundles.refused(*bundles.arguments(tmp_path / "tiny", probabilities=research(change)))
    assert words in sentence
    assert not (tmp_path / "tiny").exists() and list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("flags, replaced, words", [
    ([], {"labels": "nowhere.txt"}, "nowhere.txt"),
    ([], {"image": ["spec.json"]}, "spec.json"),
    ([], {"image": ["red.png", "red.png"]}, "same file name"),
    ([], {"model": ("--model", "labels.txt")}, "labels.txt: not a TorchScript program"),
    ([], {"model": ("--model", "model.pt", "--weights", "weights.safetensors")}, "--model"),
    ([], {"model": ("--weights", "weights.safetensors")}, "--architecture"),
    ([], {"spec": None}, "--spec"),
    ([], {"spec": None, "preset": "nonsense"}, "nonsense"),
    (["--set", "image_std=0,1,1"], {}, "image_std"),
    (["--name", "../evil"], {}, "--name"),
    ([], {"model": ("--architecture", "architecture.pt", "--weights", "model.pt")}, "model.pt"),
])
def test_wrong_inputs_are_named(bundles, tmp_path, flags, replaced, words):
    sentence = bundles.refused(*bundles.arguments(tmp_path / "tiny", **replaced), *flags)
    assert words in sentence
    assert list(tmp_path.iterdir()) == []


def test_labels_must_fit_the_network(bundles, tmp_path):
    (tmp_path / "labels.txt").write_text("zero\none\n")
    sentence = bundles.refused(*bundles.arguments(tmp_path / "tiny", labels=tmp_path / "labels.txt"))
    assert "[1, 3]" in sentence and "[1, 2]" in sentence
    assert not (tmp_path / "tiny").exists()


def test_what_stands_there_is_not_overwritten(bundles, whole, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    assert "--replace" in bundles.refused(*bundles.arguments(tmp_path / "notes"))
    assert "holds no bundle" in bundles.refused(*bundles.arguments(tmp_path / "notes"), "--replace")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep"
    bundles.make(tmp_path / "tiny")
    bundles.make(tmp_path / "tiny", "--replace", "--model-version", "2.0.0")
    assert contract(tmp_path / "tiny")["version"] == "2.0.0"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes", "tiny"]


def test_a_full_disk_leaves_the_old_bundle(bundles, tmp_path):
    old = bundles.make(tmp_path / "tiny")
    before = digests(old)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    sentence = bundles.refused(*bundles.arguments(old, model_version="2.0.0"), "--replace", preexec_fn=small_files)
    assert "cannot write: File too large" in sentence
    assert digests(old) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny"]


def big_make(bundles, tmp_path):
    """A `make` that is copying for long enough to be interrupted; returns when it is."""
    weights = tmp_path / "big.safetensors"
    with open(weights, "wb") as f:
        f.truncate(2 << 30)                      # sparse
    process = subprocess.Popen([bundles.binary, "bundle", *map(str, bundles.arguments(
        tmp_path / "tiny", model=("--architecture", "architecture.pt", "--weights", weights))), "--replace"],
        stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while not any(path.stat().st_size > 0 for path in tmp_path.glob(".tiny.new-*/weights.safetensors")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.005)
    return process


def test_a_kill_in_the_middle_leaves_the_old_bundle(bundles, tmp_path):
    old = bundles.make(tmp_path / "tiny")
    before = digests(old)
    process = big_make(bundles, tmp_path)
    process.kill()
    process.communicate()
    assert digests(old) == before
    assert list(tmp_path.glob(".tiny.new-*"))    # nobody could remove it …
    bundles.make(tmp_path / "tiny", "--replace")
    assert not list(tmp_path.glob(".tiny.new-*"))  # … but the next one does
    assert digests(old) == before


def test_an_interrupt_leaves_nothing(bundles, tmp_path):
    old = bundles.make(tmp_path / "tiny")
    before = digests(old)
    process = big_make(bundles, tmp_path)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 1 and "interrupted" in text
    assert digests(old) == before and not list(tmp_path.glob(".tiny.new-*"))


def test_modes_are_fixed_and_links_to_bundles_are_followed(bundles, tmp_path):
    real = bundles.make(tmp_path / "tiny-1")
    assert real.stat().st_mode & 0o777 == 0o755
    assert all(p.stat().st_mode & 0o777 == (0o755 if p.is_dir() else 0o644) for p in real.rglob("*"))
    (tmp_path / "current").symlink_to("tiny-1")
    bundles.make(tmp_path / "current", "--replace", "--model-version", "3.0.0")
    assert os.readlink(tmp_path / "current") == "tiny-1"
    assert contract(real)["version"] == "3.0.0"
