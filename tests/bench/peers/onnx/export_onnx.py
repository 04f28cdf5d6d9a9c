#!/usr/bin/python3
"""resnet34's bundle as ONNX with the bundle's own float32 weights, for the peer in Node:  export_onnx.py BUNDLE FILE.onnx

(The bundle's edge.onnx is another network: most of its weights are int8.)
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "models" / "recipes"))
import export  # noqa: E402
import resnet34  # noqa: E402

if len(sys.argv) != 3:
    raise SystemExit("usage: export_onnx.py BUNDLE FILE.onnx")
bundle = pathlib.Path(sys.argv[1])
contract = json.loads((bundle / "contract.json").read_text())
if contract["name"] != "resnet34":
    raise SystemExit(f"export_onnx.py: {bundle} holds {contract['name']}; the exporter knows resnet34's layers alone")
weights = next(file["path"] for file in contract["files"] if file["role"] == "weights")
export.write_edge_model(resnet34.load(str(bundle / weights)), sys.argv[2], (1, *contract["input"]["shape"][1:]),
                        lambda node, weight: True)
