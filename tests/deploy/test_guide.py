"""What the operations guide (native_server/deploy/README.md) names exists: alerts, metrics, settings, files."""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy"
GUIDE = (DEPLOY / "README.md").read_text()


def test_it_says_what_to_do_at_each_alert():
    rules = [rule["alert"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(Beralih\w+)`", GUIDE, re.M) == rules


def families_of_cards():
    """What a server with a card tells besides; without one it is not in /metrics."""
    return set(re.findall(r'family\("(beralih_device_\w+)"', (DEPLOY.parent / "src" / "http" / "metrics_handler.cpp").read_text()))


def families_of_haproxy(folder):
    """What HAProxy's exporter tells of two servers of which none answers."""
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "haproxy.cfg").write_text(f"""
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend operator
    bind 127.0.0.1:{port}
    http-request use-service prometheus-exporter if {{ path /metrics }}
backend replicas
    server one 127.0.0.1:9
""")
    process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
                return set(re.findall(r"^# TYPE (\w+)", text, re.M)), set(re.findall(r"[{,](\w+)=\"", text))
            except OSError:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(20)


def test_haproxys_alerts_ask_for_metrics_that_exist(tmp_path):
    families, labels = families_of_haproxy(tmp_path)
    rules = [rule["expr"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"] if "haproxy_" in rule["expr"]]
    named = set(re.findall(r"\bhaproxy_\w+", "".join(rules) + GUIDE))
    assert len(rules) >= 2 and named and named <= families
    assert set(re.findall(r"[{ ](\w+)=", "".join(rules))) <= labels
    # The proxies are those of haproxy.cfg.
    sections = set(re.findall(r"^(?:frontend|backend) ([\w-]+)", (DEPLOY / "haproxy.cfg").read_text(), re.M))
    for names in re.findall(r'proxy=~?"([^"]*)"', "".join(rules)):
        assert all(any(re.fullmatch(name, section) for section in sections) for name in names.split("|"))


def test_its_metrics_are_the_servers(server):
    families = families_of_cards() | set(re.findall(r"^# TYPE (\w+)", server.request("GET", "/metrics").body.decode(), re.M))
    named = set(re.findall(r"`(beralih_\w+|process_\w+)", GUIDE))
    assert named and named <= families


def test_its_settings_are_known():
    cli = DEPLOY.parent / "src" / "cli"
    readers = [*cli.glob("serve*.cpp"), cli / "health.cpp", DEPLOY / "haproxy.cfg", *DEPLOY.glob("swarm*.yaml")]
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
    families = families_of_cards() | set(re.findall(r"^# TYPE (\w+)", served, re.M))
    labels = set(re.findall(r"[{,](\w+)=\"", served)) | {"instance", "job"}
    _, asked = queries()
    rules = [rule["expr"] for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    for query in (*asked, *rules):
        if not query.startswith("up{") and "haproxy_" not in query:
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


def test_promtool_reads_the_scrape_configurations(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    shutil.copy(DEPLOY / "alerts.yaml", tmp_path)
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.M | re.S) if "scrape_configs" in block]
    jobs = set()
    for block in blocks:
        # Debian's Prometheus is built without Kubernetes: the rest of that block is read with another way to find replicas.
        block = block.replace("kubernetes_sd_configs: [{role: pod}]", "dns_sd_configs: [{names: [pods]}]")
        (tmp_path / "prometheus.yaml").write_text(block.replace("    # scheme", "    scheme"))
        done = subprocess.run(["promtool", "check", "config", str(tmp_path / "prometheus.yaml")], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        jobs |= {one["job_name"] for one in yaml.safe_load(block)["scrape_configs"]}
    # The names that the rules ask for.
    assert len(blocks) >= 3 and jobs == set(re.findall(r'job="([^"]+)"', (DEPLOY / "alerts.yaml").read_text()))
