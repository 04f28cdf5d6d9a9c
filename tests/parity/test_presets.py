"""Each preset computes what its model's own transforms compute; the table is what torchvision says."""
import importlib.util
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms.functional import InterpolationMode

import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "core" / "src" / "preset_table.py"
_spec = importlib.util.spec_from_file_location("preset_table", TABLE)
preset_table = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(preset_table)

WEIGHTS = {f"torchvision:{weights}": weights for weights in preset_table.torchvision_weights()}
# What transformers' ViTImageProcessor does by default is written out in reference.run.
HF_VIT = {"resize_exact": [224, 224], "resize_filter": "bilinear", "channel_order": "RGB", "layout": "NCHW",
          "dtype": "float32", "value_range": "0..1", "rescale": "multiply", "pad_value": [0, 0, 0],
          "image_mean": [.5, .5, .5], "image_std": [.5, .5, .5]}


def timm_transform(size, percentage, interpolation, statistics, mode, _source):
    """transforms_imagenet_eval of timm/data/transforms_factory.py."""
    scale = math.floor(size / percentage)
    return transforms.Compose([
        transforms.Resize((scale, scale) if mode == "squash" else scale, InterpolationMode(interpolation)),
        transforms.CenterCrop((size, size)), transforms.ToTensor(), transforms.Normalize(*statistics)])


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(8)
    exif = Image.Exif()
    exif[0x0112] = 6  # which neither torchvision's nor timm's reader looks at
    paths = []
    for number, (width, height) in enumerate([(301, 237), (120, 333)]):
        small = rng.integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(small).resize((width, height)).save(paths[-1], quality=92, exif=exif)
    return paths


def check(name, transform, images, preprocess):
    for path, line in zip(images, preprocess(images, "--preset", name, "--tensor-only")):
        tensor = transform(Image.open(path).convert("RGB"))[None].numpy()
        assert line.get("tensor_sha256") == reference.sha256(tensor.tobytes()), (name, path.name, line)


def test_the_committed_table_is_what_torchvision_says():
    made = subprocess.run([sys.executable, str(TABLE)], capture_output=True, text=True, check=True, timeout=120).stdout
    assert made == TABLE.with_suffix(".h").read_text()


def test_torchvision_presets_compute_what_the_weights_transforms_compute(images, preprocess, record_property):
    for name, weights in WEIGHTS.items():
        check(name, weights.transforms(), images, preprocess)
    record_property("presets", len(WEIGHTS))
    assert len(WEIGHTS) >= 115


def test_timm_presets_compute_what_timms_evaluation_transform_computes(images, preprocess):
    for name, configuration in preset_table.TIMM.items():
        check(f"timm:{name}", timm_transform(*configuration), images, preprocess)


def test_hf_vit_multiplies(images, preprocess):
    check("hf-vit", lambda image: torch.from_numpy(reference.run(image, HF_VIT).tensor[0]),
          images, preprocess)


def test_the_command_lists_every_preset(binary):
    listed = subprocess.run([binary, "presets"], capture_output=True, text=True, check=True, timeout=60).stdout
    names = [line.split()[0] for line in listed.splitlines()]
    assert names == sorted({*WEIGHTS, *(f"timm:{name}" for name in preset_table.TIMM), "dlib:resnet34", "hf-vit"})
    assert any("shorter side 232 bilinear, crop 224 x 224" in line for line in listed.splitlines())
