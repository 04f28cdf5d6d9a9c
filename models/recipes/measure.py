"""Checks the PyTorch network against dlib, and measures how far edge.onnx is from it.

  measure.py BUNDLE CONTRACT.json TENSORS.npy LOGITS.npy OUTPUT.json

TENSORS are the golden tensors, LOGITS dlib's for them. What ONNX Runtime computes from edge.onnx is the float32 network
with the weights that stand dequantized in the graph: PyTorch runs that graph, and graph and network see the same varied
pictures (the golden photographs cropped, flipped, turned, blurred, darkened or brightened; seeded). For each picture the
difference is that of the class whose probability differs most.
"""
import glob
import json
import os
import random
import sys
from typing import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import onnx_in_torch
import progress
import reference_preprocessing
import resnet34

PICTURES = 120
BATCH = 8
MAX_LOGIT_DIFFERENCE = 1e-3     # to dlib; 3.4e-5 was seen on 100 photographs


def vary(image: Image.Image, rng: random.Random) -> Image.Image:
    image = ImageOps.exif_transpose(image).convert("RGB")
    image = image.rotate(rng.uniform(-25, 25), Image.Resampling.BICUBIC)
    share = rng.uniform(0.45, 0.95)
    width, height = round(image.width * share), round(image.height * share)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    image = image.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.5, 1.6))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5)))
    return image


def varied_tensors(paths, spec: dict, count: int = PICTURES) -> torch.Tensor:
    rng = random.Random(0)
    photographs = [Image.open(path) for path in paths]
    pictures = [vary(photographs[i % len(photographs)], rng) for i in range(count)]
    return torch.from_numpy(np.stack([reference_preprocessing.preprocess(p, spec) for p in pictures]))


def run(network: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, shown=None) -> torch.Tensor:
    rows = []
    with torch.inference_mode():
        for batch in x.split(BATCH):
            rows.append(network(batch))
            if shown:
                shown.add(len(batch))
    return torch.cat(rows)


def agreement(network: torch.nn.Module, edge: onnx_in_torch.Graph, x: torch.Tensor) -> dict:
    """The contract's edge_agreement."""
    shown = progress.Progress(2 * len(x), "pictures")
    native, edge_logits = run(network, x, shown), run(edge, x, shown)
    shown.close()
    native, edge_probabilities = native.double().softmax(1), edge_logits.double().softmax(1)
    largest = (native - edge_probabilities).abs().amax(1)
    result = {      # three decimals: the rest depends on the processor
        "images": len(x),
        "top1_equal": int((native.argmax(1) == edge_probabilities.argmax(1)).sum()),
        "mean_abs_probability_difference": round(float(largest.mean()), 3),
        "max_abs_probability_difference": round(float(largest.max()), 3),
        "method": "PyTorch with the weights of edge.onnx as dequantized in its graph against float32 weights; "
                  "seeded variations of the golden photographs; per image the largest difference of any class",
    }
    print(f"  edge.onnx: top-1 equal on {result['top1_equal']} of {len(x)} pictures, mean difference of probability "
          f"{result['mean_abs_probability_difference']}", file=sys.stderr)
    return result


if __name__ == "__main__":
    bundle, contract_path, tensors_path, logits_path, output = sys.argv[1:]
    torch.set_num_threads(os.cpu_count() or 1)
    with open(contract_path, encoding="utf-8") as f:
        spec = json.load(f)["preprocessing"]
    network = resnet34.load(os.path.join(bundle, "weights.safetensors"))

    difference = np.abs(run(network, torch.from_numpy(np.load(tensors_path))).numpy() - np.load(logits_path)).max()
    print(f"  largest difference to dlib's logits: {difference:.2g}", file=sys.stderr)
    if not difference <= MAX_LOGIT_DIFFERENCE:
        raise SystemExit(f"measure.py: the converted network's logits differ from dlib's by {difference}, more than "
                         f"{MAX_LOGIT_DIFFERENCE}: weights.safetensors or resnet34.py is wrong.")

    x = varied_tensors(sorted(glob.glob(os.path.join(bundle, "golden", "*"))), spec)
    result = agreement(network, onnx_in_torch.Graph(os.path.join(bundle, "edge.onnx")), x)
    with open(output, "w", encoding="utf-8") as f:
        json.dump(result, f)
