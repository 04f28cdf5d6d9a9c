"""Growing resnet34: another size, the same function. A small factor stands for the 1 GB of resnet34-1gb."""
import hashlib
import json
import pathlib
import subprocess

import numpy as np
import pytest

from model.answers import RECIPES, largest_difference, photographs, predict, recipe, recipe_modules

FACTOR = 1.125


@pytest.fixture(scope="module")
def modules():
    return recipe_modules("grow", "safetensors_file")


@pytest.fixture(scope="module")
def grown(bundle, tmp_path_factory) -> pathlib.Path:
    """A whole bundle, made by the commands of resnet34-1gb.bundle.sh."""
    out = tmp_path_factory.mktemp("grown")
    subprocess.run(["cp", "-r", *map(str, (bundle / "labels.txt", bundle / "architecture.pt", bundle / "edge.onnx",
                                           bundle / "golden")), str(out)], check=True)
    recipe("grow.py", bundle / "weights.safetensors", out / "weights.safetensors", "--factor", FACTOR)
    recipe("grown_contract.py", bundle, out, RECIPES / "resnet34-1gb.contract.json")
    return out


def test_the_same_answers(binary, bundle, grown, shared_data, record_property):
    pictures = photographs(shared_data)
    before, after = predict(binary, bundle, pictures), predict(binary, grown, pictures)
    worst = 0.0
    for picture, a, b in zip(pictures, before, after):
        assert [p["index"] for p in a["predictions"][:5]] == [p["index"] for p in b["predictions"][:5]], picture.name
        assert a["logits"]["sha256"] != b["logits"]["sha256"], "the grown network was not what ran"
        worst = max(worst, largest_difference(a, b))
    record_property("max_abs_probability_difference", worst)
    assert worst <= 2e-5


def test_the_contract_is_the_parents_but_for_what_differs(bundle, grown):
    parent, child = (json.loads((folder / "contract.json").read_text()) for folder in (bundle, grown))
    differing = {key for key in child if child[key] != parent[key]}
    assert differing == {"name", "description", "files", "provenance"}
    assert [f["sha256"] for f in child["files"] if f["role"] != "weights"] == \
        [f["sha256"] for f in parent["files"] if f["role"] != "weights"]
    assert (bundle / "contract.sha256").read_text().strip() in child["provenance"]["source"]


def test_the_same_bytes_again(bundle, grown, tmp_path):
    recipe("grow.py", bundle / "weights.safetensors", tmp_path / "again", "--factor", FACTOR)
    first, again = ((hashlib.sha256(path.read_bytes()).hexdigest()) for path in
                    (grown / "weights.safetensors", tmp_path / "again"))
    assert first == again
    recipe("grow.py", bundle / "weights.safetensors", tmp_path / "other", "--factor", FACTOR, "--seed", 2)
    assert hashlib.sha256((tmp_path / "other").read_bytes()).hexdigest() != first


def test_copies_are_unequal_and_add_up(bundle, grown, modules):
    grow, safetensors = modules
    old = safetensors.read(str(bundle / "weights.safetensors"))
    new = safetensors.read(str(grown / "weights.safetensors"))
    widths = [[t[f"stages.{s}.0.conv2.weight"].shape[0] for s in range(4)] for t in (old, new)]
    plan = grow.layers(*widths, np.random.default_rng(1))
    checked = 0
    for layer, outputs, inputs in plan:
        if inputs is None:
            continue
        small = np.asarray(old[layer + ".weight"], np.float64)
        wide = np.asarray(new[layer + ".weight"], np.float64)
        small = small if outputs is None else small[outputs]
        sums = np.zeros_like(small)
        for channel, original in enumerate(inputs):
            sums[:, original] += wide[:, channel]
        assert np.abs(sums - small).max() <= 2e-7 * np.abs(small).max(), layer
        rows = wide.reshape(len(wide), -1)
        assert len(np.unique(rows, axis=0)) == len(rows), f"{layer}: two channels are the same"
        checked += 1
    assert checked == 33


def test_maps_are_nested_where_skips_pad_with_zeros(modules):
    grow, _ = modules
    old, new = [64, 128, 256, 512], [224, 448, 896, 1792]
    maps = grow.nested_maps(old, new)
    for stage in range(4):
        assert len(maps[stage]) == new[stage] and set(maps[stage]) == set(range(old[stage]))
    for stage in range(3):
        assert (maps[stage + 1][:new[stage]] == maps[stage]).all()
        assert (maps[stage + 1][new[stage]:] >= old[stage]).all()


@pytest.mark.parametrize("damage, words", [("factor", "leaves no room"), ("cut", "not a safetensors file, or is cut off"),
                                           ("other", "does not hold the parameters")])
def test_bad_input(bundle, modules, tmp_path, damage, words):
    source, factor = bundle / "weights.safetensors", FACTOR
    if damage == "factor":
        factor = 0.5
    elif damage == "cut":
        source = tmp_path / "cut"
        source.write_bytes((bundle / "weights.safetensors").read_bytes()[:1000])
    else:
        source = tmp_path / "other"
        tensors = dict(modules[1].read(str(bundle / "weights.safetensors")), extra=np.zeros(3, np.float32))
        layouts = [modules[1].Layout(name, "F32", values.shape) for name, values in tensors.items()]
        modules[1].write(str(source), layouts, tensors.values())
    result = recipe("grow.py", source, tmp_path / "out", "--factor", factor, check=False)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_weights_that_answer_otherwise_are_refused(bundle, grown, tmp_path):
    out = tmp_path / "bundle"
    subprocess.run(["cp", "-r", str(grown), str(out)], check=True)
    with open(out / "weights.safetensors", "r+b") as f:
        f.seek(-4000, 2)                # the last layer's bias
        f.write(b"\0" * 4000)
    result = recipe("grown_contract.py", bundle, out, RECIPES / "resnet34-1gb.contract.json", check=False)
    assert result.returncode == 1 and "the grown network's" in result.stderr
