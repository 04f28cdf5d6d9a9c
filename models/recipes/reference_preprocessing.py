"""The research side's preprocessing, in Pillow and NumPy: what the C++ core must equal to the bit.

  reference_preprocessing.py CONTRACT.json TENSORS.npy IMAGE...      writes [n,3,h,w] float32, in the images' order
"""
import json
import sys

import numpy as np
from PIL import Image, ImageOps

FILTERS = {name: Image.Resampling[name.upper()] for name in
           ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")}
RESIZES = ("resize_shorter_side", "resize_longest_side", "resize_exact")
# What each knob may be; the others are numbers.
CHOICES = {"exif": ("transpose", "ignore"), "gray16": ("high_byte", "pillow"), "channel_order": ("RGB", "BGR"),
           "layout": ("NCHW", "NHWC"), "dtype": ("float32", "uint8")}
FLOAT_CHOICES = {"value_range": ("0..1", "0..255")}
KNOBS = {"preset", "pad_value", "center_crop", "resize_filter", "rescale", "image_mean", "image_std", *RESIZES, *CHOICES,
         *FLOAT_CHOICES}


def check_spec(spec: dict) -> None:
    def refuse(what: str) -> None:
        raise SystemExit(f"preprocessing: {what}")
    for knob in spec:
        if knob not in KNOBS:
            refuse(f"there is no knob {knob!r}; there are {', '.join(sorted(KNOBS))}")
    floating = spec.get("dtype") == "float32"
    for knob, choices in {**CHOICES, **(FLOAT_CHOICES if floating else {})}.items():
        if spec.get(knob) not in choices:
            refuse(f"{knob} is {spec.get(knob)!r}; it takes one of {', '.join(choices)}")
    if floating and spec["value_range"] == "0..1" and spec.get("rescale") not in ("divide", "multiply"):
        refuse(f"rescale is {spec.get('rescale')!r}; with value_range 0..1 it takes one of divide, multiply")
    if floating and any(len(spec.get(knob, ())) != 3 for knob in ("image_mean", "image_std")):
        refuse("image_mean and image_std take three numbers each")
    resizes = [knob for knob in RESIZES if knob in spec]
    if len(resizes) > 1:
        refuse(f"{' and '.join(resizes)} exclude each other")
    if resizes and spec.get("resize_filter") not in FILTERS:
        refuse(f"resize_filter is {spec.get('resize_filter')!r}; it takes one of {', '.join(FILTERS)}")


def rgb_pixels(image: Image.Image, spec: dict) -> Image.Image:
    if spec["exif"] == "transpose":
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") and spec["gray16"] == "high_byte":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def resize(image: Image.Image, spec: dict) -> Image.Image:
    """As torchvision 0.14 does it; a picture that has the size already is not resampled."""
    shorter, longer = min(image.size), max(image.size)
    if "resize_exact" in spec:
        height, width = spec["resize_exact"]
    elif "resize_shorter_side" in spec or "resize_longest_side" in spec:
        if "resize_shorter_side" in spec:
            short = spec["resize_shorter_side"]
            long = short if shorter == longer else int(short * longer / shorter)
        else:
            long = spec["resize_longest_side"]
            short = max(1, int(long * shorter / longer))
        width, height = (short, long) if image.width <= image.height else (long, short)
    else:
        return image
    if (width, height) == image.size:
        return image
    return image.resize((width, height), FILTERS[spec["resize_filter"]])


def center_crop(pixels: np.ndarray, spec: dict) -> np.ndarray:
    if "center_crop" not in spec:
        return pixels
    height, width = spec["center_crop"]
    missing = [max(0, wanted - there) for wanted, there in zip((height, width), pixels.shape)]
    if any(missing):
        before = [m // 2 for m in missing]
        padded = np.empty((pixels.shape[0] + missing[0], pixels.shape[1] + missing[1], 3), np.uint8)
        padded[:] = np.uint8(spec.get("pad_value", [0, 0, 0]))
        padded[before[0]:before[0] + pixels.shape[0], before[1]:before[1] + pixels.shape[1]] = pixels
        pixels = padded
    top, left = (int(round((there - wanted) / 2.0)) for there, wanted in zip(pixels.shape, (height, width)))
    return pixels[top:top + height, left:left + width]


def normalize(pixels: np.ndarray, spec: dict) -> np.ndarray:
    """In the spec's layout; each operation on floats is rounded to float32 once."""
    if spec["channel_order"] == "BGR":
        pixels = pixels[:, :, ::-1]
    if spec["dtype"] == "float32":
        values = pixels.astype(np.float32)
        if spec["value_range"] == "0..1":
            # "multiply", as transformers does it: in double precision, then rounded
            values = values / np.float32(255) if spec["rescale"] == "divide" else np.float32(pixels * (1 / 255))
        pixels = (values - np.float32(spec["image_mean"])) / np.float32(spec["image_std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) if spec["layout"] == "NCHW" else pixels)


def preprocess(image: Image.Image, spec: dict) -> np.ndarray:
    return normalize(center_crop(np.asarray(resize(rgb_pixels(image, spec), spec)), spec), spec)


if __name__ == "__main__":
    contract_path, output, *images = sys.argv[1:]
    with open(contract_path, encoding="utf-8") as f:
        preprocessing = json.load(f)["preprocessing"]
    check_spec(preprocessing)
    np.save(output, np.stack([preprocess(Image.open(path), preprocessing) for path in images]))
