#!/usr/bin/python3
"""Adds to a folder, where `cmake --install` has put the server, all that it needs to run and nothing else:

    collect_runtime.py IMAGE

The shared libraries are the dynamic linker's own list. Debian's libtorch names OpenCV, FFmpeg and others as needed without using one
symbol of theirs (`ldd -u` says which); toolchains/lean_libtorch.sh removes those entries from the image's copy.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LEAN_LIBTORCH = pathlib.Path(__file__).resolve().parents[2] / "toolchains/lean_libtorch.sh"
USER = 65532    # the number that other images without a shell use for their ordinary user


def run(*command: str, **more) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


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
    raise SystemExit(f"collect_runtime.py: no package owns {path}")


def copy_libraries(image: pathlib.Path) -> "set[str]":
    """Every library of the server at the path where the linker looks for it. Returns the packages that they are from."""
    programs = [image / "usr/bin/beralih", *image.glob("usr/lib/**/libberalih_*.so")]
    packages = set()
    with tempfile.TemporaryDirectory() as scratch:
        torch = trimmed_torch(pathlib.Path(scratch))
        listing = run("ldd", *map(str, programs), env={**os.environ, "LD_LIBRARY_PATH": scratch})
        for found in sorted(set(re.findall(r"(?:=> |^\s)(/\S+) \(0x", listing, re.M))):
            path = pathlib.Path(found)
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
    parts = []
    for package in sorted(packages):
        name = package.split(":")[0]
        (status / name).write_text(run("dpkg", "-s", package))
        copyright_file = pathlib.Path("/usr/share/doc", name, "copyright")
        if copyright_file.exists():
            target = image / "usr/share/doc" / name / "copyright"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(copyright_file, target)
        version, source = run("dpkg-query", "-W", "-f", "${Version}\t${source:Package} ${source:Version}", package).split("\t")
        parts.append({"SPDXID": f"SPDXRef-{name}", "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
                      "sourceInfo": f"Debian source package {source}"})
    created = int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now().timestamp()))
    own = {"SPDXID": "SPDXRef-beralih", "name": "beralih", "licenseDeclared": "Apache-2.0", "downloadLocation": "NOASSERTION",
           "versionInfo": run(str(image / "usr/bin/beralih"), "--version").split()[-1]}
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "beralih",
        "documentNamespace": "urn:beralih:sbom:" + hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
        "creationInfo": {"created": datetime.datetime.utcfromtimestamp(created).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: collect_runtime.py"]},
        "packages": [own, *parts],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-beralih",
                           "relationshipType": "DESCRIBES"},
                          *({"spdxElementId": "SPDXRef-beralih", "relatedSpdxElement": part["SPDXID"],
                             "relationshipType": "DYNAMIC_LINK"} for part in parts)],
    }
    sbom = image / "usr/share/sbom/beralih.spdx.json"
    sbom.parent.mkdir(parents=True)
    sbom.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    root = pathlib.Path(sys.argv[1])
    used = copy_libraries(root)
    write_system_files(root)
    write_parts(root, used)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{len(used)} packages, {size / 1e6:.0f} MB")
