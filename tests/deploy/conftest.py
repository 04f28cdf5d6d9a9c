"""Figures that are printed at the end of a run, and the container engine with an image in it."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from deploy_engine import docker, engine_runs

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = "beralih-test-base:bookworm"
TAG = "beralih-test:bundled"
_figures = []


@pytest.fixture
def measured(record_property, request):
    """measured(text): into the report, and on the terminal when all tests have run."""
    def note(text):
        record_property("measured", text)
        _figures.append(f"{request.node.name}: {text}")
    return note


def pytest_terminal_summary(terminalreporter):
    if _figures:
        terminalreporter.section("measured")
        for line in _figures:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """A Docker daemon: the one that runs here or, for root, one of the test's own that touches neither firewall nor bridge."""
    if os.environ.get("BERALIH_CONTAINERS") != "1":
        pytest.skip("building an image takes minutes: set BERALIH_CONTAINERS=1, as ./test.sh deploy does")
    if shutil.which("docker") is None:
        pytest.skip("no container engine is installed (docker.io)")
    if engine_runs():
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("no Docker daemon runs here, and this user cannot start one")
    folder = tmp_path_factory.mktemp("dockerd")
    socket = f"unix://{folder}/docker.sock"
    with open(folder / "log", "w") as log:
        daemon = subprocess.Popen(["dockerd", "--bridge=none", "--iptables=false", "-H", socket, "--data-root", str(folder / "data"),
                                   "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")], stdout=log, stderr=log)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = socket
    try:
        end = time.monotonic() + 60
        while not engine_runs():
            if daemon.poll() is not None or time.monotonic() > end:
                pytest.skip("dockerd does not start here: " + (folder / "log").read_text().strip().splitlines()[-1][:250])
            time.sleep(0.2)
        yield
    finally:
        daemon.terminate()
        daemon.wait(60)
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before
        subprocess.run(["umount", str(folder / "exec" / "netns" / "default")], capture_output=True)  # the daemon leaves it mounted
        shutil.rmtree(folder / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def base_image(engine, tmp_path_factory):
    """Debian 12 made of its packages alone, no registry asked."""
    if not docker("images", "-q", BASE):
        if shutil.which("mmdebstrap") is None:
            pytest.skip("mmdebstrap, which makes the base image, is not installed")
        root = tmp_path_factory.mktemp("base") / "base.tar"
        subprocess.run(["mmdebstrap", "--variant=minbase", "bookworm", str(root)], check=True, capture_output=True)
        docker("import", str(root), BASE)
        root.unlink()
    return BASE


@pytest.fixture(scope="session")
def image(base_image, bundle):
    subprocess.run([str(ROOT / "native_server" / "deploy" / "build_image.sh"), "--base", base_image, "--bundle", str(bundle),
                    "--tag", TAG], check=True)
    return TAG
