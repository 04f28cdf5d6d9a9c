"""safetensors files: a u64 little-endian header length, a JSON header, the tensors back to back."""
import json
import struct
from typing import Dict

import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64, "I8": np.int8, "U8": np.uint8}


def read(path: str) -> Dict[str, np.ndarray]:
    """Views of a memory map (changes to them stay private), in the file's order; BF16 as its raw 16 bits."""
    raw = np.memmap(path, np.uint8, "c")
    (length,) = struct.unpack("<Q", raw[:8].tobytes())
    header = json.loads(raw[8:8 + length].tobytes())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = raw[begin:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
