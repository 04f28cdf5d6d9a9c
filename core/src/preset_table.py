#!/usr/bin/python3
"""Writes preset_table.h: what torchvision's weights and timm's configurations say, row by row.

    /usr/bin/python3 core/src/preset_table.py > core/src/preset_table.h

torchvision's values are asked of the installed package (Debian 12's 0.14.1); tests/parity checks that
the committed file is what this program prints, and that every preset computes what the weights' own
transforms() compute. timm is no package of Debian: its values are those of its sources (default_cfgs),
named below. All of them are for input_size; a configuration's test_input_size is another choice.
"""
import inspect
import math

import torchvision
from torchvision.models._api import WeightsEnum
from torchvision.transforms._presets import ImageClassification

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))  # timm/data/constants.py

# name: (input size, crop_pct, interpolation, (mean, std), crop_mode, file of timm/models that says so)
TIMM = {
    "resnet18.a1_in1k": (224, .95, "bicubic", IMAGENET, "center", "resnet.py, _rcfg"),
    "resnet34.a1_in1k": (224, .95, "bicubic", IMAGENET, "center", "resnet.py, _rcfg"),
    "resnet50.a1_in1k": (224, .95, "bicubic", IMAGENET, "center", "resnet.py, _rcfg"),
    "mobilenetv3_large_100.ra_in1k": (224, .875, "bicubic", IMAGENET, "center", "mobilenetv3.py, _cfg"),
    "mobilenetv3_small_100.lamb_in1k": (224, .875, "bicubic", IMAGENET, "center", "mobilenetv3.py, _cfg"),
    "efficientnet_b0.ra_in1k": (224, .875, "bicubic", IMAGENET, "center", "efficientnet.py, _cfg"),
    "tf_efficientnetv2_s.in21k_ft_in1k": (300, 1., "bicubic", HALF, "center", "efficientnet.py"),
    "tf_efficientnetv2_m.in21k_ft_in1k": (384, 1., "bicubic", HALF, "squash", "efficientnet.py"),
    "convnext_tiny.fb_in22k_ft_in1k": (224, .875, "bicubic", IMAGENET, "center", "convnext.py, _cfg"),
    "swin_tiny_patch4_window7_224.ms_in1k": (224, .9, "bicubic", IMAGENET, "center", "swin_transformer.py, _cfg"),
    "deit_tiny_patch16_224.fb_in1k": (224, .9, "bicubic", IMAGENET, "center", "deit.py, _cfg"),
    "deit_small_patch16_224.fb_in1k": (224, .9, "bicubic", IMAGENET, "center", "deit.py, _cfg"),
    "deit_base_patch16_224.fb_in1k": (224, .9, "bicubic", IMAGENET, "center", "deit.py, _cfg"),
    "deit_base_patch16_384.fb_in1k": (384, 1., "bicubic", IMAGENET, "center", "deit.py"),
    "vit_base_patch32_224.augreg_in21k_ft_in1k": (224, .9, "bicubic", HALF, "center", "vision_transformer.py, _cfg"),
    "vit_base_patch16_224.augreg_in21k_ft_in1k": (224, .9, "bicubic", HALF, "center", "vision_transformer.py, _cfg"),
    "vit_base_patch16_384.augreg_in21k_ft_in1k": (384, 1., "bicubic", HALF, "center", "vision_transformer.py"),
    "vit_base_patch16_224.augreg2_in21k_ft_in1k": (224, .9, "bicubic", HALF, "center", "vision_transformer.py, _cfg"),
    "vit_base_patch16_clip_224.openai_ft_in1k": (224, .9, "bicubic", CLIP, "center", "vision_transformer.py"),
    "vit_base_patch16_clip_384.openai_ft_in1k": (384, 1., "bicubic", CLIP, "squash", "vision_transformer.py"),
    "eva02_tiny_patch14_336.mim_in22k_ft_in1k": (336, 1., "bicubic", CLIP, "center", "eva.py"),
    "eva02_small_patch14_336.mim_in22k_ft_in1k": (336, 1., "bicubic", CLIP, "center", "eva.py"),
    "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k": (448, 1., "bicubic", CLIP, "squash", "eva.py"),
}


def torchvision_weights():
    """Every enumeration member whose weights classify images, quantized ones too."""
    for module in (torchvision.models, torchvision.models.quantization):
        for _, enum in sorted(vars(module).items()):
            if not (inspect.isclass(enum) and issubclass(enum, WeightsEnum)) or enum is WeightsEnum:
                continue
            for weights in enum:
                if isinstance(weights.transforms(), ImageClassification):
                    yield weights


def rows() -> dict:
    """(mode, resize, crop, filter, (mean, std)) -> the presets' names, in order of first use."""
    found: dict = {}
    for weights in torchvision_weights():
        made = weights.transforms()
        (crop,), (resize,) = made.crop_size, made.resize_size
        key = ("ShorterSide", resize, crop, made.interpolation.value, (tuple(made.mean), tuple(made.std)))
        names = found.setdefault(key, [])
        if f"torchvision:{weights}" not in names:  # the quantized models list the float weights again
            names.append(f"torchvision:{weights}")
    for name, (size, percentage, interpolation, statistics, mode, _) in TIMM.items():
        key = ("Exact" if mode == "squash" else "ShorterSide", math.floor(size / percentage), size, interpolation,
               statistics)
        found.setdefault(key, []).append(f"timm:{name}")
    return found


def main():
    found = rows()
    statistics = list(dict.fromkeys(key[4] for key in found))
    print(f"""// Made by preset_table.py (torchvision {torchvision.__version__.rstrip("a0")}); edit that, not this.
// clang-format off
#pragma once

#include <array>

#include "beralih/preprocess_spec.h"

namespace beralih {{

struct PresetStatistics {{
  std::array<float, 3> mean;
  std::array<float, 3> std;
}};

struct PresetRow {{
  ResizeMode mode;
  int resize;
  int crop;
  ResizeFilter filter;
  size_t statistics;  ///< index into kPresetStatistics
  std::string_view names;  ///< one a line
}};

inline constexpr std::array<PresetStatistics, {len(statistics)}> kPresetStatistics{{{{""")
    for mean, std in statistics:
        print("  {{" + ", ".join(f"{v!r}f" for v in mean) + "}, {" + ", ".join(f"{v!r}f" for v in std) + "}},")
    print(f"}}}};\n\ninline constexpr std::array<PresetRow, {len(found)}> kPresetRows{{{{")
    for (mode, resize, crop, interpolation, values), names in found.items():
        knobs = f"ResizeMode::k{mode}, {resize}, {crop}, ResizeFilter::k{interpolation.capitalize()}"
        print(f"  {{{knobs}, {statistics.index(values)},")
        print("\n".join(f'   "{name}\\n"' for name in sorted(names)) + "},")
    print("}};\n\n}  // namespace beralih")


if __name__ == "__main__":
    main()
