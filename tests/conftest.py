"""What the Python tests share: where things lie, the command line, a running server."""
import json
import os
import pathlib
import subprocess

import pytest

from server_process import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent


def _shared_data() -> pathlib.Path:
    return pathlib.Path(os.environ.get("BERALIH_SHARED", ROOT.parent / "shared")) / "data"


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder of test images; tests that need it skip where it is absent, and fail in CI."""
    path = _shared_data()
    if not (path / "images").is_dir():
        reason = f"the test images are not at {path}"
        if os.environ.get("BERALIH_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def binary() -> str:
    path = pathlib.Path(os.environ.get(
        "BERALIH_BIN", ROOT / "build" / "release" / "native_server" / "beralih"))
    assert path.is_file(), f"{path} is not built; run ./test.sh"
    return str(path)


@pytest.fixture(scope="session")
def bundle() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("BERALIH_BUNDLE", ROOT / "models" / "bundles" / "resnet34"))
    assert (path / "contract.json").is_file(), f"{path} holds no bundle; run ./test.sh"
    return path


@pytest.fixture(scope="session")
def preprocess(binary):
    """preprocess(files, *arguments) -> one dict per file, as `beralih preprocess --json` prints."""
    def run(files, *arguments):
        result = subprocess.run([binary, "preprocess", "--json", *arguments, *map(str, files)],
                                capture_output=True, text=True, timeout=600)
        assert result.returncode in (0, 1), result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(lines) == len(files), result.stderr
        return lines
    return run


@pytest.fixture(scope="session")
def server(binary, bundle, tmp_path_factory):
    """One ready server for the tests that only ask questions of it."""
    with Server(binary, bundle, log=tmp_path_factory.mktemp("server") / "log") as running:
        running.wait_until_ready()
        yield running
