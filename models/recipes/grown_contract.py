"""Completes a grown bundle:  grown_contract.py PARENT BUNDLE TEMPLATE.json

The contract is the parent's but for what TEMPLATE says (name, description, provenance) and the files: the same
preprocessing, labels and golden cases. The grown network must give the parent's golden probabilities, or nothing is
written.
"""
import json
import os
import sys

import numpy as np
import torch
from PIL import Image

import progress
import reference_preprocessing
import resnet34
import write_contract


def check_golden(bundle: str, contract: dict) -> float:
    """The largest difference to the parent's golden probabilities."""
    network = resnet34.load(os.path.join(bundle, "weights.safetensors"))
    shown, worst = progress.Progress(len(contract["golden"]), "golden cases"), 0.0
    for case in contract["golden"]:
        picture = Image.open(os.path.join(bundle, case["image"]))
        tensor = reference_preprocessing.preprocess(picture, contract["preprocessing"])
        with torch.inference_mode():
            logits = network(torch.from_numpy(tensor)[None])[0].numpy()
        got = write_contract.golden_case(case["image"], tensor, logits)
        wanted, found = ([top["index"] for top in x["top5"]] for x in (case, got))
        if got["tensor_sha256"] != case["tensor_sha256"] or wanted != found:
            raise SystemExit(f"grown_contract.py: the grown network's answer to {case['image']} is not the parent's: "
                             f"classes {found}, expected {wanted}.")
        pairs = zip(case["top5"], got["top5"])
        worst = max(worst, *(abs(a["probability"] - b["probability"]) for a, b in pairs))
        shown.add(1)
    shown.close()
    return worst


if __name__ == "__main__":
    parent, bundle, template_path = sys.argv[1:]
    torch.set_num_threads(os.cpu_count() or 1)
    with open(os.path.join(parent, "contract.json"), encoding="utf-8") as f:
        contract = json.load(f)
    with open(template_path, encoding="utf-8") as f:
        contract.update(json.load(f))
    with open(os.path.join(parent, "contract.sha256"), encoding="ascii") as f:
        contract["provenance"]["source"] += f.read().strip()
    difference = check_golden(bundle, contract)
    print(f"  largest difference to the parent's golden probabilities: {difference:.2g}", file=sys.stderr)
    if not difference <= contract["tolerance"]["fp32"]:
        raise SystemExit(f"grown_contract.py: the grown network's probabilities differ from the parent's by "
                         f"{difference}, more than the contract's tolerance of {contract['tolerance']['fp32']}.")
    contract["files"] = write_contract.file_entries(bundle, [case["image"] for case in contract["golden"]])
    write_contract.write(bundle, contract)
