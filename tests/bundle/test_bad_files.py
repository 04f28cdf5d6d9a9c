"""Bundles whose files were made to do harm or are simply wrong: one clear sentence each."""
import hashlib
import io
import json
import pathlib
import shutil
import struct
import zipfile

import pytest
import torch

import tiny_network


@pytest.fixture()
def copy(parts, tmp_path):
    return pathlib.Path(shutil.copytree(parts, tmp_path / "parts"))


def put(bundle, role, data):
    """Replaces a file and renews the contract, as somebody would who makes a harmful bundle."""
    contract = json.loads((bundle / "contract.json").read_text())
    entry = next(file for file in contract["files"] if file["role"] == role)
    (bundle / entry["path"]).write_bytes(data)
    entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    text = json.dumps(contract).encode()
    (bundle / "contract.json").write_bytes(text)
    (bundle / "contract.sha256").write_text(hashlib.sha256(text).hexdigest() + "\n")


def problem(bundles, bundle):
    result = bundles.run("verify", "--json", bundle)
    assert result.returncode == 1, result.stdout
    report = json.loads(result.stdout)
    text = report.get("problem") or next(f["problem"] for f in report["files"] if not f["ok"])
    assert len(text.splitlines()) == 1
    return text


def state():
    return tiny_network.make().state_dict()


def without(name):
    return tiny_network.safetensors({key: value for key, value in state().items() if key != name})


def header(change):
    """weights.safetensors with an altered header."""
    raw = tiny_network.safetensors(state())
    (length,) = struct.unpack("<Q", raw[:8])
    parsed = json.loads(raw[8:8 + length])
    change(parsed)
    return tiny_network.pack(parsed, raw[8 + length:])


def twice():
    raw = tiny_network.safetensors(state())
    (length,) = struct.unpack("<Q", raw[:8])
    text = raw[8:8 + length].rstrip()
    entry = json.dumps(json.loads(text)["fc.bias"]).encode()
    return tiny_network.pack(text[:-1] + b', "fc.bias": ' + entry + b"}", raw[8 + length:])


WEIGHTS = {
    "cut short": (lambda: tiny_network.safetensors(state())[:-5], "outside the file"),
    "empty": (lambda: b"", "shorter than the 8 bytes"),
    "a huge header": (lambda: struct.pack("<Q", 1 << 60) + b"{}", "header length"),
    "no JSON": (lambda: tiny_network.pack(b"nonsense", b""), "not a JSON object"),
    "a name twice": (twice, "names it twice"),
    "an unknown dtype": (lambda: header(lambda h: h["fc.bias"].update(dtype="F31")), "unknown dtype"),
    "offsets outside": (lambda: header(lambda h: h["fc.bias"].update(data_offsets=[0, 1 << 40])), "outside the file"),
    "overlapping tensors": (lambda: header(lambda h: h["fc.bias"].update(data_offsets=[0, 12])), "overlap|hole"),
    "a missing layer": (lambda: without("fc.bias"), "lacks the tensor \"fc.bias\""),
    "an extra layer": (lambda: tiny_network.safetensors({**state(), "fc.extra": torch.zeros(3)}), "fc.extra"),
    "another dtype": (lambda: tiny_network.safetensors({**state(), "fc.bias": torch.zeros(3).double()}), "F64"),
    "another shape": (lambda: tiny_network.safetensors({**state(), "fc.weight": torch.zeros(3, 5)}), "does not run"),
    "another class count": (lambda: tiny_network.safetensors(
        {**state(), "fc.weight": torch.zeros(4, 4), "fc.bias": torch.zeros(4)}), "[1, 4]"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_do_not_fit(bundles, copy, name):
    make, words = WEIGHTS[name]
    put(copy, "weights", make())
    text = problem(bundles, copy)
    assert any(word in text for word in words.split("|")), text


def scripted(kind):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(tiny_network.make(kind)), buffer)
    return buffer.getvalue()


def rewritten(change):
    """architecture.pt with other zip entries: change(list of (ZipInfo, bytes))."""
    source = zipfile.ZipFile(io.BytesIO(scripted(tiny_network.TinyNetwork)))
    entries = [(zipfile.ZipInfo(info.filename), source.read(info)) for info in source.infolist()]
    change(entries)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for info, data in entries:
            target.writestr(info, data)
    return out.getvalue()


def entry(name, mode=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def other_local_name():
    data = bytearray(rewritten(lambda e: None))
    at = data.index(b"data.pkl")
    data[at:at + 8] = b"evil.pkl"
    return bytes(data)


def nested(top):
    return lambda e: e.append((entry(f"{top}x"), b"x"))


PROGRAMS = {
    "cut short": (lambda: scripted(tiny_network.TinyNetwork)[:-40], "cut short"),
    "empty": (lambda: b"", "cut short"),
    "no archive": (lambda: b"hello " * 100, "not a TorchScript program"),
    "an extra file": (lambda: rewritten(lambda e: e.append((entry("model/evil.so"), b"x"))), "evil.so"),
    "code outside": (lambda: rewritten(lambda e: e.append((entry("other/code/x.py"), b"x"))), "other/code/x.py"),
    "a path that climbs": (lambda: rewritten(lambda e: e.append((entry("model/../../x.py"), b"x"))), "leaves the archive"),
    "an absolute path": (lambda: rewritten(lambda e: e.append((entry("/etc/x.py"), b"x"))), "leaves the archive"),
    "a symbolic link": (lambda: rewritten(lambda e: e.append((entry("model/data/7", 0o120777), b"/etc"))), "is a link"),
    "an entry twice": (lambda: rewritten(lambda e: e.append(e[0])), "stands twice"),
    "no program": (lambda: rewritten(lambda e: e.remove(next(x for x in e if x[0].filename.endswith("/data.pkl")))),
                   "data.pkl"),
    "two names for one entry": (other_local_name, "another name"),
    "code that writes files": (lambda: scripted(tiny_network.SavingNetwork), "\"save\", which reads or writes files"),
    "code that reads files": (lambda: scripted(tiny_network.ReadingNetwork), "\"from_file\""),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_no_classifier_needs(bundles, copy, name):
    make, words = PROGRAMS[name]
    put(copy, "architecture", make())
    text = problem(bundles, copy)
    assert "architecture.pt" in text and words in text
    assert not pathlib.Path("/tmp/beralih-test-leak.pt").exists()


def test_an_architecture_without_its_debug_entries_still_loads(bundles, copy):
    """What models/recipes/export.py does: no *.debug_pkl, entries deflated."""
    source = zipfile.ZipFile(copy / "architecture.pt")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            if not info.filename.endswith(".debug_pkl"):
                target.writestr(info.filename, source.read(info))
    put(copy, "architecture", out.getvalue())
    assert bundles.run("verify", copy).returncode == 0


@pytest.mark.parametrize("name, data, words", [
    ("labels", b"one\ntwo\n", "2 labels"), ("labels", b"", "0 labels"), ("golden_image", b"no image", "red.png"),
])
def test_other_files_that_do_not_fit(bundles, copy, name, data, words):
    put(copy, name, data)
    result = bundles.run("verify", copy)
    assert result.returncode == 1 and words in result.stdout


def test_a_link_out_of_the_bundle(bundles, copy, inputs):
    (copy / "labels.txt").unlink()
    (copy / "labels.txt").symlink_to(inputs / "labels.txt")
    assert "leaves the bundle" in problem(bundles, copy)
