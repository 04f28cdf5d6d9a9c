"""The container image, built and run on a base made from Debian's packages alone. Slow: only `./test.sh deploy` and `full` run it."""
import http.client
import json
import pathlib
import subprocess
import time

import pytest

from deploy_engine import docker
from deploy_load import contract_hash

PORT = 18190


@pytest.fixture
def container(image, measured):
    start = time.monotonic()
    name = docker("run", "-d", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host",
                  "-e", f"BERALIH_PORT={PORT}", image)
    try:
        while subprocess.run(["docker", "exec", name, "/usr/bin/beralih", "health"], capture_output=True).returncode != 0:
            assert time.monotonic() - start < 60, docker("logs", name)
            time.sleep(0.05)
        measured(f"docker run to ready {time.monotonic() - start:.2f} s")
        yield name
    finally:
        docker("rm", "-f", name)


def test_it_classifies_as_an_ordinary_user_without_writing(container, bundle, measured):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("POST", "/api/classify", (bundle / "golden" / "dog2.jpg").read_bytes(), {"Content-Type": "image/jpeg"})
    answer = json.loads(connection.getresponse().read())
    assert "German shepherd" in answer["predictions"][0]["label"]
    connection.request("GET", "/")
    assert b"<html" in connection.getresponse().read().lower()
    process = docker("inspect", "-f", "{{.State.Pid}}", container)
    status = pathlib.Path("/proc", process, "status").read_text()
    assert "\nUid:\t65532\t" in status
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    measured(f"resident {resident / 1000:.0f} MB")
    with pytest.raises(AssertionError, match="read-only"):
        docker("cp", __file__, f"{container}:/tmp/")


def test_it_stops_cleanly(container):
    docker("stop", container)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"


def test_there_is_no_shell_and_a_list_of_parts(image, tmp_path, measured):
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
    measured(f"image {int(docker('image', 'inspect', '-f', '{{.Size}}', image)) / 1e6:.0f} MB with its bundle")


def test_another_contract_is_refused(image):
    refused = subprocess.run(["docker", "run", "--rm", "--network", "host", "-e", f"BERALIH_PORT={PORT}", "-e",
                              "BERALIH_EXPECT_CONTRACT=" + "0" * 64, image], capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1
    assert "--expect-contract" in refused.stderr


def test_its_labels_and_health_check_name_what_it_is(image, bundle):
    settings = json.loads(docker("image", "inspect", image))[0]["Config"]
    labels = settings["Labels"]
    assert labels["io.beralih.contract-hash"] == contract_hash(bundle)
    assert labels["org.opencontainers.image.title"] == "Beralih" and labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] != "0"
    assert settings["User"] == "65532:65532"
    assert settings["Healthcheck"]["Test"] == ["CMD", "/usr/bin/beralih", "health"]


def test_the_engine_sees_it_healthy(container):
    end = time.monotonic() + 30
    while docker("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
        assert time.monotonic() < end, docker("inspect", "-f", "{{json .State.Health}}", container)
        time.sleep(0.2)
