"""A minimal inference service in Python: the bundle is loaded once, every request is independent.

    BERALIH_BUNDLE=models/bundles/resnet34 uvicorn --app-dir web/content/code inference_service:app
"""
import io, json, os, pathlib

import numpy, torch
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from PIL import Image, ImageOps
from starlette.exceptions import HTTPException
from torchvision.transforms import InterpolationMode, functional

from bundle import check_knobs, load_model, preprocessing_text, sha256
from refusals import PILLOW_ERRORS, answer_refusals, body_of, check_request, check_resized, refusal, tensor_of

BUNDLE = pathlib.Path(os.environ.get("BERALIH_BUNDLE", "models/bundles/resnet34"))


def load_bundle(folder):
    """contract.json names every file with its SHA-256: what was validated is what is served, or nothing is."""
    contract = json.loads((folder / "contract.json").read_bytes())
    check_knobs(contract)
    for file in contract["files"]:
        if sha256((folder / file["path"]).read_bytes()) != file["sha256"]:
            raise SystemExit(f"{file['path']} is not the file that the contract names")
    paths = {file["role"]: folder / file["path"] for file in contract["files"]}
    return contract, paths["labels"].read_text("utf-8").splitlines(), load_model(paths["architecture"], paths["weights"])


def preprocess(data, knobs):
    """Exactly as the research code did it: EXIF, RGB, resize, centre crop, float32, normalise."""
    image = Image.open(io.BytesIO(data))
    check_resized(image.size, knobs["resize_shorter_side"])
    if knobs["exif"] == "transpose":
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16-bit gray: its high byte
        image = Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8))
    image = functional.resize(image.convert("RGB"), [knobs["resize_shorter_side"]], InterpolationMode(knobs["resize_filter"]))
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
    tensor = preprocess(data, CONTRACT["preprocessing"])
    logits = forward(tensor)[0]
    top = torch.softmax(logits.double(), 0).topk(k)
    return {**ABOUT, "tensor": {"datatype": "FP32", "shape": list(tensor.shape), "sha256": sha256(tensor.numpy())},
            "predictions": [{"index": i, "label": LABELS[i], "probability": p}
                            for p, i in zip(top.values.tolist(), top.indices.tolist())]}


def check_golden(case):
    """The research side knows what must come out of its picture. It warms, too: TorchScript compiles on its first runs."""
    found = predict((BUNDLE / case["image"]).read_bytes(), len(LABELS))
    probabilities = {one["index"]: one["probability"] for one in found["predictions"]}
    off = max(abs(probabilities[one["index"]] - one["probability"]) for one in case["top5"])
    if found["tensor"]["sha256"] != case["tensor_sha256"] or not off <= CONTRACT["tolerance"]["fp32"]:
        raise SystemExit(f"{case['image']}: another tensor than the contract's, or probabilities that are off by {off}")


CONTRACT, LABELS, MODEL = load_bundle(BUNDLE)  # once, before the first request
RULES = preprocessing_text(CONTRACT)
ABOUT = {"model": {"name": CONTRACT["name"], "version": CONTRACT["version"]}, "device": "cpu",
         "contract_hash": sha256((BUNDLE / "contract.json").read_bytes()), "preprocessing_hash": sha256(RULES.encode())}
check_golden(CONTRACT["golden"][0])
app = FastAPI()
answer_refusals(app)


@app.post("/api/classify")
async def classify(request: Request, k: int = 5):
    check_request(request, RULES, ABOUT["preprocessing_hash"])
    data = await body_of(request)
    if not data or not 1 <= k <= len(LABELS):
        raise HTTPException(400, f"The body must be an image's bytes, and k from 1 to {len(LABELS)}.")
    try:
        answer = await run_in_threadpool(predict, data, k)
    except PILLOW_ERRORS as error:
        raise refusal(error, data)
    return JSONResponse(answer, headers={"Beralih-Contract": ABOUT["preprocessing_hash"]})


@app.get("/api/contract")
async def contract():
    return Response((BUNDLE / "contract.json").read_bytes(), media_type="application/json")


@app.get("/v2/health/live")
@app.get("/v2/health/ready")
async def health():
    return {"live": True, "ready": True}  # the socket opens only after the model is loaded and warm


@app.post(f"/v2/models/{CONTRACT['name']}/infer")
async def infer(request: Request):
    """Open Inference Protocol, JSON tensors: for clients that preprocess by the contract themselves."""
    return await run_in_threadpool(infer_json, await body_of(request))


def infer_json(body):
    try:
        request = json.loads(body)
        logits = forward(tensor_of(request, CONTRACT["input"]))
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise HTTPException(400, f"inputs: {error!s:.300}")
    output = {**CONTRACT["output"], "shape": list(logits.shape), "data": logits.flatten().tolist()}
    return {**{key: request[key] for key in ("id",) if key in request},
            "model_name": CONTRACT["name"], "model_version": CONTRACT["version"], "outputs": [output]}
