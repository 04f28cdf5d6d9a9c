"""Random images under random knobs, against live Pillow and torchvision. No tolerance.

BERALIH_TEST_ROUNDS (default 1) multiplies the work; BERALIH_TEST_SEED chooses another run, and the
seed is printed, so that a failure can be repeated.
"""
import os
import random

import corpus
import corpus_bitmaps
import corpus_jpeg
import corpus_png
import reference
from comparison import Comparison

SEED = int(os.environ.get("BERALIH_TEST_SEED", corpus.DEFAULT_SEED))
ROUNDS = int(os.environ.get("BERALIH_TEST_ROUNDS", "1"))
SPECS_PER_ROUND, IMAGES_PER_SPEC = 150, 24
MOST_PIXELS = 2_000_000  # of a resized image: an aspect of 1:900 and a large shorter side make many


def random_side(choose) -> int:
    return choose.choice([choose.randint(1, 12), choose.randint(1, 90), choose.randint(1, 300)])


def random_spec(choose) -> dict:
    spec = {"exif": choose.choice(["transpose", "ignore"]), "gray16": "pillow",
            "pad_value": [choose.randrange(256) for _ in range(3)],
            "channel_order": choose.choice(["RGB", "BGR"]), "layout": choose.choice(["NCHW", "NHWC"]),
            "dtype": choose.choice(["float32", "float32", "uint8"])}
    mode = choose.choice(["none", "resize_shorter_side", "resize_shorter_side", "resize_longest_side", "resize_exact"])
    if mode != "none":
        spec["resize_filter"] = choose.choice(list(reference.FILTERS))
        spec[mode] = [random_side(choose), random_side(choose)] if mode == "resize_exact" else random_side(choose)
    if choose.random() < 0.8:
        side = random_side(choose)
        spec["center_crop"] = [side, side] if choose.random() < 0.5 else [random_side(choose), side]
    if spec["dtype"] == "float32":
        spec["value_range"] = choose.choice(["0..1", "0..255"])
        if spec["value_range"] == "0..1":
            spec["rescale"] = choose.choice(["divide", "multiply"])
        largest = 1 if spec["value_range"] == "0..1" else 255
        spec["image_mean"] = [round(choose.uniform(-largest, largest), choose.randint(0, 12)) for _ in range(3)]
        spec["image_std"] = [choose.choice([1, 0.5, 1 / 255, choose.uniform(1e-3, largest)]) for _ in range(3)]
    return spec


def write_pool(folder, maker, seed):
    """Whole images of every format, among them large and very long ones."""
    choose = random.Random(seed)
    pool = []
    for name, make in (("jpeg", lambda f, s: corpus_jpeg.write_jpegs(f, maker, s)), ("png", corpus_png.write_whole_pngs),
                       ("orientation", corpus_png.write_orientations), ("gif", corpus_bitmaps.write_gifs),
                       ("bmp", corpus_bitmaps.write_bmps), ("webp", corpus_bitmaps.write_webps)):
        (folder / name).mkdir(parents=True)
        paths = make(folder / name, choose.getrandbits(31))
        large = [p for p in paths if p.stat().st_size > 12_000]
        pool += large + choose.sample(paths, min(len(paths), 220))
    return pool


def test_random_specs(preprocess, kernels, jpeg_maker, tmp_path, capsys, record_property):
    comparison = Comparison(preprocess, kernels)
    for number in range(ROUNDS):
        choose = random.Random(f"{SEED}-{number}")
        pool = write_pool(tmp_path / f"round-{number}", jpeg_maker, choose.getrandbits(31))
        images = {}
        for _ in range(SPECS_PER_ROUND):
            spec = random_spec(choose)
            chosen, decoded = [], []
            for path in choose.sample(pool, IMAGES_PER_SPEC):
                key = path, spec["exif"]
                if key not in images:
                    images[key] = corpus.decoded(*key)
                image = images[key]
                if not isinstance(image, str):
                    height, width = reference.resized_size(image, spec)
                    if height * width > MOST_PIXELS or min(height, width) < 1:
                        continue
                chosen.append(path)
                decoded.append(image)
            comparison.check(tmp_path, spec, chosen, decoded)
    comparison.report(f"random specs, {ROUNDS} round(s)", SEED, capsys, record_property)
    assert comparison.files > 3000 * ROUNDS
