"""GIF, BMP and WebP: palettes, offsets, run lengths, masks, header versions, alpha, animation."""
import io
import itertools
import pathlib
import random
import struct

import numpy as np
from PIL import Image

GIF_INTERLACE = [(0, 8), (4, 8), (2, 4), (1, 2)]


def _lzw(indices: bytes, bits: int, early_clear: int | None = None) -> bytes:
    """GIF's LZW; `early_clear`: start a new table after so many codes."""
    clear, end = 1 << bits, (1 << bits) + 1
    out, used, size = 0, 0, bits + 1
    table: dict[bytes, int] = {}

    def emit(code):
        nonlocal out, used
        out |= code << used
        used += size

    def reset():
        nonlocal table, size
        table = {bytes([i]): i for i in range(clear)}
        size = bits + 1

    emit(clear)
    reset()
    word, written = b"", 0
    for value in indices:
        longer = word + bytes([value])
        if longer in table:
            word = longer
            continue
        emit(table[word])
        written += 1
        if len(table) + 2 < 4096:
            table[longer] = len(table) + 2
            # A decoder's table is one entry behind.
            if len(table) + 1 >= 1 << size and size < 12:
                size += 1
        if len(table) + 2 >= 4096 or (early_clear and written % early_clear == 0):
            emit(clear)
            reset()
        word = bytes([value])
    if word:
        emit(table[word])
    emit(end)
    return out.to_bytes((used + 7) // 8, "little")


def _blocks(data: bytes) -> bytes:
    pieces = (data[i:i + 255] for i in range(0, len(data), 255))
    return b"".join(bytes([len(p)]) + p for p in pieces) + b"\0"


def _gif_frame(choose, rng, canvas, bits, offset, local, interlaced, transparent, disposal):
    width, height = canvas[0] - offset[0], canvas[1] - offset[1]
    if offset != (0, 0):
        width, height = max(1, width - choose.randint(0, 3)), max(1, height - choose.randint(0, 3))
    pixels = rng.integers(0, 1 << bits, (height, width), dtype=np.uint8)
    pixels[: height // 2] = rng.integers(0, 1 << bits)
    order = [y for start, step in GIF_INTERLACE for y in range(start, height, step)] if interlaced else range(height)
    control = b""
    if transparent is not None or disposal:
        flags = disposal << 2 | (transparent is not None)
        control = b"\x21\xf9\x04" + struct.pack("<BHBB", flags, 0, transparent or 0, 0)
    flags = (interlaced << 6) | ((0x80 | bits - 1) if local else 0)
    out = control + b"," + struct.pack("<HHHHB", *offset, width, height, flags)
    if local:
        out += rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()
    code_bits = max(bits, 2)
    data = _lzw(b"".join(pixels[y].tobytes() for y in order), code_bits, choose.choice([None, None, 7]))
    return out + bytes([code_bits]) + _blocks(data)


def write_gifs(folder: pathlib.Path, seed: int):
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    paths = []
    for number in range(260):
        canvas = choose.randint(1, 40), choose.randint(1, 40)
        bits = choose.randint(1, 8)
        palette = choose.random() < 0.9
        offset = (choose.randrange(canvas[0]), choose.randrange(canvas[1])) if choose.random() < 0.4 else (0, 0)
        flags = (0x80 | bits - 1) if palette else 0
        background = choose.randrange(1 << bits)
        head = choose.choice([b"GIF89a", b"GIF89a", b"GIF87a"])
        data = head + struct.pack("<HHBBB", *canvas, flags, background, choose.choice([0, 49]))
        if palette:
            data += rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()
        if choose.random() < 0.3:
            data += b"\x21\xfe" + _blocks(b"a comment " * choose.randint(1, 40))
        for _ in range(choose.choice([1, 1, 1, 2, 3])):
            transparent = choose.randrange(1 << bits) if choose.random() < 0.4 else None
            data += _gif_frame(choose, rng, canvas, bits, offset, choose.random() < 0.3,
                               choose.random() < 0.4, transparent, choose.randrange(4))
        data += b";"
        name = f"{number:03}-{canvas[0]}x{canvas[1]}-{bits}bit"
        change = choose.random()
        if change < 0.15:
            data = data[:-choose.randint(1, min(60, len(data) - 20))]
            name += "-cut"
        elif change < 0.4:
            broken = bytearray(data)
            broken[choose.randrange(6, len(data))] ^= 1 << choose.randrange(8)
            data = bytes(broken)
            name += "-flipped"
        paths.append(folder / f"{name}.gif")
        paths[-1].write_bytes(data)
    for number, colors in enumerate((2, 3, 5, 17, 200, 256) * 3):
        picture = rng.integers(0, 256, (choose.randint(20, 90), choose.randint(20, 90), 3), dtype=np.uint8)
        image = Image.fromarray(picture).quantize(colors)
        paths.append(folder / f"pillow-{number}-{colors}.gif")
        image.save(paths[-1], interlace=number % 2, optimize=number % 3 == 0)
    return paths


def _run_lengths(choose, rows, bits) -> bytes:
    """Rows, last first, as RLE8 or RLE4: runs, absolute pieces, and here and there a jump."""
    out = bytearray()
    width = len(rows[0])
    for row in reversed(rows):
        x = 0
        while x < width:
            kind, left = choose.random(), width - x
            if kind < 0.05 and left > 2:
                out += bytes([0, 2, 1, 0])
                x += 1
            elif kind < 0.5 and left >= 3:
                count = choose.randint(3, min(left, 255))
                values = [int(v) for v in row[x:x + count]]
                if bits == 8:
                    body = bytes(values)
                else:
                    even = values + [0] * (count % 2)
                    body = bytes(a << 4 | b for a, b in zip(even[::2], even[1::2]))
                out += bytes([0, count]) + body + bytes(len(body) % 2)
                x += count
            else:
                count = choose.randint(1, min(left, 20))
                value = int(row[x])
                out += bytes([count, value if bits == 8 else value << 4 | value])
                x += count
        out += b"\0\0"
    return bytes(out) + b"\0\1"


def _bmp(choose, rng, width, height, bits, header, compression, top_down):
    colors = 1 << bits if bits <= 8 else 0
    used = choose.choice([0, colors, max(2, colors // 2)]) if colors and header > 12 else 0
    entries = (used or colors) if colors else 0
    masks = b""
    values = rng.integers(0, min(entries or 256, 256), (height, width * max(bits // 8, 1)), dtype=np.uint8)
    if compression in (1, 2):
        pixels = _run_lengths(choose, values, bits)
    else:
        if bits < 8:
            each = (values[:, :, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
            values = np.packbits(each.reshape(height, -1), axis=1)
        padding = np.zeros((height, -values.shape[1] % 4), np.uint8)
        pixels = np.concatenate([values, padding], axis=1).tobytes()
    if compression == 3:
        red, green, blue, alpha = choose.choice(
            [(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)] if bits == 16 else
            [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
             (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF000000, 0xFF0000, 0xFF00, 0)] if bits == 32 else
            [(0xFF0000, 0xFF00, 0xFF, 0)])
        masks = struct.pack("<IIII", red, green, blue, alpha)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression,
                           len(pixels), 2835, 2835, used, 0)
        if header == 40:
            info += masks[:12]
        else:
            info += (masks or bytes(16))[:header - 40].ljust(header - 40, b"\0")
    palette = rng.integers(0, 256, (entries, 3 if header == 12 else 4), dtype=np.uint8)
    if choose.random() < 0.2:
        palette[:] = np.linspace(0, 255, max(entries, 1)).astype(np.uint8)[:entries, None]
    body = info + palette.tobytes()
    gap = choose.choice([0, 0, 0, 2])
    return b"BM" + struct.pack("<IHHI", 14 + len(body) + gap + len(pixels), 0, 0, 14 + len(body) + gap) + body + \
        bytes(gap) + pixels


def write_bmps(folder: pathlib.Path, seed: int):
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    paths = []
    kinds = [(bits, 0) for bits in (1, 2, 4, 8, 16, 24, 32)] + [(8, 1), (4, 2), (16, 3), (24, 3), (32, 3)]
    for (bits, compression), header, top_down, change in itertools.product(
            kinds, (12, 40, 52, 56, 64, 108, 124), (0, 1), ("whole", "whole", "cut", "flipped")):
        if header == 12 and (compression or top_down):
            continue
        width, height = choose.randint(1, 40), choose.randint(1, 30)
        data = _bmp(choose, rng, width, height, bits, header, compression, top_down)
        if change == "cut":
            data = data[:-choose.randint(1, max(1, min(50, len(data) - 60)))]
        if change == "flipped":
            broken = bytearray(data)
            at = choose.randrange(14, len(data))
            if not 18 <= at < 26:  # the size stays
                broken[at] ^= 1 << choose.randrange(8)
            data = bytes(broken)
        name = f"{len(paths):04}-{width}x{height}-{bits}bit-{compression}-header{header}-down{top_down}-{change}"
        paths.append(folder / f"{name}.bmp")
        paths[-1].write_bytes(data)
    return paths


def write_webps(folder: pathlib.Path, seed: int):
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    paths = []

    def picture(mode, size=None):
        width, height = size or (choose.randint(1, 60), choose.randint(1, 60))
        small = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, len(mode)), dtype=np.uint8)
        image = Image.fromarray(small, mode).resize((width, height), choose.choice([0, 2, 3]))
        return image

    for number in range(200):
        mode = choose.choice(["RGB", "RGBA"])
        image = picture(mode)
        options = {"lossless": choose.random() < 0.4, "quality": choose.randint(0, 100),
                   "method": choose.randint(0, 6), "exact": choose.random() < 0.5,
                   "alpha_quality": choose.randint(0, 100)}
        name = f"{number:03}-{image.width}x{image.height}-{mode}"
        if choose.random() < 0.25:
            frames = [picture(mode, image.size) for _ in range(choose.randint(1, 3))]
            options |= {"save_all": True, "append_images": frames, "allow_mixed": choose.random() < 0.5,
                        "background": tuple(choose.randrange(256) for _ in range(4))}
            options.pop("alpha_quality")
            name += "-animation"
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **options)
        data = buffer.getvalue()
        change = choose.random()
        if change < 0.1:
            data = data[:-choose.randint(1, len(data) - 12)]
            name += "-cut"
        elif change < 0.3:
            broken = bytearray(data)
            broken[choose.randrange(12, len(data))] ^= 1 << choose.randrange(8)
            data = bytes(broken)
            name += "-flipped"
        elif change < 0.35:
            data += b"more"
            name += "-junk-behind"
        paths.append(folder / f"{name}.webp")
        paths[-1].write_bytes(data)
    return paths
