"""What a Python service costs with nothing behind it: the body is read whole, the answer is always the same bytes.

    BERALIH_ANSWER_BYTES=4149 uvicorn --app-dir tests/bench/peers null_service:app       as inference_service.py: FastAPI
    BERALIH_ANSWER_BYTES=4149 uvicorn --app-dir tests/bench/peers null_service:service   what the native null engine does: the body is a tensor
    BERALIH_ANSWER_BYTES=4149 uvicorn --app-dir tests/bench/peers null_service:bare      ASGI without a framework
"""
import os

import torch
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

ANSWER = bytes(int(os.environ["BERALIH_ANSWER_BYTES"]))
app = FastAPI()


@app.post("/v2/models/null/infer")
async def infer(request: Request):
    await request.body()
    return Response(ANSWER, media_type="application/octet-stream")


@app.get("/v2/health/ready")
async def ready():  # on the event loop: in a worker thread, as inference_service.py has it, it would be slower
    return {"ready": True}


service = FastAPI()
service.get("/v2/health/ready")(ready)


def answer_tensor(body):
    """All that stands around inference_service.py's forward pass, but for JSON."""
    tensor = torch.frombuffer(bytearray(body), dtype=torch.float32).reshape(1, 3, -1)
    logits = torch.zeros(len(tensor), len(ANSWER) // 4)
    return logits.numpy().tobytes().ljust(len(ANSWER), b"\0")


@service.post("/v2/models/null/infer")
async def infer_tensor(request: Request):
    return Response(await run_in_threadpool(answer_tensor, await request.body()), media_type="application/octet-stream")


async def bare(scope, receive, send):
    if scope["type"] != "http":
        return
    answer = ANSWER if scope["method"] == "POST" else b'{"ready":true}'
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/octet-stream"), (b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})
