"""inference_service.py, and the protocol's binary extension for the crop's UINT8 pixels, which the lesson does not show.

    uvicorn --app-dir tests/bench/peers tensor_inputs:app --loop uvloop --http httptools
"""
import pathlib, sys

import numpy, torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "web" / "content" / "code"))
import inference_service as service  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from fastapi.concurrency import run_in_threadpool  # noqa: E402

app = FastAPI()


def infer_pixels(pixels):
    knobs = service.CONTRACT["preprocessing"]
    height, width = service.CONTRACT["input"]["shape"][2:]
    values = numpy.frombuffer(pixels, numpy.uint8).reshape(height, width, 3).astype(numpy.float32)
    if knobs["value_range"] == "0..1":
        values = values / numpy.float32(255)
    values = (values - numpy.float32(knobs["image_mean"])) / numpy.float32(knobs["image_std"])
    logits = service.forward(torch.from_numpy(numpy.ascontiguousarray(values.transpose(2, 0, 1)[None])))
    output = {"name": service.CONTRACT["output"]["name"], "datatype": "FP32", "shape": list(logits.shape)}
    return {"model_name": service.CONTRACT["name"], "outputs": [{**output, "data": logits.flatten().tolist()}]}


@app.post(f"/v2/models/{service.CONTRACT['name']}/infer")
async def infer(request: Request):
    head = request.headers.get("inference-header-content-length")
    if head is None:
        return await run_in_threadpool(service.infer, await request.json())
    return await run_in_threadpool(infer_pixels, (await request.body())[int(head):])


app.mount("/", service.app)
