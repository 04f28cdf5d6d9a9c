"""What the operations guide (native_server/deploy/README.md) names exists: alerts, metrics, settings, files."""
import pathlib
import re

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy"
GUIDE = (DEPLOY / "README.md").read_text()


def test_it_says_what_to_do_at_each_alert():
    rules = [rule["alert"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(\w+)`", GUIDE, re.M) == rules


def test_its_metrics_are_the_servers(server):
    families = set(re.findall(r"^# TYPE (\w+)", server.request("GET", "/metrics").body.decode(), re.M))
    named = set(re.findall(r"`(beralih_\w+|process_\w+)", GUIDE))
    assert named and named <= families


def test_its_settings_are_known():
    readers = [*(DEPLOY.parent / "src" / "cli").glob("serve*.cpp"), DEPLOY / "haproxy.cfg", DEPLOY / "swarm.yaml"]
    known = set(re.findall(r"[\"{(](BERALIH_\w+)", "".join(reader.read_text() for reader in readers)))
    named = set(re.findall(r"BERALIH_[A-Z0-9_]*[A-Z0-9]", GUIDE))
    assert named and named <= known


def test_its_files_are_there():
    named = re.findall(r"`((?:kubernetes/)?[\w]+\.(?:yaml|cfg|service|socket))`", GUIDE)
    assert named and not [name for name in named if not (DEPLOY / name).is_file()]
