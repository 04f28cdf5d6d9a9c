"""The core against Pillow's recorded and live results on the shared test images. No tolerance."""
import json

import pytest
from PIL import Image

import reference

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
RECORDED = "expected-pillow-9.4.0-ljt2.1.5.json"
# Where `reference` stores which preset.
KEYS = {"vit_l_16_v1": reference.TORCHVISION[0], "swag_lin": reference.TORCHVISION[1],
        "swag_e2e_l": reference.TORCHVISION[2]}


def images(shared_data):
    return sorted(p for p in (shared_data / "images").rglob("*") if p.suffix in SUFFIXES)


@pytest.mark.parametrize("key", KEYS)
def test_recorded_pixels_and_verdicts(shared_data, preprocess, key, record_property):
    root = shared_data / "images"
    recorded = json.loads((root / RECORDED).read_text())
    files = [p for p in images(shared_data) if str(p.relative_to(root)) in recorded]
    got = preprocess(files, "--preset", KEYS[key].name, "--set", "exif=transpose",
                     "--set", "gray16=pillow", "--max-pixels", str(2 * 89478485))
    different, refused = [], 0
    for path, line in zip(files, got):
        want = recorded[str(path.relative_to(root))]
        if "error" in want or "error" in line:
            refused += 1
            if ("error" in want) != ("error" in line):
                different.append((path.name, want.get("error"), line.get("error")))
        elif (line["pixels_sha256"], line["crop_sha256"]) != (want["rgb"], want[key]):
            different.append((path.name, "pixels", line))
    record_property("files_compared", len(files))
    record_property("files_refused_by_both", refused)
    assert not different
    assert len(files) > 200


def test_live_orientation_and_photographs(shared_data, preprocess):
    files = sorted((shared_data / "images" / "exif-orientation").glob("*.jpg"))
    files += sorted(p for p in (shared_data / "photos").iterdir() if p.suffix in SUFFIXES)
    assert len(files) >= 18
    for preset in [*reference.TORCHVISION, reference.DLIB]:
        got = preprocess(files, "--preset", preset.name, "--set", "exif=transpose")
        for path, line in zip(files, got):
            want = reference.hashes(reference.pixels(path), preset)
            assert {key: line.get(key) for key in want} == want, (path.name, preset.name)


def test_a_text_file_named_jpg_and_other_impostors(tmp_path, preprocess):
    text = tmp_path / "photo.jpg"
    text.write_text("I am not a photograph.")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    tiff = tmp_path / "picture.png"
    Image.new("RGB", (3, 3)).save(tiff, "TIFF")
    missing = tmp_path / "missing.jpg"
    lines = preprocess([text, empty, tiff, missing], "--preset", "dlib:resnet34")
    codes = [line["error"]["code"] for line in lines]
    assert codes == ["unsupported_format", "invalid_argument", "unsupported_format", "io"]
    assert all(line["error"]["message"] for line in lines)
