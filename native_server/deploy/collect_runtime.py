#!/usr/bin/python3
"""Adds to a folder, where `cmake --install` has put the server, all that it needs to run and nothing else:

    collect_runtime.py IMAGE

The shared libraries are the dynamic linker's own list, and for cards those that CUDA's libraries open by name while they run; not
NVIDIA's driver: its container toolkit lends the container that of the machine. Debian's libtorch names OpenCV, FFmpeg and others as
needed without using one symbol of theirs (`ldd -u` says which); toolchains/lean_libtorch.sh removes those entries from the image's copy.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import sbom

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAN_LIBTORCH = ROOT / "toolchains/lean_libtorch.sh"
USER = 65532    # the number that other images without a shell use for their ordinary user
# Opened by name: the parts of cuDNN 9 by libcudnn, NVIDIA's run-time compiler and its linker by libtorch_cuda, cuDNN and cuFFT.
OPENED_BY_NAME = ("libcudnn*.so.[0-9]", "libcaffe2_nvrtc.so", "libnvrtc.so.[0-9][0-9]", "libnvrtc-builtins.so.[0-9][0-9].[0-9]",
                  "libnvJitLink.so.[0-9][0-9]")
DRIVER = re.compile(r"lib(cuda|nvidia-[a-z0-9-]+)\.so")
CUDNN_FILES = pathlib.Path("/var/lib/nvidia-cudnn/filelist.txt")    # what Debian's package fetched; dpkg does not know it


def run(*command: str, **more) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **more)   # what it complains of is shown
    if done.returncode != 0:
        raise SystemExit(f"collect_runtime.py: {command[0]} ended with {done.returncode}")
    return done.stdout


def trimmed_torch(folder: pathlib.Path) -> pathlib.Path:
    """A copy of libtorch_cpu without the libraries that it never calls. Returns the original's path."""
    listed = re.search(r"libtorch_cpu\S* .*=> (\S+)", run("/sbin/ldconfig", "-p"))
    if listed is None:
        raise SystemExit("collect_runtime.py: libtorch_cpu is not installed here")
    torch = pathlib.Path(listed.group(1)).resolve()
    run(str(LEAN_LIBTORCH), str(torch), str(folder))
    return torch


def owner_of(path: pathlib.Path) -> str:
    """The package, as dpkg knows the file: some packages still name /lib, which is a link today."""
    for name in (str(path), str(path).removeprefix("/usr")):
        found = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0]
    if CUDNN_FILES.exists() and path.name in {pathlib.Path(line).name for line in CUDNN_FILES.read_text().splitlines()}:
        return "nvidia-cudnn"
    raise SystemExit(f"collect_runtime.py: no package owns {path}")


def linked(objects: "list[pathlib.Path]", first: pathlib.Path) -> "set[pathlib.Path]":
    """Where the dynamic linker finds each library that these need, looking in `first` before all others. One missing ends the build."""
    listing = run("ldd", *map(str, objects), env={**os.environ, "LD_LIBRARY_PATH": str(first), "LC_ALL": "C"})
    missing = {name for name in re.findall(r"(\S+) => not found", listing) if not DRIVER.match(name)}
    if missing:
        raise SystemExit(f"collect_runtime.py: not found: {', '.join(sorted(missing))}; needed by the server's libraries")
    found = {pathlib.Path(name) for name in re.findall(r"(?:=> |^\s)(/\S+) \(0x", listing, re.M)}
    return {path for path in found if not DRIVER.match(path.name)}


def opened_by_name(beside: pathlib.Path) -> "list[pathlib.Path]":
    """The libraries in this folder that no library names as needed: cuDNN's parts and the like."""
    found = [path for pattern in OPENED_BY_NAME for path in sorted(beside.glob(pattern))]
    for name in ("libcudnn.so", "libcaffe2_nvrtc.so", "libnvrtc.so", "libnvrtc-builtins.so"):
        if not any(path.name.startswith(name) for path in found):
            raise SystemExit(f"collect_runtime.py: there is no {name} in {beside}, which libtorch_cuda opens while it runs")
    return found


def copy_libraries(image: pathlib.Path) -> "set[str]":
    """Every library of the server at the path where the linker looks for it. Returns the packages that they are from."""
    programs = [image / "usr/bin/beralih", *image.glob("usr/lib/**/libberalih_*.so")]
    packages = set()
    with tempfile.TemporaryDirectory() as scratch:
        torch = trimmed_torch(pathlib.Path(scratch))
        found = linked(programs, pathlib.Path(scratch))
        cuda = next((path for path in found if path.name.startswith("libtorch_cuda.so")), None)
        if cuda is not None:
            opened = opened_by_name(cuda.resolve().parent)
            found |= {*opened, *linked(opened, pathlib.Path(scratch))}
        for path in sorted(found):
            if path.parent == pathlib.Path(scratch):
                target, owned = torch.with_name(path.name), torch
            else:
                target, owned = path.parent.resolve() / path.name, path.resolve()
            packages.add(owner_of(owned))
            destination = image / target.relative_to("/")
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, destination)
    for name in ("lib", "lib64"):
        if pathlib.Path("/", name).is_symlink() and not (image / name).is_symlink():
            (image / name).symlink_to("usr/" + name)
    # Debian chooses the BLAS by links in folders that the linker knows from its configuration.
    (image / "etc").mkdir(exist_ok=True)
    shutil.copy("/etc/ld.so.conf", image / "etc")
    shutil.copytree("/etc/ld.so.conf.d", image / "etc/ld.so.conf.d", dirs_exist_ok=True)
    run("/sbin/ldconfig", "-r", str(image))
    return packages


def write_system_files(image: pathlib.Path) -> None:
    (image / "etc/passwd").write_text("root:x:0:0:root:/root:/usr/sbin/nologin\n"
                                      f"beralih:x:{USER}:{USER}:beralih:/nonexistent:/usr/sbin/nologin\n")
    (image / "etc/group").write_text(f"root:x:0:\nberalih:x:{USER}:\n")
    shutil.copy("/etc/os-release", image / "etc/os-release")
    (image / "bundle").mkdir()
    (image / "tmp").mkdir()
    (image / "tmp").chmod(0o1777)


def write_parts(image: pathlib.Path, packages: "set[str]") -> None:
    """For scanners, which read one file a package where there is no dpkg; the licences; the same list as SPDX."""
    status = image / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in sorted(packages):
        name = package.split(":")[0]
        (status / name).write_text(run("dpkg", "-s", package))
        copyright_file = pathlib.Path("/usr/share/doc", name, "copyright")
        if copyright_file.exists():
            target = image / "usr/share/doc" / name / "copyright"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(copyright_file, target)
    version = run(str(image / "usr/bin/beralih"), "--version").split()[-1]
    release = re.search(r'^VERSION_ID="?([\d.]+)', pathlib.Path("/etc/os-release").read_text(), re.M)
    sources = ROOT / "wasm_sources.txt"    # build_image.sh writes it
    compiled = dict(line.split() for line in sources.read_text().splitlines()) if sources.exists() else {}
    created = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    document = sbom.document(version, sorted(packages), release.group(1) if release else "unstable", ROOT, compiled, created)
    target = image / "usr/share/sbom/beralih.spdx.json"
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    root = pathlib.Path(sys.argv[1])
    used = copy_libraries(root)
    write_system_files(root)
    write_parts(root, used)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{len(used)} packages, {size / 1e6:.0f} MB")
