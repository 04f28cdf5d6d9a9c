"""A minimal inference service in Python: the bundle is loaded once, every request is independent.

    BERALIH_BUNDLE=models/bundles/resnet34 uvicorn --app-dir web/content/code inference_service:app
"""
import hashlib, io, json, mmap, os, pathlib, struct, time
from typing import Literal

import numpy, torch
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from PIL import Image, ImageOps, UnidentifiedImageError
from torchvision.transforms import InterpolationMode, functional

BUNDLE = pathlib.Path(os.environ.get("BERALIH_BUNDLE", "models/bundles/resnet34"))
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def load_bundle(folder):
    """contract.json names every file with its SHA-256: what was validated is what is served, or nothing is."""
    contract = json.loads((folder / "contract.json").read_bytes())
    for file in contract["files"]:
        if hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() != file["sha256"]:
            raise SystemExit(f"{file['path']} is not the file that the contract names")
    paths = {file["role"]: folder / file["path"] for file in contract["files"]}
    return contract, paths["labels"].read_text("utf-8").splitlines(), load_model(paths["architecture"], paths["weights"])


def load_model(architecture, weights):
    """The class definition is TorchScript; the weights are mapped from their safetensors file, not copied."""
    model = torch.jit.load(str(architecture)).eval()
    with open(weights, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    start = 8 + struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(bytes(data[8:start])).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensor = torch.frombuffer(data[start + begin:start + end], dtype=DTYPES[entry["dtype"]])
            *path, attribute = name.split(".")
            owner = model._c
            for part in path:
                owner = owner.getattr(part)
            owner.setattr(attribute, tensor.reshape(entry["shape"]))
    return model


def preprocess(data, knobs):
    """Exactly as the research code did it: EXIF, RGB, resize, centre crop, float32, normalise."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    image = functional.resize(image, [knobs["resize_shorter_side"]], InterpolationMode(knobs["resize_filter"]))
    pixels = numpy.asarray(functional.center_crop(image, knobs["center_crop"]), numpy.float32)
    if knobs["value_range"] == "0..1":
        pixels = pixels / numpy.float32(255)
    pixels = (pixels - numpy.float32(knobs["image_mean"])) / numpy.float32(knobs["image_std"])
    return torch.from_numpy(numpy.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))


def forward(tensor):
    with torch.inference_mode():
        return MODEL(tensor)


def predict(data, k):
    """Bytes in, answer out; nothing is remembered between two calls."""
    start = time.perf_counter()
    tensor = preprocess(data, CONTRACT["preprocessing"])
    middle = time.perf_counter()
    logits = forward(tensor)[0]
    end = time.perf_counter()
    top = torch.softmax(logits.double(), 0).topk(k)
    return {"model": {"name": CONTRACT["name"], "version": CONTRACT["version"]}, "contract_hash": CONTRACT_HASH,
            "device": "cpu", "tensor": {"datatype": "FP32", "shape": list(tensor.shape),
                                        "sha256": hashlib.sha256(tensor.numpy()).hexdigest()},
            "predictions": [{"index": i, "label": LABELS[i], "probability": p}
                            for p, i in zip(top.values.tolist(), top.indices.tolist())],
            "timings_ms": {"preprocess": 1e3 * (middle - start), "inference": 1e3 * (end - middle)}}


CONTRACT, LABELS, MODEL = load_bundle(BUNDLE)  # once, before the first request
CONTRACT_HASH = hashlib.sha256((BUNDLE / "contract.json").read_bytes()).hexdigest()
predict((BUNDLE / CONTRACT["golden"][0]["image"]).read_bytes(), 1)  # warm: TorchScript compiles on its first runs
app = FastAPI()


def problem(status, detail):
    return JSONResponse({"title": "Not classified", "status": status, "detail": detail}, status,
                        media_type="application/problem+json")


@app.post("/api/classify")
async def classify(request: Request, k: int = 5):
    data = await request.body()
    if not data or not 1 <= k <= len(LABELS):
        return problem(400, "The body must be an image's bytes, and k a number of classes.")
    try:
        return await run_in_threadpool(predict, data, k)
    except UnidentifiedImageError:
        return problem(415, "This is not an image that Pillow reads.")
    except Image.DecompressionBombError as error:
        return problem(413, str(error))
    except (OSError, SyntaxError, ValueError) as error:
        return problem(422, f"The image is damaged: {error}")


@app.get("/api/contract")
def contract():
    return Response((BUNDLE / "contract.json").read_bytes(), media_type="application/json")


@app.get("/v2/health/{probe}")
def health(probe: Literal["live", "ready"]):
    return {probe: True}  # the socket opens only after the model is loaded and warm


@app.post(f"/v2/models/{CONTRACT['name']}/infer")
def infer(request: dict):
    """Open Inference Protocol, JSON tensors: for clients that preprocess by the contract themselves."""
    try:
        (given,) = request["inputs"]
        logits = forward(torch.tensor(given["data"], dtype=torch.float32).reshape(given["shape"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        return JSONResponse({"error": f"inputs: {error}"}, 400)
    output = {"name": CONTRACT["output"]["name"], "datatype": "FP32", "shape": list(logits.shape)}
    return {"model_name": CONTRACT["name"], "outputs": [{**output, "data": logits.flatten().tolist()}]}
