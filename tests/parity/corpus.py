#!/usr/bin/python3
"""Writes the generated corpus and what Pillow and torchvision make of it.

    tests/parity/corpus.py FOLDER [--seed N] [--maker build/release/tests/beralih_make_jpegs]

FOLDER gets one subfolder a group, and expected.json:
    {"spec": the preprocessing object, "seed": N,
     "files": {"jpeg/0000-….jpg": {"pixels_sha256", "crop_sha256", "tensor_sha256"} or {"error": "…"}}}
so that any build of the core (native, WebAssembly) can be compared with it: for each file the same
hashes, or an error where there is one.
"""
import argparse
import json
import pathlib
import warnings

import corpus_bitmaps
import corpus_jpeg
import corpus_png
import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_MAKER = ROOT / "build" / "release" / "tests" / "beralih_make_jpegs"
DEFAULT_SEED = 20261122
# As Pillow reads files, and with a crop whose margins are odd for most sizes.
SPEC = {"exif": "transpose", "gray16": "pillow", "resize_shorter_side": 31, "resize_filter": "bicubic",
        "center_crop": [28, 26], "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW",
        "dtype": "float32", "value_range": "0..1", "rescale": "divide",
        "image_mean": reference.IMAGENET_MEAN, "image_std": reference.IMAGENET_STD}


def groups(maker: pathlib.Path) -> dict:
    """Name -> what writes the group's files into a folder from a seed and returns their paths."""
    return {
        "jpeg": lambda folder, seed: corpus_jpeg.write_jpegs(folder, maker, seed),
        "odd_jpeg": lambda folder, seed: corpus_jpeg.write_odd_jpegs(folder, maker, seed),
        "png": corpus_png.write_pngs,
        "orientation": corpus_png.write_orientations,
        "gif": corpus_bitmaps.write_gifs,
        "bmp": corpus_bitmaps.write_bmps,
        "webp": corpus_bitmaps.write_webps,
    }


def write(folder: pathlib.Path, maker: pathlib.Path, seed: int) -> dict:
    """Group name -> its files."""
    files = {}
    for name, make in groups(maker).items():
        (folder / name).mkdir(parents=True)
        files[name] = make(folder / name, seed)
    return files


def decoded(path, exif: str):
    """Pillow's pixels, or the exception's text where it raises one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata
        try:
            return reference.pixels(path, exif)
        except Exception as error:  # noqa: BLE001: whatever Pillow raises is its verdict
            return f"{type(error).__name__}: {error}"


def expected(image, spec: dict) -> dict:
    return {"error": image} if isinstance(image, str) else reference.run(image, spec).hashes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--maker", type=pathlib.Path, default=DEFAULT_MAKER)
    flags = parser.parse_args()
    if flags.folder.exists() and any(flags.folder.iterdir()):
        parser.error(f"{flags.folder} is not empty")
    if not flags.maker.is_file():
        parser.error(f"{flags.maker} is not built; build the target beralih_make_jpegs")
    files = write(flags.folder, flags.maker, flags.seed)
    verdicts = {str(path.relative_to(flags.folder)): expected(decoded(path, SPEC["exif"]), SPEC)
                for paths in files.values() for path in paths}
    document = {"spec": SPEC, "seed": flags.seed, "files": verdicts}
    (flags.folder / "expected.json").write_text(json.dumps(document, indent=1) + "\n")
    for name, paths in files.items():
        refused = sum("error" in verdicts[str(p.relative_to(flags.folder))] for p in paths)
        print(f"{name}: {len(paths)} files, {refused} of them refused by Pillow")


if __name__ == "__main__":
    main()
