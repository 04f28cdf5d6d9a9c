"""web/content/code/inference_service.py beside the native server: the page shows this file, so it answers as the server does.

What both must do is asked of both in test_classify.py, test_bad_input.py, test_oip.py and test_oip_malformed.py (`either`).
"""
import json
import os
import subprocess
import sys

import numpy
import pytest

from python_service import CODE, PythonService

sys.path.insert(0, str(CODE))


def test_it_answers_what_the_native_server_answers(python_service, server, bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    assert contract["golden"]
    for case in contract["golden"]:
        image = (bundle / case["image"]).read_bytes()
        theirs, ours = python_service.classify(image), server.classify(image)
        assert theirs.headers["Beralih-Contract"] == ours.headers["Beralih-Contract"]
        theirs, ours = theirs.json(), ours.json()
        assert theirs["tensor"] == ours["tensor"] and ours["tensor"]["sha256"] == case["tensor_sha256"]
        for name in ("contract_hash", "preprocessing_hash", "model"):
            assert theirs[name] == ours[name]
        for a, b in zip(theirs["predictions"], ours["predictions"], strict=True):
            assert (a["index"], a["label"]) == (b["index"], b["label"])
            assert abs(a["probability"] - b["probability"]) <= contract["tolerance"]["fp32"]


TENSORS = """
import hashlib, json, pathlib, sys
import inference_service as service
knobs = json.loads(sys.argv[1]) or service.CONTRACT["preprocessing"]
for path in sys.stdin.read().splitlines():
    try:
        print(hashlib.sha256(service.preprocess(pathlib.Path(path).read_bytes(), knobs).numpy()).hexdigest())
    except service.PILLOW_ERRORS:
        print("refused")
"""


TORCHVISION = {"exif": "ignore", "gray16": "high_byte", "resize_shorter_side": 256, "resize_filter": "bilinear", "center_crop": [224, 224],
               "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW", "dtype": "float32", "value_range": "0..1", "rescale": "divide",
               "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize("knobs", [None, TORCHVISION], ids=["the bundle's", "torchvision's"])
def test_shared_images_have_the_same_tensors(preprocess, bundle, shared_data, knobs):
    """Also those of 16 bits, turned by EXIF, with a palette, with transparency."""
    paths = sorted(path for folder, kind in (("exif-orientation", "*.jpg"), ("pngsuite", "*.png"))
                   for path in (shared_data / "images" / folder).glob(kind))
    rules = ["--preset", "torchvision:MobileNet_V3_Small_Weights.IMAGENET1K_V1"] if knobs else ["--bundle", str(bundle)]
    done = subprocess.run([sys.executable, "-c", TENSORS, json.dumps(knobs)], input="\n".join(map(str, paths)), capture_output=True, text=True, timeout=600,
                          check=True, env={**os.environ, "BERALIH_BUNDLE": str(bundle), "PYTHONPATH": str(CODE)})
    theirs, ours = done.stdout.split(), preprocess(paths, *rules)
    assert theirs == [one.get("tensor_sha256", "refused") for one in ours] and len(paths) > 100



def test_a_tensor_has_the_native_servers_logits(python_service, server, bundle, binary, tmp_path):
    subprocess.run([binary, "preprocess", "--bundle", str(bundle), "--npy", str(tmp_path / "dog2.npy"), str(bundle / "golden" / "dog2.jpg")],
                   check=True, capture_output=True)
    tensor = numpy.load(tmp_path / "dog2.npy")
    body = json.dumps({"inputs": [{"name": "input", "datatype": "FP32", "shape": list(tensor.shape), "data": tensor.tolist()}]}).encode()
    theirs, ours = (one.request("POST", "/v2/models/resnet34/infer", body, Content_Type="application/json").json()["outputs"][0]
                    for one in (python_service, server))
    assert {**theirs, "data": None} == {**ours, "data": None}
    assert numpy.allclose(theirs["data"], ours["data"], rtol=0, atol=1e-3) and numpy.argmax(theirs["data"]) == 235


def test_uint8_pixels_are_not_taken_for_floats(python_service):
    """It takes FP32 alone: what the native server would normalise is refused, not computed with."""
    one = {"name": "input", "datatype": "UINT8", "shape": [1, 227, 227, 3], "data": [100] * 227 * 227 * 3}
    for wrong in (one, {**one, "datatype": "FP32"}, {**one, "shape": [1, 3, 227, 227]}):
        answer = python_service.request("POST", "/v2/models/resnet34/infer", json.dumps({"inputs": [wrong]}).encode())
        assert answer.status == 400 and "where the contract has" in answer.json()["error"]


def contract_with(bundle, **knobs):
    contract = json.loads((bundle / "contract.json").read_text())
    contract["preprocessing"].update(knobs)
    return {**contract, "preprocessing": {knob: value for knob, value in contract["preprocessing"].items() if value is not None}}


@pytest.mark.parametrize("knob, value", [
    ("exif", "maybe"), ("gray16", "pillow"), ("pad_value", [1, 2, 3]), ("channel_order", "BGR"), ("layout", "NHWC"), ("dtype", "uint8"),
    ("value_range", "0..1"), ("rescale", "multiply"), ("resize_exact", [256, 256]), ("resize_longest_side", 256), ("sharpen", 2),
    ("resize_shorter_side", None), ("center_crop", None), ("value_range", None)])
def test_rules_that_it_does_not_have_are_refused(bundle, knob, value):
    import bundle as service_bundle
    service_bundle.check_knobs(contract_with(bundle))
    with pytest.raises(SystemExit, match="rescale" if value == "0..1" else knob):  # 0..1 wants to know how
        service_bundle.check_knobs(contract_with(bundle, **{knob: value}))


@pytest.mark.parametrize("damage, said", [
    (lambda contract: contract["golden"][0].update(tensor_sha256="0" * 64), "another tensor"),
    (lambda contract: contract["golden"][0]["top5"][0].update(probability=0.3), "off by"),
    (lambda contract: contract["preprocessing"].update(layout="NHWC"), "layout = NHWC"),
    (lambda contract: contract["files"][0].update(sha256="0" * 64), "is not the file")],
    ids=["another tensor", "another probability", "another rule", "another file"])
def test_it_does_not_start_with_a_bundle_that_gives_something_else(bundle, tmp_path, damage, said):
    altered = tmp_path / "bundle"
    altered.mkdir()
    for path in bundle.iterdir():
        (altered / path.name).symlink_to(path)
    contract = json.loads((bundle / "contract.json").read_text())
    damage(contract)
    (altered / "contract.json").unlink()
    (altered / "contract.json").write_text(json.dumps(contract))
    with pytest.raises(AssertionError, match=said), PythonService(altered, tmp_path / "log"):
        pass


def test_the_naive_variant_predicts_the_same(bundle, tmp_path):
    with PythonService(bundle, tmp_path / "log", "inference_service_naive") as naive:
        image = (bundle / "golden" / "dog2.jpg").read_bytes()
        first = naive.classify(image).json()["predictions"][0]
        assert first["index"] == 235 and first["probability"] > 0.95


def test_it_is_short_enough_to_be_read():
    assert len((CODE / "inference_service.py").read_text().splitlines()) <= 120
