"""What import_torchvision.py and import_module.py share: from a network in PyTorch to a whole bundle.

The golden tensors and probabilities are computed here, by Pillow, NumPy and the network in Python; the service has to
reproduce them. A bundle is made in a folder beside its target and renamed when it is complete.
"""
import argparse
import os
import re
import shutil
import sys
from typing import Iterator, List, Optional

import numpy as np
import onnx
import torch
from PIL import Image, UnidentifiedImageError

import export
import measure
import onnx_in_torch
import progress
import reference_preprocessing
import safetensors_file
import write_contract

RECIPES = os.path.dirname(os.path.abspath(__file__))
GOLDEN_SOURCE = os.path.join(RECIPES, "..", "bundles", "resnet34", "golden")
SAFETENSORS_NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
                     torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
                     torch.bool: "BOOL"}
PIECE_BYTES = 32 << 20


def stop(what: str) -> None:
    raise SystemExit(f"{os.path.basename(sys.argv[0])}: {what}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", help="the bundle's folder, e.g. models/bundles/mine; must not exist yet")
    parser.add_argument("--name", help="the bundle's name (default: OUT's last part)")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--description", default="", help="one sentence")
    parser.add_argument("--license", default="NOASSERTION", help="SPDX expression for the weights")
    parser.add_argument("--labels", help="text file, one label a line, in the order of the network's outputs")
    parser.add_argument("--golden", nargs="+", metavar="IMAGE",
                        help="pictures whose answers become the golden cases (default: resnet34's, where its bundle is made)")
    parser.add_argument("--no-edge", action="store_true", help="make no edge.onnx")
    parser.add_argument("--pictures", type=int, default=40, help="pictures that edge.onnx is measured on (default 40)")


def check_arguments(arguments: argparse.Namespace) -> None:
    """Everything that can be said before anything long is done."""
    arguments.out = os.path.abspath(arguments.out)
    arguments.name = arguments.name or os.path.basename(arguments.out)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", arguments.name):
        stop(f"\"{arguments.name}\" cannot name a bundle: small letters, digits, '.', '_' and '-'; choose with --name")
    if os.path.lexists(arguments.out):
        stop(f"{arguments.out} exists already: remove it, or name another folder")
    if arguments.pictures < 1:
        stop("--pictures takes a number of 1 or more")
    if not arguments.golden:
        found = sorted(os.listdir(GOLDEN_SOURCE)) if os.path.isdir(GOLDEN_SOURCE) else []
        arguments.golden = [os.path.join(GOLDEN_SOURCE, name) for name in found]
    if not arguments.golden:
        stop("no pictures for the golden cases: name some with --golden, or make resnet34's bundle first "
             "(models/recipes/make_bundle.sh resnet34)")
    names = [os.path.basename(path) for path in arguments.golden]
    if len(set(names)) < len(names):
        stop("two golden pictures have the same file name")
    for path in arguments.golden:
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, UnidentifiedImageError) as error:
            stop(f"the golden picture {path} cannot be read: {error}")


def read_labels(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8") as f:
            labels = f.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        stop(f"the labels {path} cannot be read: {error}")
    for number, label in enumerate(labels, 1):
        if not label:
            stop(f"{path}: line {number} is empty; each line names one class")
    return labels


def input_shape(spec: dict) -> List[int]:
    """[-1, 3, height, width] in the spec's layout; -1 for sizes that depend on the picture."""
    height, width = spec.get("center_crop") or spec.get("resize_exact") or [-1, -1]
    return [-1, 3, height, width] if spec["layout"] == "NCHW" else [-1, height, width, 3]


def run_network(network: torch.nn.Module, tensor: np.ndarray) -> np.ndarray:
    """The logits of one tensor [1, ...]."""
    try:
        with torch.inference_mode():
            result = network(torch.from_numpy(tensor))
    except Exception as error:      # whatever the user's own code raises
        stop(f"the network does not run on the input {list(tensor.shape)} that the preprocessing gives: "
             f"{str(error).strip().splitlines()[-1]}")
    if not isinstance(result, torch.Tensor):
        stop(f"the network returns a {type(result).__name__}; it must return one tensor, the logits [1, classes]")
    if result.dim() != 2 or result.shape[0] != 1:
        stop(f"the network returns the shape {list(result.shape)}; it must return the logits, [1, classes]")
    logits = result.float().numpy()
    if not np.isfinite(logits).all():
        stop("the network returns numbers that are not finite: its weights do not fit its architecture, or are damaged")
    return logits[0]


def tensor_pieces(tensors: List[torch.Tensor], shown: progress.Progress) -> Iterator[np.ndarray]:
    for tensor in tensors:
        raw = tensor.detach().contiguous().reshape(-1)
        raw = raw.view(torch.int16) if raw.dtype == torch.bfloat16 else raw
        values = raw.numpy().view(np.uint8)
        for begin in range(0, len(values), PIECE_BYTES):
            yield values[begin:begin + PIECE_BYTES]
            shown.add(min(PIECE_BYTES, len(values) - begin))


def write_weights(program: torch.jit.ScriptModule, path: str) -> int:
    """Every parameter and buffer, wide types first, so that each lies at a multiple of its size. Returns their number."""
    state = program.state_dict(keep_vars=True)
    for name, tensor in state.items():
        if tensor.dtype not in SAFETENSORS_NAMES:
            stop(f"the tensor {name} is {tensor.dtype}, which a bundle cannot hold")
    names = sorted(state, key=lambda name: -state[name].element_size())
    layouts = [safetensors_file.Layout(n, SAFETENSORS_NAMES[state[n].dtype], tuple(state[n].shape)) for n in names]
    shown = progress.megabytes(sum(layout.bytes for layout in layouts))
    safetensors_file.write(path, layouts, tensor_pieces([state[n] for n in names], shown))
    shown.close()
    return sum(int(np.prod(layout.shape)) for layout in layouts)


def small_or_sensitive(model_bytes: int):
    """What stays float32 in edge.onnx: the first convolution, depthwise ones (few weights a channel, so int8 hurts and
    saves nothing), and what is under a thousandth of the network."""
    seen = []

    def stays_float32(node: onnx.NodeProto, weight: np.ndarray) -> bool:
        first = node.op_type == "Conv" and not seen
        if node.op_type == "Conv":
            seen.append(node.name)
        return first or (node.op_type == "Conv" and weight.shape[1] == 1) or weight.nbytes * 1000 < model_bytes
    return stays_float32


def make_edge(network: torch.nn.Module, bundle: str, spec: dict, golden: List[str], pictures: int) -> Optional[dict]:
    """Writes edge.onnx and returns its agreement; None, with the reason on stderr, where the network does not export."""
    path, shape = os.path.join(bundle, "edge.onnx"), input_shape(spec)
    if -1 in shape[1:] or spec["dtype"] != "float32":
        print("  edge.onnx is left out: it needs an input of one size, in float32", file=sys.stderr)
        return None
    parameters = list(network.parameters())
    try:
        # With gradients on, attention layers take the path that can be exported.
        flags = [p.requires_grad for p in parameters]
        for p in parameters:
            p.requires_grad_(p.is_floating_point())
        size = sum(p.numel() * p.element_size() for p in parameters)
        export.write_edge_model(network, path, [1] + shape[1:], small_or_sensitive(size))
        for p, flag in zip(parameters, flags):
            p.requires_grad_(flag)
        x = measure.varied_tensors(golden, spec, pictures)
        return measure.agreement(network, onnx_in_torch.Graph(path), x)
    except Exception as error:      # the exporter's, which has many
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        print(f"  edge.onnx is left out: this network cannot be exported or measured: {reason[:200]}", file=sys.stderr)
        if os.path.exists(path):
            os.remove(path)
        return None


def make(arguments: argparse.Namespace, network: torch.nn.Module, spec: dict, labels: List[str], provenance: dict,
         preprocess=None) -> None:
    """`preprocess`: the research code's own, from a PIL picture to a tensor; it must equal what `spec` says."""
    torch.set_num_threads(os.cpu_count() or 1)
    reference_preprocessing.check_spec(spec)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    work = arguments.out + ".work"
    shutil.rmtree(work, ignore_errors=True)
    bundle = os.path.join(work, "bundle")
    try:
        os.makedirs(os.path.join(bundle, "golden"))
        contract = {"schema": "beralih.contract/1", "name": arguments.name, "version": arguments.version,
                    "description": arguments.description or f"{arguments.name}, imported from {provenance['source']}.",
                    "preprocessing": spec, "golden": [], "tolerance": {"fp32": 1e-4, "bf16": 0.03},
                    "provenance": provenance}
        with open(os.path.join(bundle, "labels.txt"), "w", encoding="utf-8") as f:
            f.write("".join(label + "\n" for label in labels))
        for path in arguments.golden:
            name = "golden/" + os.path.basename(path)
            shutil.copyfile(path, os.path.join(bundle, name))
            with Image.open(path) as picture:
                tensor = reference_preprocessing.preprocess(picture, spec)[None]
            if preprocess is not None:
                with Image.open(path) as picture:
                    if preprocess(picture).numpy().tobytes() != tensor.tobytes():
                        stop(f"{path}: the contract's preprocessing is not what the research code computes")
            logits = run_network(network, tensor)
            if len(logits) != len(labels):
                stop(f"the network has {len(logits)} outputs, there are {len(labels)} labels: they must be as many; "
                     "name a fitting file with --labels")
            contract["golden"].append(write_contract.golden_case(name, tensor[0], logits))
        datatype = {"float32": "FP32", "uint8": "UINT8"}[spec["dtype"]]
        contract["input"] = {"name": "input", "datatype": datatype, "shape": input_shape(spec)}
        contract["output"] = {"name": "logits", "datatype": "FP32", "shape": [-1, len(labels)]}
        if not arguments.no_edge:
            agreement = make_edge(network, bundle, spec, arguments.golden, arguments.pictures)
            if agreement:
                contract["edge_agreement"] = agreement
        program = network if isinstance(network, torch.jit.ScriptModule) else torch.jit.script(network)
        count = write_weights(program, os.path.join(bundle, "weights.safetensors"))
        export.write_architecture(program, os.path.join(bundle, "architecture.pt"))     # empties the network
        contract["files"] = write_contract.file_entries(bundle, [case["image"] for case in contract["golden"]])
        digest = write_contract.write(bundle, contract)
        os.rename(bundle, arguments.out)
    except OSError as error:
        stop(f"{arguments.out} could not be written: {error.strerror or error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    shown = min(os.path.relpath(arguments.out), arguments.out, key=len)
    print(f"{shown} is ready: {count:,} numbers, contract {digest}\nTry it: build/release/native_server/beralih predict "
          f"--bundle {shown} IMAGE", file=sys.stderr)
