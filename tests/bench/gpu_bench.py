#!/usr/bin/python3
"""Everything that is measured of the server on an NVIDIA card, in runs of at most ten minutes.

    tests/bench/gpu_bench.py build/cuda/native_server/beralih models/bundles/resnet34-1gb --out FOLDER
        [--only engine,start,torch,steady,full] [--seconds 540] [--photos FOLDER] [--publish]
    tests/bench/gpu_bench.py build/release/native_server/beralih models/bundles/resnet34 --device cuda-on-cpu --quick --out FOLDER

The parts, each written to FOLDER/BUNDLE.PART.json when it is done, so that several runs add up:
  engine  golden cases, pictures against the processor's answers, independence of the batch, the bare engine at each batch size
  start   from the program's start until ready, and what that consists of
  torch   PyTorch with the same weights, eager and compiled, and the card's matrix rate (needs a python3 with torch)
  steady  50 requests a second at random (Poisson), JPEG in, for --seconds; the verdict is that of beralih loadtest
  full    more requests than it can answer: JPEG in, beside the bare engine
The last run with all five writes FOLDER/BUNDLE.md; --publish puts that into native_server/BENCHMARKS.md and the page's recorded
result into tests/bench/results.
"""
import argparse
import contextlib
import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))
import gpu_report  # noqa: E402
from server_process import Server  # noqa: E402  (the tests' helper)

PARTS = ("engine", "start", "torch", "steady", "full")


def json_of(command, limit_s):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit_s)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise SystemExit(f"{command[0]}: exit status {done.returncode}: {lines[-1]}")
    return json.loads(done.stdout)


def photos(options):
    if options.photos:
        found = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        return found[:8] if options.quick else found[:300]
    contract = json.loads((options.bundle / "contract.json").read_text())
    return [options.bundle / case["image"] for case in contract["golden"]]


def part_engine(options):
    program = options.binary.parent / "device_bench"
    if not program.exists():
        raise SystemExit(f"{program} does not exist: build the target device_bench")
    return json_of([program, options.bundle, options.device, options.dtype, options.largest, 1 if options.quick else 6,
                    *photos(options)], 600)


@contextlib.contextmanager
def serving(options, *more):
    with tempfile.TemporaryDirectory() as folder:
        with Server(str(options.binary), options.bundle, "--device", options.device, "--dtype", options.dtype, "--quiet", *more,
                    log=pathlib.Path(folder) / "log") as server:
            server.wait_until_listening()
            server.wait_for_log(r"ready in [\d.]+ s", 300)
            yield server


def part_start(options):
    """Twice: the second time the files are in memory and the kernels in the driver's cache."""
    runs = []
    for _ in range(2):
        with serving(options, "--max-batch", "1") as server:
            line = server.wait_for_log(r"ready in .*").group(0)
        number = {key: float(re.search(pattern, line).group(1)) for key, pattern in {
            "ready_s": r"ready in ([\d.]+) s", "begun_ms": r"begun after ([\d.]+) ms", "linked_ms": r"linked in ([\d.]+) ms",
            "bundle_ms": r"bundle checked ([\d.]+) ms", "program_ms": r"program read ([\d.]+)",
            "attach_ms": r"weights attached ([\d.]+)", "context_ms": r"context ([\d.]+) ms",
            "upload_ms": r"weights uploaded ([\d.]+) ms", "warm_up_ms": r"warm-up ([\d.]+)",
            "golden_ms": r"golden case ([\d.]+) ms"}.items()}
        runs.append({**number, "line": line})
    return {"runs": runs}


def part_torch(options):
    device = "cpu" if options.device == "cuda-on-cpu" else options.device
    return json_of([options.python, HERE / "gpu_torch.py", options.bundle, device, options.dtype, options.largest,
                    1 if options.quick else 10], 600)


def loadtest(options, server, rate, seconds, *more):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run([str(options.binary), "loadtest", f"http://127.0.0.1:{server.port}/api/classify", "--rate", f"{rate:.3f}",
                               "--duration", str(seconds), "--image", str(options.image), "--json", report.name, *more],
                              capture_output=True, text=True)
        content = pathlib.Path(report.name).read_text()
        if not content:
            raise SystemExit(f"beralih loadtest failed: {done.stderr}")
        return json.loads(content)


def part_steady(options):
    rate = 5 if options.device == "cuda-on-cpu" else 50
    with serving(options) as server:
        server.wait_for_log("batches warm", 300)
        return loadtest(options, server, rate, 5 if options.quick else options.seconds)


def part_full(options):
    """At 1.3 times what the bare engine does, so that the queue never runs dry."""
    found = options.out / f"{options.bundle.name}.engine.json"
    if not found.exists():
        raise SystemExit("the part \"full\" needs that of \"engine\" first")
    batches = json.loads(found.read_text())["result"]["batches"]
    bare = max(batch["images_per_second"] for batch in batches)
    with serving(options, "--max-batch", str(options.largest), "--max-queue", "4096", "--connection-threads", "256", "--deadline-ms", "0") as server:
        server.wait_for_log("batches warm", 300)
        jpeg = loadtest(options, server, 1.3 * bare, 3 if options.quick else 20, "--connections", "1024")
        usage = server.request("GET", "/api/artifacts").json()["server"].get("card", {})
    return {"bare_images_per_second": bare, "jpeg": jpeg, "card": usage, "ratio": jpeg["served_per_second"] / bare}


def driver():
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=20)
        return done.stdout.strip().splitlines()[0] if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine():
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": len(__import__("os").sched_getaffinity(0)),
            "kernel": platform.release(), "card": driver()}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bf16", choices=("fp32", "bf16", "fp16"))
    parser.add_argument("--largest", type=int, help="largest batch (default 64; 4 with --quick)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, separated by commas")
    parser.add_argument("--seconds", type=int, default=540, help="of the part \"steady\" (default 540)")
    parser.add_argument("--image", type=pathlib.Path, help="JPEG to send (default: the bundle's first golden JPEG)")
    parser.add_argument("--photos", type=pathlib.Path, help="folder of pictures for \"engine\" (default: the golden ones)")
    parser.add_argument("--python", default="python3", help="the Python that has the torch to compare with")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: to see that it works")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"there is no part \"{name}\"; there are: {', '.join(PARTS)}")
    options.binary, options.bundle = options.binary.resolve(), options.bundle.resolve()
    for needed in (options.binary, options.bundle / "contract.json"):
        if not needed.is_file():
            parser.error(f"{needed} does not exist")
    if options.publish and (options.quick or not options.device.startswith("cuda") or options.device == "cuda-on-cpu"):
        parser.error("--publish is for a whole run on a card")
    options.largest = options.largest or (4 if options.quick else 64)
    pictures = [options.bundle / case["image"] for case in json.loads((options.bundle / "contract.json").read_text())["golden"]]
    options.image = options.image or next((path for path in pictures if path.suffix == ".jpg"), pictures[0])
    return options


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    about = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "machine": machine(),
             "quick": options.quick, "device": options.device, "dtype": options.dtype, "image": options.image.name}
    for name in options.parts:
        print(f"{options.bundle.name}: {name}", file=sys.stderr, flush=True)
        result = globals()[f"part_{name}"](options)
        target = options.out / f"{options.bundle.name}.{name}.json"
        target.write_text(json.dumps({"schema": "beralih.gpu/1", "part": name, **about, "result": result}, indent=2) + "\n")
    parts = gpu_report.read(options.out, options.bundle.name, PARTS)
    missing = [name for name in PARTS if name not in parts]
    if missing:
        print(f"not yet measured: {', '.join(missing)}", file=sys.stderr)
        return
    table = gpu_report.table(options.bundle.name, parts)
    (options.out / f"{options.bundle.name}.md").write_text(table)
    print(table)
    found = list(gpu_report.checks(options.bundle.name, parts))
    for what, holds in found:
        if not holds:
            print(f"does not hold: {what}")
    good = sum(holds for _, holds in found)
    print(f"checks: {good} hold, {len(found) - good} do not")
    if options.publish:
        gpu_report.publish(ROOT, options.bundle.name, parts, table)


if __name__ == "__main__":
    main()
