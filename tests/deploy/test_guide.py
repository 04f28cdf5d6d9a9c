"""What the operations guide (native_server/deploy/README.md) names exists: alerts, metrics, settings, files."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest
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
    readers = [*(DEPLOY.parent / "src" / "cli").glob("serve*.cpp"), DEPLOY / "haproxy.cfg", *DEPLOY.glob("swarm*.yaml")]
    known = set(re.findall(r"[\"{(](BERALIH_\w+)", "".join(reader.read_text() for reader in readers)))
    named = set(re.findall(r"BERALIH_[A-Z0-9_]*[A-Z0-9]", GUIDE))
    assert named and named <= known


def test_its_files_are_there():
    named = re.findall(r"`((?:kubernetes/)?(?:[\w]+/)?[\w-]+\.(?:yaml|cfg|service|socket|json))`", GUIDE)
    assert named and not [name for name in named if not (DEPLOY / name).is_file()]


def queries():
    """What the dashboard asks Prometheus, without Grafana's own variables."""
    board = json.loads((DEPLOY / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return board, [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in asked]


def families_of(text):
    """Names of metrics, a histogram's parts as the histogram."""
    named = set(re.findall(r"\b(beralih_[a-z_]+|process_[a-z_]+)\b", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist(server, bundle):
    assert server.classify((bundle / "golden" / "dog2.jpg").read_bytes()).status == 200  # some labels come with the first answer
    served = server.request("GET", "/metrics").body.decode()
    families = set(re.findall(r"^# TYPE (\w+)", served, re.M))
    labels = set(re.findall(r"[{,](\w+)=\"", served)) | {"instance"}
    _, asked = queries()
    rules = [rule["expr"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    for query in (*asked, *rules):
        if not query.startswith("up{"):
            assert families_of(query) and families_of(query) <= families, query
        for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
            assert {label.strip() for label in grouped.split(",")} <= labels | {"le"}, query


def test_the_dashboard_is_whole():
    board, asked = queries()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) and len(asked) >= len(board["panels"])
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]))) - {"__rate_interval"}
    assert used == variables
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_promtool_reads_the_dashboards_queries(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    rules = [{"record": f"panel_{index}", "expr": query} for index, query in enumerate(queries()[1])]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
