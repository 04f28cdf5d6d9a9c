"""inference_service.py as one runs it where it has to be quick.

    BERALIH_THREADS=1 uvicorn --app-dir tests/bench/peers tuned_service:app --loop uvloop --http httptools --no-access-log
    BERALIH_OPTIMIZED=1 …     the network frozen, its weights channels last, its convolutions oneDNN's own

As many requests at a time as there are cores: of forty threads that share one core each would end last. What else waits, waits in order.
"""
import os
import pathlib
import sys

import anyio
import torch

THREADS = int(os.environ.get("BERALIH_THREADS", "1"))
torch.set_num_threads(THREADS)
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "web" / "content" / "code"))
import inference_service as service  # noqa: E402

app = service.app
at_once = THREADS


def forward(tensor):
    with torch.inference_mode():
        return service.MODEL(tensor.contiguous(memory_format=torch.channels_last))


if os.environ.get("BERALIH_OPTIMIZED"):
    with torch.inference_mode():
        service.MODEL = torch.jit.optimize_for_inference(torch.jit.freeze(service.MODEL.to(memory_format=torch.channels_last)))
    service.forward = forward
    for case in service.CONTRACT["golden"]:  # it computes in another order: it serves only what still comes out right
        service.check_golden(case)


@app.on_event("startup")
async def limit_threads():
    anyio.to_thread.current_default_thread_limiter().total_tokens = at_once
