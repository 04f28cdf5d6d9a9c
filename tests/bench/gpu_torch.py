#!/usr/bin/python3
"""The same weights in PyTorch, and what the card can do at most: what gpu_bench.py compares with.

    tests/bench/gpu_torch.py BUNDLE DEVICE DTYPE LARGEST_BATCH SECONDS

Runs under whichever Python has the torch to compare with. Prints one JSON object.
"""
import json
import pathlib
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models/recipes"))
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def network(bundle, contract):
    weights = str(bundle / next(file["path"] for file in contract["files"] if file["role"] == "weights"))
    if contract["name"].startswith("resnet34"):
        import resnet34
        return resnet34.load(weights)
    import safetensors_file
    import torchvision
    module = getattr(torchvision.models, contract["name"])(weights=None)
    module.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in safetensors_file.read(weights).items()})
    return module.eval()


def seconds_each(call, device, seconds):
    """The median time of a call, waited for."""
    times, end = [], time.monotonic() + seconds
    while len(times) < 3 or time.monotonic() < end:
        begin = time.perf_counter()
        call()
        wait(device)
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def throughput(call, device, rows, seconds):
    """Images a second with the queue of the card kept full."""
    count, begin = 0, time.monotonic()
    while time.monotonic() < begin + seconds:
        for _ in range(4):
            call()
        wait(device)
        count += 4 * rows
    return count / (time.monotonic() - begin)


def matrix_rate(device, dtype, seconds):
    size = 8192 if device.type == "cuda" else 512
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    wait(device)
    best = min(seconds_each(lambda: a @ b, device, seconds / 3) for _ in range(3))
    return {"size": size, "flops_per_second": 2 * size**3 / best}


def measure(module, shape, device, dtype, largest, seconds):
    rows = {}
    for count in sorted({1, largest}):
        image = torch.randn(count, *shape, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
        for _ in range(3):
            module(image)
        wait(device)
        rows[str(count)] = {"latency_p50_ms": 1e3 * seconds_each(lambda: module(image), device, seconds / 2),
                            "images_per_second": throughput(lambda: module(image), device, count, seconds / 2)}
    return rows


def main(bundle, device, dtype_name, largest, seconds):
    bundle, device, dtype = pathlib.Path(bundle), torch.device(device), DTYPES[dtype_name]
    largest, seconds = int(largest), float(seconds)
    contract = json.loads((bundle / "contract.json").read_text())
    shape = contract["input"]["shape"][1:]
    report = {"torch": torch.__version__, "dtype": dtype_name, "matrix": matrix_rate(device, dtype, seconds)}
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        report |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "card": torch.cuda.get_device_name(device)}
    with torch.inference_mode():
        module = network(bundle, contract).to(device, dtype).to(memory_format=torch.channels_last)
        report["eager"] = measure(module, shape, device, dtype, largest, seconds)
        try:
            compiled = torch.compile(module, mode="reduce-overhead", dynamic=False)
            report["compiled"] = measure(compiled, shape, device, dtype, largest, seconds)
        except Exception as error:  # whatever stops it is the result: it does not work there
            lines = str(error).strip().splitlines()
            report["compiled"] = {"refused": f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]}
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
