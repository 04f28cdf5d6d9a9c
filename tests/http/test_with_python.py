"""./run.sh --with-python: both services really started, and the lab's experiment between them live."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from test_lab import follow, gone, of_type, ask
from server_process import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]


class WithPython(Server):
    """A command that starts both; the requests go to the native server."""

    def __init__(self, *command: str, log: pathlib.Path):
        self.log_path, self.address, self.port = log, "127.0.0.1", None
        self._log = open(log, "w+")
        self.process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, cwd=ROOT)

    def python_port(self):
        return int(self.wait_for_log(r"Uvicorn running on http://127\.0\.0\.1:(\d+)").group(1))


def processes(parent):
    return [int(child) for child in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def compare(server):
    """The experiment of the page's second question, in short."""
    assert "python-or-cpp" in server.request("GET", "/api/lab").json()["experiments"]
    answer = ask(server, {"experiment": "python-or-cpp", "requests": 4, "seconds": 1})
    assert answer.status == 202, answer.body
    state, events, error = follow(server, answer.json()["id"])
    assert state == "done", error
    for kind in ("single", "result"):
        assert [one["service"] for one in of_type(events, kind)] == ["beralih", "python"]
    assert all(len(one["ms"]) == 4 and min(one["ms"]) > 0 for one in of_type(events, "single"))
    assert all(one["served"] == one["requests"] for one in of_type(events, "result"))


def test_both_services_run_and_are_compared(binary, bundle, tmp_path):
    command = [binary, "serve", "--bundle", str(bundle), "--port", "0", "--lab"]
    with WithPython(str(ROOT / "toolchains/with_python.sh"), str(bundle), *command, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.python_port()
        compare(server)
        children = processes(server.process.pid)
        assert len(children) == 2
        assert server.stop(signal.SIGTERM) == 0, server.log()
        assert all(gone(child) for child in children)


def test_when_one_ends_so_does_the_other(binary, bundle, tmp_path):
    command = [binary, "serve", "--bundle", str(bundle), "--port", "0", "--lab", "--engine", "null"]
    with WithPython(str(ROOT / "toolchains/with_python.sh"), str(bundle), *command, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.python_port()
        python, native = processes(server.process.pid)
        os.kill(python, signal.SIGKILL)
        server.process.wait(30)
        assert gone(native) and server.process.returncode != 0


@pytest.mark.skipif(not (ROOT / "build/release/native_server/beralih").is_file() or not (ROOT / "web/dist").is_dir(),
                    reason="nothing is built here; ./test.sh builds it")
@pytest.mark.skipif(not (ROOT / "models/bundles/resnet34/contract.json").is_file(), reason="the bundle is not made here; ./test.sh makes it")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_run_sh_starts_both_where_the_page_can_compare_them(host, tmp_path):
    command = ["./run.sh", "--no-install", "--with-python", "--port", "0", "--host", host]
    with WithPython(*command, log=tmp_path / "log") as server:
        listening = server.wait_for_log(rf"listening on http://{re.escape(host)}:(\d+)", 120)
        server.wait_for_log(r"ready in [\d.]+ s")
        server.port = int(listening.group(1))
        if host == "127.0.0.1":
            server.python_port()
            compare(server)
        else:
            assert "--with-python is not used" in server.log() and "Uvicorn" not in server.log()
            assert server.request("GET", "/api/lab").status == 404
        assert server.stop(signal.SIGTERM) == 0, server.log()
