"""The engine for cards with the CPU in a card's place (--device cuda-on-cpu): everything of it but CUDA itself."""
import hashlib
import io
import json
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_network
from server_process import Server

STAND_IN = ("--device", "cuda-on-cpu")


class BreakableNetwork(tiny_network.TinyNetwork):
    """On a white picture it fails as a card does whose context is broken."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.min() > 1.5):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


def png(colour):
    target = io.BytesIO()
    Image.new("RGB", (24, 20), colour).save(target, "png")
    return target.getvalue()


@pytest.fixture(scope="module")
def server(binary, parts, tmp_path_factory):
    with Server(binary, parts, *STAND_IN, "--dtype", "fp32", "--max-batch", "4",
                log=tmp_path_factory.mktemp("device") / "log") as server:
        server.wait_until_ready()
        server.wait_for_log("batches warm: 1, 2, 4")
        yield server


def test_pixels_normalised_by_the_engine_and_the_contracts_tensor_give_the_same_bits(binary, server, parts, inputs, tmp_path):
    tensor = tmp_path / "tensor.npy"
    subprocess.run([binary, "preprocess", "--bundle", str(parts), "--npy", str(tensor), str(inputs / "noise.png")], check=True,
                   capture_output=True)
    values = np.load(tensor).tobytes()
    answer = server.classify((inputs / "noise.png").read_bytes()).json()
    assert answer["tensor"]["sha256"] == hashlib.sha256(values).hexdigest()
    assert answer["tensor"]["datatype"] == "FP32" and answer["tensor"]["shape"] == [1, 3, 16, 16]
    contract = json.loads((parts / "contract.json").read_text())
    head = json.dumps({"inputs": [{"name": contract["input"]["name"], "shape": [1, 3, 16, 16], "datatype": "FP32",
                                   "parameters": {"binary_data_size": len(values)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    inferred = server.request("POST", f"/v2/models/{contract['name']}/infer", head + values,
                              Content_Type="application/octet-stream", Inference_Header_Content_Length=str(len(head)))
    assert inferred.status == 200, inferred.body
    logits = inferred.body[int(inferred.headers["Inference-Header-Content-Length"]):]
    assert hashlib.sha256(logits).hexdigest() == answer["logits"]["sha256"]


def test_the_device_answers_as_the_processor_does(binary, server, parts, inputs, tmp_path):
    image = (inputs / "noise.png").read_bytes()
    with Server(binary, parts, log=tmp_path / "log") as plain:
        plain.wait_until_ready()
        expected = plain.classify(image).json()
    found = server.classify(image).json()
    assert found["tensor"] == expected["tensor"]
    for ours, theirs in zip(found["predictions"], expected["predictions"]):
        assert ours["index"] == theirs["index"]
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-6)


def test_metrics_and_artifacts_name_the_device(server):
    server.classify(png((10, 20, 30)))
    metrics = server.request("GET", "/metrics").body.decode()
    assert 'beralih_device_info{name="the CPU in place of a card"' in metrics
    assert "beralih_device_batches_total 0" not in metrics
    assert 'beralih_device_seconds_total{stage="compute"}' in metrics
    facts = server.request("GET", "/api/artifacts").json()["server"]
    assert facts["engine"] == "device" and facts["device"] == "cuda-on-cpu"
    assert facts["card"]["batches"] > 0 and facts["card"]["mean_compute_ms"] > 0
    assert [each["chosen"] for each in facts["candidates"]] == [True]


@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_every_golden_case_holds_in(binary, parts, dtype, tmp_path):
    with Server(binary, parts, *STAND_IN, "--dtype", dtype, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.wait_for_log("golden cases reproduced: all 2")
        assert server.request("GET", "/api/artifacts").json()["server"]["dtype"] == dtype


def test_deterministic_batches_have_one_shape(binary, parts, tmp_path):
    with Server(binary, parts, *STAND_IN, "--max-batch", "4", "--deterministic", log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert server.request("GET", "/api/artifacts").json()["server"]["batches"] == [4]
        answers = {server.classify(png((9, 9, 9))).json()["logits"]["sha256"] for _ in range(3)}
        assert len(answers) == 1


def test_a_broken_device_ends_the_process_with_its_own_status(binary, bundles, tmp_path):
    torch.jit.save(torch.jit.script(tiny_network.make(BreakableNetwork)), str(tmp_path / "breakable.pt"))
    bundle = bundles.make(tmp_path / "bundle", model=("--model", tmp_path / "breakable.pt"))
    with Server(binary, bundle, *STAND_IN, "--dtype", "fp32", log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert server.request("GET", "/v2/health/live").status == 200
        answer = server.classify(png((255, 255, 255)))
        assert answer.status == 503 and answer.json()["type"] == "urn:beralih:problem:device_lost"
        assert "illegal memory access" in answer.json()["detail"]
        assert server.process.wait(20) == 75
        assert "exit status 75, for a supervisor to start a new process" in server.log()


def test_the_same_failure_on_the_processor_is_one_request_and_no_more(binary, bundles, tmp_path):
    torch.jit.save(torch.jit.script(tiny_network.make(BreakableNetwork)), str(tmp_path / "breakable.pt"))
    bundle = bundles.make(tmp_path / "bundle", model=("--model", tmp_path / "breakable.pt"))
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert server.classify(png((255, 255, 255))).status == 500
        assert server.classify(png((0, 0, 255))).status == 200


@pytest.mark.parametrize("flags, words", [
    (["--device", "gpu"], 'there is no device "gpu"; devices are cpu, cuda, cuda:N and auto'),
    (["--device", "cuda"], "was built against a libtorch without CUDA; ./run.sh --device cuda builds one"),
    (["--dtype", "fp16"], "--dtype fp16 needs a card"),
    (["--device", "cpu", "--cpu-engine", "mapped", "--dtype", "bf16"], "needs --cpu-engine=packed")])
def test_a_device_that_cannot_be_used_is_refused_in_one_sentence(binary, parts, flags, words):
    done = subprocess.run([binary, "serve", "--bundle", str(parts), "--port", "0", *flags], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode in (1, 2)
    assert words in done.stderr.splitlines()[-1]


def test_a_bundle_is_verified_on_a_device(bundles, parts):
    done = bundles.run("verify", parts, *STAND_IN)
    assert done.returncode == 0, done.stderr
    assert "on cuda-on-cpu in bf16" in done.stdout
