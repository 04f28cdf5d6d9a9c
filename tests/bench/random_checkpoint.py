#!/usr/bin/python3
"""A checkpoint with seeded random weights of a torchvision network, for measuring a cost and nothing else:

  tests/bench/random_checkpoint.py mobilenet_v3_small FILE.pth
  models/recipes/import_torchvision.py mobilenet_v3_small FILE.pth DIRECTORY --weights MobileNet_V3_Small_Weights.IMAGENET1K_V1 --no-edge --golden PICTURE
"""
import sys

import torch
import torchvision

torch.manual_seed(0)
torch.save(getattr(torchvision.models, sys.argv[1])(weights=None).state_dict(), sys.argv[2])
