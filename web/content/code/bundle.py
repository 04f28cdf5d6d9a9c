"""What inference_service.py needs of a bundle: its rules for pictures, and its network with the weights in place."""
import hashlib, json, mmap, struct

import torch

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
# What preprocess() does. A knob or a value that is not here would be ignored, and the network would see another picture.
FREE = ("resize_shorter_side", "resize_filter", "center_crop", "image_mean", "image_std")
KNOWN = {"exif": ["transpose", "ignore"], "gray16": ["high_byte"], "pad_value": [[0, 0, 0]], "channel_order": ["RGB"], "layout": ["NCHW"],
         "dtype": ["float32"], "value_range": ["0..1", "0..255"], "rescale": ["divide"]}


def check_knobs(contract):
    knobs = contract["preprocessing"]
    for knob, value in knobs.items():
        if knob not in ("preset", *FREE) and value not in KNOWN.get(knob, []):
            raise SystemExit(f"preprocessing: this service does not know {knob} = {value}")
    needed = {*FREE, *KNOWN} - {"rescale"} | ({"rescale"} if knobs.get("value_range") == "0..1" else set())
    if needed - knobs.keys():
        raise SystemExit(f"preprocessing: the contract does not say {', '.join(sorted(needed - knobs.keys()))}")
    if contract["input"]["datatype"] != "FP32" or contract["input"]["shape"][1:] != [3, *knobs["center_crop"]]:
        raise SystemExit(f"input: this service makes FP32 [-1, 3, height, width] of the crop, not {contract['input']}")


def preprocessing_text(contract):
    """Every rule that decides the tensor, a line each: its SHA-256 is what the header Beralih-Contract names."""
    knobs = contract["preprocessing"]
    numbers = lambda values: ",".join(map(str, values))  # noqa: E731
    floats = lambda values: ",".join(struct.pack(">f", value).hex() for value in values)  # noqa: E731
    as_text = {"resize_shorter_side": lambda side: f"{side},{side}", "center_crop": numbers, "pad_value": numbers, "image_mean": floats, "image_std": floats}
    order = ("exif", "gray16", "resize_shorter_side", "resize_filter", "center_crop", "pad_value", "channel_order", "layout",
             "dtype", "value_range", "rescale", "image_mean", "image_std")
    lines = [f"{knob}={as_text.get(knob, str)(knobs[knob])}" for knob in order if knob in knobs]
    labels = next(file["sha256"] for file in contract["files"] if file["role"] == "labels")
    return "\n".join(["beralih.preprocessing/1", *lines, f"input.datatype={contract['input']['datatype']}",
                      f"input.shape={numbers(contract['input']['shape'])}", f"labels.sha256={labels}", ""])


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


def sha256(data):
    return hashlib.sha256(data).hexdigest()
