"""`beralih predict` and `beralih preprocess` as a person uses them."""
import hashlib
import json
import pathlib
import subprocess

import numpy as np
import pytest


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def test_predict_says_what_the_server_says(binary, bundle, server):
    image = bundle / "golden" / "dog2.jpg"
    result = run(binary, "predict", "--bundle", bundle, "--json", image)
    assert result.returncode == 0, result.stderr
    mine, theirs = json.loads(result.stdout), server.classify(image.read_bytes()).json()
    for key in ("tensor", "logits", "predictions", "contract_hash", "preprocessing_hash", "image"):
        assert mine[key] == theirs[key], key
    assert list(mine) == ["file", *theirs]
    assert mine["file"] == str(image)


@pytest.mark.parametrize("command", ["predict", "preprocess"])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_full_disk_is_one_sentence(binary, bundle, command, flags):
    with open("/dev/full", "w") as full:
        result = subprocess.run([binary, command, "--bundle", bundle, *flags, bundle / "golden" / "dog2.jpg"],
                                stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert result.returncode == 1
    assert result.stderr == "beralih: standard output cannot be written: No space left on device\n"


def test_predict_prints_a_table_for_people(binary, bundle):
    result = run(binary, "predict", "--bundle", bundle, bundle / "golden" / "coffee.png")
    assert result.returncode == 0
    assert "espresso" in result.stdout
    assert "0.98" in result.stdout or "98" in result.stdout


def test_predict_goes_on_after_a_bad_file(binary, bundle, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    result = run(binary, "predict", "--bundle", bundle, bad, bundle / "golden" / "coffee.png")
    assert result.returncode == 1
    assert "bad.jpg" in result.stderr
    assert "espresso" in result.stdout


def test_preprocess_writes_the_tensor_that_it_hashes(binary, bundle, tmp_path):
    out = tmp_path / "tensor.npy"
    result = run(binary, "preprocess", "--bundle", bundle, "--json", "--npy", out,
                 bundle / "golden" / "dog1.jpg")
    assert result.returncode == 0, result.stderr
    line = json.loads(result.stdout)
    tensor = np.load(out)
    assert tensor.dtype == np.float32
    assert list(tensor.shape) == line["shape"] == [1, 3, 227, 227]
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == line["tensor_sha256"]


TWIN = ["node", pathlib.Path(__file__).parents[2] / "wasm" / "preprocess.mjs"]


def untimed(text):
    return [line.split("  ms ")[0] for line in text.splitlines()]


def test_dtype_layout_and_npy_are_the_twins_too(binary, bundle, tmp_path):
    """One line an image, from the native command and from WebAssembly: the same, and the same .npy file."""
    image = bundle / "golden" / "dog1.jpg"
    for flags, shape, dtype in [([], [1, 3, 227, 227], "float32"),
                                (["--dtype", "uint8", "--layout", "NHWC"], [1, 227, 227, 3], "uint8"),
                                (["--layout", "NHWC", "--set", "layout=NCHW"], [1, 227, 227, 3], "float32"),
                                (["--tensor-only", "--dtype", "uint8"], [1, 3, 227, 227], "uint8")]:
        common = ["--preset", "dlib:resnet34", *flags]
        native = run(binary, "preprocess", *common, "--npy", tmp_path / "native.npy", image)
        twin = run(*TWIN, *common, "--npy", tmp_path / "twin.npy", image)
        assert native.returncode == twin.returncode == 0, native.stderr + twin.stderr
        assert untimed(native.stdout) == untimed(twin.stdout)
        (line,) = untimed(native.stdout)
        tensor = np.load(tmp_path / "native.npy")
        assert (list(tensor.shape), tensor.dtype) == (shape, np.dtype(dtype))
        assert line.endswith(f"tensor {hashlib.sha256(tensor.tobytes()).hexdigest()}  {dtype} "
                             + json.dumps(shape, separators=(",", ":")))
        assert ("pixels " in line) == ("--tensor-only" not in flags)
        assert (tmp_path / "native.npy").read_bytes() == (tmp_path / "twin.npy").read_bytes()


def test_wrong_dtype_layout_and_npy_are_one_sentence_each(binary, bundle, tmp_path):
    image = bundle / "golden" / "dog1.jpg"
    for flags, message in [(["--dtype", "float64"], 'dtype: expected one of "float32", "uint8", not "float64"'),
                           (["--layout", "nchw"], 'layout: expected one of "NCHW", "NHWC", not "nchw"'),
                           (["--npy", tmp_path / "absent" / "x.npy"], "cannot write: No such file or directory"),
                           (["--npy", tmp_path / "x.npy", image], "takes exactly one IMAGE")]:
        for command in ([binary, "preprocess"], TWIN):
            result = run(*command, "--preset", "dlib:resnet34", *flags, image)
            assert result.returncode in (1, 2), command
            assert message in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
    assert not list(tmp_path.iterdir())


def test_preprocess_takes_a_spec_file(binary, bundle, tmp_path):
    contract = json.loads((bundle / "contract.json").read_text())
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(contract["preprocessing"]))
    image = bundle / "golden" / "dog1.jpg"
    by_spec = json.loads(run(binary, "preprocess", "--spec", spec, "--json", image).stdout)
    by_bundle = json.loads(run(binary, "preprocess", "--bundle", bundle, "--json", image).stdout)
    assert by_spec["tensor_sha256"] == by_bundle["tensor_sha256"] == contract["golden"][2]["tensor_sha256"]


def test_a_whole_contract_is_no_spec(binary, bundle):
    result = run(binary, "preprocess", "--spec", bundle / "contract.json", bundle / "golden" / "dog1.jpg")
    assert result.returncode == 1
    assert "this is a whole contract; use --bundle DIR" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_wrong_arguments_name_themselves(binary, bundle):
    image = bundle / "golden" / "dog1.jpg"
    for arguments, word in [(["--preset", "nonsense"], "nonsense"),
                            (["--preset", "hf-vit", "--set", "resize_fliter=box"], "resize_fliter"),
                            (["--preset", "hf-vit", "--set", "resize_filter"], "resize_filter")]:
        result = run(binary, "preprocess", *arguments, image)
        assert result.returncode in (1, 2)
        assert word in result.stderr
    assert run(binary, "nonsense").returncode == 2
    assert run(binary, "--version").returncode == 0
