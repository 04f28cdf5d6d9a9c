"""inference_service.py with one change: requests that wait together run through the network together.

    uvicorn --app-dir tests/bench/peers micro_batching:app --loop uvloop --http httptools
"""
import asyncio, hashlib, os, pathlib, sys

import torch

torch.set_num_threads(int(os.environ.get("BERALIH_THREADS", "1")))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "web" / "content" / "code"))
import inference_service as service  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from fastapi.concurrency import run_in_threadpool  # noqa: E402

LARGEST_BATCH = 4
app = FastAPI()
waiting: asyncio.Queue = asyncio.Queue()


async def run_batches():
    """No delay: a batch is what queued up while the one before it ran."""
    while True:
        batch = [await waiting.get()]
        while len(batch) < LARGEST_BATCH and not waiting.empty():
            batch.append(waiting.get_nowait())
        try:
            rows = await run_in_threadpool(service.forward, torch.cat([tensor for tensor, _ in batch]))
        except Exception as error:
            for _, answer in batch:
                answer.set_exception(error)
            continue
        for row, (_, answer) in zip(rows, batch):
            if not answer.done():
                answer.set_result(row)


@app.on_event("startup")
async def start():
    app.state.batches = asyncio.create_task(run_batches())


@app.post("/api/classify")
async def classify(request: Request, k: int = 5):
    data = await request.body()
    tensor = await run_in_threadpool(service.preprocess, data, service.CONTRACT["preprocessing"])
    answer = asyncio.get_running_loop().create_future()
    waiting.put_nowait((tensor, answer))
    top = torch.softmax((await answer).double(), 0).topk(k)
    return {"model": {"name": service.CONTRACT["name"], "version": service.CONTRACT["version"]},
            "tensor": {"datatype": "FP32", "shape": list(tensor.shape), "sha256": hashlib.sha256(tensor.numpy()).hexdigest()},
            "predictions": [{"index": i, "label": service.LABELS[i], "probability": p}
                            for p, i in zip(top.values.tolist(), top.indices.tolist())]}


@app.get("/v2/health/ready")
def ready():
    return {"ready": True}
