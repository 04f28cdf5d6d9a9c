"""tuned_service.py, and requests that wait together run through the network together.

    BERALIH_OPTIMIZED=1 uvicorn --app-dir tests/bench/peers micro_batching:app --loop uvloop --http httptools --no-access-log
"""
import concurrent.futures
import queue
import threading

import torch

import tuned_service
from tuned_service import app, service  # noqa: F401  (app: uvicorn's)

LARGEST_BATCH = 4
waiting: queue.SimpleQueue = queue.SimpleQueue()
forward = service.forward
tuned_service.at_once = 2 * LARGEST_BATCH  # a batch in the network, and the next one being preprocessed or waiting


def forward_together(tensor):
    answer = concurrent.futures.Future()
    waiting.put((tensor, answer))
    return answer.result()


def run_batches():
    """No delay: a batch is what queued up while the one before it ran."""
    while True:
        batch = [waiting.get()]
        while len(batch) < LARGEST_BATCH and not waiting.empty():
            batch.append(waiting.get())  # nobody else takes any
        tensors, answers = zip(*batch)
        try:
            rows = forward(torch.cat(tensors)).split([len(tensor) for tensor in tensors])
        except Exception as error:
            rows = [error] * len(batch)
        for row, answer in zip(rows, answers):
            answer.set_exception(row) if isinstance(row, Exception) else answer.set_result(row)


for size in range(2, LARGEST_BATCH + 1):  # TorchScript compiles for each size that it meets
    for _ in range(2):
        forward(torch.zeros(size, *service.CONTRACT["input"]["shape"][1:]))
service.forward = forward_together
threading.Thread(target=run_batches, daemon=True).start()
