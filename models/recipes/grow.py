"""Grows a ResNet-34 in width without changing its function: Net2Wider (Chen, Goodfellow, Shlens 2015).

  grow.py IN.safetensors OUT.safetensors [--factor 3.5] [--seed 1]

Every new channel is a copy of an original one. A convolution's output rows are copies (bias likewise); its input columns
carry shares: over the copies of one original channel they add up to 1, so that the sum over the copies is the original.
The shares are drawn for each output row, so copies of one row are different rows: only their sums are equal.

The maps from new to original channels are nested from stage to stage. A down-sampling skip has no weights: channel c of
one stage is added to channel c of the next, and the channels beyond the narrower stage's width receive nothing. So a
stage keeps its predecessor's map for the channels that the two share and maps the others to originals that had no skip
either. Inside a block, between its two convolutions, the map is free: a seeded permutation.

The output is written in pieces (at most 40 MB in memory) and is the same bytes on every machine: the sums that decide
the shares are taken in one fixed order, in double precision, by no BLAS.
"""
import argparse
from typing import Iterator, List, Optional, Tuple

import numpy as np

import progress
import resnet34
import safetensors_file
from safetensors_file import Layout

PIECE_ROWS = 128
Map = np.ndarray        # original channel of each new channel


def nested_maps(old: List[int], new: List[int]) -> List[Map]:
    maps = [np.arange(new[0]) % old[0]]
    for (narrow, wide), (new_narrow, new_wide) in zip(zip(old, old[1:]), zip(new, new[1:])):
        added = narrow + np.arange(new_wide - new_narrow) % (wide - narrow)
        maps.append(np.concatenate([maps[-1], added]))
    return maps


def draw_shares(rng: np.random.Generator, rows: int, inputs: Map, originals: int) -> np.ndarray:
    """float32 [rows, new inputs], positive; in each row the shares of one original channel's copies add up to 1."""
    raw = rng.uniform(0.5, 1.5, (rows, len(inputs)))
    sums = np.zeros((rows, originals))
    for new_channel, original in enumerate(inputs):     # in this order everywhere
        sums[:, original] += raw[:, new_channel]
    return (raw / sums[:, inputs]).astype(np.float32)


def layers(old: List[int], new: List[int], rng: np.random.Generator) -> Iterator[Tuple[str, Optional[Map], Optional[Map]]]:
    """(layer, map of its outputs, map of its inputs) in the file's order; None where nothing grows (RGB, classes)."""
    maps = nested_maps(old, new)
    yield "stem", maps[0], None
    inputs = maps[0]
    for stage, depth in enumerate(resnet34.DEPTHS):
        for block in range(depth):
            inner = rng.permutation(np.arange(new[stage]) % old[stage])
            yield f"stages.{stage}.{block}.conv1", inner, inputs
            yield f"stages.{stage}.{block}.conv2", maps[stage], inner
            inputs = maps[stage]
    yield "fc", None, inputs


def grown_rows(weight: np.ndarray, outputs: Map, inputs: Optional[Map], rng: np.random.Generator) -> Iterator[np.ndarray]:
    for begin in range(0, len(outputs), PIECE_ROWS):
        rows = np.asarray(weight)[outputs[begin:begin + PIECE_ROWS]]
        if inputs is not None:
            shares = draw_shares(rng, len(rows), inputs, rows.shape[1])
            rows = rows[:, inputs]
            rows *= shares.reshape(shares.shape + (1,) * (rows.ndim - 2))
        yield rows


def grow(source: str, target: str, factor: float, seed: int) -> int:
    """Writes the grown network and returns its number of parameters."""
    tensors = safetensors_file.read(source)
    old = [tensors[f"stages.{stage}.0.conv2.weight"].shape[0] for stage in range(len(resnet34.DEPTHS))]
    new = [round(width * factor) for width in old]
    if any(b - a < d - c for a, b, c, d in zip(new, new[1:], old, old[1:])) or new[0] < old[0]:
        raise SystemExit(f"grow.py: a factor of {factor} leaves no room for a copy of every channel; take 1 or more.")
    plan = list(layers(old, new, np.random.default_rng(seed)))
    layouts = []
    for layer, outputs, inputs in plan:
        shape = tensors[layer + ".weight"].shape
        rows = shape[0] if outputs is None else len(outputs)
        columns = shape[1] if inputs is None else len(inputs)
        layouts += [Layout(layer + ".weight", "F32", (rows, columns) + shape[2:]), Layout(layer + ".bias", "F32", (rows,))]
    if [layout.name for layout in layouts] != list(tensors):
        raise SystemExit(f"grow.py: {source} does not hold the parameters of resnet34.py in their order.")
    shown = progress.megabytes(sum(layout.bytes for layout in layouts))

    def pieces() -> Iterator[np.ndarray]:
        for number, (layer, outputs, inputs) in enumerate(plan):
            weight, bias = tensors[layer + ".weight"], tensors[layer + ".bias"]
            every = np.arange(len(bias)) if outputs is None else outputs
            # A generator of its own for every layer: the bytes do not depend on what was drawn before.
            for rows in grown_rows(weight, every, inputs, np.random.default_rng([seed, number])):
                yield rows
                shown.add(rows.nbytes)
            yield np.asarray(bias)[every]

    safetensors_file.write(target, layouts, pieces())
    shown.close()
    return sum(layout.bytes for layout in layouts) // 4


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Grows a ResNet-34 in width without changing its function.")
    parser.add_argument("source"), parser.add_argument("target")
    parser.add_argument("--factor", type=float, default=3.5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    count = grow(arguments.source, arguments.target, arguments.factor, arguments.seed)
    print(f"  {count:,} parameters, {count * 4 / 1e9:.3f} GB")
