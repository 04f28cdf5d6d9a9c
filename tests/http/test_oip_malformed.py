"""Malformed inference requests: each gets its status and one sentence that names what is wrong, and costs little memory."""
import json
import pathlib
import struct

import pytest

ELEMENTS = 3 * 227 * 227


def request(**changes):
    one = {"name": "input", "shape": [1, 3, 227, 227], "datatype": "FP32", "data": [0.5] * ELEMENTS}
    one.update(changes)
    return json.dumps({"inputs": [{name: value for name, value in one.items() if value is not None}]}).encode()


def members(**more):
    return json.dumps({**json.loads(request()), **more}).encode()


def images(data, **changes):
    return request(**{"shape": [1], "datatype": "BYTES", "data": data, "parameters": {"content_type": "base64"},
                      **changes})


JSON_TABLE = {  # name: body, status, part of the error
    "not JSON": (b"{", 400, "not JSON at byte"),
    "nothing": (b"", 400, "empty"),
    "an array": (b"[]", 400, "must be a JSON object"),
    "no inputs": (b"{}", 400, "inputs is missing"),
    "inputs is an object": (b'{"inputs": {"a": {}}}', 400, "inputs"),
    "inputs holds a number": (b'{"inputs": [1]}', 400, "inputs"),
    "inputs twice": (b'{"inputs": [{}], "inputs": [{}]}', 400, "twice"),
    "data twice": (b'{"inputs": [{"data": [1], "data": [2]}]}', 400, "twice"),
    "a trailing text": (request() + b"{}", 400, "not JSON at byte"),
    "invalid UTF-8": (request(name="in\0put").replace(b"\\u0000", b"\xff\xfe"), 400, "UTF-8"),
    "a lone surrogate": (request().replace(b'"input"', b'"\\ud800"'), 400, "not JSON at byte"),
    "100,000 arrays deep": (b'{"inputs": [{"data": ' + b"[" * 100_000, 400, "deep"),
    "100,000 objects deep": (b'{"a":' * 100_000, 400, "deep"),
    "NaN": (request().replace(b"0.5", b"NaN", 1), 400, "not JSON at byte"),
    "1e999": (request().replace(b"0.5", b"1e999", 1), 400, "number overflow"),
    "1e300 as FP32": (request().replace(b"0.5", b"1e300", 1), 400, "element 0"),
    "a boolean element": (request().replace(b"0.5", b"true", 1), 400, "boolean"),
    "a null element": (request().replace(b"0.5", b"null", 1), 400, "null"),
    "an object element": (request().replace(b"0.5", b"{}", 1), 400, "object"),
    "a text element": (request().replace(b"0.5", b'"x"', 1), 400, "mixes"),
    "name missing": (request(name=None), 400, "inputs[0].name is missing"),
    "name a number": (request(name=5), 400, "inputs[0].name must be a string"),
    "another name": (request(name="pixels"), 400, '"pixels"'),
    "datatype missing": (request(datatype=None), 400, "inputs[0].datatype is missing"),
    "datatype FP64": (request(datatype="FP64"), 400, "FP64"),
    "datatype unknown": (request(datatype="x" * 5000), 400, "takes FP32"),
    "shape missing": (request(shape=None), 400, "inputs[0].shape is missing"),
    "shape a text": (request(shape="1,3,227,227"), 400, "inputs[0].shape"),
    "shape of another size": (request(shape=[1, 3, 224, 224]), 400, "[1, 3, 224, 224]"),
    "shape without batch": (request(shape=[3, 227, 227]), 400, "[3, 227, 227]"),
    "shape empty": (request(shape=[]), 400, "[]"),
    "shape negative": (request(shape=[-1, 3, 227, 227]), 400, "whole numbers"),
    "shape fractional": (request(shape=[1.5, 3, 227, 227]), 400, "whole numbers"),
    "batch of 0": (request(shape=[0, 3, 227, 227], data=[]), 400, "takes FP32"),
    "batch of 2^31": (request(shape=[2**31, 3, 227, 227]), 400, "has"),
    "shape beyond 64 bits": (request(shape=[2**63, 2**63, 2**63, 2**63]), 400, "whole numbers"),
    "one element too few": (request(data=[0] * (ELEMENTS - 1)), 400, f"{ELEMENTS - 1} elements"),
    "one element too many": (request(data=[0] * (ELEMENTS + 1)), 400, f"{ELEMENTS + 1} elements"),
    "neither data nor size": (request(data=None), 400, "neither data nor"),
    "UINT8 of 256": (request(datatype="UINT8", shape=[1, 227, 227, 3], data=[256] * ELEMENTS), 400, "no UINT8"),
    "UINT8 of -1": (request(datatype="UINT8", shape=[1, 227, 227, 3], data=[-1] * ELEMENTS), 400, "no UINT8"),
    "UINT8 of 0.5": (request(datatype="UINT8", shape=[1, 227, 227, 3]), 400, "no UINT8"),
    "two inputs": (json.dumps({"inputs": [json.loads(images(["eA=="]))["inputs"][0]] * 2}).encode(), 400, "one input"),
    "no input": (b'{"inputs": []}', 400, "one input"),
    "1,000 inputs": (json.dumps({"inputs": [{}] * 1000}).encode(), 400, "at most 64"),
    "parameters a text": (request(parameters="x"), 400, "inputs[0].parameters must be an object"),
    "a parameter that is an array": (request(parameters={"a": []}), 400, "inputs[0].parameters.a"),
    "id a number": (members(id=5), 400, "id must be a string"),
    "id of 300 bytes": (members(id="x" * 300), 400, "id is longer"),
    "timeout a text": (members(parameters={"timeout": "soon"}), 400, "parameters.timeout"),
    "timeout negative": (members(parameters={"timeout": -5}), 400, "parameters.timeout"),
    "binary_data_output a number": (members(parameters={"binary_data_output": 1}), 400, "binary_data_output"),
    "outputs a text": (members(outputs="logits"), 400, "outputs must be an array"),
    "another output": (members(outputs=[{"name": "p"}]), 400, '"p"'),
    "an output twice": (members(outputs=[{"name": "logits"}] * 2), 400, "asks for more"),
    "classification 0": (members(outputs=[{"name": "logits", "parameters": {"classification": 0}}]), 400, "at least 1"),
    "classification a text": (members(outputs=[{"name": "logits", "parameters": {"classification": "3"}}]), 400,
                              "outputs[0].parameters.classification"),
    "base64 without content_type": (images(["eA=="], parameters={}), 400, "content_type"),
    "not base64": (images(["e!=="]), 400, "not base64"),
    "base64 cut short": (images(["eAA"]), 400, "not base64"),
    "numbers as images": (images([1]), 400, "must be strings"),
    "an image that is none": (images(["eA=="]), 415, "image"),
    "a truncated image": (images(["/9j/4AAQSkZJRgABAQ=="]), 422, "JPEG"),
    "fewer images than the shape": (images(["eA=="], shape=[2]), 400, "1 elements"),
}


@pytest.mark.parametrize("name", JSON_TABLE)
def test_json(server, name):
    body, status, part = JSON_TABLE[name]
    answer = server.request("POST", "/v2/models/resnet34/infer", body, Content_Type="application/json")
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert part in answer.json()["error"]
    assert len(answer.json()["error"]) < 500


# JSON's true is Python's 1; the images' own statuses are those of a datatype that it does not take.
@pytest.mark.parametrize("name", [name for name in JSON_TABLE if name != "a boolean element"])
def test_json_of_the_python_service(python_service, name):
    body = JSON_TABLE[name][0]
    answer = python_service.request("POST", "/v2/models/resnet34/infer", body, Content_Type="application/json")
    assert answer.status == 400, answer.body
    assert list(answer.json()) == ["error"] and len(answer.json()["error"]) < 500


def binary_request(size, **changes):
    return request(data=None, parameters={"binary_data_size": size}, **changes)


IMAGES = {"shape": [1], "datatype": "BYTES"}
FLOATS = b"\0" * (4 * ELEMENTS)
BINARY_TABLE = {  # name: JSON, binary, header (None: the JSON's length), part of the error
    "header not a number": (binary_request(4), b"", "five", "whole number"),
    "header negative": (binary_request(4), b"", "-1", "whole number"),
    "header beyond 64 bits": (binary_request(4), b"", "9" * 30, "whole number"),
    "header beyond the body": (binary_request(4), b"", "100000", "but the body has"),
    "header inside the JSON": (binary_request(4), b"", "20", "not JSON"),
    "header into the binary": (binary_request(4), b"\0\0\0\0", "+1", "not JSON"),
    "size beyond the body": (binary_request(4 * ELEMENTS), FLOATS[1:], None, "bytes follow the JSON"),
    "size of 2^63": (binary_request(2**63), FLOATS, None, "bytes follow the JSON"),
    "size negative": (binary_request(-1), FLOATS, None, "binary_data_size"),
    "size a text": (binary_request("4"), FLOATS, None, "binary_data_size"),
    "bytes left over": (binary_request(4 * ELEMENTS), FLOATS + b"x", None, "1 bytes follow"),
    "size that is not the shape's": (binary_request(4 * ELEMENTS - 4), FLOATS[4:], None, "bytes, but FP32"),
    "data and size": (request(parameters={"binary_data_size": 0}), b"", None, "both"),
    "NaN": (binary_request(4 * ELEMENTS), FLOATS[:-4] + struct.pack("<f", float("nan")), None, "NaN"),
    "infinity": (binary_request(4 * ELEMENTS), FLOATS[:-4] + struct.pack("<f", float("inf")), None, "NaN"),
    "image length beyond the data": (binary_request(8, **IMAGES), struct.pack("<I", 5) + b"abcd", None, "announces"),
    "image length of 2^32 - 1": (binary_request(8, **IMAGES), b"\xff" * 8, None, "announces"),
    "image length cut": (binary_request(3, **IMAGES), b"abc", None, "announces"),
}


@pytest.mark.parametrize("name", BINARY_TABLE)
def test_binary(server, name):
    head, binary, header, part = BINARY_TABLE[name]
    header = str(len(head)) if header is None else str(len(head) + 1) if header == "+1" else header
    answer = server.request("POST", "/v2/models/resnet34/infer", head + binary, Inference_Header_Content_Length=header,
                            Content_Type="application/octet-stream")
    assert answer.status == 400, answer.body
    assert list(answer.json()) == ["error"]
    assert part in answer.json()["error"]


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def test_a_body_full_of_numbers_takes_a_few_times_its_size(server):
    """As JSON values 10 million numbers would take 160 MB and twice that while they are collected."""
    body = b'{"inputs": [{"name": "input", "shape": [1, 3, 227, 227], "datatype": "FP32", "data": [0' + b",1" * 9_000_000 + b"]}]}"
    before = resident_bytes(server)
    for _ in range(3):
        answer = server.request("POST", "/v2/models/resnet34/infer", body, Content_Type="application/json")
        assert answer.status == 400, answer.body
    assert resident_bytes(server) - before < 200 << 20
