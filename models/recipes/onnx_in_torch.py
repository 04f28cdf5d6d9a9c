"""Runs an ONNX graph with PyTorch, node by node: what ONNX Runtime computes, without ONNX Runtime (Debian has none).

Knows the operators that torch.onnx.export writes for image classifiers at opset 13, and DequantizeLinear. Nodes whose
inputs are all constant are computed once.
"""
from typing import Callable, Dict, List

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

TYPES = {onnx.TensorProto.FLOAT: torch.float32, onnx.TensorProto.INT64: torch.int64, onnx.TensorProto.BOOL: torch.bool,
         onnx.TensorProto.INT32: torch.int32, onnx.TensorProto.DOUBLE: torch.float64}


class Unsupported(Exception):
    """An operator, or a way to use one, that this module does not know."""


def pads_of(a: dict) -> List[int]:
    """ONNX lists every dimension's begin, then every end; PyTorch the last dimension first, begin and end together."""
    if a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise Unsupported("automatic padding")
    pads = a.get("pads", [0, 0, 0, 0])
    half = len(pads) // 2
    return [p for i in reversed(range(half)) for p in (pads[i], pads[i + half])]


def conv(x, w, b=None, **a):
    return F.conv2d(F.pad(x, pads_of(a)), w, b, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))


def max_pool(x, **a):
    size, strides = a["kernel_shape"], a.get("strides", 1)
    padded = F.pad(x, pads_of(a), value=float("-inf"))
    return F.max_pool2d(padded, size, strides, 0, a.get("dilations", 1), bool(a.get("ceil_mode", 0)))


def average_pool(x, **a):
    if any(pads_of(a)) and not a.get("count_include_pad", 0):
        raise Unsupported("an average pool that leaves its padding out")
    return F.avg_pool2d(F.pad(x, pads_of(a)), a["kernel_shape"], a.get("strides", 1), 0, bool(a.get("ceil_mode", 0)))


def gemm(x, w, c=0.0, alpha=1.0, beta=1.0, transA=0, transB=0):
    return alpha * ((x.t() if transA else x) @ (w.t() if transB else w)) + beta * c


def reshape(x, shape, allowzero=0):
    return x.reshape([x.shape[i] if extent == 0 and not allowzero else extent for i, extent in enumerate(shape.tolist())])


def slices(x, starts, ends, axes=None, steps=None):
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    for axis, begin, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        if step > 0:
            x = x[(slice(None),) * (axis % x.dim()) + (slice(begin, end, step),)]
        else:       # PyTorch's own slices do not run backwards
            indices = range(*slice(begin, end, step).indices(x.shape[axis]))
            x = x.index_select(axis, torch.tensor(indices, dtype=torch.int64))
    return x


def gather(x, indices, axis=0):
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    taken = x.index_select(axis, indices.reshape(-1))
    axis %= x.dim()
    return taken.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1:])


def scatter(x, indices, updates):
    out = x.clone()
    out[tuple(indices.unbind(-1))] = updates
    return out


def pad(x, pads, value=None, mode=b"constant"):
    if mode != b"constant":
        raise Unsupported("padding by other than a constant")
    return F.pad(x, pads_of({"pads": pads.tolist()}), value=0.0 if value is None else float(value))


def batch_norm(x, scale, bias, mean, variance, epsilon=1e-5, **_):
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)


def divide(a, b):
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def unsqueeze(x, axes):
    for axis in sorted(axis % (x.dim() + len(axes)) for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def dequantize(values, scale, zero, axis=1):
    rows = [-1 if i == axis % values.dim() else 1 for i in range(values.dim())]
    return (values.float() - zero.float().reshape(rows)) * scale.reshape(rows)


def reduce_mean(x, axes=None, keepdims=1):
    return x.mean(list(range(x.dim())) if axes is None else axes, keepdim=bool(keepdims))


def constant_of_shape(shape, value=None):
    value = torch.zeros(1) if value is None else torch.from_numpy(numpy_helper.to_array(value).copy())
    return value.reshape(()).expand(shape.tolist())


OPERATORS: Dict[str, Callable] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": divide, "Pow": torch.pow, "Sqrt": torch.sqrt,
    "Exp": torch.exp, "Erf": torch.erf, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Relu": torch.relu,
    "Neg": torch.neg, "Equal": torch.eq, "Not": torch.logical_not, "Where": torch.where, "MatMul": torch.matmul,
    "Identity": lambda x: x, "Dropout": lambda x, *_, **__: x,
    "Mod": lambda a, b, fmod=0: torch.fmod(a, b) if fmod else torch.remainder(a, b),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: (alpha * x + beta).clamp(0, 1),
    "HardSwish": F.hardswish, "LeakyRelu": lambda x, alpha=0.01: F.leaky_relu(x, alpha),
    "Clip": lambda x, low=None, high=None: x.clamp(low, high), "Softmax": lambda x, axis=-1: x.softmax(axis),
    "Conv": conv, "Gemm": gemm, "MaxPool": max_pool, "AveragePool": average_pool,
    "GlobalAveragePool": lambda x: x.mean([2, 3], keepdim=True), "ReduceMean": reduce_mean,
    "BatchNormalization": batch_norm, "Flatten": lambda x, axis=1: x.flatten(axis) if axis == 1 else x.reshape(
        x.shape[:axis].numel(), -1),
    "Reshape": reshape, "Transpose": lambda x, perm: x.permute(perm), "Slice": slices, "Gather": gather,
    "Concat": lambda *x, axis: torch.cat(x, axis), "Unsqueeze": unsqueeze,
    "Squeeze": lambda x, axes: x.reshape([n for i, n in enumerate(x.shape) if i not in [a % x.dim() for a in axes.tolist()]]),
    "Shape": lambda x: torch.tensor(x.shape), "Expand": lambda x, shape: x + torch.zeros(shape.tolist(), dtype=x.dtype),
    "Range": lambda a, b, c: torch.arange(a.item(), b.item(), c.item()), "Pad": pad, "ScatterND": scatter,
    "Cast": lambda x, to: x.to(TYPES[to]), "ConstantOfShape": constant_of_shape,
    "Einsum": lambda *x, equation: torch.einsum(equation.decode(), *x), "DequantizeLinear": dequantize,
}


class Graph:
    def __init__(self, path: str):
        graph = onnx.load(path).graph
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.constants = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
        self.nodes = []
        for node in graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                self.constants[node.output[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
                continue
            if node.op_type not in OPERATORS:
                raise Unsupported(f"the operator {node.op_type}")
            if all(not name or name in self.constants for name in node.input):
                self._run(node, attributes, self.constants)
            else:
                self.nodes.append((node, attributes))

    @staticmethod
    def _run(node, attributes: dict, values: dict) -> None:
        inputs = [values[name] if name else None for name in node.input]
        try:
            values[node.output[0]] = OPERATORS[node.op_type](*inputs, **attributes)
        except (TypeError, KeyError) as error:
            raise Unsupported(f"this use of {node.op_type}: {error}") from None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The output for each picture of the batch, run one by one: the graph's batch size is 1."""
        rows = []
        with torch.inference_mode():
            for picture in x:
                values = {**self.constants, self.input: picture[None]}
                for node, attributes in self.nodes:
                    self._run(node, attributes, values)
                rows.append(values[self.output])
        return torch.cat(rows)
