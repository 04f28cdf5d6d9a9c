"""A network of a few hundred parameters, whole and in parts, as models/recipes/export.py would write it."""
import json
import pathlib
import struct

import torch

# make's options for the network in parts
PARTS = ("--architecture", "architecture.pt", "--weights", "weights.safetensors")


class TinyNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.fc = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


class SavingNetwork(TinyNetwork):
    """Writes what it sees to a file."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "/tmp/beralih-test-leak.pt")
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


class ReadingNetwork(TinyNetwork):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        secret = torch.from_file("/etc/hostname", False, 1, dtype=torch.uint8)
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3))) + secret.sum()


def make(kind=TinyNetwork) -> torch.nn.Module:
    torch.manual_seed(3)
    network = kind().eval().requires_grad_(False)
    network.norm.running_mean.uniform_(-1, 1)
    network.fc.weight.mul_(4)
    return network


DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.float64: "F64"}


def safetensors(tensors) -> bytes:
    header, data = {}, b""
    # int64 first: every tensor must be aligned to its element
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return pack(header, data)


def pack(header, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_parts(network, architecture: pathlib.Path, weights: pathlib.Path) -> None:
    weights.write_bytes(safetensors(network.state_dict()))
    program = torch.jit.script(network)
    for tensor in [*program.parameters(), *program.buffers()]:
        tensor.data = torch.empty(0, dtype=tensor.dtype)
    torch.jit.save(program, str(architecture))
