"""The deployable forms of the network:  export.py WEIGHTS.safetensors OUTPUT_DIRECTORY

  architecture.pt   TorchScript, every parameter an empty tensor: weights.safetensors is attached when it is loaded
  edge.onnx         opset 13, weights stored in int8 per output channel and dequantized in the graph, float32 arithmetic

Both are the same bytes whenever they are made from the same weights by the same versions of PyTorch and onnx
(PYTHONHASHSEED=0 is required: PyTorch's serializer walks sets).
"""
import io
import os
import sys
import warnings
import zipfile
from typing import Callable, Sequence

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

import resnet34

# Kept in float32: 1 % of the weights, 40 % of the error that int8 would bring.
FLOAT32_LAYERS = ("stem.", "stages.0.")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_architecture(network: torch.nn.Module, path: str) -> None:
    """Sizes are no part of a scripted module's type, so the tensors can be emptied after scripting. (The network's own
    are emptied: it is of no use afterwards.)"""
    program = network if isinstance(network, torch.jit.ScriptModule) else torch.jit.script(network)
    for tensor in program.state_dict(keep_vars=True).values():
        tensor.data = torch.empty(0, dtype=tensor.dtype)
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    # *.debug_pkl members hold absolute source paths, and zip members the time they were written.
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name.endswith(".debug_pkl"):
                continue
            member = zipfile.ZipInfo("architecture/" + name.split("/", 1)[1], ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, source.read(name))


def quantize(weight: np.ndarray, axis: int):
    """Symmetric int8: (values, one float32 scale for each index of the axis)."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = (np.abs(weight).max(others) / np.float32(127)).astype(np.float32)
    scale[scale == 0] = 1
    rows = scale.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    return np.clip(np.rint(weight / rows), -127, 127).astype(np.int8), scale


def output_axis(node: onnx.NodeProto) -> int:
    """The axis of a Conv's, Gemm's or MatMul's weight that counts the output channels."""
    transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


def quantize_weights(model: onnx.ModelProto, stays_float32: Callable[[onnx.NodeProto, np.ndarray], bool]) -> None:
    """Replaces float32 weights of Conv, Gemm and MatMul by int8 values, scales and a DequantizeLinear node."""
    graph = model.graph
    initializers = {i.name: i for i in graph.initializer}
    dequantizers = []
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in initializers:
            continue
        name, axis = node.input[1], output_axis(node)
        weight = numpy_helper.to_array(initializers[name])
        if weight.ndim < 2 or stays_float32(node, weight):
            continue
        values, scale = quantize(weight, axis)
        graph.initializer.remove(initializers.pop(name))
        graph.initializer.extend([numpy_helper.from_array(values, name + "_q"),
                                  numpy_helper.from_array(scale, name + "_s"),
                                  numpy_helper.from_array(np.zeros(len(scale), np.int8), name + "_z")])
        dequantizers.append(helper.make_node("DequantizeLinear", [name + "_q", name + "_s", name + "_z"], [name],
                                             name="dequantize_" + name, axis=axis))
    nodes = dequantizers + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def write_edge_model(network: torch.nn.Module, path: str, input_shape: Sequence[int],
                     stays_float32: Callable[[onnx.NodeProto, np.ndarray], bool]) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # they are about sizes that are meant to be constants
        torch.onnx.export(network, torch.zeros(*input_shape), buffer, opset_version=13, input_names=["input"],
                          output_names=["logits"])
    model = onnx.load_from_string(buffer.getvalue())
    quantize_weights(model, stays_float32)
    onnx.checker.check_model(model)
    with open(path, "wb") as f:
        f.write(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        raise SystemExit("export.py: run it with PYTHONHASHSEED=0, or architecture.pt differs from run to run")
    weights, directory = sys.argv[1:]
    write_architecture(resnet34.load(weights), os.path.join(directory, "architecture.pt"))
    write_edge_model(resnet34.load(weights), os.path.join(directory, "edge.onnx"),
                     (1, 3, resnet34.INPUT_SIZE, resnet34.INPUT_SIZE),
                     lambda node, weight: node.input[1].startswith(FLOAT32_LAYERS))
