"""Every family of torchvision's classifiers through the importer, one network each."""
import pytest
import torch
import torchvision

from model.answers import photographs, randomize, recipe, tells_classes_apart
from model.test_import import assert_equal_answers, read_contract, tensors_of

# The network, and whether it exports to edge.onnx.
NETWORKS = [
    ("alexnet", True), ("convnext_tiny", True), ("densenet121", True), ("efficientnet_b0", True), ("efficientnet_v2_s", True),
    ("maxvit_t", True), ("mnasnet0_5", True), ("mobilenet_v2", True), ("regnet_y_400mf", True), ("resnet50", True),
    ("resnext50_32x4d", True), ("shufflenet_v2_x1_0", True), ("squeezenet1_1", True), ("swin_t", True),
    ("swin_v2_t", False), ("vgg11_bn", True), ("vit_b_32", True)]


@pytest.mark.parametrize("name, exports", NETWORKS, ids=[name for name, _ in NETWORKS])
def test_network(binary, shared_data, tmp_path, name, exports):
    pictures = photographs(shared_data)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    tensors = tensors_of(weights, pictures)
    options = {"image_size": weights.transforms().crop_size[0]} if name.startswith("vit_") else {}
    for seed in range(4, 40):
        network = randomize(getattr(torchvision.models, name)(weights=None, **options), tensors, seed)
        with torch.inference_mode():
            logits = network(tensors)
        if tells_classes_apart(logits):
            break
    else:
        pytest.fail("random weights that leave no two of the best classes equal were not found")
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    golden = [p for p in pictures if p.name in ("dog1.jpg", "chelsea.png")]
    result = recipe("import_torchvision.py", name, tmp_path / "mine.pth", tmp_path / name, "--weights", weights,
                    "--pictures", 4, "--golden", *golden)
    assert_equal_answers(binary, tmp_path / name, pictures, tensors, logits)
    assert ("edge_agreement" in read_contract(tmp_path / name)) == exports, result.stderr
