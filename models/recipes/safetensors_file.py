"""safetensors files: a u64 little-endian header length, a JSON header, the tensors back to back."""
import contextlib
import json
import math
import os
import struct
from typing import Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64,
          "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_}


class Layout(NamedTuple):
    name: str
    dtype: str
    shape: Tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(DTYPES[self.dtype]).itemsize


def read(path: str) -> Dict[str, np.ndarray]:
    """Views of a memory map (changes to them stay private), in the file's order; BF16 as its raw 16 bits."""
    size = os.path.getsize(path)
    raw = np.memmap(path, np.uint8, "c") if size else np.zeros(0, np.uint8)
    problem = f"{path} is not a safetensors file, or is cut off"
    if size < 8:
        raise SystemExit(f"{problem}: it has {size} bytes.")
    (length,) = struct.unpack("<Q", raw[:8].tobytes())
    if length > size - 8:
        raise SystemExit(f"{problem}: its header would take {length} bytes, the file has {size}.")
    try:
        header = json.loads(raw[8:8 + length].tobytes())
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            if not 8 + length <= begin <= end <= size:
                raise ValueError(f"the data of {name} would end at byte {end}, the file has {size}")
            tensors[name] = raw[begin:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"{problem}: {error}.") from None
    return tensors


def write(path: str, layouts: List[Layout], chunks: Iterable[np.ndarray]) -> None:
    """Writes the tensors of `layouts`; `chunks` are their values in that order, in pieces of any size, so that no more
    than one piece is in memory. Spaces pad the header: the data starts at a multiple of 64 bytes, to be mapped."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for layout in layouts:
        header[layout.name] = {"dtype": layout.dtype, "shape": list(layout.shape),
                               "data_offsets": [offset, offset + layout.bytes]}
        offset += layout.bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    written = 0
    try:
        with open(path, "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for chunk in chunks:
                f.write(np.ascontiguousarray(chunk).data)
                written += chunk.nbytes
    except OSError as error:
        with contextlib.suppress(OSError):     # half a file is worth nothing, and takes the space that is missing
            os.unlink(path)
        raise SystemExit(f"{path} cannot be written: {error.strerror}; {offset / 1e6:.1f} MB are needed.") from None
    if written != offset:
        raise SystemExit(f"{path}: {written} bytes of tensors were written, {offset} were announced.")
