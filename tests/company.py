"""Runs tests/http/bad_company.py beside a test."""
import pathlib
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).with_name("http") / "bad_company.py"


class Company:
    """Bad clients of a port for as long as the `with` block lasts; what they sent is in `sent` afterwards."""

    def __init__(self, port, bundle):
        self.sent = ""
        self._child = subprocess.Popen([sys.executable, str(PROGRAM), str(port), str(bundle)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self._child.stdout.readline() == "begun\n"
        return self

    def __exit__(self, *_):
        try:
            self.sent = self._child.communicate(timeout=60)[0].strip()
        finally:
            self._child.kill()
            self._child.wait()
