"""A throw-away machine under systemd: this one's files below an overlay in memory, started by systemd-nspawn, on the host's network."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

# The overlay's lower layer may not be the host's / itself; the bind lives in a mount namespace of its own and goes with it.
START = """mount --bind / "$1" && shift && exec systemd-nspawn --quiet --volatile=overlay --boot --register=no --keep-unit "$@" """


class Machine:
    """Commands run in it as root; what they change is gone when it ends."""

    def __init__(self, folder, *visible):
        """`visible`: folders of this machine that are to be seen in it, whatever they are mounted from."""
        root = pathlib.Path(folder) / "root"
        root.mkdir()
        self.log = pathlib.Path(folder) / "log"
        overlays = [f"--overlay={path}::{path}" for path in visible]  # what is written goes to a folder that ends with it
        # basic.target: none of the services that this machine runs.
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", START, "sh", str(root), "--directory", str(root), *overlays,
                                             f"--machine=beralih-test-{os.getpid()}", "systemd.unit=basic.target"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def leader(self):
        """The process that is systemd in there; nothing before it started."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return (children.read_text().split() or [""])[0] if children.exists() else ""

    def starts(self, seconds=60):
        """Whether it came to its basic target."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if self.leader() and self.tries("systemctl", "is-active", "--quiet", "basic.target").returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def tries(self, *command, **more):
        return subprocess.run(["nsenter", "--target", self.leader(), "--all", "--", *command], capture_output=True, text=True, **more)

    def run(self, *command, **more):
        done = self.tries(*command, **more)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}\n{self.journal()}"
        return done.stdout.strip()

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit)

    def journal(self):
        return self.tries("journalctl", "--no-pager", "--output=cat", "--unit", "beralih.service").stdout

    def end(self):
        if self.process.poll() is None and self.leader():
            os.kill(int(self.leader()), signal.SIGRTMIN + 4)  # systemd: power off
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def lacking():
    """Why no such machine can be started here; nothing if it can be tried."""
    if os.geteuid() != 0:
        return "only root can start a machine under systemd"
    missing = [name for name in ("systemd-nspawn", "unshare", "nsenter") if shutil.which(name) is None]
    return f"{', '.join(missing)} is not installed (systemd-container)" if missing else ""
