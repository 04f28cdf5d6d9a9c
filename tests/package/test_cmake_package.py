"""The core as others use it: installed, found by find_package, and linked into a program of their own."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def prefix(binary, tmp_path_factory):
    """The installed tree, moved after the installation: nothing in it may know where it was made."""
    build = pathlib.Path(binary).parents[1]
    folder = tmp_path_factory.mktemp("package")
    status, _, errors = run("cmake", "--install", build, "--prefix", folder / "made", "--component", "core")
    assert status == 0, errors
    return (folder / "made").rename(folder / "moved")


@pytest.fixture(scope="module")
def example(prefix, tmp_path_factory):
    build = tmp_path_factory.mktemp("example")
    status, _, errors = run("cmake", "-S", ROOT / "core" / "example", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
                            "-DCMAKE_BUILD_TYPE=Release")  # fmt: skip
    assert status == 0, errors
    status, output, errors = run("cmake", "--build", build)
    assert status == 0, output + errors
    return build / "image_to_tensor"


def test_a_program_of_ones_own_computes_the_same_tensor(example, bundle, preprocess):
    for name in ("dog1.jpg", "coffee.png"):
        image = bundle / "golden" / name
        status, output, errors = run(example, image)
        assert status == 0, errors
        (ours,) = preprocess([image], "--preset", "dlib:resnet34")
        assert output.split() == [*map(str, ours["shape"]), ours["tensor_sha256"]]


def test_errors_arrive_as_values(example, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, output, errors = run(example, tmp_path / "broken.png")
    assert (status, output) == (1, "")
    assert errors == "PNG: the chunks end before the image data (at byte 8)\n"


def test_another_minor_version_is_not_found(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\nfind_package(beralih 0.2 REQUIRED)\n")  # fmt: skip
    status, _, errors = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert status != 0
    assert "beralih" in errors


def test_every_public_header_stands_alone(prefix, tmp_path):
    headers = sorted((prefix / "include" / "beralih").glob("*.h"))
    assert len(headers) >= 11
    for header in headers:
        source = tmp_path / f"{header.stem}.cpp"
        source.write_text(f"#include <beralih/{header.name}>\n#include <beralih/{header.name}>\n")
        status, _, errors = run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                                f"-I{prefix}/include", source)  # fmt: skip
        assert status == 0, errors


def test_nothing_of_the_source_tree_is_named_in_the_package(prefix):
    for path in (prefix / "lib").rglob("*.cmake"):
        assert str(ROOT) not in path.read_text(), path
