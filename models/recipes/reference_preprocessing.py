"""The research side's preprocessing, in Pillow and NumPy: what the C++ core must equal to the bit.

  reference_preprocessing.py CONTRACT.json TENSORS.npy IMAGE...      writes [n,3,h,w] float32, in the images' order
"""
import json
import sys

import numpy as np
from PIL import Image, ImageOps

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Knobs that this module knows in one position only.
FIXED = {"exif": "transpose", "channel_order": "RGB", "layout": "NCHW", "dtype": "float32", "value_range": "0..255"}


def check_spec(spec: dict) -> None:
    for knob, value in FIXED.items():
        if spec.get(knob) != value:
            raise SystemExit(f"reference_preprocessing.py: {knob} = {spec.get(knob)!r} is not known here, only {value!r}")


def crop_pixels(image: Image.Image, spec: dict) -> np.ndarray:
    """uint8 HWC after orientation, conversion to RGB, resize and centre crop, as torchvision 0.14 does them."""
    image = ImageOps.exif_transpose(image).convert("RGB")
    target = spec["resize_shorter_side"]
    shorter, longer = min(image.size), max(image.size)
    if shorter != target:
        other = int(target * longer / shorter)
        size = (target, other) if image.width <= image.height else (other, target)
        image = image.resize(size, FILTERS[spec["resize_filter"]])
    height, width = spec["center_crop"]
    if image.height < height or image.width < width:
        raise SystemExit(f"reference_preprocessing.py: an image of {image.width} x {image.height} would need padding")
    top, left = int(round((image.height - height) / 2.0)), int(round((image.width - width) / 2.0))
    return np.asarray(image)[top:top + height, left:left + width]


def normalize(pixels: np.ndarray, spec: dict) -> np.ndarray:
    """float32 CHW; each operation is rounded to float32 once."""
    values = (pixels.astype(np.float32) - np.float32(spec["image_mean"])) / np.float32(spec["image_std"])
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def preprocess(image: Image.Image, spec: dict) -> np.ndarray:
    return normalize(crop_pixels(image, spec), spec)


if __name__ == "__main__":
    contract_path, output, *images = sys.argv[1:]
    with open(contract_path, encoding="utf-8") as f:
        preprocessing = json.load(f)["preprocessing"]
    check_spec(preprocessing)
    np.save(output, np.stack([preprocess(Image.open(path), preprocessing) for path in images]))
