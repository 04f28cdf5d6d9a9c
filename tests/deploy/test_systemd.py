"""The unit and its socket under a real systemd, installed by the guide's own commands on a throw-away machine."""
import concurrent.futures
import http.client
import pathlib
import re
import socket
import ssl
import time

import pytest

from deploy_load import Load, capacity, classify, contract_hash
from machine import Machine, lacking

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "native_server" / "deploy" / "README.md").read_text()
BUNDLES = "/var/lib/beralih/bundles"


def guides_block(title, number=0):
    """What the guide tells an operator to type below this heading, for root."""
    section = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ \w|\Z)", re.sub(r"(?m)^# ", "#", GUIDE), re.M | re.S)
    return re.sub(r"\bsudo ", "", re.findall(r"```sh\n(.*?)```", section.group(1), re.S)[number])


def typed(text, build, bundle):
    """The tests' build was made before, was configured for another prefix, and lies where BERALIH_BIN says; so does the bundle."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("git ", "./run.sh", "cmake --preset")))
    text = text.replace("cmake --install build/release", f"cmake --install {build} --prefix /usr").replace("build/release/", f"{build}/")
    return text.replace("models/bundles/resnet34", str(bundle))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self, machine, port):
        self.machine, self.port = machine, port

    def systemctl(self, *words):
        return self.machine.run("systemctl", *words)

    def show(self, name):
        return self.machine.show("beralih.service", name)

    def drop_in(self, unit, text):
        """As `systemctl edit` does."""
        folder = f"/etc/systemd/system/{unit}.d"
        self.machine.run("sh", "-c", f"mkdir -p {folder} && cat > {folder}/override.conf", input=text)
        self.systemctl("daemon-reload")

    def wait(self, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.machine.journal()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def photograph(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture(scope="module")
def service(binary, bundle, tmp_path_factory):
    if lacking():
        pytest.skip(lacking())
    build = pathlib.Path(binary).parents[1]
    folder = tmp_path_factory.mktemp("machine")
    machine = Machine(folder, *sorted({ROOT, build.resolve(), bundle.resolve()}))
    try:
        if not machine.starts():
            pytest.skip("systemd does not start here: " + (machine.log.read_text().strip().splitlines() or ["it said nothing"])[-1][:250])
        port = free_port()
        service = Service(machine, port)
        service.drop_in("beralih.socket", f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n")
        # What waits while a server starts is late and not lost: on a slow machine that is more than the default's 32 requests or 10 s.
        service.drop_in("beralih.service", f"[Service]\nEnvironment=BERALIH_MAX_QUEUE={2 * Load.CLIENTS} BERALIH_DEADLINE_MS=60000\n")
        service.types = lambda text: machine.run("sh", "-ec", f"cd {ROOT}\n" + typed(text, build, bundle))
        for title in ("1. Build and install", "2. Place a bundle", "3. Settings", "4. Start it"):
            service.types(guides_block(title))
        yield service
    finally:
        machine.end()


def test_the_guides_commands_start_it(service, bundle, photograph, measured):
    assert service.show("ActiveState") == "active"
    assert classify(service.port, photograph) == (200, contract_hash(bundle))
    service.wait(lambda: "golden cases reproduced: all" in service.machine.journal())  # beside the first requests
    measured("its own time to ready: " + re.search(r"ready in ([\d.]+ m?s)", service.machine.journal()).group(1))


def test_it_may_do_nothing_else(service):
    """The hardening is in force, and the server lives with it: no call was refused so far."""
    pid = service.show("MainPID")
    status = dict(line.split(":\t", 1) for line in service.machine.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["Uid"].split()[0] != "0"
    enter = ["nsenter", "--target", pid, "--mount"]
    assert service.machine.tries(*enter, "touch", "/usr/bin/beralih").returncode != 0
    # Its own bundle neither: whoever takes over the server does not take over what it serves.
    folders = service.machine.run("stat", "--format", "%U %a", "/var/lib/beralih", BUNDLES, f"{BUNDLES}/current/", f"{BUNDLES}/current/contract.json")
    assert folders.splitlines() == ["root 755"] * 3 + ["root 644"]
    assert service.machine.tries(*enter, "touch", f"{BUNDLES}/current/contract.json", f"{BUNDLES}/new").returncode != 0
    assert service.machine.run(*enter, "ls", "/home", "/root") == "/home:\n\n/root:"
    assert service.show("NRestarts") == "0"
    # All that it writes. The hash of a file that has only just been placed is not remembered, so this takes another start.
    time.sleep(2.1)
    service.machine.run("systemctl", "restart", "beralih.service")
    written = service.machine.run("find", "/var/cache/private/beralih/", "-type", "f")
    assert written and all("/hashes/" in one for one in written.splitlines()), written


def test_an_upgrade_keeps_the_settings(service):
    """Installing again brings a new example and leaves the operator's file as it was."""
    assert "BERALIH_BUNDLE" in service.machine.run("cat", "/usr/share/doc/beralih/beralih.env")
    service.machine.run("sh", "-c", "echo BERALIH_EXPECT_CONTRACT=$(cat /var/lib/beralih/bundles/current/contract.sha256) >> /etc/beralih/beralih.env")
    before = service.machine.run("cat", "/etc/beralih/beralih.env")
    service.types(guides_block("Another version of the server"))
    assert service.machine.run("cat", "/etc/beralih/beralih.env") == before
    assert service.show("ActiveState") == "active"


def test_a_bundle_that_is_placed_again_is_left_alone(service, bundle):
    """The guide's commands for a bundle never write into a folder that a server may have mapped."""
    name = service.machine.run("readlink", f"{BUNDLES}/current")
    assert name == f"{bundle.name}-{contract_hash(bundle)[:12]}"
    before = service.machine.run("stat", "--format", "%i %Y", f"{BUNDLES}/{name}/weights.safetensors")
    service.types(guides_block("2. Place a bundle"))
    assert service.machine.run("stat", "--format", "%i %Y", f"{BUNDLES}/{name}/weights.safetensors") == before
    assert service.machine.run("readlink", f"{BUNDLES}/current") == name
    assert service.machine.run("ls", "-A", BUNDLES).split() == ["current", name]


def test_a_restart_refuses_nobody(service, photograph, measured):
    rate = 0.5 * capacity(service.port, photograph)
    before = service.show("MainPID")
    with Load(service.port, photograph, rate) as load:
        for _ in range(3):
            service.systemctl("restart", "beralih")
    assert service.show("MainPID") != before
    measured(f"three systemctl restart: {load}")
    assert load.failed_once == 0, str(load)


def test_a_reload_keeps_the_process(service):
    before, log = service.show("MainPID"), service.machine.journal().count("reload")
    service.systemctl("reload", "beralih")
    service.wait(lambda: service.machine.journal().count("reload") > log)
    assert service.show("MainPID") == before


def test_a_killed_server_is_started_anew(service, photograph, measured):
    before, restarts = service.show("MainPID"), int(service.show("NRestarts"))
    service.systemctl("kill", "--signal=KILL", "--kill-who=main", "beralih")
    start = time.monotonic()
    # The socket stays: who asks now waits for the next server.
    assert classify(service.port, photograph)[0] == 200
    measured(f"kill -9 to the next answer: {time.monotonic() - start:.2f} s, 1 s of them RestartSec")
    assert service.show("MainPID") != before and int(service.show("NRestarts")) == restarts + 1


def test_the_watchdog_ends_a_server_that_hangs(service, photograph):
    service.drop_in("beralih.service", "[Service]\nWatchdogSec=2\n")
    service.systemctl("restart", "beralih")
    before, restarts = service.show("MainPID"), int(service.show("NRestarts"))
    time.sleep(4)  # twice what the watchdog waits: it hears a server that works
    assert service.show("MainPID") == before
    service.systemctl("kill", "--signal=STOP", "--kill-who=main", "beralih")
    service.wait(lambda: service.show("MainPID") not in (before, "0"))
    assert int(service.show("NRestarts")) == restarts + 1
    assert "watchdog" in service.machine.run("journalctl", "--no-pager", "--unit", "beralih.service").lower()
    assert classify(service.port, photograph)[0] == 200


def test_an_altered_bundle_does_not_start(service, photograph):
    service.drop_in("beralih.service", "[Service]\nWatchdogSec=120\n")
    good = service.machine.run("readlink", f"{BUNDLES}/current")
    service.machine.run("sh", "-c", f"cd {BUNDLES} && cp -r {good} altered && echo x >> altered/labels.txt && ln -sfn altered current")
    assert service.machine.tries("systemctl", "restart", "beralih").returncode != 0
    assert "labels.txt" in service.machine.journal()
    # Rolling back is the link to what was there.
    service.machine.run("sh", "-c", f"ln -sfn {good} {BUNDLES}/current && systemctl restart beralih")
    assert classify(service.port, photograph)[0] == 200


def test_it_is_started_anew_until_it_comes_up(service, photograph, measured):
    """More often than systemd's own limit allows, with a client waiting all the while, and nobody starts it when its bundle is there."""
    good = service.machine.run("readlink", f"{BUNDLES}/current")
    # As a card that is lost: at once, and with its exit status. A slow machine's own failures are too few for systemd's limit.
    service.drop_in("beralih.service", f"[Service]\nExecStartPre=sh -c 'test -e {BUNDLES}/current/contract.json || exit 75'\n")
    service.machine.run("sh", "-c", f"ln -sfn not-there-yet {BUNDLES}/current")
    service.machine.tries("systemctl", "restart", "beralih")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(classify, service.port, photograph)
        service.wait(lambda: service.show("ActiveState") == "failed" or int(service.show("NRestarts")) > 6)
        assert int(service.show("NRestarts")) > 6, "systemd gave up"
        assert service.machine.show("beralih.socket", "ActiveState") == "active"
        service.machine.run("sh", "-c", f"ln -sfn {good} {BUNDLES}/current")
        assert waiting.result(60)[0] == 200
    measured(f"{service.show('NRestarts')} starts until its bundle was there; who waited was answered")


def test_the_guides_keys_and_certificate(service, photograph):
    """Typed as it stands there: keys, TLS, and another address, on a name that the machine has."""
    port = free_port()
    service.machine.run("sh", "-ec", "rm -rf /etc/systemd/system/beralih.s*.d /root/tls && mkdir /root/tls && systemctl daemon-reload && openssl req -x509 -newkey rsa:2048 "
                        "-nodes -keyout /root/tls/privkey.pem -out /root/tls/fullchain.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost")
    service.types(guides_block("5. Keys"))
    service.types(guides_block("6. TLS").replace("/etc/letsencrypt/live/NAME", "/root/tls"))
    service.types(guides_block("7. Open it to others").replace("8443", str(port)))
    key = service.machine.run("sh", "-c", "beralih key new tester 2>&1 >>/etc/beralih/api-keys").split()[-1]
    service.systemctl("reload", "beralih")
    context = ssl.create_default_context(cadata=service.machine.run("cat", "/root/tls/fullchain.pem"))

    def status(path, **headers):
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
        connection.request("POST" if path == "/api/classify" else "GET", path, photograph if path == "/api/classify" else None, headers)
        return connection.getresponse().status

    service.wait(lambda: status("/api/classify", Authorization=f"Bearer {key}") == 200)
    assert [status("/api/classify"), status("/metrics"), status("/v2/health/ready")] == [401, 200, 200]
    assert service.machine.run("stat", "--format", "%U %a", "/etc/beralih/tls.key", "/etc/beralih/api-keys").splitlines() == ["root 600", "root 644"]
    # The hook of a renewed certificate.
    before = service.show("MainPID")
    hook = guides_block("Keys and certificates", 1)
    service.machine.run("sh", "-ec", re.search(r"<<'END'\n(.*?)^END$", hook, re.M | re.S).group(1), env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "RENEWED_LINEAGE": "/root/tls"})
    assert service.show("MainPID") != before and status("/v2/health/ready") == 200
