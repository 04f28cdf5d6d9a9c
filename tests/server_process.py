"""Runs the real server binary for a test."""
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import time
from typing import NamedTuple, Optional


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)


class Server:
    """`beralih serve` on a port (0: a free one) of the loopback address; ends with the `with` block.

    A `listener` is handed over as a service manager does it (sd_listen_fds(3)): as descriptor 3."""

    def __init__(self, binary: str, bundle, *arguments: str, log: pathlib.Path, port: int = 0,
                 listener: Optional[socket.socket] = None):
        self.log_path = log
        self._log = open(log, "w+")
        command = [binary, "serve", "--bundle", str(bundle), "--port", str(port), *arguments]
        passed = ()
        if listener is not None:
            passed = (listener.fileno(),)
            hand_over = f'exec 3<&{passed[0]}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
            command = ["bash", "-c", hand_over, "bash", *command]  # dash knows no descriptor above 9
        self.process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, pass_fds=passed)
        self.address = "127.0.0.1"
        self.port: Optional[int] = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def log(self) -> str:
        return self.log_path.read_text()

    def wait_for_log(self, pattern: str, seconds: float = 60) -> re.Match:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.log())
            if found:
                return found
            assert self.process.poll() is None, f"the server ended: {self.log()}"
            time.sleep(0.01)
        raise AssertionError(f"no {pattern!r} in {seconds} s: {self.log()}")

    def wait_until_listening(self):
        self.port = int(self.wait_for_log(r"listening on http://127\.0\.0\.1:(\d+)").group(1))

    def wait_until_ready(self):
        self.wait_until_listening()
        self.wait_for_log(r"ready in [\d.]+ s")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, self.port, timeout=60)

    def request(self, method: str, path: str, body: Optional[bytes] = None, **headers: str) -> Answer:
        connection = self.connection()
        try:
            connection.request(method, path, body,
                               {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def classify(self, image: bytes, query: str = "", **headers: str) -> Answer:
        headers.setdefault("Content_Type", "application/octet-stream")
        return self.request("POST", "/api/classify" + query, image, **headers)

    def stop(self, with_signal: int = signal.SIGTERM, seconds: float = 30) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(seconds)
