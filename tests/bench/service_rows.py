"""The rows of service_bench.py beside its main table: other inputs, a network that is cheap, and no network at all."""
import argparse
import json
import statistics
import subprocess
import sys

import null_bundle
import numpy
import server_bench
from service_peers import HERE, IMAGE, ROOT, Peer, check_answer, closed_loop, expected_answer, open_loop, percentile_ms

INPUT_PEERS = ("native", "uvicorn tuned, tensors", "fastify onnx")
SECOND_MODEL = "mobilenet_v3_small"
SECOND_MODEL_PEERS = ("native", "native packed", "native mapped", "uvicorn", "uvicorn tuned")
NULL_PEERS = {
    "native null": "native server, --engine=null: everything but the network",
    "uvicorn tuned null": "tuned uvicorn and FastAPI, as the Python service: the body is read, nothing is done with it (peers/null_service.py)",
    "uvicorn tensor null": "the same, and the body is made a tensor in a worker thread, as the service does",
    "uvicorn bare null": "tuned uvicorn, ASGI without a framework",
    "fastify null": "fastify with nothing behind",
}
NULL_CONNECTIONS = 8


def variant(options, **changes):
    return argparse.Namespace(**{**vars(options), **changes})


def input_forms(options, folder):
    """(name, path, headers, body, keep-alive) of each form in which the picture is sent."""
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
    binary = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return [("JPEG", *IMAGE, jpeg, True), ("JPEG, no keep-alive", *IMAGE, jpeg, False),
            ("UINT8 pixels", infer, binary, head + pixels.tobytes(), True),
            ("JSON tensor", infer, {"Content-Type": "application/json"}, body("FP32", tensor, data=tensor.ravel().tolist()), True)]


def inputs(options, log, folder, names, rounds):
    """The same picture as JPEG, pixels and JSON, with a client in Python."""
    seconds = 1 if options.quick else 2
    forms, expected = input_forms(options, folder), expected_answer(options)
    found = {name: {form[0]: [] for form in forms} for name in names}
    for number in range(rounds):
        for name in names:
            print(f"inputs, round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            with Peer(name, options, log) as peer:
                peer.wait_until_ready()
                for form, path, headers, body, keep_alive in forms:
                    status, answer = peer.request("POST", path, body, headers)
                    if path == IMAGE[0]:
                        check_answer(name, status, answer, expected, options)
                    else:
                        check_logits(name, form, status, answer, expected)
                    closed_loop(peer, body, 4, seconds / 3, path, headers, keep_alive)
                    latencies, _, took = closed_loop(peer, body, 8, seconds, path, headers, keep_alive)
                    capacity = len(latencies) / took
                    latencies, lost = open_loop(peer, body, 0.7 * capacity, seconds, path, headers, keep_alive)
                    found[name][form].append({"capacity_per_s": capacity, "p50_ms": percentile_ms(latencies, 50, name),
                                              "p99_ms": percentile_ms(latencies, 99, name), "failed": lost})
    bytes_of = {form[0]: len(form[3]) for form in forms}
    return {name: {form: {"body_bytes": bytes_of[form], "failed": sum(row["failed"] for row in rows),
                          **{key: statistics.median(row[key] for row in rows) for key in ("capacity_per_s", "p50_ms", "p99_ms")}}
                   for form, rows in forms_of.items()} for name, forms_of in found.items()}


def check_logits(name, form, status, answer, expected):
    logits = json.loads(answer)["outputs"][0]["data"] if status == 200 else []
    if not logits or max(range(len(logits)), key=logits.__getitem__) != expected["predictions"][0]["index"]:
        raise SystemExit(f"{name}, {form}: not the class that the JPEG has (status {status}): {answer[:300]!r}")


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
                found[name].append({"capacity_per_s": len(latencies) / took, "p99_ms": percentile_ms(latencies, 99, name)})
    return {"name": SECOND_MODEL, "weights": "random",
            "peers": {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}}


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
        lines += ["", "The same picture in other forms (a client in Python; p99 at 0.7 x the row's own images/s):", "",
                  "| | form | KB | images/s | p50 | p99 | not served |", "|---|---|---|---|---|---|---|"]
        lines += [f"| {name} | {form} | {row['body_bytes'] / 1e3:.0f} | {row['capacity_per_s']:.1f} | {row['p50_ms']:.0f} ms "
                  f"| {row['p99_ms']:.0f} ms | {row['failed']} |" for name, forms in result["inputs"].items() for form, row in forms.items()]
    if result["second_model"]:
        second = result["second_model"]
        lines += ["", f"`{second['name']}` with {second['weights']} weights, the same picture, eight clients:", "",
                  "| | images/s | p99 |", "|---|---|---|"]
        lines += [f"| {name} | {row['capacity_per_s']:.1f} | {row['p99_ms']:.0f} ms |" for name, row in second["peers"].items()]
    if result["null"]:
        none = result["null"]
        lines += ["", f"No network, {none['connections']} connections: a tensor of {none['body_bytes'] / 1e3:.0f} KB in and {none['answer_bytes']} bytes out, "
                  "or `GET /v2/health/ready`:",
                  "", "| | tensors/s | p99 | GETs/s | p99 | |", "|---|---|---|---|---|---|"]
        lines += [f"| {name} | {row['tensor']['requests_per_s']:.0f} | {row['tensor']['p99_ms']:.2f} ms | {row['get']['requests_per_s']:.0f} "
                  f"| {row['get']['p99_ms']:.2f} ms | {row['what']} |" for name, row in none["peers"].items()]
    return "\n".join(lines) + "\n" if lines else ""
