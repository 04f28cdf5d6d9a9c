"""The engine's sources against the headers of libtorchs with CUDA, which this machine need not have: compiled, not
linked and not run. Skipped where the headers cannot be had."""
import concurrent.futures
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("cuda_lane", "device_engine", "device_program", "make_device_engine", "torch_engine", "torch_program", "torch_packing")
TREES = ("torch-2.6", "torch-newest")


@pytest.fixture(scope="session")
def headers():
    place = pathlib.Path(os.environ.get("BERALIH_CACHE", ROOT / ".cache")) / "cuda_headers"
    done = subprocess.run([ROOT / "toolchains/cuda_headers.sh", place], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return place


def compiled(headers, tree, source):
    torch = headers / tree / "usr/include"
    command = ["nice", "g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Inative_server/src", "-Icore/include"]
    for folder in (torch, torch / "torch/csrc/api/include", headers / "cuda/usr/include"):
        command += ["-isystem", str(folder)]
    done = subprocess.run([*command, f"native_server/src/engine/{source}.cpp"], cwd=ROOT, capture_output=True, text=True)
    return f"{source}: {done.stderr[:3000]}" if done.returncode else ""


@pytest.mark.parametrize("tree", TREES)
def test_the_engine_compiles(headers, tree):
    if not (headers / tree).is_dir():
        pytest.skip(f"{tree}: the mirror has no such libtorch")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [text for text in pool.map(lambda source: compiled(headers, tree, source), SOURCES) if text]
    assert not wrong, "\n".join(wrong)
