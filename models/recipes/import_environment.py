"""The environment that PyTorch must start in; imported before it.

PyTorch's serializer walks sets: the same bytes need one order of hashing. And threads that spin while they wait are many
times slower where the cores are shared. Only a new process can have another environment from its start.
"""
import os
import sys

ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "passive"}

if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, "-B", *sys.argv])
try:
    import torch  # noqa: F401
    import torchvision  # noqa: F401
except ImportError as error:
    raise SystemExit(f"{os.path.basename(sys.argv[0])}: {error}: install the packages python3-torch and "
                     "python3-torchvision") from None
