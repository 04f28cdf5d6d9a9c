#!/usr/bin/python3
"""A bundle from any scripted or traced PyTorch classifier:

  models/recipes/import_module.py mine.pt models/bundles/mine --spec spec.json --labels labels.txt --golden a.jpg b.jpg

MODULE is what torch.jit.script(network.eval()).save(MODULE) wrote: one image tensor in, logits [1, classes] out.
SPEC holds the preprocessing, the "preprocessing" object of a contract; `beralih preprocess` tries it on a picture.
"""
import argparse
import json
import os

import import_environment  # noqa: F401  first: it may start the process anew

import torch

import import_bundle
import reference_preprocessing
import write_contract

DEFAULTS = {"exif": "transpose", "gray16": "high_byte", "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW",
            "dtype": "float32"}
FLOAT_DEFAULTS = {"value_range": "0..1", "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
ORDER = ("preset", "exif", "gray16", "resize_shorter_side", "resize_longest_side", "resize_exact", "resize_filter",
         "center_crop", "pad_value", "channel_order", "layout", "dtype", "value_range", "rescale", "image_mean", "image_std")


def read_spec(path: str) -> dict:
    """A knob that is not there has its default; a contract states every one."""
    try:
        with open(path, encoding="utf-8") as f:
            given = json.load(f)
    except (OSError, ValueError) as error:
        import_bundle.stop(f"the preprocessing {path} cannot be read: {error}")
    if not isinstance(given, dict):
        import_bundle.stop(f"{path}: a preprocessing is a JSON object of knobs")
    spec = {**DEFAULTS, **given}
    if spec["dtype"] == "float32":
        spec = {**FLOAT_DEFAULTS, **spec}
        if spec["value_range"] == "0..1":
            spec = {"rescale": "divide", **spec}
    if any(knob in spec for knob in reference_preprocessing.RESIZES):
        spec = {"resize_filter": "bilinear", **spec}
    reference_preprocessing.check_spec(spec)
    return {knob: spec[knob] for knob in ORDER if knob in spec}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", metavar="MODULE", help="a TorchScript file")
    import_bundle.add_arguments(parser)
    parser.add_argument("--spec", required=True, help="JSON file: the preprocessing")
    parser.add_argument("--source", default="", help="where the weights come from, for the contract")
    arguments = parser.parse_args()
    import_bundle.check_arguments(arguments)
    if not arguments.labels:
        import_bundle.stop("name the classes: --labels FILE, one label a line, in the order of the network's outputs")
    labels = import_bundle.read_labels(arguments.labels)
    spec = read_spec(arguments.spec)
    try:
        network = torch.jit.load(arguments.module, map_location="cpu").eval()
    except Exception as error:
        import_bundle.stop(f"{arguments.module} is no TorchScript file that PyTorch {torch.__version__} reads "
                           f"({str(error).strip().splitlines()[0][:150]}); write one with "
                           "torch.jit.script(network.eval()).save(FILE)")
    source = arguments.source or f"{os.path.basename(arguments.module)}, SHA-256 {write_contract.sha256_file(arguments.module)}"
    import_bundle.make(arguments, network, spec, labels,
                       {"source": source, "license": arguments.license, "parent": "",
                        "recipe": "models/recipes/import_module.py", "note": ""})


if __name__ == "__main__":
    main()
