"""The rows of service_bench.py beside its main table: other inputs, a network that is cheap, and no network at all."""
import argparse
import json
import statistics
import subprocess
import sys

import null_bundle
import numpy
import server_bench
from service_peers import (HERE, IMAGE, ROOT, Peer, check_answer, closed_loop, expected_answer, load, load_row, open_loop, p99_bound_ms,
                           percentile_ms, what_ran)

INPUT_PEERS = ("native", "uvicorn optimized, tensors", "fastify onnx")
INPUT_FRACTIONS = (0.5, 0.7, 0.9, 1.2)
SECOND_MODEL = "mobilenet_v3_small"
SECOND_MODEL_PEERS = ("native", "native direct", "native packed", "native mapped", "uvicorn", "uvicorn tuned", "uvicorn optimized", "uvicorn batching")
NULL_PEERS = {
    "native null": "native server, --engine=null: everything but the network",
    "uvicorn tuned null": "tuned uvicorn and FastAPI, as the Python service: the body is read, nothing is done with it (peers/null_service.py)",
    "uvicorn tensor null": "the same, and the body is made a tensor in a worker thread, as the service does",
    "uvicorn bare null": "tuned uvicorn, ASGI without a framework",
    "fastify null": "fastify with nothing behind",
}
NULL_CONNECTIONS = 8


def input_seconds(options):
    return 1 if options.quick else 2


# What each section takes: its starts, and what it drives.
SECONDS = {
    "inputs": lambda options: len(INPUT_PEERS) * (3 + 5 * (1.4 * input_seconds(options) + 5 * (input_seconds(options) + 0.5))),
    "second_model": lambda options: 20 + len(SECOND_MODEL_PEERS) * (1 if options.quick else 2) * (2 + 4 / 3 * (2 if options.quick else 4)),
    "null": lambda options: 3 + len(NULL_PEERS) * (1 if options.quick else 3) * (1 + 2 * 4 / 3 * (1 if options.quick else 2)),
}


def variant(options, **changes):
    return argparse.Namespace(**{**vars(options), **changes})


def input_forms(options, folder):
    """(name, path, headers, body, keep-alive, the load generator's name) of each form in which the picture is sent."""
    jpeg = options.image.read_bytes()
    contract = json.loads((options.bundle / "contract.json").read_text())
    knobs, infer = contract["preprocessing"], f"/v2/models/{contract['name']}/infer"
    array = folder / "tensor.npy"
    subprocess.run([str(options.binary), "preprocess", "--bundle", str(options.bundle), "--npy", str(array), str(options.image)],
                   capture_output=True, check=True)
    tensor = numpy.load(array)
    scale = 255 if knobs["value_range"] == "0..1" else 1
    pixels = numpy.rint((tensor[0].transpose(1, 2, 0) * knobs["image_std"] + knobs["image_mean"]) * scale).astype(numpy.uint8)

    def body(datatype, array, **more):
        return json.dumps({"inputs": [{"name": contract["input"]["name"], "datatype": datatype, "shape": list(array.shape), **more}]}).encode()
    head = body("UINT8", pixels[None], parameters={"binary_data_size": pixels.nbytes})
    floats = body("FP32", tensor, parameters={"binary_data_size": tensor.nbytes})

    def binary(head):
        return {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    # The last of each row: what `beralih loadtest --body` calls it; it knows no pixels where the model takes floats.
    return [("JPEG", *IMAGE, jpeg, True, "image"), ("JPEG, no keep-alive", *IMAGE, jpeg, False, "image"),
            ("FP32 tensor", infer, binary(floats), floats + tensor.tobytes(), True, "tensor"),
            ("UINT8 pixels", infer, binary(head), head + pixels.tobytes(), True, None),
            ("JSON tensor", infer, {"Content-Type": "application/json"}, body("FP32", tensor, data=tensor.ravel().tolist()), True, "json")]


def inputs(options, log, folder, names, rounds):
    """The same picture as JPEG, as tensor, pixels and JSON: what each form bears, and its latency at shares of that."""
    seconds = input_seconds(options)
    forms, expected, found = input_forms(options, folder), expected_answer(options), {}
    for name in names:
        print(f"inputs: {name}", file=sys.stderr, flush=True)
        with Peer(name, options, log) as peer:
            peer.wait_until_ready()
            engine = peer.engine()
            found[name] = {**({"engine": engine} if engine else {}), "forms": {}}
            for form, path, headers, body, keep_alive, generated in forms:
                status, answer = peer.request("POST", path, body, headers)
                if path == IMAGE[0]:
                    check_answer(name, status, answer, expected, options)
                else:
                    check_logits(name, form, status, answer, expected, options)
                closed_loop(peer, body, 4, seconds / 3, path, headers, keep_alive)
                latencies, _, took = closed_loop(peer, body, 8, seconds, path, headers, keep_alive)
                capacity = len(latencies) / took
                rates = {"10/s": 10, **{f"{fraction} x capacity": fraction * capacity for fraction in INPUT_FRACTIONS}}
                loads = [load_row(at, load(peer, options, rate, seconds, path, generated, keep_alive)) if generated
                         else python_row(at, peer, body, rate, seconds, path, headers, keep_alive) for at, rate in rates.items()]
                found[name]["forms"][form] = {"body_bytes": len(body), "client": f"beralih loadtest --body {generated}" if generated else "Python",
                                              "capacity_per_s": capacity, "loads": loads}
    return found


def python_row(at, peer, body, rate, seconds, path, headers, keep_alive):
    """As load_row, of the client in Python: for a body that the load generator does not send."""
    latencies, lost = open_loop(peer, body, rate, seconds, path, headers, keep_alive)
    return {"at": at, "rate": rate, "seconds": seconds, "served_per_s": len(latencies) / seconds, "samples": len(latencies), "refused": 0, "failed": lost,
            "latency_ms": {**{f"p{percent}": percentile_ms(latencies, percent, peer.name) for percent in (50, 75, 90, 95, 99)}, "max": 1e3 * max(latencies)},
            "p99_bound_ms": p99_bound_ms(latencies), "client_warnings": []}


def check_logits(name, form, status, answer, expected, options):
    """The same first class as the picture's, with its probability."""
    wanted = expected["predictions"][0]
    logits = numpy.array(json.loads(answer)["outputs"][0]["data"] if status == 200 else [0.0])
    shares = numpy.exp(logits - logits.max()) / numpy.exp(logits - logits.max()).sum()
    if shares.argmax() != wanted["index"] or abs(shares.max() - wanted["probability"]) > options.tolerance["fp32"]:
        raise SystemExit(f"{name}, {form}: not the prediction that the JPEG has (status {status}): {answer[:300]!r}")


def second_model(options, log, folder, names, rounds):
    """A network that is cheap, so that the service around it counts; its weights are random, its cost is not."""
    checkpoint, bundle = folder / f"{SECOND_MODEL}.pth", folder / SECOND_MODEL
    for command in ([HERE / "random_checkpoint.py", SECOND_MODEL, checkpoint],
                    [ROOT / "models/recipes/import_torchvision.py", SECOND_MODEL, checkpoint, bundle, "--weights",
                     "MobileNet_V3_Small_Weights.IMAGENET1K_V1", "--no-edge", "--golden", options.golden]):
        done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{SECOND_MODEL} could not be made: {done.stderr}")
    options, seconds = variant(options, bundle=bundle), 2 if options.quick else 4
    image, expected, found = options.image.read_bytes(), expected_answer(options), {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            print(f"{SECOND_MODEL}, round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            with Peer(name, options, log) as peer:
                peer.wait_until_ready()
                check_answer(name, *peer.request("POST", IMAGE[0], image, IMAGE[1]), expected, options)
                closed_loop(peer, image, 4, seconds / 3)
                latencies, _, took = closed_loop(peer, image, 8, seconds)
                found[name].append((latencies, len(latencies) / took, peer.engine()))

    def together(name, rows):
        latencies, engine = [latency for row in rows for latency in row[0]], what_ran([row[2] for row in rows])
        return {"capacity_per_s": statistics.median(row[1] for row in rows), "p99_ms": percentile_ms(latencies, 99, name),
                "samples": len(latencies), "p99_bound_ms": p99_bound_ms(latencies), **({"engine": engine} if engine else {})}
    return {"name": SECOND_MODEL, "weights": "random", "peers": {name: together(name, rows) for name, rows in found.items()}}


def null(options, log, folder, names, rounds):
    """Requests/s with tensors of 60 KB and answers of one size, and with GETs, driven by server_load, which costs little."""
    options = variant(options, bundle=null_bundle.make(str(options.binary), folder / "null"))
    request, seconds = server_bench.tensor_request("null", null_bundle.TENSOR_BYTES // 4), 1 if options.quick else 2
    head, body = request.split(b"\r\n\r\n", 1)
    headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
    requests = {"tensor": folder / "tensor", "get": folder / "get"}
    requests["tensor"].write_bytes(request)
    requests["get"].write_bytes(b"GET /v2/health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    with Peer("native null", options, log) as peer:
        peer.wait_until_ready()
        status, answer = peer.request("POST", "/v2/models/null/infer", body, headers)
        if status != 200:
            raise SystemExit(f"the null engine answered {status}: {answer[:300]!r}")
        options.answer_bytes = len(answer)
    found = {name: {kind: [] for kind in requests} for name in names}
    for number in range(rounds):
        for name in names:
            print(f"null, round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            with Peer(name, options, log) as peer:
                peer.wait_until_ready()
                for kind, file in requests.items():
                    null_load(peer, options, file, seconds / 3)
                    found[name][kind].append(null_load(peer, options, file, seconds))

    def medians(rows):
        return {"requests_per_s": statistics.median(row["per_second"] for row in rows), "p99_ms": statistics.median(row["p99_ms"] for row in rows)}
    return {"body_bytes": null_bundle.TENSOR_BYTES, "answer_bytes": options.answer_bytes, "connections": NULL_CONNECTIONS,
            "peers": {name: {"what": NULL_PEERS[name], **{kind: medians(rows) for kind, rows in kinds.items()}} for name, kinds in found.items()}}


def null_load(peer, options, request, seconds):
    done = subprocess.run(["taskset", "-c", str(options.client_core), str(options.load), str(peer.port), str(request),
                           str(NULL_CONNECTIONS), str(seconds)], capture_output=True, text=True)
    row = json.loads(done.stdout) if done.returncode == 0 else {}
    if set(row.get("statuses", {0})) != {"200"} or row["closed"]:
        raise SystemExit(f"{peer.name} did not get 200 alone: {row or done.stderr}")
    return row


def tables(result):
    lines = []
    if result["inputs"]:
        lines += ["", "The same picture in other forms, open loop; \"UINT8 pixels\" are sent by a client in Python, since `beralih loadtest` makes tensors of the model's "
                  "own type alone. Too few requests for a 99th percentile: medians, and the worst.", "",
                  "| | form | KB | images/s | p50 at 10/s | 0.5 x | 0.7 x | 0.9 x | 1.2 x | worst at 0.7 x | not served below 1 x |",
                  "|---|---|---|---|---|---|---|---|---|---|---|"]
        for name, row in result["inputs"].items():
            for form, one in row["forms"].items():
                medians = " | ".join(f"{load['latency_ms']['p50']:.0f} ms" for load in one["loads"])
                lost = sum(load["refused"] + load["failed"] for load in one["loads"] if load["at"] != "1.2 x capacity")
                worst = next(load["latency_ms"]["max"] for load in one["loads"] if load["at"] == "0.7 x capacity")
                lines.append(f"| {name} | {form} | {one['body_bytes'] / 1e3:.0f} | {one['capacity_per_s']:.1f} | {medians} | {worst:.0f} ms | {lost} |")
    if result["second_model"]:
        second = result["second_model"]
        lines += ["", f"`{second['name']}` with {second['weights']} weights, the same picture, eight clients:", "",
                  "| | runs | images/s | p99 | at most, at 95 % confidence | requests |", "|---|---|---|---|---|---|"]
        lines += [f"| {name} | {ran(row)} | {row['capacity_per_s']:.1f} | {row['p99_ms']:.0f} ms | {bound(row['p99_bound_ms'])} | {row['samples']} |"
                  for name, row in second["peers"].items()]
    if result["null"]:
        none = result["null"]
        lines += ["", f"No network, {none['connections']} connections: a tensor of {none['body_bytes'] / 1e3:.0f} KB in and {none['answer_bytes']} bytes out, "
                  "or `GET /v2/health/ready`:",
                  "", "| | tensors/s | p99 | GETs/s | p99 | |", "|---|---|---|---|---|---|"]
        lines += [f"| {name} | {row['tensor']['requests_per_s']:.0f} | {row['tensor']['p99_ms']:.2f} ms | {row['get']['requests_per_s']:.0f} "
                  f"| {row['get']['p99_ms']:.2f} ms | {row['what']} |" for name, row in none["peers"].items()]
    return "\n".join(lines) + "\n" if lines else ""


def ran(row):
    engine = row.get("engine")
    return f"{engine['variant']} {engine['dtype']}, {engine['threads']} thread(s)" if engine else ""


def bound(milliseconds):
    return "–" if milliseconds is None else f"{milliseconds:.0f} ms"
