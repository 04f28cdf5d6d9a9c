"""A small classifier as the research side would hand it over, and bundles made from it."""
import json
import pathlib
import re
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_network

SPEC = {"exif": "transpose", "gray16": "high_byte", "resize_shorter_side": 20, "resize_filter": "bilinear",
        "center_crop": [16, 16], "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW", "dtype": "float32",
        "value_range": "0..1", "rescale": "divide", "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225]}


PROGRESS = re.compile(r"(copying|hashing|packing|unpacking|trying the network)[: ]")


class Bundles:
    """Runs `beralih bundle …` in a folder with a network, labels and images."""

    def __init__(self, binary: str, folder: pathlib.Path):
        self.binary, self.folder = binary, folder

    def run(self, *arguments, **options):
        return subprocess.run([self.binary, "bundle", *map(str, arguments)], capture_output=True, text=True,
                              timeout=120, **options)

    def arguments(self, output, model=("--model", "model.pt"), **replaced):
        """The command line of a good `make`; a keyword replaces an option, None leaves it out."""
        options = {"labels": "labels.txt", "spec": "spec.json", **replaced}
        images = options.pop("image", ["red.png", "noise.png"])
        line = ["make", output]
        for option, value in zip(model[::2], model[1::2]):
            line += [option, self.folder / value]
        for option, value in options.items():
            if value is not None:
                line += ["--" + option.replace("_", "-"),
                         self.folder / value if (self.folder / str(value)).exists() else value]
        for image in images:
            line += ["--image", self.folder / image]
        return line

    def make(self, output, *flags, **replaced):
        result = self.run(*self.arguments(output, **replaced), *flags)
        assert result.returncode == 0, result.stderr
        return pathlib.Path(output)

    def refused(self, *arguments, **options) -> str:
        """The one sentence."""
        result = self.run(*arguments, **options)
        assert result.returncode not in (0, -11, -6), result
        # A busy machine may also say how far it was.
        said = [line for line in result.stderr.splitlines() if not PROGRESS.match(line)]
        assert len(said) == 1, result.stderr
        return said[0]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """What the research side hands over; read-only."""
    folder = tmp_path_factory.mktemp("research")
    network = tiny_network.make()
    torch.jit.save(torch.jit.script(network), str(folder / "model.pt"))
    tiny_network.write_parts(network, folder / "architecture.pt", folder / "weights.safetensors")
    (folder / "labels.txt").write_text("zero\none\ntwo\n")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    Image.new("RGB", (24, 20), (255, 0, 0)).save(folder / "red.png")
    noise = np.random.default_rng(5).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    return folder


@pytest.fixture(scope="session")
def bundles(binary, inputs):
    return Bundles(binary, inputs)


@pytest.fixture(scope="session")
def whole(bundles, tmp_path_factory):
    """Made from model.pt; read-only."""
    return bundles.make(tmp_path_factory.mktemp("made") / "whole")


@pytest.fixture(scope="session")
def parts(bundles, tmp_path_factory):
    """Made from architecture.pt and weights.safetensors; read-only."""
    return bundles.make(tmp_path_factory.mktemp("made") / "parts", model=tiny_network.PARTS)
