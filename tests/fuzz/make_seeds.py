"""Writes the fuzzers' seed corpora: tiny files of every format and kind, made here and nowhere else.

usage: /usr/bin/python3 tests/fuzz/make_seeds.py
"""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, PngImagePlugin

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"


def picture(mode, width=19, height=13):
    """The same noise as tests/golden: a linear congruential generator, so no randomness."""
    state, data = 7, bytearray()
    for _ in range(width * height * 4):
        state = (state * 1664525 + 1013904223) % 2**32
        data.append(state >> 24)
    rgba = Image.frombytes("RGBA", (width, height), bytes(data))
    return rgba if mode == "RGBA" else rgba.convert("RGB").convert(mode)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, order="II"):
    pack = "<" if order == "II" else ">"
    head = order.encode() + struct.pack(pack + "HI", 42, 8)
    return b"Exif\0\0" + head + struct.pack(pack + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def jpegs():
    rgb = picture("RGB")
    yield "jpeg_420", saved(rgb, "JPEG", quality=50)
    yield "jpeg_444", saved(rgb, "JPEG", quality=50, subsampling=0)
    yield "jpeg_422", saved(rgb, "JPEG", quality=50, subsampling=1)
    yield "jpeg_gray", saved(picture("L"), "JPEG", quality=50)
    yield "jpeg_cmyk", saved(picture("CMYK"), "JPEG", quality=50)
    yield "jpeg_progressive", saved(rgb, "JPEG", quality=50, progressive=True)
    yield "jpeg_optimized", saved(rgb, "JPEG", quality=5, optimize=True)
    yield "jpeg_exif_6", saved(rgb, "JPEG", quality=30, exif=exif(6))
    yield "jpeg_exif_7_mm", saved(rgb, "JPEG", quality=30, exif=exif(7, "MM"))
    yield "jpeg_wide", saved(picture("RGB", 120, 5), "JPEG", quality=10)
    yield "jpeg_tall_progressive", saved(picture("RGB", 3, 90), "JPEG", quality=10, progressive=True)
    yield "jpeg_one_pixel", saved(picture("RGB", 1, 1), "JPEG", quality=10)


def chunk(tag, data):
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


def png(width, height, depth, color, rows, *extra, interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def pngs():
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I"):
        yield f"png_{mode.lower()}", saved(picture("L").point(lambda v: v) if mode == "I" else picture(mode), "PNG")
    noise = picture("RGB").tobytes()
    yield "png_16_bit_rgb", png(3, 3, 16, 2, b"".join(bytes([f]) + noise[f * 18 : f * 18 + 18] for f in range(3)))
    yield "png_16_bit_gray", png(3, 2, 16, 0, b"\4" + noise[:6] + b"\3" + noise[6:12])
    yield "png_2_bit_interlaced", png(5, 5, 2, 0, b"\0\x1b" * 11, interlaced=1)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n8\n" + exif(6).hex(), zip=True)
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>')
    yield "png_text", saved(picture("L"), "PNG", pnginfo=text)
    yield "png_exif", saved(picture("RGB"), "PNG", exif=exif(8)[6:])
    yield "png_icc", saved(picture("L"), "PNG", icc_profile=b"not a profile" * 3)
    yield "png_transparency", saved(picture("P"), "PNG", transparency=3)
    yield "png_animated", saved(picture("L"), "PNG", save_all=True, append_images=[picture("L", 19, 13).rotate(180)])


def gifs():
    yield "gif", saved(picture("P"), "GIF")
    yield "gif_gray", saved(picture("L"), "GIF", interlace=False)
    yield "gif_transparent", saved(picture("P"), "GIF", transparency=5)
    yield "gif_animated", saved(picture("P"), "GIF", save_all=True, append_images=[picture("P").rotate(180)], loop=0)
    yield "gif_comment", saved(picture("1"), "GIF", comment=b"seed")


def bmp(width, height, bits, compression, data, palette=b""):
    offset = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    return head + info + palette + data


def bmps():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"bmp_{mode.lower()}", saved(picture(mode, 9, 5), "BMP")
    palette = bytes(range(64))
    yield "bmp_rle8", bmp(6, 2, 8, 1, b"\6\3\0\0\0\3\1\2\3\0\3\7\0\1", palette)
    yield "bmp_rle4", bmp(6, 2, 4, 2, b"\6\x12\0\0\0\6\x12\x34\x56\0\0\1", palette)
    yield "bmp_delta", bmp(4, 4, 8, 1, b"\1\5\0\2\1\0\1\1\4\7\0\1", palette)
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    yield "bmp_565", bmp(3, 2, 16, 3, bytes(range(16)), masks)
    yield "bmp_top_down", bmp(2, -2, 24, 0, bytes(range(16)))


def webps():
    yield "webp_lossy", saved(picture("RGB"), "WEBP", quality=20)
    yield "webp_lossless", saved(picture("RGB"), "WEBP", lossless=True)
    yield "webp_alpha", saved(picture("RGBA"), "WEBP", quality=20)
    yield "webp_exif", saved(picture("RGB"), "WEBP", quality=20, exif=exif(5)[6:])
    yield "webp_animated", saved(picture("RGB"), "WEBP", save_all=True, append_images=[picture("RGB").rotate(180)])


def images():
    for family in (jpegs, pngs, gifs, bmps, webps):
        yield from family()


def specs():
    """The eight bytes that pipeline_target.cpp reads: switches, mode and filter, sizes, padding."""
    yield bytes([0x80, 1 + 4 * 2, 40, 0, 31, 31, 0, 0])  # shorter side, bilinear, crop
    yield bytes([0x80, 3 + 4 * 4, 15, 22, 50, 50, 128, 7])  # exact, bicubic, padded
    yield bytes([0x10, 2 + 4 * 5, 60, 0, 0, 0, 0, 0])  # longest side, lanczos, uint8
    yield bytes([0xC1, 1 + 4 * 3, 7, 0, 6, 5, 9, 9])  # EXIF ignored, hamming
    yield bytes([0xAE, 0, 0, 0, 11, 9, 1, 2])  # crop alone, BGR, NHWC
    yield bytes([0x20, 3 + 4 * 1, 3, 4, 0, 0, 0, 0])  # exact, box
    yield bytes([0x00, 3 + 4 * 0, 30, 30, 0, 0, 0, 0])  # exact, nearest


def preprocessing(**knobs):
    base = {
        "exif": "transpose", "gray16": "high_byte", "resize_shorter_side": 16, "resize_filter": "bilinear",
        "center_crop": [12, 14], "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW", "dtype": "float32",
        "value_range": "0..1", "rescale": "divide", "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 1],
    }  # fmt: skip
    return {name: value for name, value in (base | knobs).items() if value is not None}


def contracts():
    raw = preprocessing(value_range="0..255", rescale=None, resize_shorter_side=None, resize_exact=[8, 9])
    integers = preprocessing(dtype="uint8", value_range=None, rescale=None, image_mean=None, image_std=None)
    yield "spec", preprocessing()
    yield "spec_raw", raw
    yield "spec_uint8", integers
    yield "spec_unresized", preprocessing(resize_shorter_side=None, resize_filter=None)
    yield "spec_unknown", preprocessing(resize_filtre="box")
    yield "spec_nhwc", preprocessing(layout="NHWC", channel_order="BGR", resize_filter="lanczos")
    digest = "0123456789abcdef" * 4
    whole = {
        "schema": "beralih.contract/1", "name": "seed", "version": "1.0.0", "description": "a seed",
        "preprocessing": preprocessing(),
        "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, 12, 14]},
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 10]},
        "files": [{"role": role, "path": path, "bytes": 3, "sha256": digest} for role, path in (
            ("labels", "labels.txt"), ("architecture", "architecture.pt"), ("weights", "weights.safetensors"),
            ("golden_image", "golden/a.jpg"))],
        "golden": [{"image": "golden/a.jpg", "tensor_sha256": digest,
                    "top5": [{"index": i, "probability": 0.2} for i in range(5)]}],
        "tolerance": {"fp32": 1e-4, "bf16": 0.03},
        "provenance": {"source": "here", "license": "CC0-1.0", "parent": "", "recipe": "none", "note": ""},
    }  # fmt: skip
    yield "contract", whole
    yield "contract_newer_minor", whole | {"schema": "beralih.contract/1.7", "later": [1]}
    yield "contract_major", whole | {"schema": "beralih.contract/2"}
    yield "contract_escape", whole | {"files": [dict(whole["files"][0], path="../labels.txt")]}
    agreement = {"images": 100, "top1_equal": 99, "mean_abs_probability_difference": 0.006,
                 "max_abs_probability_difference": 0.05}  # fmt: skip
    yield "contract_agreement", whole | {"edge_agreement": agreement}
    yield "contract_incomplete", {"schema": "beralih.contract/1", "name": "seed"}


def weights():
    def file(header, data=b""):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def tensor(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    padded = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   '
    yield "empty", file({})
    yield "one", file(padded[: len(padded) - len(padded) % 8], bytes(8))
    yield "metadata", file({"__metadata__": {"format": "pt"}})
    sizes = (("F64", 8), ("I64", 8), ("F32", 4), ("I32", 4), ("U32", 4), ("BF16", 2), ("F16", 2), ("U8", 1), ("BOOL", 1))
    header, end = {}, 0
    for name, size in sizes:
        header[name.lower()] = tensor(name, [1], end, end + size)
        end += size
    text = json.dumps(header).encode()
    yield "types", file(text + b" " * (-len(text) % 8), bytes(end))
    yield "scalar", file({"s": tensor("U8", [], 0, 1)}, b"\1")
    yield "no_elements", file({"s": tensor("U8", [0, 7], 0, 0)})
    yield "overlap", file({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6))
    yield "hole", file({"a": tensor("U8", [1], 1, 2)}, bytes(2))
    yield "overflow", file({"a": tensor("F64", [2**62, 8], 0, 0)})
    yield "twice", file(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}')
    yield "nested", file(b"[" * 40 + b"]" * 40)
    yield "long_header", struct.pack("<Q", 2**63) + b"{}"


DICTIONARIES = {
    "decode": [b"\xff\xd8\xff", b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xdb", b"\xff\xdd", b"\xff\xd9",
               b"\xff\xe0", b"\xff\xe1", b"\xff\xed", b"\xff\xee", b"JFIF\0", b"Exif\0\0", b"MPF\0", b"Adobe\0",
               b"Photoshop 3.0\x008BIM", b"II*\0", b"MM\0*", b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"IEND", b"PLTE",
               b"tRNS", b"iCCP", b"zTXt", b"tEXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"pHYs",
               b"cHRM", b"sRGB", b"XML:com.adobe.xmp\0", b"tiff:Orientation=\"6\"", b"GIF89a", b"!\xf9\4", b"!\xfe",
               b"!\xff\x0bNETSCAPE2.0\3\1", b",", b";", b"BM", b"\x28\0\0\0", b"\x7c\0\0\0", b"RIFF", b"WEBPVP8 ",
               b"WEBPVP8L", b"WEBPVP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"],
    "contract": [b'"schema"', b'"beralih.contract/1"', b'"beralih.contract/1.1"', b'"preprocessing"', b'"exif"',
                 b'"transpose"', b'"ignore"', b'"gray16"', b'"pillow"', b'"high_byte"', b'"resize_shorter_side"',
                 b'"resize_longest_side"', b'"resize_exact"', b'"resize_filter"', b'"nearest"', b'"box"',
                 b'"bilinear"', b'"hamming"', b'"bicubic"', b'"lanczos"', b'"center_crop"', b'"pad_value"',
                 b'"channel_order"', b'"layout"', b'"dtype"', b'"float32"', b'"uint8"', b'"value_range"', b'"0..1"',
                 b'"0..255"', b'"rescale"', b'"divide"', b'"multiply"', b'"image_mean"', b'"image_std"', b'"files"',
                 b'"golden"', b'"edge_agreement"', b'"tolerance"', b'"provenance"', b"../", b"\\u0000", b"\\ud800",
                 b"-1", b"1e999", b"9223372036854775808", b"null", b"true", b"[[[[", b"{}"],
    "safetensors": [b'"dtype"', b'"shape"', b'"data_offsets"', b'"__metadata__"', b'"F32"', b'"BF16"', b'"I64"',
                    b'"BOOL"', b'"U8"', b"18446744073709551615", b"9223372036854775807", b"[0,0]", b"-1", b"{}"],
}  # fmt: skip
DICTIONARIES["pipeline"] = DICTIONARIES["decode"]


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    recipes = list(specs())
    for index, (name, data) in enumerate(images()):
        write("decode", name, data)
        write("pipeline", name, recipes[index % len(recipes)] + data)
    for name, document in contracts():
        write("contract", name, json.dumps(document, separators=(",", ":")).encode())
    for name, data in weights():
        write("safetensors", name, data)
    for target, words in DICTIONARIES.items():
        lines = ('"' + "".join(f"\\x{byte:02X}" for byte in word) + '"\n' for word in words)
        (HERE / f"{target}.dict").write_text("".join(lines))


if __name__ == "__main__":
    main()
