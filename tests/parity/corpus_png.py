"""PNGs of every colour type, depth, interlacing and transparency; EXIF and XMP in every container."""
import io
import itertools
import pathlib
import random
import struct
import zlib

import numpy as np
from PIL import Image

# Colour type: its samples a pixel and its depths.
TYPES = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def _packed(samples: np.ndarray, depth: int) -> np.ndarray:
    """Rows of samples as the bytes of the file."""
    height = len(samples)
    rows = samples.reshape(height, -1)
    if depth == 16:
        return rows.astype(">u2").view(np.uint8).reshape(height, -1)
    if depth == 8:
        return rows.astype(np.uint8)
    bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)


def _filtered(rows: np.ndarray, step: int, choose) -> bytes:
    """Each row with a filter of its own (PNG specification, section 9)."""
    out = bytearray()
    above = np.zeros(rows.shape[1], np.int64)
    for row in rows.astype(np.int64):
        left = np.concatenate([np.zeros(step, np.int64), row])[:len(row)]
        corner = np.concatenate([np.zeros(step, np.int64), above])[:len(row)]
        estimate = left + above - corner
        a, b, c = abs(estimate - left), abs(estimate - above), abs(estimate - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        kind = choose.randrange(5)
        predicted = [0, left, above, (left + above) // 2, paeth][kind]
        out += bytes([kind]) + ((row - predicted) & 255).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def png(choose, width, height, color, depth, interlaced, extra=(), colors=None, tail=b"", animated=False):
    """`extra` chunks stand before the pixels. `colors`: how many a palette has."""
    samples, _ = TYPES[color]
    rng = np.random.default_rng(choose.getrandbits(32))
    colors = colors or 1 << min(depth, 8)
    most = colors if color == 3 else 1 << depth
    pixels = rng.integers(0, most, (height, width, samples))
    pixels[height // 2:, : width // 2] = rng.integers(0, most, samples)
    step = max(samples * depth // 8, 1)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x, y, dx, dy in passes:
        part = pixels[y::dy, x::dx]
        if part.size:
            raw += _filtered(_packed(part, depth), step, choose)
    data = zlib.compress(raw, choose.randint(0, 9)) + tail
    out = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    if color == 3:
        out += chunk(b"PLTE", rng.integers(0, 256, colors * 3, dtype=np.uint8).tobytes())
    out += b"".join(extra)
    cut = choose.randint(0, len(data))
    for piece in (data[:cut], data[cut:]):
        out += chunk(b"IDAT", piece)
    return out + chunk(b"IEND", b"")


def _transparency(color, depth, choose):
    if color == 3:
        return [chunk(b"tRNS", bytes(choose.randrange(256) for _ in range(1 << depth)))]
    if color in (0, 2):
        values = [choose.randrange(1 << depth) for _ in range(TYPES[color][0])]
        return [chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))]
    return []


def write_pngs(folder: pathlib.Path, seed: int):
    paths = write_whole_pngs(folder, seed)
    return paths + write_odd_pngs(folder, random.Random(seed), len(paths))


def write_whole_pngs(folder: pathlib.Path, seed: int):
    choose = random.Random(seed)
    paths = []

    def keep(name, data):
        paths.append(folder / f"{len(paths):04}-{name}.png")
        paths[-1].write_bytes(data)

    for color, (_, depths) in TYPES.items():
        for depth, interlaced, transparent, _ in itertools.product(depths, (0, 1), (0, 1), range(4)):
            width, height = choose.randint(1, 40), choose.randint(1, 40)
            extra = _transparency(color, depth, choose) if transparent else []
            if choose.random() < 0.3:
                extra.append(chunk(b"gAMA", struct.pack(">I", choose.choice([45455, 100000, 1]))))
            name = f"{width}x{height}-type{color}-{depth}bit-interlaced{interlaced}-transparent{transparent}"
            keep(name, png(choose, width, height, color, depth, interlaced, extra))
    for colors in (1, 2, 3, 15, 17, 200):
        keep(f"palette-of-{colors}", png(choose, 20, 9, 3, 8, 0, colors=colors))
    for size in ((1, 700), (700, 1), (3, 400), (400, 3), (2, 201), (2, 199)):
        keep(f"{size[0]}x{size[1]}", png(choose, *size, 2, 8, 0))
    return paths


def write_odd_pngs(folder: pathlib.Path, choose, first: int):
    """Files with something unusual or wrong in them."""
    paths = []

    def keep(name, data):
        paths.append(folder / f"{first + len(paths):04}-odd-{name}.png")
        paths[-1].write_bytes(data)

    for color, depth, interlaced in ((0, 16, 0), (2, 8, 0), (2, 8, 1), (3, 4, 0), (6, 8, 0), (0, 1, 1)):
        whole = png(choose, 17, 11, color, depth, interlaced)
        data = whole.index(b"IDAT") - 4
        name = f"type{color}-{depth}bit-{interlaced}"
        for cut in (1, 4, 12, 13, 16, 17, 20, 24, 25, 30, 60):
            keep(f"{name}-cut-{cut}", whole[:-cut])
        for kind, body in ((b"tEXt", b"Title\0words"), (b"tIME", b"\x07\xe7\x01\x01\0\0\0"), (b"acTL", b"\0\0\0\1\0\0\0\0"),
                           (b"sBIT", b"\5\5\5\5"[:TYPES[color][0] if color != 3 else 3]), (b"abCD", b"private"),
                           (b"ABCD", b"critical and unknown"), (b"bKGD", b"\0\1"), (b"PLTE", bytes(range(12))),
                           (b"tRNS", b"\0\1"), (b"pHYs", bytes(9)), (b"pHYs", b""), (b"gAMA", b""), (b"iCCP", b"x\0\0junk"),
                           (b"sRGB", b"\0"), (b"sRGB", b""), (b"cHRM", bytes(32)), (b"zTXt", b"Title\0\0junk"),
                           (b"iTXt", b"T\0\0\0\0\0x"), (b"eXIf", b"junk"), (b"IHDR", whole[16:29])):
            text = kind.decode()
            keep(f"{name}-{text}-first", whole[:data] + chunk(kind, body) + whole[data:])
            keep(f"{name}-{text}-wrong-crc", whole[:data] + chunk(kind, body, 1) + whole[data:])
            keep(f"{name}-{text}-last", whole[:-12] + chunk(kind, body) + whole[-12:])
        for offset in range(8, 33):
            for value in (0, 1, 3, 5, 16, 255):
                broken = bytearray(whole)
                broken[offset] = value
                keep(f"{name}-byte-{offset}-{value}", bytes(broken))
                if 16 <= offset < 29:  # the same with a header whose checksum is right
                    broken[29:33] = struct.pack(">I", zlib.crc32(bytes(broken[12:29])))
                    if not any((*broken[16:19], *broken[20:23])):
                        keep(f"{name}-header-{offset}-{value}", bytes(broken))
        for _ in range(30):
            broken = bytearray(whole)
            broken[choose.randrange(33, len(whole))] ^= 1 << choose.randrange(8)
            keep(f"{name}-flipped", bytes(broken))
        keep(f"{name}-junk-behind", whole + b"more")
        keep(f"{name}-data-behind", png(choose, 9, 9, color, depth, interlaced, tail=b"some more bytes"))
    keep("no-palette", png(choose, 9, 9, 3, 8, 0).replace(b"PLTE", b"plTE"))
    return paths


def tiff_block(order: str, kind: int, value: int, before: int = 0) -> bytes:
    """An EXIF block whose orientation has TIFF type `kind`; `before`: other entries in front."""
    end = "<" if order == "II" else ">"
    formats = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 16: "Q"}
    values = {2: [str(value % 10).encode()], 5: [value, 1], 10: [value, 1]}.get(kind, [value])
    data = struct.pack(end + formats[kind], *values)
    header = order.encode() + struct.pack(end + "HI", 42, 8)
    entries = [struct.pack(end + "HHI4s", 0x100 + i, 4, 1, bytes(4)) for i in range(before)]
    behind = b""
    if len(data) > 4:
        at = 8 + 2 + 12 * (before + 1) + 4
        data, behind = struct.pack(end + "I", at), data
    entries.append(struct.pack(end + "HHI4s", 0x112, kind, 1, data))
    return header + struct.pack(end + "H", before + 1) + b"".join(entries) + bytes(4) + behind


def _xmp(form: int, value: int) -> bytes:
    if form == 0:
        body = f'<rdf:Description rdf:about="" tiff:Orientation="{value}"/>'
    elif form == 1:
        body = f"<rdf:Description><tiff:Orientation>{value}</tiff:Orientation></rdf:Description>"
    else:
        body = f"<rdf:Description tiff:Orientation='{value}'/>"
    return (f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{body}</rdf:RDF></x:xmpmeta>').encode()


def write_orientations(folder: pathlib.Path, seed: int):
    """EXIF in both byte orders and every number type, XMP in both forms, orientations 0 to 9."""
    choose = random.Random(seed)
    rng = np.random.default_rng(seed)
    paths = []

    def keep(name, suffix, data):
        paths.append(folder / f"{len(paths):04}-{name}.{suffix}")
        paths[-1].write_bytes(data)

    def picture():
        shape = (choose.randint(3, 20), choose.randint(3, 20), 3)
        return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))

    def saved(kind, **options):
        buffer = io.BytesIO()
        picture().save(buffer, kind, **options)
        return buffer.getvalue()

    def segment(marker, body):
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    def with_chunks(*chunks):
        data = saved("PNG")
        return data[:33] + b"".join(chunks) + data[33:]

    for order, value in itertools.product(("II", "MM"), range(10)):
        for kind in (3, 4, 1, 2, 5, 6, 8, 9, 10, 11, 12, 16):
            if kind not in (3, 4) and value not in (1, 3, 6, 9):
                continue
            block = tiff_block(order, kind, value, choose.randint(0, 3))
            name = f"{order}-type{kind}-{value}"
            jpeg = saved("JPEG", quality=90)
            keep(name, "jpg", jpeg[:2] + segment(0xE1, b"Exif\0\0" + block) + jpeg[2:])
            keep(name, "png", with_chunks(chunk(b"eXIf", block)))
            keep(name, "webp", saved("WEBP", lossless=True, exif=b"Exif\0\0" + block))
            if kind == 3:
                text = b"\nexif\n%8d\n" % (len(block) + 6) + (b"Exif\0\0" + block).hex().encode() + b"\n"
                keep(f"{name}-raw-profile", "png",
                     with_chunks(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))))
        for form in range(3):
            xmp = _xmp(form, value)
            text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
            keep(f"xmp{form}-{value}", "png", with_chunks(text))
            keep(f"xmp{form}-{value}-and-exif", "png",
                 with_chunks(text, chunk(b"eXIf", tiff_block(order, 3, choose.randint(1, 8)))))
            packed = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))
            keep(f"xmp{form}-{value}-compressed", "png", with_chunks(packed))
            jpeg = saved("JPEG", quality=90)
            xmp_segment = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
            keep(f"xmp{form}-{value}", "jpg", jpeg[:2] + xmp_segment + jpeg[2:])
            keep(f"xmp{form}-{value}", "webp", saved("WEBP", lossless=True, xmp=xmp))
    # Damaged blocks: cut off, wrong magic, entries that point outside.
    whole = tiff_block("MM", 5, 6, 1)
    for cut in range(1, len(whole)):
        jpeg = saved("JPEG", quality=90)
        keep(f"cut-{cut}", "jpg", jpeg[:2] + segment(0xE1, b"Exif\0\0" + whole[:-cut]) + jpeg[2:])
        keep(f"cut-{cut}", "png", with_chunks(chunk(b"eXIf", whole[:-cut])))
    return paths
