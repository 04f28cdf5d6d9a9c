#!/usr/bin/python3
"""Writes golden_vectors.h: what Pillow and torchvision compute, for the unit tests on every target.

    /usr/bin/python3 tests/golden/generate.py > tests/golden/golden_vectors.h

Made with Debian 12's Pillow 9.4.0 and torchvision 0.14.1. tests/parity checks that the committed
file is what this program prints.
"""
import hashlib
import io

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps
from torchvision.transforms import functional as F

FILTERS = {
    "kNearest": Image.Resampling.NEAREST,
    "kBox": Image.Resampling.BOX,
    "kBilinear": Image.Resampling.BILINEAR,
    "kHamming": Image.Resampling.HAMMING,
    "kBicubic": Image.Resampling.BICUBIC,
    "kLanczos": Image.Resampling.LANCZOS,
}
# width, height -> width, height: shrinking, growing, one axis only, odd, tall, one pixel
RESIZES = [(37, 23, 16, 11), (16, 11, 37, 23), (64, 48, 64, 20), (64, 48, 21, 48), (1, 1, 5, 7),
           (3, 400, 8, 9), (200, 3, 9, 8), (33, 33, 1, 1)]
CROPS = [(20, 17, 16, 16), (17, 20, 10, 7), (9, 30, 16, 16), (8, 8, 9, 13), (5, 5, 5, 5)]


def noise(width: int, height: int, seed: int) -> Image.Image:
    """The same bytes as test_image() in tests/core/test_image.h (a 32-bit linear congruence)."""
    state, out = seed, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(out))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def encoded():
    """(name, bytes): small files of every kind that Pillow can write."""
    picture = noise(19, 13, 7).resize((38, 26), Image.Resampling.BICUBIC)
    def save(image, kind, **options):
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()
    yield "jpeg_420", save(picture, "JPEG", quality=80, subsampling=2)
    yield "jpeg_422", save(picture, "JPEG", quality=80, subsampling=1)
    yield "jpeg_444", save(picture, "JPEG", quality=80, subsampling=0)
    yield "jpeg_progressive", save(picture, "JPEG", quality=70, progressive=True)
    yield "jpeg_gray", save(picture.convert("L"), "JPEG")
    yield "jpeg_cmyk", save(picture.convert("CMYK"), "JPEG")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"jpeg_orientation_{orientation}", save(picture.crop((0, 0, 9, 5)), "JPEG", exif=exif)
    small = picture.crop((0, 0, 11, 7))
    yield "png_rgb", save(small, "PNG")
    yield "png_rgba", save(small.convert("RGBA"), "PNG")
    yield "png_gray", save(small.convert("L"), "PNG")
    yield "png_gray_alpha", save(small.convert("LA"), "PNG")
    yield "png_palette", save(small.convert("P", palette=Image.Palette.ADAPTIVE, colors=5), "PNG")
    yield "png_bilevel", save(small.convert("1"), "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "png_exif", save(small, "PNG", exif=exif)
    yield "webp_lossy", save(picture, "WEBP", quality=60)
    yield "webp_lossless", save(small, "WEBP", lossless=True)
    transparent = small.copy()
    transparent.putalpha(small.convert("L"))
    yield "webp_alpha", save(transparent, "WEBP", quality=60)
    yield "webp_exif", save(small, "WEBP", lossless=True, exif=exif)
    yield "webp_animation", save(small, "WEBP", save_all=True, append_images=[ImageOps.invert(small)])
    few = small.convert("P", palette=Image.Palette.ADAPTIVE, colors=5)
    yield "gif_interlaced", save(few, "GIF", interlace=1)
    yield "gif_plain", save(few, "GIF", interlace=0, transparency=1)
    yield "gif_gray", save(small.convert("L"), "GIF")
    yield "gif_animation", save(few, "GIF", save_all=True, append_images=[few.rotate(180)])
    yield "bmp_rgb", save(small, "BMP")
    yield "bmp_rgba", save(small.convert("RGBA"), "BMP")
    yield "bmp_palette", save(few, "BMP")
    yield "bmp_gray", save(small.convert("L"), "BMP")
    yield "bmp_bilevel", save(small.convert("1"), "BMP")


def rgb(data: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def main() -> None:
    print("// Made by generate.py with Pillow", PIL.__version__ + ". Do not edit.")
    print("// clang-format off")
    print("#pragma once\n\n#include <string_view>\n\n#include \"beralih/preprocess_spec.h\"\n")
    print("namespace beralih::golden {\n")
    print("struct Resize { int in_width, in_height, out_width, out_height; ResizeFilter filter;"
          " std::string_view sha256; };\ninline constexpr Resize kResizes[] = {")
    for w, h, ow, oh in RESIZES:
        for name, code in FILTERS.items():
            digest = sha(noise(w, h, 1).resize((ow, oh), code).tobytes())
            print(f'    {{{w}, {h}, {ow}, {oh}, ResizeFilter::{name}, "{digest}"}},')
    print("};\n\nstruct Crop { int width, height, crop_height, crop_width; std::string_view sha256;"
          " };\ninline constexpr Crop kCrops[] = {")
    for w, h, ch, cw in CROPS:
        digest = sha(F.center_crop(noise(w, h, 2), [ch, cw]).tobytes())
        print(f'    {{{w}, {h}, {ch}, {cw}, "{digest}"}},')
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2))
    table = F.normalize(F.to_tensor(ramp), [.485, .456, .406], [.229, .224, .225])
    print("};\n\n// torchvision's ToTensor and Normalize of the bytes 0..255, channel by channel")
    print(f'inline constexpr std::string_view kImagenetTable =\n    "{sha(table.numpy().tobytes())}";')
    print("\n/// An encoded file as hexadecimal digits, and the SHA-256 of its oriented RGB pixels.")
    print("struct File { std::string_view name, hex; int width, height; std::string_view sha256; };")
    print("inline constexpr File kFiles[] = {")
    for name, data in encoded():
        image = rgb(data)
        print(f'    {{"{name}",\n     "{data.hex()}",\n     {image.width}, {image.height},'
              f' "{sha(image.tobytes())}"}},')
    print("};\n\n}  // namespace beralih::golden")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
