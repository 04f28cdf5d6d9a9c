#!/usr/bin/python3
"""A bundle from a checkpoint of a torchvision classifier:

  models/recipes/import_torchvision.py vit_l_16 vit_l_16-852ce7e3.pth models/bundles/vit_l_16

NAME is torchvision's (vit_l_16, convnext_large, resnet50, mobilenet_v3_small, efficientnet_v2_l, …), CHECKPOINT a .pth
(a state_dict, also under "state_dict" or "model") or a .safetensors file. An official checkpoint is known by its SHA-256,
the first eight digits of which torchvision puts into its file names, and brings its preprocessing and labels along. For
any other, --weights says whose preprocessing it was trained with, and --labels names the classes if they are others.
"""
import argparse
import hashlib
import os
import re

import import_environment  # noqa: F401  first: it may start the process anew

import torch
import torchvision
from torchvision.transforms import InterpolationMode

import import_bundle
import safetensors_file
import write_contract

FILTERS = {InterpolationMode.BILINEAR: "bilinear", InterpolationMode.BICUBIC: "bicubic", InterpolationMode.NEAREST: "nearest"}
RETURNS_TUPLES = ("googlenet", "inception_v3")


def classifiers() -> list:
    named = {name for name in dir(torchvision.models) if isinstance(getattr(torchvision.models, name), type)}
    return sorted(name for name in vars(torchvision.models)
                  if callable(vars(torchvision.models)[name]) and name.islower()
                  and any(name.replace("_", "") + "weights" == other.replace("_", "").lower() for other in named)
                  and name not in RETURNS_TUPLES)


def weights_of(name: str):
    wanted = name.replace("_", "") + "weights"
    return next(getattr(torchvision.models, other) for other in dir(torchvision.models)
                if other.replace("_", "").lower() == wanted)


def read_checkpoint(path: str) -> dict:
    try:
        if path.endswith(".safetensors"):
            return {name: torch.from_numpy(values).view(torch.bfloat16) if values.dtype == "uint16" else
                    torch.from_numpy(values) for name, values in safetensors_file.read(path).items()}
        # weights_only: a pickle may run any program, this reader takes tensors and containers alone.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        import_bundle.stop(f"{path} cannot be read: {error.strerror}")
    except Exception as error:
        import_bundle.stop(f"{path} holds no plain state_dict, or is damaged ({str(error).strip().splitlines()[0][:150]}); "
                           "save one with torch.save(network.state_dict(), FILE)")
    for key in ("state_dict", "model", "model_ema"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()) or not state:
        import_bundle.stop(f"{path} holds something other than a state_dict (a mapping from names to tensors)")
    return state


def clean_names(state: dict) -> dict:
    """Without the prefix of DataParallel, and with today's names of DenseNet's layers (the official files have old ones)."""
    cleaned = type(state)()
    for name, value in state.items():
        name = name[len("module."):] if name.startswith("module.") else name
        cleaned[re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", name)] = value
    if hasattr(state, "_metadata"):
        cleaned._metadata = state._metadata
    return cleaned


def load_state(network: torch.nn.Module, state: dict, name: str, path: str) -> None:
    own = network.state_dict()
    if not hasattr(state, "_metadata"):         # as from safetensors: taken for the version that is installed
        state = type(own)(state)
        state._metadata = own._metadata
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in own]
    if missing or extra:
        key, what = (missing[0], "lacks") if missing else (extra[0], "has, beyond the network's,")
        import_bundle.stop(f"{path} is no checkpoint of {name}: it {what} the tensor {key} "
                           f"({len(missing)} missing, {len(extra)} left over)")
    for key, value in state.items():
        if value.shape != own[key].shape:
            import_bundle.stop(f"{path} is no checkpoint of {name}: its tensor {key} is {list(value.shape)}, the network's "
                               f"{list(own[key].shape)}")
        if value.is_floating_point() and not torch.isfinite(value).all():
            import_bundle.stop(f"{path}: the tensor {key} holds numbers that are not finite")
    network.load_state_dict(state, strict=False)


def choose_weights(name: str, wanted: str, path: str, digest: str):
    enum = [weights for weights in weights_of(name) if weights.meta.get("categories")]      # VGG16 has features alone, too
    if wanted:
        for weights in enum:
            if wanted in (weights.name, str(weights)):
                return weights
        import_bundle.stop(f"--weights {wanted}: there are {', '.join(map(str, enum))}")
    for weights in enum:
        if digest.startswith(official_prefix(weights)):
            return weights
    import_bundle.stop(f"{path} is none of torchvision's own checkpoints (SHA-256 {digest[:8]}…): say with --weights which "
                       f"preprocessing it was trained with, one of {', '.join(map(str, enum))}")


def official_prefix(weights) -> str:
    return re.search(r"-([0-9a-f]{8,})\.pth$", weights.url).group(1)


def preprocessing(weights) -> dict:
    transform = weights.transforms()
    return {"preset": f"torchvision:{weights}", "exif": "ignore", "gray16": "high_byte",
            "resize_shorter_side": transform.resize_size[0], "resize_filter": FILTERS[transform.interpolation],
            "center_crop": [transform.crop_size[0]] * 2, "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW",
            "dtype": "float32", "value_range": "0..1", "rescale": "divide", "image_mean": list(transform.mean),
            "image_std": list(transform.std)}


def build(name: str, weights, classes: int) -> torch.nn.Module:
    options = {"num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = weights.transforms().crop_size[0]
    return getattr(torchvision.models, name)(weights=None, **options).eval()


def license_of(weights) -> str:
    """torchvision states the licence where it is not its own."""
    return "CC-BY-NC-4.0" if "SWAG" in weights.meta.get("license", "") else "BSD-3-Clause"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NAME", help="torchvision's name of the network")
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a .pth or .safetensors file")
    import_bundle.add_arguments(parser)
    parser.add_argument("--weights", help="e.g. ResNet50_Weights.IMAGENET1K_V2: whose preprocessing it was trained with")
    arguments = parser.parse_args()
    name, path = arguments.network, arguments.checkpoint
    if name in RETURNS_TUPLES:
        import_bundle.stop(f"{name} returns several tensors; script a module that returns its logits alone, and use "
                           "import_module.py")
    if name not in classifiers():
        import_bundle.stop(f"there is no torchvision classifier {name}; there are {', '.join(classifiers())}")
    if not os.path.isfile(path):
        import_bundle.stop(f"{path}: there is no such file; models/catalog.json says where official checkpoints come from, "
                           f"and `beralih bundle fetch {name}` gets one")
    import_bundle.check_arguments(arguments)
    digest = write_contract.sha256_file(path)
    weights = choose_weights(name, arguments.weights, path, digest)
    state = clean_names(read_checkpoint(path))
    heads = [value for key, value in state.items() if key.endswith(".weight") and value.dim() in (2, 4)]
    classes = heads[-1].shape[0] if heads else 0
    official = list(weights.meta["categories"])
    if arguments.labels:
        labels = import_bundle.read_labels(arguments.labels)
    elif classes == len(official):
        labels = official
    else:
        import_bundle.stop(f"{path} has {classes} classes, not ImageNet's {len(official)}: name a file of labels with --labels")
    network = build(name, weights, classes)
    load_state(network, state, name, path)
    del state, heads
    is_official = digest.startswith(official_prefix(weights))
    if arguments.license == "NOASSERTION" and is_official:
        arguments.license = license_of(weights)
    source = weights.url if is_official else os.path.basename(path)
    transform = weights.transforms()
    import_bundle.make(arguments, network, preprocessing(weights), labels,
                       {"source": f"{source}, SHA-256 {digest}", "license": arguments.license, "parent": "",
                        "recipe": "models/recipes/import_torchvision.py",
                        "note": f"torchvision's {name}; preprocessing and golden cases as torchvision "
                                f"{torchvision.__version__} computes them for {weights}."},
                       lambda picture: transform(picture.convert("RGB"))[None])


if __name__ == "__main__":
    main()
