"""The core against live Pillow and torchvision, on seeded images of every kind. No tolerance."""
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]


def noise(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Noise that is smooth enough for JPEG to keep, with hard edges in it."""
    small = rng.integers(0, 256, (max(height // 5, 1), max(width // 5, 1), 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.array(image)
    pixels[: height // 3, : width // 2] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def generate(folder: pathlib.Path, seed: int):
    """Paths of files of every format, mode, subsampling and orientation, sizes 1 to 600."""
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    sizes = [(w, h) for w in (1, 2, 7, 8, 15, 16, 17, 33) for h in (1, 3, 16, 31)]
    sizes += [(choose.randint(1, 600), choose.randint(1, 600)) for _ in range(60)]
    sizes += [(500, 375), (375, 500), (3, 310), (310, 3), (2, 450)]
    for number, (width, height) in enumerate(sizes):
        image = noise(rng, width, height)
        exif = Image.Exif()
        if choose.random() < 0.3:
            exif[0x0112] = choose.randint(0, 9)
        mode = choose.choice(["RGB", "RGB", "L", "CMYK"])
        path = folder / f"{number}-{width}x{height}-{mode}.jpg"
        image.convert(mode).save(path, quality=choose.randint(20, 100), exif=exif,
                                 subsampling=choose.choice([0, 1, 2]),
                                 progressive=choose.random() < 0.3,
                                 optimize=choose.random() < 0.3)
        yield path
        mode = choose.choice(["RGB", "RGBA", "L", "LA", "P", "1"])
        path = folder / f"{number}-{width}x{height}-{mode}.png"
        image.convert(mode).save(path, exif=exif, compress_level=choose.randint(0, 9))
        yield path
        mode = choose.choice(["RGB", "RGBA"])
        path = folder / f"{number}-{width}x{height}-{mode}.webp"
        image.convert(mode).save(path, exif=exif, lossless=choose.random() < 0.5,
                                 quality=choose.randint(1, 100), method=choose.randint(0, 4))
        yield path
        mode = choose.choice(["P", "L", "1"])
        path = folder / f"{number}-{width}x{height}-{mode}.gif"
        image.convert(mode).save(path, interlace=choose.randint(0, 1))
        yield path
        mode = choose.choice(["RGB", "RGBA", "L", "P", "1"])
        path = folder / f"{number}-{width}x{height}-{mode}.bmp"
        image.convert(mode).save(path)
        yield path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return list(generate(tmp_path_factory.mktemp("generated"), seed=20260722))


@pytest.mark.parametrize("preset", [*reference.TORCHVISION, reference.DLIB], ids=lambda p: p.name)
def test_generated_images(files, preprocess, preset, record_property):
    got = preprocess(files, "--preset", preset.name, "--set", "exif=transpose")
    different = []
    for path, line in zip(files, got):
        want = reference.hashes(reference.pixels(path), preset)
        wrong = [key for key in want if line.get(key) != want[key]]
        if wrong:
            different.append((path.name, wrong, line.get("error")))
    record_property("files_compared", len(files))
    assert not different
    assert len(files) > 400


FILTERS = {"nearest": Image.Resampling.NEAREST, "box": Image.Resampling.BOX,
           "bilinear": Image.Resampling.BILINEAR, "hamming": Image.Resampling.HAMMING,
           "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


@pytest.mark.parametrize("name", FILTERS)
def test_exact_resize_of_every_filter(files, preprocess, name):
    choose = random.Random(name)
    for path in choose.sample([f for f in files if f.suffix == ".png"], 25):
        height, width = choose.randint(1, 300), choose.randint(1, 300)
        line, = preprocess([path], "--preset", "hf-vit", "--set", "exif=transpose",
                           "--set", f"resize_exact={height},{width}",
                           "--set", f"resize_filter={name}")
        want = reference.pixels(path).resize((width, height), FILTERS[name])
        assert line["crop_sha256"] == reference.sha256(want.tobytes()), (path.name, width, height)


@pytest.mark.parametrize("name", FILTERS)
def test_weights_of_every_filter(tmp_path, preprocess, name):
    """Noise shows a weight that is off by one part in four million: enough pixels, many sizes."""
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(3).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.save(path, compress_level=1)
    for height, width in ((235, 176), (102, 136), (176, 77), (301, 333), (479, 639), (97, 1000)):
        line, = preprocess([path], "--preset", "hf-vit", "--set", f"resize_exact={height},{width}",
                           "--set", f"resize_filter={name}")
        want = image.resize((width, height), FILTERS[name])
        assert line["crop_sha256"] == reference.sha256(want.tobytes()), (width, height)


def test_orientation_ignored_as_torchvisions_loader_does(files, preprocess):
    got = preprocess(files, "--preset", "dlib:resnet34", "--set", "exif=ignore")
    for path, line in zip(files, got):
        with Image.open(path) as image:
            assert line["pixels_sha256"] == reference.sha256(image.convert("RGB").tobytes()), path.name


def test_16_bit_gray_is_the_high_byte_or_what_pillow_makes_of_it(tmp_path, preprocess):
    values = np.random.default_rng(5).integers(0, 65536, (20, 30)).astype(np.uint16)
    values[:5] //= 200
    path = tmp_path / "gray16.png"
    Image.fromarray(values.astype(np.int32), "I").save(path)
    high, = preprocess([path], "--preset", "dlib:resnet34")
    expected = np.repeat((values >> 8).astype(np.uint8)[:, :, None], 3, 2)
    assert high["pixels_sha256"] == reference.sha256(expected.tobytes())
    pillow, = preprocess([path], "--preset", "dlib:resnet34", "--set", "gray16=pillow")
    assert pillow["pixels_sha256"] == reference.sha256(Image.open(path).convert("RGB").tobytes())


def test_the_committed_golden_vectors_are_what_pillow_computes():
    folder = ROOT / "tests" / "golden"
    made = subprocess.run([sys.executable, str(folder / "generate.py")], capture_output=True,
                          text=True, check=True, timeout=120).stdout
    assert made == (folder / "golden_vectors.h").read_text()
