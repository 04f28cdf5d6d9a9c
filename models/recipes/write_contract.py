"""Completes a bundle:  write_contract.py BUNDLE TEMPLATE.json TENSORS.npy LOGITS.npy AGREEMENT.json IMAGE...

Adds to the template the bundle's files with bytes and SHA-256, the golden cases (the reference's top-5 for each IMAGE
under golden/) and the edge model's agreement; writes contract.json and contract.sha256.
"""
import hashlib
import json
import os
import sys

import numpy as np

import progress

ROLES = (("labels", "labels.txt"), ("architecture", "architecture.pt"), ("weights", "weights.safetensors"),
         ("edge_model", "edge.onnx"))
# The order in which a contract states its fields.
FIELDS = ("schema", "name", "version", "description", "preprocessing", "input", "output", "files", "golden", "tolerance",
          "edge_agreement", "provenance")


def sha256_file(path: str) -> str:
    digest, shown = hashlib.sha256(), progress.megabytes(os.path.getsize(path))
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
            shown.add(len(chunk))
    shown.close()
    return digest.hexdigest()


def file_entries(bundle: str, golden: list) -> list:
    """Every file of the bundle; a bundle may lack edge.onnx, nothing else."""
    files = [(role, path) for role, path in ROLES
             if role != "edge_model" or os.path.exists(os.path.join(bundle, path))]
    files += [("golden_image", path) for path in golden]
    return [{"role": role, "path": path, "bytes": os.path.getsize(os.path.join(bundle, path)),
             "sha256": sha256_file(os.path.join(bundle, path))} for role, path in files]


def golden_case(image: str, tensor: np.ndarray, logits: np.ndarray) -> dict:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    probabilities = exponentials / exponentials.sum()
    top5 = np.argsort(-probabilities, kind="stable")[:5]
    return {"image": image, "tensor_sha256": hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest(),
            "top5": [{"index": int(i), "probability": round(float(probabilities[i]), 6)} for i in top5]}


def to_json(value, indent: int = 0) -> str:
    """Two spaces a level; what has no nested object and fits goes on one line."""
    line = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value) or \
        isinstance(value, dict) and any(isinstance(v, (dict, list)) for v in value.values())
    if not isinstance(value, (dict, list)) or (not nested and len(line) <= 180):
        return line
    pad, inner = " " * indent, " " * (indent + 2)
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + to_json(v, indent + 2) for v in value) + "\n" + pad + "]"
    return "{\n" + ",\n".join(f"{inner}{json.dumps(k)}: {to_json(v, indent + 2)}" for k, v in value.items()) + "\n" + pad + "}"


def read_labels(bundle: str, contract: dict) -> list:
    with open(os.path.join(bundle, "labels.txt"), encoding="utf-8") as f:
        labels = f.read().splitlines()
    if len(labels) != contract["output"]["shape"][-1]:
        raise SystemExit(f"write_contract.py: labels.txt has {len(labels)} labels, the contract's output "
                         f"{contract['output']['shape'][-1]}.")
    return labels


def write(bundle: str, contract: dict) -> str:
    """Writes contract.json and contract.sha256, says what the golden cases are, and returns the contract's hash."""
    labels = read_labels(bundle, contract)
    data = (to_json({field: contract[field] for field in FIELDS if field in contract}) + "\n").encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(bundle, "contract.json"), "wb") as f:
        f.write(data)
    with open(os.path.join(bundle, "contract.sha256"), "w", encoding="ascii") as f:
        f.write(digest + "\n")
    for case in contract["golden"]:
        best = case["top5"][0]
        print(f"  {case['image']}: {labels[best['index']]} {best['probability']:.3f}", file=sys.stderr)
    return digest


if __name__ == "__main__":
    bundle, template_path, tensors_path, logits_path, agreement_path, *images = sys.argv[1:]
    with open(template_path, encoding="utf-8") as f:
        contract = json.load(f)
    with open(agreement_path, encoding="utf-8") as f:
        contract["edge_agreement"] = json.load(f)
    golden = ["golden/" + os.path.basename(image) for image in images]
    contract["files"] = file_entries(bundle, golden)
    contract["golden"] = [golden_case(*case) for case in zip(golden, np.load(tensors_path), np.load(logits_path))]
    write(bundle, contract)
