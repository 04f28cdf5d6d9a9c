"""The container image, built and run by Docker and by Podman on a base made from Debian's packages alone. Slow: only `./test.sh deploy` and
`full` run it."""
import http.client
import json
import os
import pathlib
import subprocess
import time

import pytest

import spdx
from deploy_engine import docker
from deploy_load import contract_hash, newer_bundle

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORT = 18190
LIBRARIES = {"bookworm": {"libtorch1.13", "libcpp-httplib0.11"}, "trixie": {"libtorch2.6", "libcpp-httplib0.18"}}


@pytest.fixture
def container(engine_with_image, measured):
    engine, image = engine_with_image
    start = time.monotonic()
    name = engine("run", "-d", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host",
                  "-e", f"BERALIH_PORT={PORT}", image)
    try:
        while engine.tries("exec", name, "/usr/bin/beralih", "health").returncode != 0:
            assert time.monotonic() - start < 60, engine("logs", name)
            time.sleep(0.05)
        measured(f"{engine.name} run to ready {time.monotonic() - start:.2f} s")
        yield engine, name
    finally:
        engine("rm", "-f", name)


def test_it_classifies_as_an_ordinary_user_without_writing(container, bundle, measured):
    engine, name = container
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("POST", "/api/classify", (bundle / "golden" / "dog2.jpg").read_bytes(), {"Content-Type": "image/jpeg"})
    answer = json.loads(connection.getresponse().read())
    assert "German shepherd" in answer["predictions"][0]["label"]
    connection.request("GET", "/")
    assert b"<html" in connection.getresponse().read().lower()
    process = engine("inspect", "-f", "{{.State.Pid}}", name)
    status = pathlib.Path("/proc", process, "status").read_text()
    assert "\nUid:\t65532\t" in status
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    measured(f"resident {resident / 1000:.0f} MB")
    # What the process itself sees: there is nothing that it could write to.
    mounts = pathlib.Path("/proc", process, "mountinfo").read_text().splitlines()
    assert "ro" in next(line for line in mounts if line.split()[4] == "/").split()[5].split(",")


def test_it_stops_cleanly(container):
    engine, name = container
    engine("stop", name)
    assert engine("inspect", "-f", "{{.State.ExitCode}}", name) == "0"


def test_there_is_no_shell_and_a_list_of_parts(engine_with_image, debian_suite, tmp_path, measured):
    engine, image = engine_with_image
    name = engine("create", image)
    try:
        with open(tmp_path / "image.tar", "wb") as archive:
            subprocess.run([engine.name, "export", name], check=True, stdout=archive, env=engine.environment)
        engine("cp", f"{name}:/usr/share/sbom/beralih.spdx.json", str(tmp_path))
    finally:
        engine("rm", name)
    members = subprocess.run(["tar", "tf", str(tmp_path / "image.tar")], check=True, capture_output=True, text=True).stdout.split()
    assert not [member for member in members if member.endswith(("/sh", "/bash", "/dash", "/apt", "/dpkg"))]
    assert not [member for member in members if "opencv" in member or "libavcodec" in member]
    document = json.loads((tmp_path / "beralih.spdx.json").read_text())
    assert spdx.complaints(document) == []
    parts = {part["name"] for part in document["packages"]}
    assert {"beralih", "libc6", "nlohmann-json3-dev", "onnxruntime-web", "libwebp", *LIBRARIES[debian_suite]} <= parts
    measured(f"image {int(engine('image', 'inspect', '-f', '{{.Size}}', image)) / 1e6:.0f} MB with its bundle")


def test_another_contract_is_refused(engine_with_image):
    engine, image = engine_with_image
    refused = engine.tries("run", "--rm", "--network", "host", "-e", f"BERALIH_PORT={PORT}", "-e", "BERALIH_EXPECT_CONTRACT=" + "0" * 64, image,
                           timeout=120)
    assert refused.returncode == 1
    assert "--expect-contract" in refused.stderr


def test_its_labels_and_health_check_name_what_it_is(engine_with_image, bundle):
    engine, image = engine_with_image
    inspected = json.loads(engine("image", "inspect", image))[0]
    settings = inspected["Config"]
    labels = settings["Labels"]
    assert labels["io.beralih.contract-hash"] == contract_hash(bundle)
    assert labels["org.opencontainers.image.title"] == "Beralih" and labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] != "0"
    assert settings["User"] == "65532:65532"
    health = settings.get("Healthcheck") or inspected.get("Healthcheck")
    assert health["Test"] == ["CMD", "/usr/bin/beralih", "health"]


def test_the_engine_sees_it_healthy(container):
    """Podman leaves the health check's clock to systemd, which need not run here: it is asked once."""
    engine, name = container
    if engine.name == "podman":
        assert engine.tries("healthcheck", "run", name).returncode == 0
        return
    end = time.monotonic() + 30
    while engine("inspect", "-f", "{{.State.Health.Status}}", name) != "healthy":
        assert time.monotonic() < end, engine("inspect", "-f", "{{json .State.Health}}", name)
        time.sleep(0.2)


def test_a_mounted_bundle_is_served_if_it_is_the_one_expected(engine_with_image, bundle, tmp_path):
    """As the guide mounts one, over the one that the image holds."""
    engine, image = engine_with_image
    new = newer_bundle(bundle, tmp_path / "new")
    name = engine("run", "-d", "--read-only", "--network", "host", "-e", f"BERALIH_PORT={PORT}", "-v", f"{new}:/bundle:ro", "-e",
                  f"BERALIH_EXPECT_CONTRACT={contract_hash(new)}", image)
    try:
        end = time.monotonic() + 60
        while engine.tries("exec", name, "/usr/bin/beralih", "health").returncode != 0:
            assert time.monotonic() < end, engine("logs", name)
            time.sleep(0.1)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        connection.request("GET", "/api/contract")
        assert json.loads(connection.getresponse().read())["version"] == "1.0.1"
    finally:
        engine("rm", "-f", name)
    refused = engine.tries("run", "--rm", "--network", "host", "-e", f"BERALIH_PORT={PORT}", "-v", f"{new}:/bundle:ro", image, timeout=120)
    assert refused.returncode == 1 and "--expect-contract" in refused.stderr


def test_two_bundles_of_one_name_are_two_images(image, base_image, bundle, tmp_path):
    """By their default tags, and each is found by its contract: what a rollback starts."""
    tags = {}
    try:
        for one in (bundle, newer_bundle(bundle, tmp_path / bundle.name)):
            said = subprocess.run([str(ROOT / "native_server/deploy/build_image.sh"), "--engine", "docker", "--base", base_image, "--bundle", str(one)],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout
            tags[contract_hash(one)] = said.strip()
        assert len(set(tags.values())) == 2
        for contract, tag in tags.items():
            found = docker("images", "--filter", f"label=io.beralih.contract-hash={contract}", "--format", "{{.Repository}}:{{.Tag}}").split()
            assert tag in found and not set(tags.values()) - {tag} & set(found)
    finally:
        for tag in tags.values():
            docker("rmi", tag)


def test_the_image_for_cards_is_built(engine, bundle, tmp_path):
    """Several GB of packages from Debian 13's contrib and non-free, and cuDNN from NVIDIA: only where BERALIH_CUDA_IMAGE=1 asks for it, with
    BERALIH_CUDNN for an archive that one has. That it runs on a card is shown by nothing here."""
    if os.environ.get("BERALIH_CUDA_IMAGE") != "1":
        pytest.skip("the image for cards takes several GB of packages, and cuDNN from NVIDIA: set BERALIH_CUDA_IMAGE=1")
    subprocess.run(["mmdebstrap", "--variant=minbase", "trixie", str(tmp_path / "base.tar")], check=True, capture_output=True)
    docker("import", str(tmp_path / "base.tar"), "beralih-test-base:trixie")
    archive = os.environ.get("BERALIH_CUDNN")
    subprocess.run([str(ROOT / "native_server/deploy/build_image.sh"), "--engine", "docker", "--device", "cuda", "--base", "beralih-test-base:trixie", "--bundle",
                    str(bundle), "--tag", "beralih-test:cuda", *(["--cudnn", archive] if archive else [])], check=True)
    listed = docker("run", "--rm", "--entrypoint", "/usr/bin/beralih", "beralih-test:cuda", "serve", "--help")
    assert "cuda" in listed
