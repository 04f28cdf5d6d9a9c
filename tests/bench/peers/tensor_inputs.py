"""tuned_service.py, and what the lesson does not show: the model's metadata, and the protocol's binary extension for the tensor
in FP32 and for the crop's pixels in UINT8.

    BERALIH_OPTIMIZED=1 uvicorn --app-dir tests/bench/peers tensor_inputs:app --loop uvloop --http httptools --no-access-log
"""
import json

import numpy
import torch
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from tuned_service import app, service

CONTRACT, KNOBS = service.CONTRACT, service.CONTRACT["preprocessing"]
MODEL = f"/v2/models/{CONTRACT['name']}"
CROP = [*KNOBS["center_crop"], 3]


@app.get(MODEL)
async def metadata():
    return {"name": CONTRACT["name"], "versions": [CONTRACT["version"]], "platform": "pytorch_torchscript",
            "inputs": [CONTRACT["input"]], "outputs": [CONTRACT["output"]]}


def infer_binary(body, head_length):
    (given,) = json.loads(body[:head_length])["inputs"]
    data, shape = body[head_length:], given["shape"]
    if given["datatype"] == "FP32" and shape[1:] == CONTRACT["input"]["shape"][1:]:
        tensor = torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
    elif given["datatype"] == "UINT8" and shape[1:] == CROP:
        values = numpy.frombuffer(data, numpy.uint8).reshape(shape).astype(numpy.float32)
        if KNOBS["value_range"] == "0..1":
            values = values / numpy.float32(255)
        values = (values - numpy.float32(KNOBS["image_mean"])) / numpy.float32(KNOBS["image_std"])
        tensor = torch.from_numpy(numpy.ascontiguousarray(values.transpose(0, 3, 1, 2)))
    else:
        raise HTTPException(400, f"inputs: FP32 {CONTRACT['input']['shape']} or UINT8 {[-1, *CROP]}")
    logits = service.forward(tensor)
    output = {**CONTRACT["output"], "shape": list(logits.shape), "data": logits.flatten().tolist()}
    return {"model_name": CONTRACT["name"], "model_version": CONTRACT["version"], "outputs": [output]}


@app.post(f"{MODEL}/infer")
async def infer(request: Request):
    head_length, body = request.headers.get("inference-header-content-length"), await service.body_of(request)
    if head_length is None:
        return await run_in_threadpool(service.infer_json, body)
    return await run_in_threadpool(infer_binary, body, int(head_length))


app.router.routes.insert(0, app.router.routes.pop())  # before the service's own
