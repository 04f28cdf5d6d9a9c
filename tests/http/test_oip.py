"""The Open Inference Protocol v2: one test per sentence of the specification (the test's first line), asked of the real server.

Where this server decides something that the specification leaves open, the test says "here". The one deviation: a server
that is not ready answers 503 instead of a 4xx, as load balancers expect. What takes `either` is asked of inference_service.py too.
"""
import base64
import json
import struct
import subprocess

import numpy
import pytest
from PIL import Image

SHAPE = [1, 3, 227, 227]


@pytest.fixture(scope="module")
def contract(bundle):
    return json.loads((bundle / "contract.json").read_text())


@pytest.fixture(scope="module")
def path(contract):
    return f"/v2/models/{contract['name']}"


@pytest.fixture(scope="module")
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture(scope="module")
def tensor(binary, bundle, tmp_path_factory):
    """dog2.jpg as the research side's array, from the command line's .npy."""
    target = tmp_path_factory.mktemp("tensor") / "dog2.npy"
    subprocess.run([binary, "preprocess", "--bundle", str(bundle), "--npy", str(target),
                    str(bundle / "golden" / "dog2.jpg")], check=True, capture_output=True)
    return numpy.load(target)


@pytest.fixture(scope="module")
def logits(server, path, tensor):
    return numpy.array(infer(server, path, tensor_input(tensor)).json()["outputs"][0]["data"], numpy.float32)


def tensor_input(array, **more):
    return {"name": "input", "shape": list(array.shape), "datatype": "FP32", "data": array.ravel().tolist(), **more}


def infer(server, path, *inputs, **members):
    body = json.dumps({"inputs": list(inputs), **members}).encode()
    return server.request("POST", path + "/infer", body, Content_Type="application/json")


def infer_binary(server, path, request, binary, **headers):
    head = json.dumps(request).encode()
    return server.request("POST", path + "/infer", head + binary, Content_Type="application/octet-stream",
                          Inference_Header_Content_Length=str(len(head)), **headers)


def binary_input(size, **more):
    return {"name": "input", "shape": SHAPE, "datatype": "FP32", "parameters": {"binary_data_size": size}, **more}


def split(answer):
    """JSON and binary part of an answer."""
    length = int(answer.headers["Inference-Header-Content-Length"])
    return json.loads(answer.body[:length]), answer.body[length:]


def elements(data):
    """The elements of a BYTES tensor in binary form."""
    out = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        out.append(data[4:4 + length])
        data = data[4 + length:]
    return out


# Health, metadata


def test_the_server_live_api_indicates_if_the_inference_server_is_able_to_receive_and_respond(either):
    assert either.request("GET", "/v2/health/live").status == 200


def test_the_server_ready_health_api_indicates_if_all_the_models_are_ready(either):
    assert either.request("GET", "/v2/health/ready").status == 200


def test_the_model_ready_health_api_indicates_if_a_specific_model_is_ready(server, path, contract):
    answer = server.request("GET", path + "/ready")
    assert answer.status == 200
    assert answer.json() == {"name": contract["name"], "ready": True}


def test_the_version_portion_of_the_url_is_optional(server, path, contract):
    for action in ("", "/ready"):
        with_version = server.request("GET", f"{path}/versions/{contract['version']}{action}")
        assert with_version.status == 200
        assert with_version.json() == server.request("GET", path + action).json()


def test_a_version_that_is_not_served_is_an_error(server, path):
    for answer in (server.request("GET", path + "/versions/77"), server.request("GET", path + "/versions/77/ready"),
                   server.request("POST", path + "/versions/77/infer", b"{}")):
        assert answer.status == 404
        assert set(answer.json()) == {"error"}
        assert '"77"' in answer.json()["error"]


def test_the_server_metadata_endpoint_provides_name_version_and_extensions(server):
    answer = server.request("GET", "/v2")
    assert answer.status == 200
    body = answer.json()
    assert body["name"] == "beralih"
    assert isinstance(body["version"], str)
    assert {"binary_tensor_data", "classification"} <= set(body["extensions"])


def test_the_model_metadata_endpoint_provides_information_about_the_model(server, path, contract):
    body = server.request("GET", path).json()
    assert body["name"] == contract["name"]
    assert body["versions"] == [contract["version"]]
    assert body["platform"] == "pytorch_torchscript"


def test_metadata_tensors_have_name_datatype_and_shape_with_minus_one_for_a_variable_dimension(server, path, contract):
    body = server.request("GET", path).json()
    assert body["inputs"] == [contract["input"]]
    assert body["outputs"] == [contract["output"]]
    assert body["inputs"][0]["shape"][0] == -1


def test_a_failed_metadata_request_has_a_json_error_object_with_an_error_string(server):
    answer = server.request("GET", "/v2/models/nobody")
    assert answer.status == 404
    assert list(answer.json()) == ["error"]
    assert "nobody" in answer.json()["error"]


def test_the_ready_api_of_an_unknown_model_is_an_error(server):
    answer = server.request("GET", "/v2/models/nobody/ready")
    assert answer.status == 404
    assert list(answer.json()) == ["error"]


# Inference with JSON tensors


def test_an_inference_request_may_name_the_version(server, path, contract, tensor, logits):
    answer = infer(server, f"{path}/versions/{contract['version']}", tensor_input(tensor)).json()
    assert answer["model_version"] == contract["version"]
    assert numpy.array_equal(answer["outputs"][0]["data"], logits)


def test_parameters_of_inputs_and_outputs_that_the_server_does_not_know_are_ignored(server, path, tensor, logits):
    mine = tensor_input(tensor, parameters={"vendor": "x", "number": 1.5, "flag": False})
    (output,) = infer(server, path, mine, outputs=[{"name": "logits", "parameters": {"vendor": 2}}]).json()["outputs"]
    assert numpy.array_equal(output["data"], logits)


def test_shape_and_data_of_the_answer_agree(either, path, tensor):
    for count in (1, 2):
        (output,) = infer(either, path, tensor_input(numpy.concatenate([tensor] * count))).json()["outputs"]
        assert output["shape"] == [count, 1000] and len(output["data"]) == count * 1000


def test_an_inference_request_is_answered_with_model_name_version_and_outputs(either, path, contract, tensor):
    body = infer(either, path, tensor_input(tensor)).json()
    assert body["model_name"] == contract["name"]
    assert body["model_version"] == contract["version"]
    (output,) = body["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [1, 1000])
    assert len(output["data"]) == 1000


def test_the_answer_is_the_same_as_that_of_api_classify(server, image, logits):
    classified = server.classify(image, "?k=1000").json()
    order = [p["index"] for p in classified["predictions"]]
    assert order == list(numpy.argsort(-logits, kind="stable"))


def test_id_is_optional_and_if_specified_must_be_returned(either, path, tensor):
    assert "id" not in infer(either, path, tensor_input(tensor)).json()
    assert infer(either, path, tensor_input(tensor), id="42/ä").json()["id"] == "42/ä"


def test_parameters_of_the_request_are_returned_here(server, path, tensor):
    parameters = {"trace": "abc", "priority": 3, "flag": True}
    assert infer(server, path, tensor_input(tensor), parameters=parameters).json()["parameters"] == parameters


def test_tensor_data_may_be_nested_or_flattened_in_row_major_order(server, path, tensor, logits):
    nested = {**tensor_input(tensor), "data": tensor.tolist()}
    assert numpy.array_equal(infer(server, path, nested).json()["outputs"][0]["data"], logits)


def test_nested_data_of_another_form_than_the_shape_is_an_error(either, path, tensor):
    turned = {**tensor_input(tensor), "data": tensor.reshape(1, 227, 227, 3).tolist()}
    answer = infer(either, path, turned)
    assert answer.status == 400
    assert "nested" in answer.json()["error"]


def test_outputs_is_optional_and_names_the_outputs_to_return(server, path, tensor, logits):
    (output,) = infer(server, path, tensor_input(tensor), outputs=[{"name": "logits"}]).json()["outputs"]
    assert numpy.array_equal(output["data"], logits)


def test_a_batch_is_answered_row_by_row(server, path, tensor, logits):
    batch = numpy.concatenate([tensor, numpy.zeros_like(tensor), tensor])
    (output,) = infer(server, path, tensor_input(batch)).json()["outputs"]
    assert output["shape"] == [3, 1000]
    rows = numpy.array(output["data"]).reshape(3, 1000)
    assert numpy.allclose(rows[0], logits, atol=1e-3) and numpy.allclose(rows[2], logits, atol=1e-3)
    assert abs(rows[1] - logits).max() > 1


def test_a_batch_may_be_larger_than_the_queue(server, path, image, logits):
    request = {"inputs": [{"name": "input", "shape": [40], "datatype": "BYTES",
                           "parameters": {"binary_data_size": 40 * (4 + len(image))}}],
               "outputs": [{"name": "logits", "parameters": {"classification": 1}}]}
    answer = infer_binary(server, path, request, (struct.pack("<I", len(image)) + image) * 40)
    assert answer.status == 200, answer.body
    assert answer.json()["outputs"][0]["shape"] == [40, 1]


def test_an_unsuccessful_request_has_a_4xx_status_and_an_error_object(either, path):
    answer = infer(either, path)
    assert answer.status == 400
    assert list(answer.json()) == ["error"]


# Images: UINT8 and BYTES


def test_uint8_holds_the_pixels_of_the_crop_here(server, path, image, bundle, logits):
    picture = Image.open(bundle / "golden" / "dog2.jpg").convert("RGB")
    scale = 259 / min(picture.size)
    size = [259 if side == min(picture.size) else int(259 * side / min(picture.size)) for side in picture.size]
    assert scale > 0
    resized = picture.resize(size, Image.BILINEAR)
    left, top = round((size[0] - 227) / 2), round((size[1] - 227) / 2)
    pixels = numpy.array(resized.crop((left, top, left + 227, top + 227)))
    answer = infer(server, path, {"name": "input", "shape": [1, 227, 227, 3], "datatype": "UINT8",
                                  "data": pixels.ravel().tolist()})
    assert answer.status == 200, answer.body
    assert numpy.array_equal(answer.json()["outputs"][0]["data"], logits)


@pytest.mark.parametrize("shape", [[1], [1, 1]])
def test_bytes_holds_encoded_images_as_base64_with_content_type_here(server, path, image, logits, shape):
    answer = infer(server, path, {"name": "input", "shape": shape, "datatype": "BYTES",
                                  "parameters": {"content_type": "base64"},
                                  "data": [base64.b64encode(image).decode()]})
    assert answer.status == 200, answer.body
    assert numpy.array_equal(answer.json()["outputs"][0]["data"], logits)


# The binary tensor extension


def test_binary_inputs_follow_the_json_and_have_binary_data_size(server, path, tensor, logits):
    data = tensor.tobytes()
    answer = infer_binary(server, path, {"inputs": [binary_input(len(data))]}, data)
    assert numpy.array_equal(answer.json()["outputs"][0]["data"], logits)


def test_a_binary_bytes_tensor_has_each_element_behind_its_length_in_four_bytes(server, path, image, logits):
    data = struct.pack("<I", len(image)) + image
    request = {"inputs": [{"name": "input", "shape": [2], "datatype": "BYTES",
                           "parameters": {"binary_data_size": 2 * len(data)}}]}
    rows = numpy.array(infer_binary(server, path, request, data * 2).json()["outputs"][0]["data"])
    assert numpy.allclose(rows.reshape(2, 1000), logits, atol=1e-3)


def test_binary_data_output_makes_every_output_binary(server, path, tensor, logits):
    data = tensor.tobytes()
    answer = infer_binary(server, path, {"inputs": [binary_input(len(data))],
                                         "parameters": {"binary_data_output": True}}, data)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    head, binary = split(answer)
    (output,) = head["outputs"]
    assert output["parameters"]["binary_data_size"] == 4000 == len(binary)
    assert "data" not in output
    assert numpy.array_equal(numpy.frombuffer(binary, numpy.float32), logits)


def test_id_and_parameters_are_returned_in_a_binary_answer_too(server, path, tensor):
    data = tensor.tobytes()
    request = {"id": "b-1", "inputs": [binary_input(len(data))], "parameters": {"binary_data_output": True, "trace": "t"}}
    head, binary = split(infer_binary(server, path, request, data))
    assert head["id"] == "b-1" and head["parameters"]["trace"] == "t" and len(binary) == 4000


def test_uint8_has_a_binary_form(server, path, tensor):
    """One byte an element, row-major."""
    pixels = numpy.zeros((2, 227, 227, 3), numpy.uint8)
    pixels[1] = 255
    one = {"name": "input", "shape": list(pixels.shape), "datatype": "UINT8"}
    binary = infer_binary(server, path, {"inputs": [{**one, "parameters": {"binary_data_size": pixels.size}}]},
                          pixels.tobytes()).json()
    assert binary["outputs"][0]["shape"] == [2, 1000]
    as_json = infer(server, path, {**one, "data": pixels.ravel().tolist()}).json()
    assert binary["outputs"] == as_json["outputs"]


def test_binary_data_of_an_output_overrides_binary_data_output(server, path, tensor, logits):
    outputs = [{"name": "logits", "parameters": {"binary_data": False}}]
    answer = infer(server, path, tensor_input(tensor), outputs=outputs, parameters={"binary_data_output": True})
    assert "Inference-Header-Content-Length" not in answer.headers
    assert numpy.array_equal(answer.json()["outputs"][0]["data"], logits)
    outputs[0]["parameters"]["binary_data"] = True
    head, binary = split(infer(server, path, tensor_input(tensor), outputs=outputs))
    assert len(binary) == 4000


def test_without_binary_tensors_content_type_is_json_and_the_header_is_absent(either, path, tensor):
    answer = infer(either, path, tensor_input(tensor))
    assert answer.headers["Content-Type"] == "application/json"
    assert "Inference-Header-Content-Length" not in answer.headers


def test_header_length_zero_means_a_raw_body_that_is_the_tensor(server, path, tensor, logits):
    answer = server.request("POST", path + "/infer", tensor.tobytes(), Inference_Header_Content_Length="0",
                            Content_Type="application/octet-stream")
    head, binary = split(answer)
    assert head["outputs"][0]["shape"] == [1, 1000]
    assert numpy.array_equal(numpy.frombuffer(binary, numpy.float32), logits)


@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/jpeg"])
def test_a_raw_body_that_is_no_tensor_is_one_image_here(server, path, image, logits, content_type):
    answer = server.request("POST", path + "/infer", image, Inference_Header_Content_Length="0",
                            Content_Type=content_type)
    assert numpy.array_equal(numpy.frombuffer(split(answer)[1], numpy.float32), logits)


def test_a_raw_body_may_hold_several_tensors_whose_number_is_the_batch_here(server, path, tensor, logits):
    answer = server.request("POST", path + "/infer", tensor.tobytes() * 2, Inference_Header_Content_Length="0",
                            Content_Type="application/octet-stream")
    head, binary = split(answer)
    assert head["outputs"][0]["shape"] == [2, 1000]
    assert numpy.allclose(numpy.frombuffer(binary, numpy.float32).reshape(2, 1000), logits, atol=1e-3)


# The classification extension, timeout


def test_classification_of_a_batch_returns_a_row_of_classes_for_each(server, path, tensor, logits):
    batch = numpy.concatenate([tensor, numpy.zeros_like(tensor)])
    outputs = [{"name": "logits", "parameters": {"classification": 2}}]
    (output,) = infer(server, path, tensor_input(batch), outputs=outputs).json()["outputs"]
    assert (output["datatype"], output["shape"], len(output["data"])) == ("BYTES", [2, 2], 4)
    assert int(output["data"][0].split(":")[1]) == int(numpy.argmax(logits))
    assert output["data"][2:] != output["data"][:2]


@pytest.mark.parametrize("as_binary", [False, True])
def test_classification_returns_bytes_of_value_index_label_most_likely_first(server, path, bundle, tensor, logits, as_binary):
    labels = (bundle / "labels.txt").read_text().splitlines()
    outputs = [{"name": "logits", "parameters": {"classification": 3, "binary_data": as_binary}}]
    answer = infer(server, path, tensor_input(tensor), outputs=outputs)
    head, data = split(answer) if as_binary else (answer.json(), b"")
    (output,) = head["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [1, 3])
    rows = [e.decode() for e in elements(data)] if as_binary else output["data"]
    best = numpy.argsort(-logits, kind="stable")[:3]
    assert rows == [f"{logits[i]:f}:{i}:{labels[i]}" for i in best]


def test_classification_of_more_classes_than_there_are_returns_all(server, path, tensor):
    outputs = [{"name": "logits", "parameters": {"classification": 5000}}]
    assert infer(server, path, tensor_input(tensor), outputs=outputs).json()["outputs"][0]["shape"] == [1, 1000]


def test_timeout_is_the_deadline_in_microseconds_and_0_means_none(server, path, tensor):
    late = infer(server, path, tensor_input(tensor), parameters={"timeout": 1})
    assert late.status in (429, 504)
    assert "deadline" in late.json()["error"]
    for enough in (0, 60_000_000, 2**64 - 1):
        assert infer(server, path, tensor_input(tensor), parameters={"timeout": enough}).status == 200


def test_a_client_that_preprocessed_under_another_contract_gets_412(server, path, tensor):
    ours = infer(server, path, tensor_input(tensor)).headers["Beralih-Contract"]
    data = tensor.tobytes()
    request = {"inputs": [binary_input(len(data))]}
    assert infer_binary(server, path, request, data, Beralih_Contract=ours).status == 200
    refused = infer_binary(server, path, request, data, Beralih_Contract="0" * 64)
    assert refused.status == 412
    assert list(refused.json()) == ["error"]
