#!/usr/bin/python3
"""CPU time and memory from JPEG to tensor: the core, native and in WebAssembly, beside its peers.

    tests/bench/preprocess_bench.py PREPROCESS_BENCH PHOTOGRAPH [--rounds 15] [--node NODE] [--json FILE] [--junit FILE]

PREPROCESS_BENCH is the program that `ninja preprocess_bench` builds. The photograph is scaled to 12 megapixels and
to 500 x 375 and stored at quality 90, 4:2:0. Medians of CPU milliseconds of one pinned thread; every row ends in the
same 3 x 224 x 224 tensor (shorter side 256, crop 224), except the decode alone. README.md says more.
"""
import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

import cv2
import numpy
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from vips import Vips

MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)
FILTERS = ("bilinear", "bicubic")
PILLOW_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
TORCHVISION_FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
# OpenCV's INTER_LINEAR and INTER_CUBIC look at 2 and 4 inputs however far apart the outputs are; INTER_AREA averages.
OPENCV_FILTERS = {"OpenCV area": cv2.INTER_AREA, "OpenCV linear": cv2.INTER_LINEAR}
MEMORY_LIMIT = 8 << 20


def tensor_of(pixels):
    top, left = (round((side - 224) / 2) for side in pixels.shape[:2])
    crop = pixels[top:top + 224, left:left + 224].astype(numpy.float32)
    return numpy.ascontiguousarray(((crop / 255 - MEAN) / STD).transpose(2, 0, 1))


def with_pillow(data, name):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    short = min(image.size)
    return tensor_of(numpy.asarray(image.resize([int(256 * side / short) for side in image.size], PILLOW_FILTERS[name])))


def torchvision_pipeline(name):
    return transforms.Compose([
        transforms.Resize(256, TORCHVISION_FILTERS[name]), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize(MEAN.tolist(), STD.tolist())])


def with_opencv(data, interpolation):
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    short = min(image.shape[:2])
    size = [int(256 * side / short) for side in image.shape[1::-1]]
    return tensor_of(cv2.cvtColor(cv2.resize(image, size, interpolation=interpolation), cv2.COLOR_BGR2RGB))


def median_ms(run, rounds):
    shape = run().shape
    assert tuple(shape) == (3, 224, 224), shape
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append((time.process_time() - start) * 1e3)
    return statistics.median(times)


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(arguments, path, rounds, vips):
    rows = json.loads(output_of(arguments.program, str(rounds), path))
    for program in ("wasm_bench.mjs", "chromium_bench.mjs"):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), program)
        rows |= json.loads(output_of(arguments.node, "--no-warnings", program, str(rounds), path))
    with open(path, "rb") as file:
        data = file.read()
    for name in FILTERS:
        rows[f"Pillow + numpy {name}"] = median_ms(lambda: with_pillow(data, name), rounds)
        pipeline = torchvision_pipeline(name)
        rows[f"torchvision {name}"] = median_ms(
            lambda: pipeline(Image.open(io.BytesIO(data)).convert("RGB")), rounds)
        rows[f"libvips {name}"] = median_ms(lambda: tensor_of(vips.resized(data, 256, name)), rounds)
    for name, interpolation in OPENCV_FILTERS.items():
        rows[name] = median_ms(lambda: with_opencv(data, interpolation), rounds)
    return rows


def limits(size, rows):
    """(what, ratio, "<=" or ">=", limit): what the project promises of this size."""
    decode = rows["libjpeg-turbo decode alone"]
    for name in FILTERS:
        ours = rows[f"beralih {name}"]
        most = 1.05 if size == "12 MP" else {"bilinear": 1.5, "bicubic": 1.8}[name]
        yield f"beralih {name} / decode alone", ours / decode, "<=", most
        yield f"Pillow + numpy / beralih, {name}", rows[f"Pillow + numpy {name}"] / ours, ">=", 3.5 if size == "12 MP" else 2.4
        if size == "12 MP":
            yield f"torchvision / beralih, {name}", rows[f"torchvision {name}"] / ours, ">=", 4.0
            yield f"libvips / beralih, {name}", rows[f"libvips {name}"] / ours, ">=", 1.0
        for where in ("WASM SIMD", "WASM SIMD (Chromium)"):
            yield f"{where} / beralih, {name}", rows[f"{where} {name}"] / ours, "<=", 2.5
    if size == "12 MP":
        slower = max(rows[f"beralih {name}"] for name in FILTERS)
        for name in OPENCV_FILTERS:
            yield f"{name} / beralih bicubic", rows[name] / slower, ">=", 1.0
        yield "peak memory above the file, MiB", rows["peak bytes"] / 2**20, "<=", MEMORY_LIMIT / 2**20


def show(size, rows):
    decode = rows["libjpeg-turbo decode alone"]
    print(f"{size:38}{'CPU ms':>10}{'/ decode alone':>16}{'/ beralih':>12}")
    for name, ms in rows.items():
        if name == "peak bytes":
            continue
        same_filter = "bicubic" if "bicubic" in name else "bilinear"
        print(f"  {name:36}{ms:10.2f}{ms / decode:16.2f}{ms / rows['beralih ' + same_filter]:12.2f}")
    print()


def judge(results, junit):
    """Prints every limit; the JUnit report holds one case a limit. How many do not hold."""
    suite = ET.Element("testsuite", name="bench")
    broken = 0
    print(f"{'limit':60}{'measured':>10}{'limit':>10}")
    for size, rows in results.items():
        for what, value, sign, limit in limits(size, rows):
            holds = value <= limit if sign == "<=" else value >= limit
            broken += not holds
            print(f"  {size + ': ' + what:58}{value:10.2f}{sign:>5}{limit:5.2f}{'' if holds else '  EXCEEDED'}")
            case = ET.SubElement(suite, "testcase", classname=f"bench {size}", name=what)
            if not holds:
                ET.SubElement(case, "failure", message=f"{value:.3f}, which is not {sign} {limit}")
    if junit:
        ET.ElementTree(suite).write(junit, encoding="utf-8", xml_declaration=True)
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("photograph")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--node", default="node", help="the Node (20 or later) that runs the WebAssembly rows")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--junit", help="also write the limits to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    vips = Vips()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        photograph = Image.open(arguments.photograph).convert("RGB")
        for size, pixels, factor in (("12 MP", (4000, 3000), 1), ("500x375", (500, 375), 10)):
            path = os.path.join(folder, "photograph.jpg")
            photograph.resize(pixels, Image.Resampling.LANCZOS).save(path, quality=90, subsampling="4:2:0")
            results[size] = measure(arguments, path, arguments.rounds * factor, vips)
            results[size]["peak bytes"] = int(output_of(arguments.program, "0", path))
            show(size, results[size])
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)
            file.write("\n")
    return 1 if judge(results, arguments.junit) else 0


if __name__ == "__main__":
    sys.exit(main())
