"""web/content/code/inference_service.py under uvicorn: the page shows this file, so it answers as the native server does."""
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from server_process import Answer

CODE = pathlib.Path(__file__).resolve().parents[2] / "web" / "content" / "code"


class Service:
    """uvicorn on a free port; ends with the `with` block."""

    def __init__(self, module: str, bundle, log: pathlib.Path):
        self._log = open(log, "w")
        self.log_path = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", str(CODE), f"{module}:app", "--port", "0"],
            stdout=self._log, stderr=subprocess.STDOUT, env={**os.environ, "BERALIH_BUNDLE": str(bundle)})

    def __enter__(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.log_path.read_text())
            if found:
                self.port = int(found.group(1))
                return self
            assert self.process.poll() is None, self.log_path.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log_path.read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    def request(self, method, path, body=None, content_type="image/jpeg") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def service(bundle, tmp_path_factory):
    pytest.importorskip("fastapi", reason="python3-fastapi is not installed")
    with Service("inference_service", bundle, tmp_path_factory.mktemp("service") / "log") as running:
        yield running


def test_it_answers_what_the_native_server_answers(service, server, bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    assert contract["golden"]
    for case in contract["golden"]:
        image = (bundle / case["image"]).read_bytes()
        theirs, ours = service.request("POST", "/api/classify", image).json(), server.classify(image).json()
        assert theirs["tensor"] == ours["tensor"] and ours["tensor"]["sha256"] == case["tensor_sha256"]
        assert theirs["contract_hash"] == ours["contract_hash"] and theirs["model"] == ours["model"]
        for a, b in zip(theirs["predictions"], ours["predictions"], strict=True):
            assert (a["index"], a["label"]) == (b["index"], b["label"])
            assert abs(a["probability"] - b["probability"]) <= contract["tolerance"]["fp32"]


@pytest.mark.parametrize("body, status", [(b"I am a text file.", 415), (b"", 400), ("cut", 422)])
def test_bad_input_gets_the_same_status(service, server, bundle, body, status):
    if body == "cut":
        body = (bundle / "golden" / "dog2.jpg").read_bytes()[:40000]
    theirs = service.request("POST", "/api/classify", body)
    assert theirs.status == server.classify(body).status == status
    assert theirs.headers["Content-Type"].startswith("application/problem+json")
    assert theirs.json()["status"] == status and len(theirs.json()["detail"]) > 10


def test_contract_and_health(service, bundle):
    assert service.request("GET", "/api/contract").body == (bundle / "contract.json").read_bytes()
    assert service.request("GET", "/v2/health/live").status == 200
    assert service.request("GET", "/v2/health/ready").status == 200
    assert service.request("GET", "/v2/health/other").status == 422


def infer(service, tensor):
    body = json.dumps({"inputs": [tensor]}).encode()
    return service.request("POST", "/v2/models/resnet34/infer", body, "application/json")


def test_infer_takes_a_preprocessed_tensor(service, bundle, binary, tmp_path):
    numpy = pytest.importorskip("numpy")
    image = bundle / "golden" / "dog2.jpg"
    subprocess.run([binary, "preprocess", "--bundle", str(bundle), "--npy", str(tmp_path / "dog2.npy"), str(image)], check=True,
                   capture_output=True)
    tensor = numpy.load(tmp_path / "dog2.npy")
    answer = infer(service, {"name": "input", "datatype": "FP32", "shape": list(tensor.shape),
                             "data": tensor.flatten().tolist()}).json()
    logits = numpy.array(answer["outputs"][0]["data"])
    assert answer["outputs"][0]["shape"] == [1, 1000] and logits.argmax() == 235
    short = infer(service, {"name": "input", "datatype": "FP32", "shape": list(tensor.shape), "data": [1, 2, 3]})
    assert short.status == 400 and "error" in short.json()


def test_the_naive_variant_predicts_the_same(bundle, tmp_path):
    pytest.importorskip("fastapi", reason="python3-fastapi is not installed")
    with Service("inference_service_naive", bundle, tmp_path / "log") as naive:
        image = (bundle / "golden" / "dog2.jpg").read_bytes()
        first = naive.request("POST", "/api/classify", image).json()["predictions"][0]
        assert first["index"] == 235 and first["probability"] > 0.95
