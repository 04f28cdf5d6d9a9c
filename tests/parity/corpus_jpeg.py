"""JPEGs of every coding, sampling, colour space and marker, encoded by make_jpegs.c."""
import pathlib
import random
import subprocess

# Every sampling that people write, and odd ones that libjpeg decodes too. The last fields of CMYK
# and YCCK follow the first: K is sampled as Y is.
SAMPLINGS = ["1x1,1x1,1x1", "2x1,1x1,1x1", "2x2,1x1,1x1", "1x2,1x1,1x1", "4x1,1x1,1x1", "1x4,1x1,1x1",
             "3x1,1x1,1x1", "1x3,1x1,1x1", "4x2,1x1,1x1", "2x4,1x1,1x1", "2x2,1x2,1x2", "2x2,2x1,2x1",
             "2x2,2x1,1x2", "1x1,2x2,2x2", "1x1,2x1,1x2", "2x1,1x1,2x1", "2x2,2x2,2x2", "3x3,1x1,1x1",
             "4x4,1x1,1x1", "4x1,2x1,1x1"]
CODINGS = ["-", "optimize", "progressive", "arithmetic", "arithmetic,progressive", "separate",
           "optimize,separate"]
# Colour space and marker flags: libjpeg's own, and each marker forced on or off.
COLORS = [("ycc", "-"), ("ycc", "nojfif"), ("ycc", "adobe"), ("ycc", "adobe,nojfif"), ("rgb", "-"),
          ("rgb", "noadobe"), ("rgb", "jfif"), ("rgb", "jfif,noadobe"), ("cmyk", "-"), ("cmyk", "noadobe"),
          ("ycck", "-"), ("ycck", "noadobe"), ("gray", "-"), ("gray", "adobe"), ("cmyk", "jfif")]
MOST_BLOCKS = 10  # of an interleaved scan's unit (libjpeg's C_MAX_BLOCKS_IN_MCU)
FRAME_MARKERS = [0xC0, 0xC1, 0xC2, 0xC9, 0xCA]


def _sampling(colors: str, text: str) -> str:
    if colors == "gray":
        return text.split(",")[0]
    return text + "," + text.split(",")[0] if colors in ("cmyk", "ycck") else text


def _blocks(sampling: str) -> int:
    return sum(int(part[0]) * int(part[2]) for part in sampling.split(","))


def _job(choose, width, height, colors, flags, sampling, coding):
    sampling = _sampling(colors, sampling)
    if _blocks(sampling) > MOST_BLOCKS and "," in sampling:
        # The unit is too large for one scan: each component gets its own. Progressive files
        # cannot, their first scan holds all.
        coding = coding.replace("arithmetic,progressive", "arithmetic,separate")
        coding = coding.replace("progressive", "separate") if "separate" not in coding else coding
        coding = coding if "separate" in coding else coding.strip("-") + ",separate"
    restart = choose.choice([0, 0, 1, 2, 5])
    # 16-bit tables make a baseline file "extended sequential", which has its own marker.
    wide = ["wide"] if choose.random() < 0.1 else []
    flags = ",".join(f for f in [*flags.split(","), *coding.split(","), *wide] if f not in ("", "-"))
    quality = choose.choice([1, 25, 50, 75, 90, 100])
    return (width, height, choose.getrandbits(31), colors, sampling, quality, restart, flags or "-")


def _jobs(choose):
    for number, sampling in enumerate(SAMPLINGS):
        for width in range(1, 34):
            height = choose.randint(1, 33)
            if width % 2:
                colors = ("ycc", "-")
            else:
                colors = choose.choice(COLORS)
            coding = CODINGS[(number + width) % len(CODINGS)]
            yield _job(choose, width, height, *colors, sampling, coding)
    for colors in COLORS:
        for coding in CODINGS:
            width, height = choose.randint(30, 150), choose.randint(30, 150)
            yield _job(choose, width, height, *colors, choose.choice(SAMPLINGS[:5]), coding)
    # Wide, tall, and large enough that rows and columns outside of the crop are not decoded.
    for sampling in SAMPLINGS[:8]:
        for coding in ("-", "progressive"):
            for size in ((640, 480), (480, 640), (700, 90), (90, 700), (900, 5), (5, 900)):
                yield _job(choose, *size, "ycc", "-", sampling, coding)


def write_jpegs(folder: pathlib.Path, maker: pathlib.Path, seed: int):
    """The paths, after `maker` (beralih_make_jpegs) has written them."""
    choose = random.Random(seed)
    paths, lines = [], []
    for number, job in enumerate(_jobs(choose)):
        width, height, _, colors, sampling, quality, restart, flags = job
        name = (f"{number:04}-{width}x{height}-{colors}-{sampling.replace(',', '_')}-q{quality}-r{restart}"
                f"-{flags.replace(',', '_')}.jpg")
        paths.append(folder / name)
        lines.append(" ".join(map(str, (folder / name, *job))))
    subprocess.run([maker], input="\n".join(lines) + "\n", text=True, check=True, timeout=120)
    return paths


def frame_header(data: bytes) -> int:
    """Where the frame header's marker stands."""
    at = 2
    while data[at + 1] not in FRAME_MARKERS:
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return at


def write_odd_jpegs(folder: pathlib.Path, maker: pathlib.Path, seed: int):
    """Files whose headers were altered: verdicts must agree, and pixels where Pillow finds some."""
    choose = random.Random(seed)
    originals = folder / "originals"
    originals.mkdir()
    jobs = [_job(choose, 24, 20, colors, flags, sampling, coding)
            for colors, flags in (("ycc", "-"), ("ycck", "-"), ("cmyk", "-"), ("gray", "-"), ("rgb", "-"))
            for sampling in ("1x1,1x1,1x1", "2x2,1x1,1x1") for coding in ("-", "progressive", "arithmetic")]
    lines = [" ".join(map(str, (originals / f"{n}.jpg", *job))) for n, job in enumerate(jobs)]
    subprocess.run([maker], input="\n".join(lines) + "\n", text=True, check=True, timeout=60)
    paths = []

    def keep(name, data):
        paths.append(folder / f"{name}.jpg")
        paths[-1].write_bytes(data)

    for number in range(len(jobs)):
        data = (originals / f"{number}.jpg").read_bytes()
        at = frame_header(data)
        components = data[at + 9]

        def altered(offset, value):
            return data[:offset] + bytes([value]) + data[offset + 1:]

        for bits in (0, 7, 9, 12, 16):
            keep(f"{number}-{bits}-bits", altered(at + 4, bits))
        for marker in range(0xC0, 0xD0):
            keep(f"{number}-frame-{marker:02x}", altered(at + 1, marker))
        for factors in (0x00, 0x01, 0x10, 0x13, 0x31, 0x32, 0x23, 0x44, 0x51, 0x15, 0xFF):
            for component in range(components):
                keep(f"{number}-sampling-{component}-{factors:02x}", altered(at + 11 + 3 * component, factors))
        for value in (0, 1, 2, 4, 5, 255):
            keep(f"{number}-components-{value}", altered(at + 9, value))
        for component, identifier in ((0, 0), (0, 82), (1, 71), (2, 66), (1, 1)):
            if component < components:
                keep(f"{number}-id-{component}-{identifier}", altered(at + 10 + 3 * component, identifier))
        adobe = data.find(b"Adobe")
        if adobe > 0:
            for transform in (0, 1, 2, 3, 255):
                keep(f"{number}-adobe-{transform}", altered(adobe + 11, transform))
        for size in (0, 1, 16, 19, 21, 40):
            keep(f"{number}-height-{size}", data[:at + 5] + size.to_bytes(2, "big") + data[at + 7:])
            keep(f"{number}-width-{size}", data[:at + 7] + size.to_bytes(2, "big") + data[at + 9:])
        keep(f"{number}-junk-behind", data + b"some words that are no part of the image" * 3)
        keep(f"{number}-no-end", data[:-2])
        for cut in range(3, 40, 4):
            keep(f"{number}-cut-{cut}", data[:-cut])
        restart = choose.randrange(at, len(data) - 2)
        keep(f"{number}-restart-inserted", data[:restart] + b"\xff\xd3" + data[restart:])
        for flip in range(6):
            where = choose.randrange(at, len(data) - 2)
            keep(f"{number}-flipped-{flip}", altered(where, data[where] ^ 1 << choose.randrange(8)))
    return paths
