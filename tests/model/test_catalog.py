"""models/catalog.json against what torchvision itself says, and the importer's use of it."""
import json
import re

import torchvision

from model.answers import ROOT, recipe_modules

LISTED = json.loads((ROOT / "models" / "catalog.json").read_text())["models"]


def by_name(weights: str):
    enum, member = weights.split(".")
    return getattr(torchvision.models, enum)[member]


def test_every_row_is_torchvisions():
    for row in LISTED:
        weights = by_name(row["weights"])
        assert row["url"] == weights.url
        assert row["sha256_prefix"] == re.search(r"-([0-9a-f]{8,})\.pth$", row["url"]).group(1)
        assert row["parameters"] == weights.meta["num_params"]
        assert row["megabytes"] == round(4 * row["parameters"] / 1e6)
        assert row["top1"] == weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        assert row["preset"] == f"torchvision:{weights}"
        assert row["license"] == ("CC-BY-NC-4.0" if "SWAG" in row["weights"] else "BSD-3-Clause")


def test_a_networks_first_row_is_its_recommended_one():
    (importer,) = recipe_modules("import_torchvision")
    first = {}
    for row in LISTED:
        first.setdefault(row["name"], row["weights"])
    assert set(first) == set(importer.classifiers())
    for name, weights in first.items():
        assert by_name(weights) is importer.weights_of(name).DEFAULT


def test_an_official_checkpoint_is_known_by_its_hash():
    (importer,) = recipe_modules("import_torchvision")
    for row in LISTED:
        chosen = importer.choose_weights(row["name"], None, "x.pth", row["sha256_prefix"] + "0" * 56)
        assert str(chosen) == row["weights"]


def test_the_importer_has_a_preset_for_every_row(binary):
    importer, reference = recipe_modules("import_torchvision", "reference_preprocessing")
    for row in LISTED:
        reference.check_spec(importer.preprocessing(by_name(row["weights"])))
