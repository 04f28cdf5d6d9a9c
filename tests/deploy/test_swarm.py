"""native_server/deploy/swarm.yaml as a stack on this machine: a crash, a rolling update, an update that must not go through."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from deploy_engine import docker
from deploy_load import Load, altered_bundle, capacity, classify, contract_hash, newer_bundle

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "native_server" / "deploy"
STACK = DEPLOY / "swarm.yaml"
PROXY = "beralih-test-haproxy"
NAME = "beralih-test"
SERVICE = f"{NAME}_replica"
PORT = 18180
BRIDGE = "docker_gwbridge"


def merged(*files, **variables):
    """What `docker stack deploy -c FILE …` would deploy."""
    if shutil.which("docker") is None:
        pytest.skip("no container engine is installed (docker.io)")
    words = [word for file in files for word in ("-c", str(DEPLOY / file))]
    done = subprocess.run(["docker", "stack", "config", *words], capture_output=True, text=True, env={**os.environ, **variables})
    if "docker stack COMMAND" in done.stdout + done.stderr or "not a docker command" in done.stderr:
        pytest.skip("this docker has no `stack config`: it came with version 25")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_one_machine_is_named():
    stack = merged("swarm.yaml", BERALIH_NODE="here", BERALIH_IMAGE="beralih:1")
    assert [service["deploy"]["placement"]["constraints"] for service in stack["services"].values()] == [["node.hostname == here"]] * 2
    with pytest.raises(AssertionError, match="BERALIH_NODE"):
        merged("swarm.yaml", BERALIH_IMAGE="beralih:1")


def test_a_changed_configuration_is_another_one():
    """Swarm refuses to change a config; with the next number it is a new one."""
    variables = {"BERALIH_NODE": "here", "BERALIH_IMAGE": "beralih:1"}
    names = {merged("swarm.yaml", HAPROXY_CONFIG_VERSION=number, **variables)["configs"]["haproxy"]["name"] for number in "12"}
    assert names == {"beralih-haproxy-1", "beralih-haproxy-2"}
    # Its name is the whole swarm's, unlike those of services: another stack's must be another one.
    for file in ("swarm.yaml", "swarm-nodes.yaml"):
        assert merged(file, BERALIH_STACK="other", **variables)["configs"]["haproxy"]["name"] == "other-haproxy-1"


HERE = {"BERALIH_NODE": "here", "BERALIH_IMAGE": "beralih:1"}


def test_it_answers_this_machine_alone_until_told_otherwise():
    def proxy(**variables):
        return merged("swarm.yaml", **HERE, **variables)["services"]["proxy"]["environment"]
    assert (proxy()["BERALIH_HAPROXY_BIND"], proxy()["BERALIH_HAPROXY_METRICS"]) == ("127.0.0.1:8080", "127.0.0.1:8405")
    assert proxy(BERALIH_HAPROXY_BIND=":8443")["BERALIH_HAPROXY_BIND"] == ":8443"
    # Between machines, where everybody may listen, nothing goes in plain text.
    assert merged("swarm-nodes.yaml", **HERE)["networks"]["replicas"] == {"driver": "overlay", "driver_opts": {"encrypted": "true"}}


@pytest.mark.parametrize("file", ["swarm.yaml", "swarm-nodes.yaml"])
def test_the_services_may_take_no_more_than_they_need(file):
    services = merged(file, **HERE)["services"]
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "cap_add" not in service, name
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "50m", "max-file": "5"}}, name
        update = service["deploy"]["update_config"]
        assert (update["parallelism"], update["failure_action"]) == (1, "rollback"), name
    proxy = services["proxy"]
    assert int(proxy["environment"]["BERALIH_HAPROXY_BIND"].split(":")[-1]) >= 1024, "no capability for a lower one"
    assert proxy["environment"]["BERALIH_HAPROXY_ADMIN"].startswith(proxy["volumes"][0]["target"] + "/") and proxy["volumes"][0]["type"] == "tmpfs"
    assert proxy["user"].split(":")[0] != "0" and proxy["stop_signal"] == "SIGUSR1"
    longest = int(re.search(r"hard-stop-after (\d+)s", (DEPLOY / "haproxy.cfg").read_text()).group(1))
    assert proxy["stop_grace_period"] == "1m15s" and longest < 75
    # On the host's network two of them share the port for a while; a published one is one container's.
    assert proxy["deploy"]["update_config"]["order"] == ("stop-first" if "ports" in proxy else "start-first")


def test_the_replicas_have_kubernetes_bounds():
    """The same settings, within the same memory."""
    kubernetes = DEPLOY / "kubernetes"
    deployment = next(yaml.safe_load_all((kubernetes / "base" / "beralih.yaml").read_text()))
    container, = deployment["spec"]["template"]["spec"]["containers"]
    settings = {variable["name"]: variable["value"] for variable in container["env"] if variable["name"] != "BERALIH_DRAIN_DELAY_MS"}
    for files in (["swarm.yaml"], ["swarm-nodes.yaml"]):
        replica = merged(*files, **HERE)["services"]["replica"]
        assert settings.items() <= replica["environment"].items()
        resources = replica["deploy"]["resources"]
        assert f"{int(resources['limits']['memory']) // 2**30}Gi" == container["resources"]["limits"]["memory"]
        assert f"{int(resources['reservations']['memory']) // 2**20}Mi" == container["resources"]["requests"]["memory"]
    assert resources["reservations"]["cpus"] == replica["environment"]["BERALIH_THREADS"]
    card, = yaml.safe_load((kubernetes / "gpu" / "gpu.yaml").read_text())["spec"]["template"]["spec"]["containers"]
    stack = merged("swarm-nodes.yaml", "swarm-gpu.yaml", **HERE)["services"]
    assert {variable["name"]: variable["value"] for variable in card["env"]}.items() <= stack["replica"]["environment"].items()
    assert f"{int(stack['replica']['deploy']['resources']['limits']['memory']) // 2**30}Gi" == card["resources"]["limits"]["memory"]
    assert stack["proxy"]["environment"]["BERALIH_MAXCONN"] == stack["replica"]["environment"]["BERALIH_MAX_QUEUE"]


@pytest.mark.parametrize("file", ["swarm.yaml", "swarm-nodes.yaml"])
def test_keys_and_certificate_are_secrets(file):
    stack = merged(file, "swarm-keys.yaml", "swarm-tls.yaml", **HERE)
    replica, proxy = stack["services"]["replica"], stack["services"]["proxy"]
    keys, = replica["secrets"]
    assert replica["environment"]["BERALIH_API_KEYS"] == "/run/secrets/" + keys["target"]
    assert '"BERALIH_API_KEYS"' in (DEPLOY.parent / "src" / "cli" / "serve_flags.cpp").read_text()
    # Its reader's own, and nobody may write to it: the server refuses a file that others may write to.
    assert re.search(rf"^USER {keys['uid']}:{keys['gid']}$", (DEPLOY / "Containerfile").read_text(), re.M) and keys["mode"] == 0o400
    pem, = proxy["secrets"]
    assert proxy["environment"]["BERALIH_HAPROXY_CERT"] == "/run/secrets/" + pem["target"]
    assert f"{pem['uid']}:{pem['gid']}" == proxy["user"] and pem["mode"] == 0o400
    assert stack["secrets"] == {name: {"name": name, "external": True} for name in ("beralih_api_keys", "beralih_tls")}
    # Secrets never change; the next one has another name.
    stack = merged(file, "swarm-keys.yaml", "swarm-tls.yaml", BERALIH_API_KEYS_SECRET="keys_2", BERALIH_TLS_SECRET="tls_2", **HERE)
    assert [one["name"] for one in stack["secrets"].values()] == ["keys_2", "tls_2"]


@pytest.mark.parametrize("files", [["swarm-nodes.yaml"], ["swarm-nodes.yaml", "swarm-gpu.yaml"]])
def test_several_machines_find_each_other_by_name(files):
    stack = merged(*files, BERALIH_IMAGE="registry/beralih:1")
    replica, proxy = stack["services"]["replica"], stack["services"]["proxy"]
    name, port = proxy["environment"]["BERALIH_REPLICAS"].split(":")
    assert name == "tasks.replica" and int(port) == 8080 and "BERALIH_PORT" not in replica["environment"] and "BERALIH_HOST" not in replica["environment"]
    assert set(replica["networks"]) == set(proxy["networks"]) <= set(stack["networks"])
    assert "placement" not in proxy["deploy"] and "constraints" not in replica["deploy"]["placement"]
    assert 2 * replica["deploy"]["replicas"] <= int(re.search(r"server-template replica 1-(\d+)", (DEPLOY / "haproxy.cfg").read_text()).group(1))
    assert f":{proxy['ports'][0]['target']}" == proxy["environment"]["BERALIH_HAPROXY_BIND"] and proxy["ports"][0]["mode"] == "host"
    on_cards = "swarm-gpu.yaml" in files
    assert (replica["environment"].get("BERALIH_DEVICE") == "cuda") == on_cards
    assert ("generic_resources" in replica["deploy"].get("resources", {}).get("reservations", {})) == on_cards
    assert replica["deploy"]["update_config"]["order"] == ("stop-first" if on_cards else "start-first")


def test_their_settings_are_known(binary):
    known = set(re.findall(r"Env:(BERALIH_\w+)", subprocess.run([binary, "serve", "--help"], capture_output=True, text=True).stdout))
    for file in ("swarm.yaml", "swarm-nodes.yaml", "swarm-gpu.yaml"):
        assert set(yaml.safe_load((DEPLOY / file).read_text())["services"]["replica"]["environment"]) <= known


def wait(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, docker("service", "ps", "--no-trunc", SERVICE)
        time.sleep(0.2)


def layered(image, tag, folder, files, variables=""):
    """Another image: some of the bundle's files replaced."""
    lines = [f"FROM {image}", *(f"COPY {name} /bundle/{name}" for name in files), variables]
    (folder / "Containerfile").write_text("\n".join(lines) + "\n")
    docker("build", "-q", "-t", tag, "-f", str(folder / "Containerfile"), str(folder))
    return tag


@pytest.fixture(scope="module")
def proxy_image(base_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "Containerfile").write_text(f"FROM {base_image}\nRUN apt-get update && apt-get install -y --no-install-recommends haproxy\n")
    docker("build", "-q", "--network", "host", "-t", PROXY, "-f", str(folder / "Containerfile"), str(folder))
    return PROXY


@pytest.fixture(scope="module")
def swarm(engine):
    """A swarm of this machine alone, unless it is in one already. Its bridge, which outlives it, goes too if it was not there before."""
    if docker("info", "-f", "{{.Swarm.LocalNodeState}}") == "active":
        yield
        return
    before = docker("network", "ls", "--format", "{{.Name}}").split()
    started = subprocess.run(["docker", "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1"], capture_output=True, text=True)
    if started.returncode != 0:
        pytest.skip("this engine cannot start a swarm: " + started.stderr.strip()[:250])
    yield
    docker("swarm", "leave", "--force")
    if BRIDGE not in before and BRIDGE in docker("network", "ls", "--format", "{{.Name}}").split():
        docker("network", "rm", BRIDGE)


def replicas():
    return docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={SERVICE}", "--filter", "health=healthy").split()


def deploy(image):
    environment = {**os.environ, "BERALIH_IMAGE": image, "BERALIH_HAPROXY_IMAGE": PROXY, "BERALIH_HAPROXY_BIND": f"127.0.0.1:{PORT}",
                   "BERALIH_HAPROXY_METRICS": f"127.0.0.1:{PORT + 1}", "BERALIH_STACK": NAME,
                   "BERALIH_NODE": docker("info", "-f", "{{.Name}}"), "BERALIH_THREADS": "1"}
    docker("stack", "deploy", "--resolve-image", "never", "-c", str(STACK), NAME, env=environment)


def update_state():
    return docker("service", "inspect", "-f", "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}", SERVICE)


@pytest.fixture(scope="module")
def stack(swarm, image, proxy_image):
    start = time.monotonic()
    deploy(image)
    try:
        wait(lambda: len(replicas()) == 3)
        yield time.monotonic() - start
    finally:
        docker("stack", "rm", NAME)
        wait(lambda: not docker("ps", "-q", "--filter", f"label=com.docker.stack.namespace={NAME}"))


@pytest.fixture(scope="module")
def photo(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


@pytest.fixture(scope="module")
def per_second(stack, photo):
    wait(lambda: classify(PORT, photo)[0] == 200)
    return 0.7 * capacity(PORT, photo)


def test_a_killed_container_costs_no_request(stack, photo, per_second, measured):
    measured(f"stack deploy to three healthy replicas {stack:.1f} s")
    victim = replicas()[0]
    with Load(PORT, photo, per_second) as load:
        os.kill(int(docker("inspect", "-f", "{{.State.Pid}}", victim)), signal.SIGKILL)
        wait(lambda: len(replicas()) == 3 and victim not in replicas())
    measured(f"kill -9: {load}")
    assert load.failed_twice == 0 and load.failed_once <= 0.001 * len(load.first)


def test_an_altered_bundle_is_rolled_back(stack, image, bundle, photo, per_second, measured, tmp_path):
    broken = layered(image, f"{NAME}:altered", altered_bundle(bundle, tmp_path / "altered"), ["weights.safetensors"])
    with Load(PORT, photo, per_second) as load:
        docker("service", "update", "-q", "--detach", "--no-resolve-image", "--image", broken, SERVICE)
        wait(lambda: update_state() == "rollback_completed", 240)
        wait(lambda: len(replicas()) == 3)
    measured(f"altered bundle, rolled back: {load}")
    assert load.failed_once == 0
    assert set(load.contracts) == {contract_hash(bundle)}
    assert docker("service", "inspect", "-f", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", SERVICE).startswith(image)


def test_a_rolling_update_costs_no_request(stack, image, bundle, photo, per_second, measured, tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    new = newer_bundle(bundle, tmp_path / "new")
    for name in ("contract.json", "contract.sha256"):
        shutil.copy(new / name, context)
    newer = layered(image, f"{NAME}:newer", context, ["contract.json", "contract.sha256"],
                    f"ENV BERALIH_EXPECT_CONTRACT={contract_hash(new)}\nLABEL io.beralih.contract-hash={contract_hash(new)}")
    with Load(PORT, photo, per_second) as load:
        deploy(newer)
        wait(lambda: update_state() == "completed" and classify(PORT, photo)[1] == contract_hash(new), 240)
    measured(f"rolling update by stack deploy: {load}")
    assert load.failed_once == 0
    assert set(load.contracts) == {contract_hash(bundle), contract_hash(new)} and load.contracts[-1] == contract_hash(new)
    docker("service", "rollback", "-q", "--detach", SERVICE)
    wait(lambda: update_state() == "rollback_completed", 240)
    assert {classify(PORT, photo) for _ in range(12)} == {(200, contract_hash(bundle))}
