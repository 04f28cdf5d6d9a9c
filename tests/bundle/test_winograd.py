"""Winograd's convolutions rewrite the graph around them: networks whose graphs are easily rewritten wrongly."""
import json
import pathlib
import re

import numpy as np
import pytest
import torch

from server_process import Server

NEEDED = {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
FLAGS = set(re.search(r"^flags\s*:(.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
pytestmark = pytest.mark.skipif(not NEEDED <= FLAGS, reason="oneDNN has Winograd's convolutions for AVX-512 alone")


def convolution(inputs=16, outputs=16, size=3, **options):
    return torch.nn.Conv2d(inputs, outputs, size, padding=size // 2, **options)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = convolution(3, 16)
        self.norm = torch.nn.BatchNorm2d(16)
        self.one = convolution()
        self.two = convolution()
        self.unbiased = convolution(bias=False)
        self.wider = convolution(16, 32)
        self.strided = convolution(stride=2)
        self.grouped = convolution(groups=4)
        self.odd = convolution(16, 20)
        self.fc = torch.nn.Linear(16, 3)

    def end(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.mean((2, 3)))


class Residual(Network):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        x = (self.two(self.one(x).relu()) + x).relu()
        x = (self.one(self.unbiased(x).relu()) + x).relu()
        return self.end(x)


class ResidualInPlace(Network):
    """As torchvision writes it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu_(self.norm(self.stem(x)))
        y = self.two(torch.relu_(self.norm(self.one(x))))
        y += x
        x = torch.relu_(y)
        y = self.one(x)
        y += x
        return self.end(torch.relu_(y))


class WrittenAfterwards(Network):
    """What a convolution has read, and what it gave, changes before it is read again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        first = self.one(x)
        x.relu_()
        second = self.two(x)
        third = self.two(first)
        first.add_(second, alpha=2.0)
        return self.end(first + third + x.mul_(0.5))


class ReadByOthers(Network):
    """Concatenated, sliced, of other sizes, with few channels, strided, in groups."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.one(self.stem(x)).relu()
        y = torch.cat([self.two(x), x], 1)
        y = y[:, 8:24] + x.amax((2, 3), keepdim=True) + self.odd(x)[:, 2:18] + self.wider(x)[:, ::2]
        y = y + self.grouped(y) + self.one(y).mean((2, 3), keepdim=True)
        return self.end(self.strided(self.two(y) + 1.0)) * x.size(2)


class Branches(Network):
    """Convolutions within `if` and a loop, which read what is outside."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.one(self.stem(x))
        if bool(x.sum() > 1e9):
            x = self.unbiased(x)
        else:
            x = torch.add(self.two(x), x, alpha=-0.5)
        for _ in range(2):
            x = self.one(x).relu() + x
        return self.end(x)


class Reused(Network):
    """The same weights twice, at one size, and the ReLU before an addition."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.one(self.one(self.stem(x)))
        y = self.two(x)
        return self.end(y.relu() + y + torch.relu(x))


def logits(server, contract, values):
    count = len(values)
    request = {"inputs": [{"name": contract["input"]["name"], "shape": list(values.shape), "datatype": "FP32",
                           "data": values.flatten().tolist()}]}
    answer = server.request("POST", f"/v2/models/{contract['name']}/infer", json.dumps(request).encode(),
                            Content_Type="application/json")
    assert answer.status == 200, answer.body
    return np.array(answer.json()["outputs"][0]["data"]).reshape(count, -1)


@pytest.mark.parametrize("kind", [Residual, ResidualInPlace, WrittenAfterwards, ReadByOthers, Branches, Reused])
def test_a_rewritten_network_computes_the_same(binary, bundles, tmp_path, kind):
    torch.manual_seed(7)
    network = kind().eval().requires_grad_(False)
    network.norm.running_mean.uniform_(-1, 1)
    torch.jit.save(torch.jit.script(network), str(tmp_path / "model.pt"))
    bundle = bundles.make(tmp_path / "bundle", model=("--model", tmp_path / "model.pt"))
    contract = json.loads((bundle / "contract.json").read_text())
    images = np.random.default_rng(1).normal(size=(3, 3, 16, 16)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(images)).numpy()
    with Server(binary, bundle, "--max-batch", "4", log=tmp_path / "log") as server:
        server.wait_until_ready()
        facts = server.request("GET", "/api/artifacts").json()["server"]
        assert (facts["engine"], facts["dtype"]) == ("winograd", "fp32")
        found = logits(server, contract, images)
        alone = np.concatenate([logits(server, contract, images[i:i + 1]) for i in range(3)])
    scale = np.abs(wanted).max()
    assert np.abs(found - wanted).max() < 1e-5 * scale
    assert np.abs(alone - wanted).max() < 1e-5 * scale
    assert np.ptp(wanted, 0).max() > 0.01 * scale  # the three answers differ by far more than that


def test_a_network_without_such_a_convolution_is_packed(binary, parts, tmp_path):
    with Server(binary, parts, log=tmp_path / "log") as server:
        server.wait_until_ready()
        facts = server.request("GET", "/api/artifacts").json()["server"]
    assert (facts["engine"], facts["dtype"]) == ("packed", "fp32")


def test_who_asks_for_it_where_there_is_none_is_told(binary, parts, tmp_path):
    with Server(binary, parts, "--cpu-engine", "winograd", log=tmp_path / "log") as server:
        server.process.wait(60)
        assert server.process.returncode == 1
        assert "the network has no convolution of 3x3 that fits" in server.log()
