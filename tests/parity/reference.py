"""The reference: what research code computes with Pillow and torchvision."""
import hashlib
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode

IMAGENET_MEAN, IMAGENET_STD = [.485, .456, .406], [.229, .224, .225]


class Preset(NamedTuple):
    name: str
    shorter_side: int
    crop: int
    filter: InterpolationMode


TORCHVISION = [
    Preset("torchvision:ViT_L_16_Weights.IMAGENET1K_V1", 242, 224, InterpolationMode.BILINEAR),
    Preset("torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_LINEAR_V1", 224, 224, InterpolationMode.BICUBIC),
    Preset("torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1", 512, 512, InterpolationMode.BICUBIC),
]
DLIB = Preset("dlib:resnet34", 259, 227, InterpolationMode.BILINEAR)
DLIB_MEAN, DLIB_STD = [122.782, 117.001, 104.298], [256.0, 256.0, 256.0]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pixels(path, exif="transpose") -> Image.Image:
    """RGB pixels, oriented unless `exif` is "ignore", or whatever Pillow raises."""
    with Image.open(path) as image:
        return (image if exif == "ignore" else ImageOps.exif_transpose(image)).convert("RGB")


def crop(image: Image.Image, preset: Preset) -> Image.Image:
    resized = F.resize(image, [preset.shorter_side], preset.filter)
    return F.center_crop(resized, [preset.crop, preset.crop])


def tensor(cropped: Image.Image, preset: Preset) -> np.ndarray:
    """[1, 3, crop, crop] float32."""
    if preset is DLIB:
        x = np.asarray(cropped).astype(np.float32).transpose(2, 0, 1)
        mean = np.array(DLIB_MEAN, np.float32)[:, None, None]
        std = np.array(DLIB_STD, np.float32)[:, None, None]
        return np.ascontiguousarray((x - mean) / std)[None]
    return F.normalize(F.to_tensor(cropped), IMAGENET_MEAN, IMAGENET_STD)[None].numpy()


def hashes(image: Image.Image, preset: Preset) -> dict:
    cropped = crop(image, preset)
    return {"pixels_sha256": sha256(image.tobytes()), "crop_sha256": sha256(cropped.tobytes()),
            "tensor_sha256": sha256(tensor(cropped, preset).tobytes())}


FILTERS = {"nearest": InterpolationMode.NEAREST, "box": InterpolationMode.BOX,
           "bilinear": InterpolationMode.BILINEAR, "hamming": InterpolationMode.HAMMING,
           "bicubic": InterpolationMode.BICUBIC, "lanczos": InterpolationMode.LANCZOS}


def resized_size(image: Image.Image, spec: dict) -> tuple:
    """[height, width] after the spec's resize."""
    short, long = sorted(image.size)
    if "resize_exact" in spec:
        return tuple(spec["resize_exact"])
    if "resize_shorter_side" in spec:
        size = spec["resize_shorter_side"], int(spec["resize_shorter_side"] * long / short)
    elif "resize_longest_side" in spec:
        size = max(spec["resize_longest_side"] * short // long, 1), spec["resize_longest_side"]
    else:
        return image.size[::-1]
    return size if image.height <= image.width else size[::-1]


def resize(image: Image.Image, spec: dict) -> Image.Image:
    if "resize_filter" not in spec:
        return image
    mode = FILTERS[spec["resize_filter"]]
    if "resize_shorter_side" in spec:
        return F.resize(image, [spec["resize_shorter_side"]], mode)
    return F.resize(image, list(resized_size(image, spec)), mode)


def center_crop(image: Image.Image, size, pad_value) -> Image.Image:
    """torchvision's CenterCrop, whose padding has no other colour than black."""
    height, width = size
    left, top = max((width - image.width) // 2, 0), max((height - image.height) // 2, 0)
    right = max((width - image.width + 1) // 2, 0)
    bottom = max((height - image.height + 1) // 2, 0)
    if left or top or right or bottom:
        image = F.pad(image, [left, top, right, bottom], fill=tuple(pad_value))
    return F.center_crop(image, list(size))


class Output(NamedTuple):
    image: Image.Image
    cropped: Image.Image
    tensor: np.ndarray

    def hashes(self) -> dict:
        return {"pixels_sha256": sha256(self.image.tobytes()), "crop_sha256": sha256(self.cropped.tobytes()),
                "tensor_sha256": sha256(np.ascontiguousarray(self.tensor).tobytes())}


def run(image: Image.Image, spec: dict) -> Output:
    """A contract's preprocessing object on decoded pixels, knob for knob."""
    cropped = resize(image, spec)
    if "center_crop" in spec:
        cropped = center_crop(cropped, spec["center_crop"], spec["pad_value"])
    values = np.asarray(cropped)
    if spec["channel_order"] == "BGR":
        values = values[:, :, ::-1]
    values = values.transpose(2, 0, 1)
    if spec["dtype"] == "float32":
        values = np.array(values, np.float32)
        if spec["value_range"] == "0..1":
            if spec["rescale"] == "divide":
                values = (torch.from_numpy(values) / 255).numpy()
            else:  # as transformers' rescale(): a multiplication in double
                values = (values.astype(np.float64) * (1 / 255)).astype(np.float32)
        values = F.normalize(torch.from_numpy(values), spec["image_mean"], spec["image_std"]).numpy()
    values = values if spec["layout"] == "NCHW" else values.transpose(1, 2, 0)
    return Output(image, cropped, values[None])


torch.set_num_threads(1)
