"""What a supervisor sees of the server: readiness for systemd, `beralih health`, and the unit's hardening."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from restarts import NO_NETWORK
from server_process import Server

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy"


def test_systemd_is_told_ready_and_stopping(binary, bundle, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with Server(binary, bundle, log=tmp_path / "log") as server:
            assert manager.recv(100) == b"READY=1"
            server.wait_until_ready()
            assert server.stop() == 0
            assert manager.recv(100) == b"STOPPING=1"


def test_systemds_watchdog_hears_of_a_server_that_works(binary, bundle, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        with Server(binary, bundle, *NO_NETWORK, log=tmp_path / "log") as server:
            assert manager.recv(100) == b"READY=1"
            server.wait_until_ready()
            start = time.monotonic()
            assert [manager.recv(100) for _ in range(4)] == [b"WATCHDOG=1"] * 4
            assert 1.2 < time.monotonic() - start < 3  # twice in each second that systemd waits
            server.process.send_signal(signal.SIGSTOP)
            manager.settimeout(1.5)
            try:
                with pytest.raises(socket.timeout):
                    while manager.recv(100):
                        pass
            finally:
                server.process.send_signal(signal.SIGCONT)


def test_an_altered_bundle_is_never_reported_ready(binary, bundle, tmp_path, monkeypatch):
    broken = tmp_path / "bundle"
    shutil.copytree(bundle, broken)
    with open(broken / "labels.txt", "ab") as labels:
        labels.write(b"x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with Server(binary, broken, log=tmp_path / "log") as server:
            assert server.process.wait(60) == 1
        with pytest.raises(BlockingIOError):
            while manager.recv(100) != b"READY=1":
                pass


def health(binary, port):
    return subprocess.run([binary, "health", "--port", str(port)], capture_output=True, text=True, timeout=30)


def test_health_follows_the_server(binary, bundle, tmp_path):
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = health(binary, server.port)
        assert (answer.returncode, answer.stdout) == (0, "ready\n")
        port = server.port
        server.stop()
    gone = health(binary, port)
    assert gone.returncode == 1 and f"127.0.0.1:{port} does not answer" in gone.stderr


def test_the_unit_is_hardened():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = str(DEPLOY / "beralih.service")
    said = subprocess.run(["systemd-analyze", "security", "--offline=yes", unit], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    level = re.search(r"Overall exposure level for beralih.service: ([\d.]+)", said)
    assert level, said
    assert float(level.group(1)) <= 2.0


def test_the_units_are_valid():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(DEPLOY / "beralih.socket"), str(DEPLOY / "beralih.service")],
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    # The program is not installed where it is tested.
    complaints = [line for line in said.stderr.splitlines() if "beralih" in line and "is not executable" not in line]
    assert not complaints, said.stderr


def test_install_lays_files_by_the_standard(binary, tmp_path):
    build = pathlib.Path(binary).parent.parent
    subprocess.run(["cmake", "--install", str(build), "--component", "server", "--prefix", str(tmp_path / "usr")], check=True,
                   capture_output=True, env={**os.environ, "DESTDIR": ""})
    installed = tmp_path / "usr" / "bin" / "beralih"
    photo = DEPLOY.parents[1] / "models" / "bundles" / "resnet34" / "golden" / "dog2.jpg"
    said = subprocess.run([str(installed), "predict", "--bundle", str(photo.parents[1]), str(photo)], capture_output=True, text=True)
    assert "German shepherd" in said.stdout, said.stderr  # it found its engine in lib/
    for unit in ("beralih.service", "beralih.socket"):
        assert (tmp_path / "usr/lib/systemd/system" / unit).is_file()
