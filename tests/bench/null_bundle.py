"""A bundle for `beralih serve --engine null`: nobody's network, a small input tensor, one golden picture."""
import hashlib
import json
import pathlib
import subprocess
import struct
import zlib

SIDE = 71                                    # 3 x 71 x 71 floats are 60,492 bytes
TENSOR_BYTES = 3 * SIDE * SIDE * 4


def png(width, height):
    """A gradient, so that a picture that was decoded wrongly has another tensor."""
    rows = b"".join(b"\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 128)) for x in range(width))
                    for y in range(height))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make(binary, folder, classes=1000):
    folder = pathlib.Path(folder)
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    files = {"labels.txt": ("labels", "".join(f"class {i}\n" for i in range(classes)).encode()),
             "architecture.pt": ("architecture", b"none"), "weights.safetensors": ("weights", struct.pack("<Q", 2) + b"{}"),
             "golden/gradient.png": ("golden_image", png(96, 80))}
    for name, (_, content) in files.items():
        (folder / name).write_bytes(content)
    contract = {
        "schema": "beralih.contract/1", "name": "null", "version": "1.0.0", "description": "No network: for measuring the server.",
        "preprocessing": {"preset": "", "exif": "transpose", "gray16": "high_byte", "resize_shorter_side": SIDE, "resize_filter": "bilinear",
                          "center_crop": [SIDE, SIDE], "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW", "dtype": "float32",
                          "value_range": "0..255", "image_mean": [0, 0, 0], "image_std": [1, 1, 1]},
        "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, SIDE, SIDE]},
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, classes]},
        "files": [{"role": role, "path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                  for name, (role, content) in files.items()],
        "golden": [], "tolerance": {"fp32": 1e-4, "bf16": 0.03},
        "provenance": {"source": "made by the benchmark", "license": "CC0-1.0", "parent": "", "recipe": "", "note": ""}}

    def write():
        text = json.dumps(contract, indent=2) + "\n"
        (folder / "contract.json").write_text(text)
        (folder / "contract.sha256").write_text(hashlib.sha256(text.encode()).hexdigest() + "\n")
    write()
    done = subprocess.run([binary, "preprocess", "--bundle", str(folder), "--json", str(folder / "golden/gradient.png")],
                          capture_output=True, text=True, check=True)
    contract["golden"].append({"image": "golden/gradient.png", "tensor_sha256": json.loads(done.stdout)["tensor_sha256"], "top5": [{"index": 0, "probability": 1 / classes}]})
    write()
    return folder
