"""How long a large bundle takes to load:  /usr/bin/python3 tests/bench/bundle_bench.py [BUNDLE] [--junit FILE]

Without BUNDLE: models/bundles/resnet34-1gb if it was made, else the same layers with random weights (1.04 GB, made
once under build/bench). Compares, in one run and with a warm page cache:
  process start to weights attached, hashes cached, with torch::jit::load of the same weights as one TorchScript file, in
  three ways: (a) as they are; (b) the bundle's own part (hashes looked up, program read, weights checked and attached)
  with torch::jit::load, both without linking libtorch; (c) from process start, both with the same libtorch linked;
  SHA-256 of the weights with `openssl speed`; the memory of one server, and what a second one adds.
Wants build/release with the targets beralih, bundle_bench and jit_load_bench. The limits are the project's; a busy machine can miss them.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from xml.sax.saxutils import quoteattr

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "models" / "recipes")]

import safetensors_file  # noqa: E402
from server_process import Server  # noqa: E402

BINARY = os.environ.get("BERALIH_BIN", str(ROOT / "build/release/native_server/beralih"))
SCRATCH = ROOT / "build" / "bench"
SMALL = pathlib.Path(os.environ.get("BERALIH_BUNDLE", ROOT / "models/bundles/resnet34"))
BENCHES = ROOT / "build/release/tests"
WIDTH = 3.5


def beralih(*arguments):
    subprocess.run([BINARY, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def wide_weights(path):
    """resnet34's layers, 3.5 times as wide, with random weights of a size that keeps activations finite."""
    random = np.random.default_rng(1)
    tensors = safetensors_file.read(str(SMALL / "weights.safetensors"))
    classes = max(len(t) for t in tensors.values() if t.ndim == 1 and len(t) % 64)
    header, offset, shapes = {}, 0, {}
    for name, tensor in tensors.items():
        shape = list(tensor.shape)
        if shape[0] != classes:
            shape[0] = int(shape[0] * WIDTH)
        if len(shape) > 1 and shape[1] != 3:
            shape[1] = int(shape[1] * WIDTH)
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        shapes[name], offset = shape, offset + size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for shape in shapes.values():
            scale = 1 / np.sqrt(max(1, np.prod(shape[1:])))
            f.write((random.standard_normal(shape, np.float32) * np.float32(scale)).tobytes())


def make_bundle():
    """The bundle to measure."""
    for known in (LARGE, SCRATCH / "wide"):
        if (known / "contract.json").is_file():
            return known
    SCRATCH.mkdir(parents=True, exist_ok=True)
    print("making 1.04 GB of random weights …", file=sys.stderr)
    wide_weights(SCRATCH / "wide.safetensors")
    beralih("bundle", "make", SCRATCH / "wide", "--architecture", SMALL / "architecture.pt", "--weights",
            SCRATCH / "wide.safetensors", "--labels", SMALL / "labels.txt", "--preset", "dlib:resnet34",
            "--image", SMALL / "golden/dog1.jpg", "--threads", os.cpu_count())
    (SCRATCH / "wide.safetensors").unlink()
    return SCRATCH / "wide"


WHOLE = """
import sys, torch
sys.path.insert(0, sys.argv[4])
import safetensors_file
program = torch.jit.load(sys.argv[1])
tensors = safetensors_file.read(sys.argv[2])
for name, tensor in [*program.named_parameters(), *program.named_buffers()]:
    tensor.data = torch.from_numpy(tensors[name])
torch.jit.save(program, sys.argv[3])
"""


def python(code, *arguments) -> str:
    return subprocess.run(["/usr/bin/python3", "-c", code, *map(str, arguments)], check=True, capture_output=True,
                          text=True).stdout


def make_whole(bundle):
    """The same weights as one TorchScript file."""
    path = SCRATCH / f"{bundle.name}.pt"
    if not path.is_file():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        python(WHOLE, bundle / "architecture.pt", bundle / "weights.safetensors", path, ROOT / "models/recipes")
    return path


def jit_load(path) -> dict:
    """Seconds of torch::jit::load alone, and from process start to loaded."""
    start = time.monotonic()
    text = subprocess.run([str(BENCHES / "jit_load_bench"), str(path)], check=True, capture_output=True, text=True).stdout
    times = json.loads(text)
    return {"jit": times["load_s"], "jit_from_start": times["loaded_at_s"] - start}


def start_times(server) -> dict:
    """Seconds, from the server's own line; its clock begins before main(), after the dynamic linker."""
    line = server.wait_for_log(r"ready in ([\d.]+) s \(.*").group(0)
    part = lambda word: float(re.search(word + r" ([\d.]+)", line).group(1)) / 1000  # noqa: E731
    ready = float(re.search(r"ready in ([\d.]+) s", line).group(1))
    times = {"begun": part("begun after"), "linked": part("libtorch linked in"), "checked": part("bundle checked"),
             "program": part("program read"), "attach": part("weights attached"), "ready": ready,
             "attached": ready - part("warm-up") - part("golden case")}
    times["own"] = times["checked"] + times["program"] + times["attach"]
    return times


def exec_time() -> float:
    """Seconds that the system and the dynamic linker take before main(), and the end takes after it, at most."""
    times = []
    for _ in range(5):
        start = time.monotonic()
        beralih("--version")
        times.append(time.monotonic() - start)
    return min(times)


def memory(process) -> dict:
    """MB of anonymous and of private memory."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    rollup = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    field = lambda text, name: int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) / 1000  # noqa: E731
    return {"anonymous": field(status, "RssAnon"),
            "private": field(rollup, "Private_Clean") + field(rollup, "Private_Dirty")}


def openssl_rate() -> float:
    text = subprocess.run(["taskset", "-c", "0", "openssl", "speed", "-mr", "-evp", "sha256", "-bytes", "16384", "-seconds", "3"],
                          check=True, capture_output=True, text=True).stdout
    return float(re.search(r"^\+F:.*:([\d.]+)$", text, re.M).group(1))


LARGE = ROOT / "models/bundles/resnet34-1gb"


def write_junit(path, failed=(), skipped=""):
    """One test, for tests/summary.py."""
    outcome = f"<skipped message={quoteattr(skipped)}/>" if skipped else ""
    if failed:
        outcome = f"<failure message={quoteattr('; '.join(failed))}/>"
    pathlib.Path(path).write_text(f'<testsuites><testsuite name="bundle_bench" tests="1" failures="{int(bool(failed))}" '
                                  f'skipped="{int(bool(skipped))}"><testcase classname="bench" name="loading 1 GB">'
                                  f"{outcome}</testcase></testsuite></testsuites>\n")


MISSED = []


def row(what, value, limit, good):
    if good is False:
        MISSED.append(f"{what}: {value}, wanted {limit}")
    print(f"{what:58} {value:>14}   {limit:10} {'' if good is None else 'ok' if good else 'MISSED'}")
    return good is not False


def main():
    command = argparse.ArgumentParser()
    command.add_argument("bundle", nargs="?", type=pathlib.Path)
    command.add_argument("--junit", help="write the verdict here; without resnet34-1gb: that the test was skipped")
    arguments = command.parse_args()
    if arguments.junit and not arguments.bundle and not (LARGE / "contract.json").is_file():
        write_junit(arguments.junit, skipped="models/recipes/make_bundle.sh resnet34-1gb makes what this measures")
        return
    bundle = arguments.bundle or make_bundle()
    whole = make_whole(bundle)
    cache = SCRATCH / "cache"
    time.sleep(2.5)      # files that changed just now are not remembered
    flags = ("--cache-dir", str(cache))
    with Server(BINARY, bundle, *flags, log=SCRATCH / "log") as server:
        server.wait_until_ready()          # fills the caches, the kernel's and ours
    with open(whole, "rb") as f:
        while f.read(1 << 24):
            pass

    rounds = []
    for _ in range(3):
        times = jit_load(whole)
        with Server(BINARY, bundle, *flags, log=SCRATCH / "log") as server:
            rounds.append({**times, **start_times(server)})
            if len(rounds) == 3:
                first = memory(server.process)
                with Server(BINARY, bundle, *flags, log=SCRATCH / "log2") as other:
                    other.wait_until_ready()
                    second = memory(other.process)
    median = {name: sorted(times[name] for times in rounds)[1] for name in rounds[0]}
    before_main = exec_time()
    attached, jit = before_main + median["attached"], median["jit"]

    hashing = json.loads(subprocess.run(
        ["taskset", "-c", "0", str(BENCHES / "bundle_bench"), str(bundle), str(cache)], check=True,
        capture_output=True, text=True).stdout)
    parallel = json.loads(subprocess.run(
        [str(BENCHES / "bundle_bench"), str(bundle), str(cache)], check=True,
        capture_output=True, text=True).stdout)
    rate, reference = hashing["sha256_bytes_per_s"], openssl_rate()

    print(f"{bundle.name}: {hashing['bytes'] / 1e9:.2f} GB, {os.cpu_count()} cores, medians of 3")
    good = [
        row("process start to weights attached, hashes cached", f"{attached:.3f} s", "<= 1 s", attached <= 1),
        row("  system and dynamic linker, before main() (at most)", f"{before_main:.3f} s", "", None),
        row("  main() to the beginning of serving", f"{median['begun']:.3f} s", "", None),
        row("  linking libtorch, beside what follows", f"{median['linked']:.3f} s", "", None),
        row("  checking the bundle, hashes looked up", f"{median['checked']:.4f} s", "", None),
        row("  reading the program", f"{median['program']:.4f} s", "", None),
        row("  checking and attaching the weights", f"{median['attach']:.4f} s", "", None),
        row("torch::jit::load of the same weights as one file", f"{jit:.3f} s", "", None),
        row("  from process start, the same libtorch linked", f"{median['jit_from_start']:.3f} s", "", None),
        row("(a) start to attached / torch::jit::load", f"{attached / jit:.3f}", "<= 0.1", attached / jit <= 0.1),
        row("(b) check + program + attach / torch::jit::load", f"{median['own'] / jit:.3f}", "<= 0.1", median["own"] / jit <= 0.1),
        row("(c) start to attached / start to loaded", f"{attached / median['jit_from_start']:.3f}", "", None),
        row("process start to ready (warm-up, one golden case)", f"{before_main + median['ready']:.2f} s", "", None),
        row("checking the bundle, hashes cached", f"{hashing['open_cached_s'] * 1000:.1f} ms", "", None),
        row("checking the bundle, every hash, on all cores", f"{parallel['open_always_s']:.2f} s", "", None),
        row("SHA-256 of the weights, one core", f"{rate / 1e9:.2f} GB/s", "", None),
        row("  of `openssl speed`", f"{rate / reference:.2f}", ">= 0.9", rate / reference >= 0.9),
        row("anonymous memory when ready", f"{first['anonymous']:.0f} MB", "<= 300 MB", first["anonymous"] <= 300),
        row("private memory of a second server", f"{second['private']:.0f} MB", "<= 350 MB", second["private"] <= 350),
    ]
    if arguments.junit:
        write_junit(arguments.junit, MISSED)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
