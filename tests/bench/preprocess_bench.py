#!/usr/bin/python3
"""CPU time from JPEG to tensor: the core beside libjpeg-turbo's decode alone, Pillow and torchvision.

    tests/bench/preprocess_bench.py PREPROCESS_BENCH PHOTOGRAPH [--rounds 15] [--json FILE]

PREPROCESS_BENCH is the program that `ninja preprocess_bench` builds. The photograph is scaled to 12 megapixels and
to 500 x 375 and stored at quality 90, 4:2:0. Medians of CPU milliseconds of one pinned thread; every row ends in the
same 3 x 224 x 224 tensor (shorter side 256, crop 224), except the decode alone.
"""
import argparse
import io
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)
PILLOW_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
TORCHVISION_FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def with_pillow(data, name):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    short = min(image.size)
    width, height = (int(256 * side / short) for side in image.size)
    image = image.resize((width, height), PILLOW_FILTERS[name])
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    pixels = numpy.asarray(image.crop((left, top, left + 224, top + 224)), dtype=numpy.float32)
    return numpy.ascontiguousarray(((pixels / 255 - MEAN) / STD).transpose(2, 0, 1))


def torchvision_pipeline(name):
    return transforms.Compose([
        transforms.Resize(256, TORCHVISION_FILTERS[name]), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize(MEAN.tolist(), STD.tolist())])


def median_ms(run, rounds):
    run()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append((time.process_time() - start) * 1e3)
    return statistics.median(times)


def measure(program, path, rounds):
    output = subprocess.run([program, str(rounds), path], check=True, capture_output=True, text=True).stdout
    rows = json.loads(output)
    with open(path, "rb") as file:
        data = file.read()
    for name in PILLOW_FILTERS:
        rows[f"Pillow + numpy {name}"] = median_ms(lambda: with_pillow(data, name), rounds)
        pipeline = torchvision_pipeline(name)
        rows[f"torchvision {name}"] = median_ms(
            lambda: pipeline(Image.open(io.BytesIO(data)).convert("RGB")), rounds)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("photograph")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        photograph = Image.open(arguments.photograph).convert("RGB")
        for label, size, factor in (("12 MP", (4000, 3000), 1), ("500x375", (500, 375), 10)):
            path = os.path.join(folder, "photograph.jpg")
            photograph.resize(size, Image.Resampling.LANCZOS).save(path, quality=90, subsampling="4:2:0")
            results[label] = measure(arguments.program, path, arguments.rounds * factor)
            decode = results[label]["libjpeg-turbo decode alone"]
            print(f"{label:32}{'CPU ms':>10}{'/ decode alone':>16}{'/ beralih':>12}")
            for name, ms in results[label].items():
                same_filter = "bicubic" if "bicubic" in name else "bilinear"
                print(f"  {name:30}{ms:10.2f}{ms / decode:16.2f}"
                      f"{ms / results[label]['beralih ' + same_filter]:12.2f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
