"""`beralih bundle verify`, `inspect` and `diff`."""
import hashlib
import json
import pathlib
import random
import shutil

import pytest

from tiny_network import PARTS


@pytest.fixture()
def copy(parts, tmp_path):
    return pathlib.Path(shutil.copytree(parts, tmp_path / "parts"))


def sign(bundle):
    """contract.sha256 for a contract.json that was changed on purpose."""
    digest = hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()
    (bundle / "contract.sha256").write_text(digest + "\n")


def change_contract(bundle, change):
    contract = json.loads((bundle / "contract.json").read_text())
    change(contract)
    (bundle / "contract.json").write_text(json.dumps(contract))
    sign(bundle)


def test_a_good_bundle_is_verified(bundles, parts):
    result = bundles.run("verify", parts)
    assert result.returncode == 0
    assert "verified: 5 files and 2 golden cases" in result.stdout
    report = json.loads(bundles.run("verify", "--json", parts).stdout)
    assert report["ok"] and report["dtype"] == "fp32"
    assert [case["tensor_equal"] for case in report["golden"]] == [True, True]
    assert all(case["max_probability_difference"] <= 1e-5 for case in report["golden"])


@pytest.mark.parametrize("model", ["whole", "parts"])
def test_any_altered_byte_of_any_file_is_found(bundles, request, model, tmp_path):
    """Every file of the bundle at random offsets; contract.json through and through is the unit test's."""
    bundle = pathlib.Path(shutil.copytree(request.getfixturevalue(model), tmp_path / model))
    seeded = random.Random(11)
    for path in sorted(p for p in bundle.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for _ in range(3):
            at = seeded.randrange(len(whole))
            altered = bytearray(whole)
            altered[at] ^= 1 << seeded.randrange(8)
            path.write_bytes(altered)
            result = bundles.run("verify", bundle)
            assert result.returncode == 1, (path.name, at)
            assert path.name in result.stdout + result.stderr or path.name == "contract.sha256"
        path.write_bytes(whole)
    assert bundles.run("verify", bundle).returncode == 0


def test_every_wrong_file_is_listed(bundles, copy):
    (copy / "labels.txt").write_text("one\nzero\ntwo\n")
    (copy / "golden" / "red.png").unlink()
    result = bundles.run("verify", copy)
    assert result.returncode == 1
    assert result.stdout.count("FAILED") == 2 and "labels.txt" in result.stdout and "red.png" in result.stdout
    assert "NOT verified" in result.stdout
    report = json.loads(bundles.run("verify", "--json", copy).stdout)
    assert [file["path"] for file in report["files"] if not file["ok"]] == ["labels.txt", "golden/red.png"]


def test_a_promise_that_is_not_kept_is_found(bundles, copy):
    def move(contract):
        contract["golden"][0]["top5"][0]["probability"] -= 0.001
        contract["golden"][1]["tensor_sha256"] = "0" * 64
    change_contract(copy, move)
    report = json.loads(bundles.run("verify", "--json", copy).stdout)
    assert not report["ok"] and all(file["ok"] for file in report["files"])
    assert "within 0.0001" in report["golden"][0]["problem"]
    assert "preprocesses differently" in report["golden"][1]["problem"]


def test_a_file_that_nobody_named_is_mentioned(bundles, copy):
    (copy / "golden" / "stray.txt").write_text("x")
    result = bundles.run("verify", copy)
    assert result.returncode == 0 and "golden/stray.txt" in result.stdout


def test_inspect_says_everything(bundles, parts, whole):
    text = bundles.run("inspect", parts).stdout
    for word in ("conv.weight", "[4,3,3,3]", "image_mean", "golden/noise.png", "weights.safetensors", "two",
                 "computed by the engine", (parts / "contract.sha256").read_text().strip()):
        assert word in text, word
    by_parts, by_whole = (json.loads(bundles.run("inspect", "--json", b).stdout) for b in (parts, whole))
    assert by_parts["contract"] == json.loads((parts / "contract.json").read_text())
    assert by_parts["parameters"] == by_whole["parameters"] == 4 * 27 + 4 + 4 * 4 + 1 + 12 + 3
    assert {layer["name"]: layer["shape"] for layer in by_parts["layers"]} == \
        {layer["name"]: layer["shape"] for layer in by_whole["layers"]}


def test_diff_says_what_matters(bundles, parts, copy, tmp_path):
    same = bundles.run("diff", parts, copy)
    assert same.returncode == 0 and "the same contract" in same.stdout
    (tmp_path / "other").mkdir()
    other = bundles.make(tmp_path / "other" / "parts", "--set", "resize_filter=bicubic", model=PARTS)
    result = bundles.run("diff", parts, other)
    assert result.returncode == 1
    assert "preprocessing.resize_filter: changes preprocessing\n  - \"bilinear\"\n  + \"bicubic\"" in result.stdout
    assert "in sum: changes preprocessing" in result.stdout

    change_contract(copy, lambda contract: contract.update(description="another sentence"))
    report = json.loads(bundles.run("diff", "--json", parts, copy).stdout)
    assert report["in_sum"] == ["only metadata"] and report["same_preprocessing"]
    assert [d["field"] for d in report["differences"]] == ["description"]

    weights = bytearray((copy / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(weights)

    def renew(contract):
        entry = next(file for file in contract["files"] if file["role"] == "weights")
        entry["sha256"] = hashlib.sha256(weights).hexdigest()
    change_contract(copy, renew)
    report = json.loads(bundles.run("diff", "--json", parts, copy).stdout)
    assert "changes predictions" in report["in_sum"] and len(report["tensors"]) == 1
    assert "other values" in report["tensors"][0]
    assert bundles.run("diff", parts, tmp_path / "nowhere").returncode == 2


@pytest.mark.parametrize("device, words", [("cuda", "on the CPU only"), ("cuda:1", "on the CPU only"), ("tpu", "no device \"tpu\"")])
def test_a_device_that_is_not_there_is_refused(bundles, parts, device, words):
    assert words in bundles.refused("verify", parts, "--device", device)
    assert bundles.run("verify", parts, "--device", "cpu").returncode == 0
