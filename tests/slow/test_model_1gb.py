"""resnet34-1gb itself: what it is made of, what it answers, what it costs."""
import json
import re
import subprocess
import time

import numpy as np
import pytest

from model.answers import ROOT, largest_difference, photographs, predict, probabilities
from model.test_dlib_agreement import dlib_logits, softmax
from server_process import Server

MEGABYTE = 1e6


@pytest.fixture(scope="module")
def large(bundle):
    path = ROOT / "models" / "bundles" / "resnet34-1gb"
    subprocess.run([str(ROOT / "models" / "recipes" / "make_bundle.sh"), "resnet34-1gb"], check=True, timeout=600)
    return path


def test_published_contract_hash(large):
    assert f"`{(large / 'contract.sha256').read_text().strip()}`" in (ROOT / "models" / "README.md").read_text()


def test_it_is_what_it_says(bundle, large):
    parent, child = (json.loads((folder / "contract.json").read_text()) for folder in (bundle, large))
    assert child["golden"] == parent["golden"] and child["preprocessing"] == parent["preprocessing"]
    assert "stand-in for a learned model" in child["description"] and "Nothing was learned" in child["provenance"]["note"]
    size = next(f["bytes"] for f in child["files"] if f["role"] == "weights")
    assert 1.03e9 < size < 1.05e9


def test_answers_equal_resnet34s_and_dlibs(binary, bundle, large, shared_data, tmp_path, record_property):
    pictures = photographs(shared_data)
    tensors = []
    for path in pictures:
        subprocess.run([binary, "preprocess", "--bundle", str(large), "--npy", str(tmp_path / "tensor.npy"), str(path)],
                       check=True, capture_output=True)
        tensors.append(np.load(tmp_path / "tensor.npy"))
    reference = [softmax(logits) for logits in dlib_logits(np.concatenate(tensors), tmp_path)]
    to_small = to_dlib = 0.0
    for picture, small, wide, wanted in zip(pictures, predict(binary, bundle, pictures), predict(binary, large, pictures),
                                            reference):
        order = [p["index"] for p in wide["predictions"][:5]]
        assert order == [p["index"] for p in small["predictions"][:5]] == list(np.argsort(-wanted)[:5]), picture.name
        assert wide["preprocessing_hash"] == small["preprocessing_hash"]
        to_small = max(to_small, largest_difference(small, wide))
        to_dlib = max(to_dlib, float(np.abs(probabilities(wide) - wanted).max()))
    record_property("max_abs_probability_difference_to_resnet34", to_small)
    record_property("max_abs_probability_difference_to_dlib", to_dlib)
    print(f"{len(pictures)} photographs: max |probability difference| {to_small:.2e} to resnet34, {to_dlib:.2e} to dlib")
    assert to_small <= 2e-5 and to_dlib <= 2e-5


def test_memory_and_time(binary, large, shared_data, tmp_path, record_property):
    picture = photographs(shared_data)[0].read_bytes()
    with Server(binary, large, "--deadline-ms", "0", log=tmp_path / "log") as server:
        server.wait_until_ready()
        times = []
        for _ in range(5):
            start = time.monotonic()
            assert server.classify(picture).status == 200
            times.append(time.monotonic() - start)
        status = open(f"/proc/{server.process.pid}/status").read()
        anonymous, peak = (int(re.search(rf"{field}:\s+(\d+) kB", status).group(1)) * 1024 / MEGABYTE
                           for field in ("RssAnon", "VmHWM"))
        ready = re.search(r"ready in .*", server.log()).group(0)
    record_property("anonymous_mb", anonymous)
    record_property("peak_resident_mb", peak)
    record_property("median_answer_s", sorted(times)[2])
    print(f"{ready}\nanonymous {anonymous:.0f} MB, peak resident {peak:.0f} MB, median answer {sorted(times)[2]:.2f} s")
    assert "cpu fp32 mapped" in ready  # what is this large is not copied, unless it is asked for
    assert anonymous <= 300 and peak <= 1700
