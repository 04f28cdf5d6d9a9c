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


def pixels(path) -> Image.Image:
    """Oriented RGB pixels, or whatever Pillow raises."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


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


torch.set_num_threads(1)
