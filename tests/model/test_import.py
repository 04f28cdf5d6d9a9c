"""Bundles from torchvision's checkpoints and from users' modules, against the same networks in Python."""
import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from model.answers import largest_difference, photographs, predict, probabilities, randomize, recipe, recipe_modules

PICTURES = 4
LOGIT_TOLERANCE = 2e-4          # of logits whose standard deviation is about 3
TOLERANCE = 1e-4


def read_contract(folder: pathlib.Path) -> dict:
    return json.loads((folder / "contract.json").read_text())


def tensors_of(weights, pictures) -> torch.Tensor:
    """As research code has them: torchvision's own transforms."""
    transform = weights.transforms()
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])


def assert_equal_answers(binary, folder, pictures, tensors, logits):
    """Tensor hashes, logits (all but their common offset, which softmax takes away) and probabilities."""
    classes = logits.shape[1]
    expected = logits.double().softmax(1).numpy()
    assert logits.std() > 1 and np.ptp(expected, axis=0).max() > 0.01, "this network does not tell pictures apart"
    worst = [0.0, 0.0]
    for answer, tensor, wanted in zip(predict(binary, folder, pictures, classes), tensors, expected):
        assert answer["tensor"]["sha256"] == hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        found = probabilities(answer)
        assert [p["index"] for p in answer["predictions"][:5]] == list(np.argsort(-wanted, kind="stable")[:5])
        offsets = np.log(found) - np.log(wanted)
        worst = [max(worst[0], np.ptp(offsets)), max(worst[1], np.abs(found - wanted).max())]
    print(f"{folder.name}: max |logit difference| {worst[0]:.2e}, |probability difference| {worst[1]:.2e}")
    assert worst[0] <= LOGIT_TOLERANCE and worst[1] <= TOLERANCE


@pytest.fixture(scope="module")
def pictures(shared_data):
    return photographs(shared_data)


@pytest.fixture(scope="module")
def golden(pictures):
    return [p for p in pictures if p.name in ("dog1.jpg", "chelsea.png")]


@pytest.fixture(scope="module")
def mobilenet(pictures, golden, tmp_path_factory):
    """(bundle, tensors, logits) of a mobilenet_v3_small, saved as training code does under DataParallel."""
    weights = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    tensors = tensors_of(weights, pictures)
    network = randomize(torchvision.models.mobilenet_v3_small(weights=None), tensors, 1)
    folder = tmp_path_factory.mktemp("import")
    state = {"module." + name: value for name, value in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, folder / "mine.pth")
    recipe("import_torchvision.py", "mobilenet_v3_small", folder / "mine.pth", folder / "mobilenet", "--weights", weights,
           "--pictures", PICTURES, "--golden", *golden)
    with torch.inference_mode():
        return folder / "mobilenet", tensors, network(tensors)


def test_torchvision_network(binary, pictures, mobilenet):
    assert_equal_answers(binary, mobilenet[0], pictures, mobilenet[1], mobilenet[2])


def test_contract_of_a_torchvision_network(mobilenet):
    contract = read_contract(mobilenet[0])
    assert contract["name"] == "mobilenet"
    spec = contract["preprocessing"]
    assert spec["preset"] == "torchvision:MobileNet_V3_Small_Weights.IMAGENET1K_V1" and spec["exif"] == "ignore"
    assert (spec["resize_shorter_side"], spec["center_crop"]) == (256, [224, 224])
    assert contract["edge_agreement"]["images"] == PICTURES
    assert contract["edge_agreement"]["mean_abs_probability_difference"] < 0.2
    assert contract["provenance"]["license"] == "NOASSERTION"


def test_edge_model_of_an_imported_network(mobilenet):
    """int8 per output channel, and close to the network, which the same graph with other weights would not be."""
    import onnx
    folder, tensors, logits = mobilenet
    graph = onnx.load(str(folder / "edge.onnx")).graph
    int8 = [i for i in graph.initializer if i.name.endswith("_q")]
    assert sum(np.prod(i.dims) for i in int8) > 0.8 * 2_500_000
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            values, scales = (next(i for i in graph.initializer if i.name == name) for name in node.input[:2])
            axis = next(a.i for a in node.attribute if a.name == "axis")
            assert list(scales.dims) == [values.dims[axis]]
    assert (folder / "edge.onnx").stat().st_size < 0.45 * (folder / "weights.safetensors").stat().st_size
    (runner,) = recipe_modules("onnx_in_torch")
    edge = runner.Graph(str(folder / "edge.onnx"))(tensors)
    assert float((edge - logits).std() / logits.std()) < 0.35


def test_safetensors_with_other_classes(binary, pictures, golden, tmp_path):
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    tensors = tensors_of(weights, pictures)
    network = randomize(torchvision.models.resnet18(weights=None, num_classes=7), tensors, 2)
    (safetensors,) = recipe_modules("safetensors_file")
    state = {name: value.numpy() for name, value in network.state_dict().items() if "num_batches" not in name}
    safetensors.write(str(tmp_path / "mine.safetensors"),
                      [safetensors.Layout(name, "F32", values.shape) for name, values in state.items()], state.values())
    (tmp_path / "labels.txt").write_text("".join(f"Klasse ä{i}\n" for i in range(7)), encoding="utf-8")
    common = ("resnet18", tmp_path / "mine.safetensors", tmp_path / "resnet18", "--no-edge", "--golden", *golden)
    for arguments, words in (((), "say with --weights"), (("--weights", weights.name), "7 classes, not ImageNet's 1000"),
                             (("--weights", "V9"), "--weights V9: there are ResNet18_Weights.IMAGENET1K_V1")):
        result = recipe("import_torchvision.py", *common, *arguments, check=False)
        assert result.returncode == 1 and words in result.stderr, result.stderr
    recipe("import_torchvision.py", *common, "--weights", weights.name, "--labels", tmp_path / "labels.txt")
    with torch.inference_mode():
        assert_equal_answers(binary, tmp_path / "resnet18", pictures, tensors, network(tensors))
    assert "edge_agreement" not in read_contract(tmp_path / "resnet18")


class SmallViT(torchvision.models.VisionTransformer):
    def __init__(self):
        super().__init__(image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=5)


SPEC = {"resize_exact": [64, 64], "resize_filter": "bicubic", "channel_order": "BGR", "rescale": "multiply",
        "image_mean": [0.4, 0.45, 0.5], "image_std": [0.25, 0.25, 0.3], "exif": "ignore"}


@pytest.fixture(scope="module")
def module_files(pictures, tmp_path_factory):
    """(folder, network, tensors): a scripted attention network, whose head torchvision makes of zeros."""
    folder = tmp_path_factory.mktemp("module")
    mean, std = (torch.tensor(SPEC[knob]).view(3, 1, 1) for knob in ("image_mean", "image_std"))
    rows = []
    for path in pictures:
        pixels = np.asarray(Image.open(path).convert("RGB").resize((64, 64), Image.Resampling.BICUBIC))[:, :, ::-1]
        rows.append((torch.from_numpy((pixels.transpose(2, 0, 1) * (1 / 255)).astype(np.float32)) - mean) / std)
    tensors = torch.stack(rows)
    network = SmallViT()
    assert not network.heads[0].weight.any()
    network = randomize(network, tensors, 3)
    torch.jit.script(network).save(str(folder / "mine.pt"))
    (folder / "spec.json").write_text(json.dumps(SPEC))
    (folder / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    return folder, network, tensors


def import_module(folder, out, golden, *arguments, check=True, module="mine.pt", spec="spec.json", labels="labels.txt"):
    return recipe("import_module.py", folder / module, out, "--spec", folder / spec, "--labels", folder / labels,
                  "--golden", *golden, "--pictures", PICTURES, *arguments, check=check)


def test_scripted_module(binary, module_files, golden, pictures, tmp_path):
    folder, network, tensors = module_files
    result = import_module(folder, tmp_path / "vit", golden)
    assert "edge.onnx is left out: this network cannot be exported" in result.stderr    # attention, once scripted
    with torch.inference_mode():
        assert_equal_answers(binary, tmp_path / "vit", pictures, tensors, network(tensors))
    import_module(folder, tmp_path / "again" / "vit", golden)
    for name in ("contract.json", "architecture.pt", "weights.safetensors"):
        assert (tmp_path / "vit" / name).read_bytes() == (tmp_path / "again" / "vit" / name).read_bytes()


@pytest.mark.parametrize("damage, words", [
    ("exists", "exists already"), ("module", "is no TorchScript file"), ("spec", "there is no knob 'resize'"),
    ("size", "does not run on the input [1, 3, 32, 32]"), ("labels", "5 outputs, there are 4 labels"),
    ("golden", "cannot be read"), ("name", "cannot name a bundle"), ("tuple", "it must return one tensor"),
    ("nan", "not finite")])
def test_bad_input(module_files, golden, tmp_path, damage, words):
    folder, network, _ = module_files
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    out, arguments, pictures = tmp_path / "out", [], golden
    if damage == "exists":
        out.mkdir()
    elif damage == "module":
        (work / "mine.pt").write_bytes((folder / "mine.pt").read_bytes()[:5000])
    elif damage == "spec":
        (work / "spec.json").write_text('{"resize": 64}')
    elif damage == "size":
        (work / "spec.json").write_text(json.dumps({**SPEC, "resize_exact": [32, 32]}))
    elif damage == "labels":
        (work / "labels.txt").write_text("a\nb\nc\nd\n")
    elif damage == "golden":
        (work / "no.jpg").write_text("no picture")
        pictures = [work / "no.jpg"]
    elif damage == "name":
        arguments = ["--name", "../Mine"]
    elif damage == "tuple":
        torch.jit.trace(lambda x: (x, x), torch.zeros(1, 3, 64, 64)).save(str(work / "mine.pt"))
    elif damage == "nan":
        broken = SmallViT().eval()
        broken.heads[0].bias.data.fill_(float("nan"))
        torch.jit.script(broken).save(str(work / "mine.pt"))
    result = import_module(work, out, pictures, *arguments, check=False)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert list(tmp_path.iterdir()) in ([work], [work, out], [out, work])
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("damage, words", [("other", "is no checkpoint of resnet18"), ("pickle", "holds no plain state_dict"),
                                           ("network", "holds no plain state_dict"), ("name", "there is no torchvision"),
                                           ("file", "there is no such file")])
def test_bad_checkpoints(golden, tmp_path, damage, words):
    path, name = tmp_path / "mine.pth", "resnet18"
    if damage == "other":
        torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    elif damage == "pickle":
        path.write_bytes(b"\x80\x04no")
    elif damage == "network":
        torch.save(torch.nn.Linear(2, 2), path)
    elif damage == "name":
        path.touch()
        name = "resnet19"
    result = recipe("import_torchvision.py", name, path, tmp_path / "out", "--weights", "IMAGENET1K_V1", "--golden", *golden,
                    check=False)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()
