"""What the model tests share: the recipes, the program's answers, networks whose every part matters."""
import importlib
import json
import os
import pathlib
import subprocess
import sys
from typing import List

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = ROOT / "models" / "recipes"
ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "passive"}     # as make_bundle.sh has it
SUFFIXES = {".jpg", ".jpeg", ".png"}


def photographs(shared_data: pathlib.Path) -> List[pathlib.Path]:
    found = sorted(p for p in (shared_data / "photos").iterdir() if p.suffix in SUFFIXES)
    assert len(found) >= 8
    return found


def recipe(name: str, *arguments, check: bool = True) -> subprocess.CompletedProcess:
    result = subprocess.run(["/usr/bin/python3", "-B", str(RECIPES / name), *map(str, arguments)], capture_output=True,
                            text=True, timeout=600, env={**os.environ, **ENVIRONMENT})
    assert not check or result.returncode == 0, result.stderr
    return result


def recipe_modules(*names: str) -> list:
    """Modules of models/recipes. With the variable set, an importer does not start its process anew."""
    os.environ.update(ENVIRONMENT)
    if str(RECIPES) not in sys.path:
        sys.path.insert(0, str(RECIPES))
    return [importlib.import_module(name) for name in names]


def predict(binary: str, bundle, pictures, classes: int = 1000) -> List[dict]:
    """What `beralih predict --json` answers to each picture, with every class."""
    result = subprocess.run([binary, "predict", "--bundle", str(bundle), "--json", "-k", str(classes), *map(str, pictures)],
                            capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def probabilities(answer: dict) -> np.ndarray:
    values = np.zeros(len(answer["predictions"]))
    for prediction in answer["predictions"]:
        values[prediction["index"]] = prediction["probability"]
    return values


def largest_difference(a: dict, b: dict) -> float:
    return float(np.abs(probabilities(a) - probabilities(b)).max())


def randomize(network, pictures, seed: int):
    """Weights under which every layer decides the answer: a fresh network has layers of zeros, and batch norms that do
    nothing. The running statistics come from real pictures, then everything is moved off its special values, and the
    last layer is scaled so that the classes differ. Moved off gently: four times as far, efficientnet_v2_s turns float32's rounding
    into other answers."""
    import torch

    torch.manual_seed(seed)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    heads = [p for p in network.parameters() if p.dim() in (2, 4)]
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.05)
        for norm in norms:
            norm.momentum = None            # the average over the batches
        network.train()
        network(pictures)
        network.eval()
        for norm in norms:
            norm.running_mean += norm.running_var.sqrt() * torch.randn_like(norm.running_mean) * 0.025
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.925, 1.1)
            norm.weight.uniform_(0.95, 1.075)
            norm.bias.normal_(0, 0.05)
        heads[-1] *= 3 / network(pictures).std()
    return network.eval()


def tells_classes_apart(logits) -> bool:
    """Whether the order of every picture's best five is a matter of the network and not of float32's rounding."""
    best = logits.double().softmax(1).topk(6).values
    return float((best[:, :-1] - best[:, 1:]).min()) > 1e-5
