"""Figures that are printed at the end of a run, and the container engines with an image in them."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from deploy_engine import Engine, docker, podman_of_its_own

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The suite of Debian below the image: bookworm (12), or trixie (13).
SUITE = os.environ.get("BERALIH_DEPLOY_BASE", "bookworm")
BASE = f"beralih-test-base:{SUITE}"
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


def asked_for_containers():
    if os.environ.get("BERALIH_CONTAINERS") != "1":
        pytest.skip("building an image takes minutes: set BERALIH_CONTAINERS=1, as ./test.sh deploy does")


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """A Docker daemon: the one that runs here or, for root, one of the test's own that touches neither firewall nor bridge."""
    asked_for_containers()
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed (docker.io)")
    if docker.runs():
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
        while not docker.runs():
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
def debian_suite():
    return SUITE


@pytest.fixture(scope="session")
def podman(tmp_path_factory):
    asked_for_containers()
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    if "CONTAINERS_STORAGE_CONF" in os.environ:
        yield Engine("podman")  # somebody has set it up
        return
    if os.geteuid() != 0:
        pytest.skip("only root can give podman a place of its own for the test")
    folder = tmp_path_factory.mktemp("podman")
    engine = podman_of_its_own(folder)
    if not engine.runs():
        pytest.skip("podman does not start here: " + engine.tries("info").stderr.strip()[-250:])
    yield engine
    engine.tries("system", "reset", "--force")


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    """Debian made of its packages alone, no registry asked; BERALIH_DEPLOY_BASE_TAR is one that was made before."""
    made = os.environ.get("BERALIH_DEPLOY_BASE_TAR")
    if made:
        yield pathlib.Path(made)
        return
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap, which makes the base image, is not installed")
    root = tmp_path_factory.mktemp("base") / "base.tar"
    subprocess.run(["mmdebstrap", "--variant=minbase", SUITE, str(root)], check=True, capture_output=True)
    yield root
    root.unlink()


@pytest.fixture(scope="session")
def base_image(engine, request):
    if not docker("images", "-q", BASE):
        docker("import", str(request.getfixturevalue("debian")), BASE)
    return BASE


def built(engine, bundle):
    subprocess.run([str(ROOT / "native_server" / "deploy" / "build_image.sh"), "--engine", engine.name, "--base", BASE, "--bundle", str(bundle),
                    "--tag", TAG], check=True, env=engine.environment)
    return TAG


@pytest.fixture(scope="session")
def image(base_image, bundle):
    return built(docker, bundle)


@pytest.fixture(scope="session")
def podmans_image(podman, bundle, request):
    if not podman("images", "-q", BASE):
        podman("import", "-q", str(request.getfixturevalue("debian")), BASE)
    return built(podman, bundle)


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine_with_image(request):
    """An engine and the image in it."""
    if request.param == "docker":
        return docker, request.getfixturevalue("image")
    return request.getfixturevalue("podman"), request.getfixturevalue("podmans_image")
