"""Every generated file, damaged ones too: the same verdict, pixels and tensor as Pillow. No tolerance."""
import os

import pytest

import corpus
from comparison import Comparison

SEED = int(os.environ.get("BERALIH_TEST_SEED", corpus.DEFAULT_SEED))
# Beside corpus.SPEC: without EXIF and larger than most files; raw values, other channels first.
SPECS = [
    corpus.SPEC,
    {"exif": "ignore", "gray16": "pillow", "resize_exact": [37, 52], "resize_filter": "lanczos",
     "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NHWC", "dtype": "uint8"},
    {"exif": "transpose", "gray16": "pillow", "resize_longest_side": 24, "resize_filter": "bilinear",
     "center_crop": [25, 24], "pad_value": [9, 99, 199], "channel_order": "BGR", "layout": "NCHW",
     "dtype": "float32", "value_range": "0..255", "image_mean": [104.298, 117.001, 122.782],
     "image_std": [256, 255, 57.1]},
]


@pytest.fixture(scope="module")
def files(tmp_path_factory, jpeg_maker):
    return corpus.write(tmp_path_factory.mktemp("corpus"), jpeg_maker, SEED)


@pytest.mark.parametrize("group", corpus.groups(None))
def test_generated_files(group, files, preprocess, kernels, tmp_path, capsys, record_property):
    images = {exif: [corpus.decoded(path, exif) for path in files[group]] for exif in ("transpose", "ignore")}
    comparison = Comparison(preprocess, kernels)
    for spec in SPECS:
        comparison.check(tmp_path, spec, files[group], images[spec["exif"]])
    comparison.report(group, SEED, capsys, record_property)
    assert comparison.files - comparison.refused > 400
