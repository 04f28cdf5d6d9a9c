"""The container image, built and run on a base made from Debian's packages alone. Slow: ./test.sh full sets BERALIH_CONTAINERS=1."""
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy"
BASE = "beralih-test-base:bookworm"
TAG = "beralih-test:bundled"
PORT = 18190


def docker(*arguments, **more):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, **more).stdout.strip()


@pytest.fixture(scope="module")
def image(bundle, tmp_path_factory):
    if os.environ.get("BERALIH_CONTAINERS") != "1":
        pytest.skip("building an image takes minutes: set BERALIH_CONTAINERS=1, as ./test.sh full does")
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no container engine runs here (docker.io, its daemon started)")
    if not docker("images", "-q", BASE):
        if shutil.which("mmdebstrap") is None:
            pytest.skip("mmdebstrap, which makes the base image, is not installed")
        root = tmp_path_factory.mktemp("base") / "base.tar"
        subprocess.run(["mmdebstrap", "--variant=minbase", "bookworm", str(root)], check=True, capture_output=True)
        docker("import", str(root), BASE)
    subprocess.run([str(DEPLOY / "build_image.sh"), "--base", BASE, "--bundle", str(bundle), "--tag", TAG], check=True)
    return TAG


@pytest.fixture
def container(image):
    start = time.monotonic()
    name = docker("run", "-d", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host",
                  "-e", f"BERALIH_PORT={PORT}", image)
    try:
        while subprocess.run(["docker", "exec", name, "/usr/bin/beralih", "health"], capture_output=True).returncode != 0:
            assert time.monotonic() - start < 60, docker("logs", name)
            time.sleep(0.1)
        print(f"docker run to ready: {time.monotonic() - start:.1f} s")
        yield name
    finally:
        docker("rm", "-f", name)


def test_it_classifies_as_an_ordinary_user_without_writing(container, bundle):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("POST", "/api/classify", (bundle / "golden" / "dog2.jpg").read_bytes(), {"Content-Type": "image/jpeg"})
    answer = json.loads(connection.getresponse().read())
    assert "German shepherd" in answer["predictions"][0]["label"]
    connection.request("GET", "/")
    assert b"<html" in connection.getresponse().read().lower()
    process = docker("inspect", "-f", "{{.State.Pid}}", container)
    status = pathlib.Path("/proc", process, "status").read_text()
    assert "\nUid:\t65532\t" in status
    print(next(line for line in status.splitlines() if line.startswith("VmRSS")))


def test_it_stops_cleanly(container):
    docker("stop", container)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"


def test_there_is_no_shell_and_a_list_of_parts(image, tmp_path):
    name = docker("create", image)
    try:
        with open(tmp_path / "image.tar", "wb") as archive:
            subprocess.run(["docker", "export", name], check=True, stdout=archive)
        docker("cp", f"{name}:/usr/share/sbom/beralih.spdx.json", str(tmp_path))
    finally:
        docker("rm", name)
    members = subprocess.run(["tar", "tf", str(tmp_path / "image.tar")], check=True, capture_output=True, text=True).stdout.split()
    assert not [member for member in members if member.endswith(("/sh", "/bash", "/dash", "/apt", "/dpkg"))]
    assert not [member for member in members if "opencv" in member or "libavcodec" in member]
    parts = {part["name"] for part in json.loads((tmp_path / "beralih.spdx.json").read_text())["packages"]}
    assert {"beralih", "libc6", "libtorch1.13", "libcpp-httplib0.11"} <= parts
    print(docker("image", "inspect", "-f", "{{.Size}} bytes", image))


def test_another_contract_is_refused(image):
    refused = subprocess.run(["docker", "run", "--rm", "--network", "host", "-e", f"BERALIH_PORT={PORT}", "-e",
                              "BERALIH_EXPECT_CONTRACT=" + "0" * 64, image], capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1
    assert "--expect-contract" in refused.stderr
