"""Runs web/content/code/inference_service.py under uvicorn for a test, with the methods of server_process.Server."""
import os
import pathlib
import re
import subprocess
import sys
import time

from server_process import Server

CODE = pathlib.Path(__file__).resolve().parents[2] / "web" / "content" / "code"


class PythonService:
    """uvicorn on a free port; ends with the `with` block."""

    def __init__(self, bundle, log: pathlib.Path, module: str = "inference_service", folder: pathlib.Path = CODE, **variables: str):
        self.log_path = log
        self._log = open(log, "w")
        self.address, self.port = "127.0.0.1", None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), f"{module}:app", "--port", "0"],
            stdout=self._log, stderr=subprocess.STDOUT, env={**os.environ, "BERALIH_BUNDLE": str(bundle), **variables})

    def __enter__(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.log_path.read_text())
            if found:
                self.port = int(found.group(1))
                return self
            assert self.process.poll() is None, self.log_path.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log_path.read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    connection = Server.connection
    request = Server.request  # as it was before the answers of the native server were compared with openapi.yaml
    classify = Server.classify
