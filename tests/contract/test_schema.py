"""core/contract.schema.json and the core's parser give the same verdict on good and bad contracts."""
import copy
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "core" / "contract.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HASH = "a" * 64
DELETE = object()

GOOD = {
    "schema": "beralih.contract/1", "name": "tiny", "version": "1.0.0", "description": "a test",
    "preprocessing": {
        "preset": "hf-vit", "exif": "transpose", "gray16": "high_byte", "resize_shorter_side": 30,
        "resize_filter": "bicubic", "center_crop": [24, 20], "pad_value": [0, 128, 255], "channel_order": "RGB",
        "layout": "NCHW", "dtype": "float32", "value_range": "0..1", "rescale": "divide",
        "image_mean": [0.5, 0, -1], "image_std": [0.5, 1, 256]},
    "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, 24, 20]},
    "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 1000]},
    "files": [{"role": "labels", "path": "labels.txt", "bytes": 10, "sha256": HASH},
              {"role": "golden_image", "path": "golden/a.png", "bytes": 20, "sha256": HASH}],
    "golden": [{"image": "golden/a.png", "tensor_sha256": HASH, "top5": [{"index": 3, "probability": 0.5}]}],
    "tolerance": {"fp32": 1e-4, "bf16": 0.03},
    "edge_agreement": {"images": 10, "top1_equal": 9, "mean_abs_probability_difference": 0.1,
                       "max_abs_probability_difference": 1, "method": "m"},
    "provenance": {"source": "s", "license": "CC0-1.0", "parent": "", "recipe": "r", "note": ""},
}

# What a field of each kind must refuse.
WRONG = {
    "text": ["", 7, None, [], {}], "string": [7, None, True, [], {}], "sha256": ["", HASH[1:], HASH + "a", "A" * 64, 7],
    "probability": [-0.1, 1.5, "0.5", None, [0.5]], "side": [0, -1, 8193, 2.5, "2", None, [30], True],
    "size": [[24], [24, 20, 3], [0, 20], [24, 8193], [24, 2.5], 24, "24", {}], "byte triple":
    [[0, 0], [0, 0, 0, 0], [0, 0, 256], [0, 0, -1], [0, 0, 1.5], [0, 0, "0"], 0], "mean":
    [[0, 0], [0, 0, 0, 0], [0, 0, 2e6], [0, -2e6, 0], [0, 0, "0"], [0, 0, None], 0.5], "std":
    [[1, 1], [1, 1, 0], [1, -1, 1], [1, 1, 2e6], [1, 1, 1e-50], [1, 1, 1e-40], [True, 1, 1], 1], "enum":
    ["", "nonsense", 7, None, []], "path":
    ["", "/etc/passwd", "../up", "a/../b", "a/./b", "a//b", "a/", ".", "..", "a\\b", "C:a", "a\0b", 7], "count":
    [-1, 2.5, "1", None, 2 ** 63, 2 ** 64, 1e300], "shape": [[-2, 3], [2.5], ["3"], 3, [2 ** 40]], "array": [{}, "a", 7, None],
    "object": [[], "a", 7, None],
}
FIELDS = {
    "schema": "enum", "name": "text", "version": "text", "description": "string", "preprocessing": "object",
    "preprocessing.preset": "string", "preprocessing.exif": "enum", "preprocessing.gray16": "enum",
    "preprocessing.resize_shorter_side": "side", "preprocessing.resize_filter": "enum",
    "preprocessing.center_crop": "size", "preprocessing.pad_value": "byte triple",
    "preprocessing.channel_order": "enum", "preprocessing.layout": "enum", "preprocessing.dtype": "enum",
    "preprocessing.value_range": "enum", "preprocessing.rescale": "enum", "preprocessing.image_mean": "mean",
    "preprocessing.image_std": "std", "input": "object", "input.name": "text", "input.datatype": "enum",
    "input.shape": "shape", "output": "object", "output.name": "text", "output.datatype": "enum",
    "output.shape": "shape", "files": "array", "files.0": "object", "files.0.role": "text", "files.0.path": "path",
    "files.0.bytes": "count", "files.0.sha256": "sha256", "golden": "array", "golden.0": "object",
    "golden.0.image": "string", "golden.0.tensor_sha256": "sha256", "golden.0.top5": "array",
    "golden.0.top5.0": "object", "golden.0.top5.0.index": "count", "golden.0.top5.0.probability": "probability",
    "tolerance": "object", "tolerance.fp32": "probability", "tolerance.bf16": "probability",
    "edge_agreement": "object", "edge_agreement.images": "count", "edge_agreement.top1_equal": "count",
    "edge_agreement.mean_abs_probability_difference": "probability",
    "edge_agreement.max_abs_probability_difference": "probability", "edge_agreement.method": "string",
    "provenance": "object", **{f"provenance.{key}": "string" for key in GOOD["provenance"]},
}
OPTIONAL = {"preprocessing.preset", "edge_agreement", "edge_agreement.method"}
PRE = "preprocessing."
# Fields that belong together; the last word is what both must say.
COMBINATIONS = [
    ({PRE + "resize_longest_side": 30}, False),
    ({PRE + "resize_exact": [24, 20]}, False),
    ({PRE + "resize_shorter_side": DELETE}, False),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_filter": DELETE}, True),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_longest_side": 30}, True),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_exact": [3, 5]}, True),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_exact": 5}, False),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_longest_side": [3, 5]}, False),
    ({PRE + "resize_shorter_side": DELETE, PRE + "resize_longest_side": 3, PRE + "resize_exact": [3, 5]}, False),
    ({PRE + "value_range": "0..255"}, False),
    ({PRE + "value_range": "0..255", PRE + "rescale": DELETE}, True),
    ({PRE + "rescale": "multiply"}, True),
    ({PRE + "dtype": "uint8"}, False),
    ({PRE + "dtype": "uint8", "input.datatype": "UINT8", **{PRE + k: DELETE for k in (
        "value_range", "rescale", "image_mean", "image_std")}}, True),
    ({PRE + "dtype": "uint8", "input.datatype": "UINT8", **{PRE + k: DELETE for k in (
        "value_range", "image_mean", "image_std")}}, False),
    ({PRE + "layout": "NHWC", "input.shape": [-1, 24, 20, 3]}, True),
    ({PRE + "channel_order": "BGR", PRE + "exif": "ignore", PRE + "gray16": "pillow"}, True),
    *(({PRE + "resize_filter": name}, True) for name in ("nearest", "box", "bilinear", "hamming", "lanczos")),
    ({PRE + "center_crop": DELETE, PRE + "resize_shorter_side": DELETE, PRE + "resize_exact": [24, 20]}, True),
    ({PRE + "center_crop": DELETE, "input.shape": [-1, 3, -1, -1]}, True),
    ({PRE + "resize_shorter_side": 30.0, PRE + "pad_value": [1.0, 2, 3], "files.0.bytes": 1e3}, True),
    ({PRE + "resize_shorter_side": 8192, PRE + "image_std": [1e6, 1e-30, 1.2e-38]}, True),
    ({"schema": "beralih.contract/1.0"}, True), ({"schema": "beralih.contract/2"}, False),
    ({"schema": "beralih.contract/1.00"}, False), ({"schema": "beralih.contract/"}, False),
    ({"schema": "beralih.contract/1 "}, False), ({"files.0.path": "a/b c/…ü.txt", "files.0.bytes": 2 ** 50}, True),
    ({"files.0.path": ".hidden/..x"}, True), ({"files.0.path": "a/.."}, False),
    ({"files.0.bytes": 2 ** 50 + 1}, False), ({"golden": []}, True), ({"golden.0.top5": []}, False),
]
# What only the parser can see; the schema is content.
BEYOND_THE_SCHEMA = [
    {"input.shape": [-1, 3, 20, 24]}, {"input.datatype": "UINT8"}, {"golden.0.image": "golden/b.png"},
    {"files.0.path": "golden/a.png"},
]


def changed(path: str, value, contract=None):
    """A copy with one field replaced, added or deleted."""
    contract = copy.deepcopy(GOOD if contract is None else contract)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    node = contract
    for key in parents:
        node = node[key]
    if value is DELETE:
        del node[last]
    else:
        node[last] = value
    return contract


def combined(changes: dict):
    contract = GOOD
    for path, value in changes.items():
        contract = changed(path, value, contract)
    return contract


def table():
    """(description, contract, verdict of both)"""
    yield "good", GOOD, True
    for path, kind in FIELDS.items():
        if path != "preprocessing.center_crop":  # without it the input has another shape: COMBINATIONS
            yield f"{path} missing", changed(path, DELETE), path in OPTIONAL or path in ("files.0", "golden.0")
        for value in WRONG[kind]:
            yield f"{path} = {value!r}", changed(path, value), False
        if kind == "object":
            yield f"{path}.novelty", changed(f"{path}.novelty", 1), False
    yield "novelty", changed("novelty", 1), False
    for changes, verdict in COMBINATIONS:
        yield str(changes), combined(changes), verdict


@pytest.fixture(scope="module")
def verdicts():
    """contracts -> for each None, or the parser's message."""
    program = pathlib.Path(os.environ.get("BERALIH_BIN", ROOT / "build/release/native_server/beralih"))
    check = program.parents[1] / "tests" / "beralih_check_contracts"
    assert check.is_file(), f"{check} is not built; run ./test.sh"

    def ask(texts):
        lines = "".join(text + "\n" for text in texts)
        answer = subprocess.run([check], input=lines, capture_output=True, text=True, check=True, timeout=60)
        answers = answer.stdout.splitlines()
        assert len(answers) == len(texts)
        return [None if line == "ok" else line for line in answers]
    return ask


def test_the_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_bundle_of_this_machine_validates(verdicts):
    contracts = sorted(ROOT.glob("models/bundles/*/contract.json"))
    for path in contracts:
        contract = json.loads(path.read_text())
        assert not list(VALIDATOR.iter_errors(contract)), path
        assert verdicts([json.dumps(contract)]) == [None], path
    assert contracts


def test_schema_and_parser_agree(verdicts, record_property, capsys):
    cases = list(table())
    wrong = []
    for (what, contract, verdict), message in zip(cases, verdicts([json.dumps(c) for _, c, _ in cases])):
        by_schema = VALIDATOR.is_valid(contract)
        if by_schema != verdict or (message is None) != verdict:
            wrong.append((what, f"expected {verdict}, schema {by_schema}", message))
        if message is not None and not message.startswith("$"):
            wrong.append((what, "names no path", message))
    record_property("contracts", len(cases))
    with capsys.disabled():
        print(f"\n{len(cases)} contracts, {sum(v for _, _, v in cases)} of them good")
    assert not wrong


def test_a_wrong_field_is_named_by_its_path(verdicts):
    """Deleting or damaging a field is reported at that field or at what it contradicts."""
    for path, kind in FIELDS.items():
        if path == "schema":
            continue
        value = WRONG[kind][-1]
        message, = verdicts([json.dumps(changed(path, value))])
        shown = "$." + "".join(f"[{k}]" if k.isdigit() else f".{k}" for k in path.split(".")).lstrip(".")
        assert message.startswith(shown), (path, message)
        assert ": expected " in message, message


def test_what_only_the_parser_checks(verdicts):
    for changes in BEYOND_THE_SCHEMA:
        contract = combined(changes)
        assert VALIDATOR.is_valid(contract), changes
        message, = verdicts([json.dumps(contract)])
        assert message and message.startswith("$."), (changes, message)


def test_a_newer_minor_version_loads_but_may_not_change_the_tensor(verdicts):
    newer = changed("schema", "beralih.contract/1.7")
    accepted = [newer, changed("novelty", {"a": 1}, newer), changed("files.0.compression", "zstd", newer),
                changed("provenance.doi", "x", newer)]
    refused = [changed("preprocessing.gamma", 2.2, newer), changed("input.scale", 2, newer)]
    answers = verdicts([json.dumps(c) for c in accepted + refused])
    assert answers[:4] == [None] * 4
    assert answers[4].startswith("$.preprocessing.gamma: unknown") and answers[5].startswith("$.input.scale: unknown")
    newest, = verdicts([json.dumps(changed("schema", "beralih.contract/2"))])
    assert newest.startswith('$.schema: this program reads "beralih.contract/1", found "beralih.contract/2"')
