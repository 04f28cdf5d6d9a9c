"""Hostile files through the command line, with little memory and little time: refused with words, never a crash."""

import json
import resource
import struct
import subprocess
import zlib

import pytest

CPU_SECONDS = 10
# The address space of `beralih preprocess` itself is some 90 MB (libraries included); pixels of 65535 x 65535 would be
# 12.9 GB, and the 268 MB of the default pixel limit do not fit either.
ADDRESS_SPACE = 192 << 20


def png_chunk(tag, data):
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


def png(width, height, *chunks, depth=8, color=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def idat(rows):
    return png_chunk(b"IDAT", zlib.compress(rows, 9))


def jpeg(width, height, marker=0xC0):
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, 0, 63, 0])
    segments = ((marker, frame), (0xDA, scan))
    return b"\xff\xd8" + b"".join(struct.pack(">BBH", 0xFF, m, len(d) + 2) + d for m, d in segments)


def gif(width, height):
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0," + struct.pack("<HHHH", 0, 0, width, height) + b"\0\2\1\0\0;"


def bmp(width, height, compression=0):
    info = struct.pack("<IIIHHIIIIII", 40, width, height, 1, 8, compression, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info


def webp(width, height):
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + bits + bytes(5)


TEXT = b"key\0\0" + zlib.compress(bytes(3 << 20), 9)

BOMBS = {
    "65535.jpg": (jpeg(65535, 65535), "image_too_large", "JPEG: the header announces 65535 x 65535"),
    "65535-progressive.jpg": (jpeg(65535, 65535, 0xC2), "image_too_large", "JPEG: the header announces 65535 x 65535"),
    "65535.png": (png(65535, 65535, idat(b"x")), "image_too_large", "PNG: the header announces 65535 x 65535"),
    "2-to-the-31.png": (png(2**31 - 1, 2**31 - 1, idat(b"x")), "image_too_large", "PNG: the header announces 2147483647"),
    "65535.gif": (gif(65535, 65535), "image_too_large", "GIF: the header announces 65535 x 65535"),
    "65535.bmp": (bmp(65535, 65535), "image_too_large", "BMP: the header announces 65535 x 65535"),
    "16384.webp": (webp(16384, 16384), "image_too_large", "WebP: the header announces 16384 x 16384"),
    "text.png": (png(1, 1, png_chunk(b"zTXt", TEXT), idat(b"\0\0")), "corrupt_image", "larger than 1 MiB"),
    "profile.png": (png(1, 1, png_chunk(b"iCCP", TEXT), idat(b"\0\0")), "corrupt_image", "larger than 1 MiB"),
    # Within the pixel limit, but not within this memory: an error as well.
    "9000.png": (png(9000, 9000, idat(b"x")), "image_too_large", "not enough memory"),
    "9000.jpg": (jpeg(9000, 9000, 0xC2), "image_too_large", "memory"),
    "9000.gif": (gif(9000, 9000), "image_too_large", "not enough memory"),
    "9000-rle.bmp": (bmp(9000, 9000, 1), "corrupt_image", "BMP: the data ends"),
}


def confined():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory_and_time(binary, tmp_path, name):
    data, code, message = BOMBS[name]
    path = tmp_path / name
    path.write_bytes(data)
    command = [binary, "preprocess", "--preset", "dlib:resnet34", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=confined)
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code
    assert message in error["message"]


def test_what_is_read_after_a_bomb_is_read_as_ever(binary, tmp_path):
    good = png(4, 4, idat((b"\0" + bytes(4)) * 4))
    for name, data in (("a.png", good), ("b.png", png(9000, 9000, idat(b"x"))), ("c.png", good)):
        (tmp_path / name).write_bytes(data)
    files = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    command = [binary, "preprocess", "--preset", "dlib:resnet34", "--json", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=confined)
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert first["tensor_sha256"] == third["tensor_sha256"]
    assert second["error"]["code"] == "image_too_large"
