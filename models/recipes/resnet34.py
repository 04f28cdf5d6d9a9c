"""dlib's ResNet-34 as a PyTorch module, affine layers folded into the convolutions.

What differs from torchvision's resnet34 (dlib 19.24 is the reference):
  * convolution and pooling pad by half the kernel only where the stride is 1; with stride 2 they do not pad.
    227 -> 7x7/2 -> 111 -> max 3/2 -> 55 -> 27 -> 13 -> 6.
  * the down-sampling skip has no weights: an average pool 2x2/2, then dlib's add_prev, which takes whichever operand
    is smaller, in channels, rows or columns, as padded with zeros at the end.
  * every convolution has a bias (the folded affine's), and there are no buffers.
"""
from typing import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F

import safetensors_file

DEPTHS = (3, 4, 6, 3)
INPUT_SIZE = 227


def pad_to(x: torch.Tensor, channels: int, rows: int, columns: int) -> torch.Tensor:
    # int(): while tracing for ONNX, sizes become constants instead of arithmetic in the graph.
    dc, dr, dk = channels - int(x.size(1)), rows - int(x.size(2)), columns - int(x.size(3))
    if dc == 0 and dr == 0 and dk == 0:
        return x
    return F.pad(x, [0, dk, 0, dr, 0, dc])      # F.pad lists the last dimension first


class Block(nn.Module):
    down: torch.jit.Final[bool]

    def __init__(self, inputs: int, outputs: int, down: bool, device: str):
        super().__init__()
        self.down = down
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2 if down else 1, 0 if down else 1, device=device)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, device=device)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        if self.down:
            x = F.avg_pool2d(x, 2, 2)
            channels = max(int(x.size(1)), int(y.size(1)))
            rows = max(int(x.size(2)), int(y.size(2)))
            columns = max(int(x.size(3)), int(y.size(3)))
            x, y = pad_to(x, channels, rows, columns), pad_to(y, channels, rows, columns)
        return F.relu(y + x)


class ResNet34(nn.Module):
    def __init__(self, widths: Sequence[int], classes: int, device: str = "cpu"):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 7, 2, 0, device=device)
        stages, inputs = [], widths[0]
        for stage, (width, depth) in enumerate(zip(widths, DEPTHS)):
            first = Block(inputs, width, stage > 0, device)
            stages.append(nn.Sequential(first, *[Block(width, width, False, device) for _ in range(depth - 1)]))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(inputs, classes, device=device)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        x = self.stages(x)
        return self.fc(x.mean([2, 3]))          # dlib's avg_pool_everything


def load(weights_path: str) -> ResNet34:
    """The module of whatever width the file has, in eval mode, its parameters in the file's memory map."""
    tensors = safetensors_file.read(weights_path)
    widths = [tensors[f"stages.{stage}.0.conv2.weight"].shape[0] for stage in range(len(DEPTHS))]
    # On the meta device no time and no memory go into initial values.
    network = ResNet34(widths, tensors["fc.weight"].shape[0], device="meta")
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    if shapes != {name: values.shape for name, values in tensors.items()}:
        raise SystemExit(f"{weights_path} does not hold the parameters of a ResNet-34.")
    for name, values in tensors.items():
        module, parameter = name.rsplit(".", 1)
        setattr(network.get_submodule(module), parameter, nn.Parameter(torch.from_numpy(values), requires_grad=False))
    return network.eval()
