"""`beralih bundle pack` and `unpack`: one file, one digest, nothing unexpected taken."""
import hashlib
import io
import tarfile

import pytest


@pytest.fixture(scope="module")
def archive(bundles, parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "parts.tar"
    result = bundles.run("pack", parts, "--out", path)
    assert result.returncode == 0, result.stderr
    assert hashlib.sha256(path.read_bytes()).hexdigest() in result.stdout
    return path


def content(bundle):
    return {str(p.relative_to(bundle)): p.read_bytes() for p in bundle.rglob("*") if p.is_file()}


def test_there_and_back(bundles, parts, archive, tmp_path):
    digest = (parts / "contract.sha256").read_text().strip()
    assert bundles.run("unpack", archive, tmp_path / "back", "--expect-contract", digest).returncode == 0
    assert content(tmp_path / "back") == content(parts)
    assert bundles.run("verify", tmp_path / "back").returncode == 0
    again = bundles.run("pack", tmp_path / "back", cwd=tmp_path)
    assert again.returncode == 0
    assert (tmp_path / f"parts-{digest[:16]}.tar").read_bytes() == archive.read_bytes()


def test_other_programs_read_it_and_it_holds_no_times_or_owners(parts, archive):
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        assert [m.name for m in members][:2] == ["contract.json", "contract.sha256"]
        assert [m.name for m in members][2:] == sorted(m.name for m in members[2:])
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        assert {m.name: tar.extractfile(m).read() for m in members} == content(parts)


def test_an_altered_bundle_is_not_packed(bundles, parts, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, data in content(parts).items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(data)
    (copy / "labels.txt").write_text("one\nzero\ntwo\n")
    assert "labels.txt" in bundles.refused("pack", copy, "--out", tmp_path / "x.tar")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy"]


def rewrite(archive, change):
    """The archive's (header, bytes) pairs, changed, as a new archive in the same format."""
    with tarfile.open(archive) as tar:
        members = [(m, tar.extractfile(m).read()) for m in tar.getmembers()]
    change(members)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
        end = tar.offset
    return out.getvalue()[:end] + b"\0" * 1024


def member(name, **fields):
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def replace_data(members, name, data):
    for i, (info, _) in enumerate(members):
        if info.name == name:
            info.size = len(data)
            members[i] = (info, data)


TAMPERED = {
    "a symbolic link": (lambda m: m.insert(2, (member("labels.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
                        "is a link"),
    "a hard link": (lambda m: m.insert(2, (member("labels.txt", type=tarfile.LNKTYPE, linkname="contract.json"), b"")),
                    "is a link"),
    "a directory": (lambda m: m.insert(2, (member("golden", type=tarfile.DIRTYPE), b"")), "is a link, a directory"),
    "a device": (lambda m: m.insert(2, (member("null", type=tarfile.CHRTYPE), b"")), "special"),
    "an absolute path": (lambda m: m.insert(2, (member("/etc/evil", size=1), b"x")), "/etc/evil"),
    "a path that climbs": (lambda m: m.insert(2, (member("../evil", size=1), b"x")), "../evil"),
    "an unexpected file": (lambda m: m.append((member("zzz.txt", size=1), b"x")), "holds more"),
    "a missing file": (lambda m: m.pop(), "is due|tar header"),
    "another order": (lambda m: m.reverse(), "is due"),
    "altered labels": (lambda m: replace_data(m, "labels.txt", b"one\nnil\ntwo\n\n"), "altered"),
    "another size": (lambda m: replace_data(m, "labels.txt", b"one\n"), "4 bytes"),
    "another contract": (lambda m: replace_data(m, "contract.json", b"{}"), "contract.json"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_refused(bundles, archive, tmp_path, name):
    change, words = TAMPERED[name]
    path = tmp_path / "evil.tar"
    path.write_bytes(rewrite(archive, change))
    sentence = bundles.refused("unpack", path, tmp_path / "out")
    assert any(word in sentence for word in words.split("|")), sentence
    assert [p.name for p in tmp_path.iterdir()] == ["evil.tar"]


def test_the_rewriting_itself_changes_nothing(bundles, archive, tmp_path):
    path = tmp_path / "same.tar"
    path.write_bytes(rewrite(archive, lambda members: None))
    assert bundles.run("unpack", path, tmp_path / "out").returncode == 0


@pytest.mark.parametrize("size", [0, 100, 512, 3000, -1, -600, -1025])
def test_a_cut_archive_is_refused(bundles, archive, tmp_path, size):
    path = tmp_path / "cut.tar"
    path.write_bytes(archive.read_bytes()[:size])
    assert "cut.tar" in bundles.refused("unpack", path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.tar"]


def test_another_contract_than_expected_is_refused(bundles, archive, tmp_path):
    sentence = bundles.refused("unpack", archive, tmp_path / "out", "--expect-contract", "0" * 64)
    assert "--expect-contract" in sentence and not (tmp_path / "out").exists()
    text = tmp_path / "text.tar"
    text.write_bytes(b"no archive " * 200)
    assert "tar header" in bundles.refused("unpack", text, tmp_path / "out")
