"""The Kubernetes files against the API's own types (1.30), as TypeScript reads them: unknown fields, wrong types, missing ones. What types
cannot say (quantities, labels, names that must agree, settings that the server must know) is checked beside it. No cluster is asked."""
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
import yaml

from deploy_load import contract_hash

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "native_server" / "deploy" / "kubernetes"
MODULES = ROOT / "web" / "node_modules"
TYPES = {("apps/v1", "Deployment"): "apps/v1", ("v1", "Service"): "core/v1", ("v1", "ConfigMap"): "core/v1", ("policy/v1", "PodDisruptionBudget"): "policy/v1",
         ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling/v2", ("networking.k8s.io/v1", "NetworkPolicy"): "networking/v1"}
# What may be applied: a variant, and components on top of it.
VARIANTS = ("base", "gpu", "haproxy", "canary", "base+keys", "gpu+keys", "haproxy+keys+tls", "canary+keys+tls")
# Where the whole suite runs, a check that could not be made is a failure.
WHOLE = os.environ.get("BERALIH_CONTAINERS") == "1" or os.environ.get("CI") == "true"


def lacks(what):
    (pytest.fail if WHOLE else pytest.skip)(what)


def kustomized(variant, **more):
    """What `kubectl apply -k` would send; with components, of a kustomization of one's own."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which puts the variants together, is not installed")
    below, *components = variant.split("+")
    with tempfile.TemporaryDirectory() as folder:
        there = os.path.relpath(FOLDER, os.path.realpath(folder))  # kustomize takes no absolute paths
        pathlib.Path(folder, "kustomization.yaml").write_text(json.dumps(
            {"resources": [f"{there}/{below}"], "components": [f"{there}/{one}" for one in components], **more}))
        done = subprocess.run(["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", folder if components or more else str(FOLDER / below)],
                              capture_output=True, text=True)
    if "unknown flag" in done.stderr:
        pytest.skip("this kubectl is older than 1.21: its kustomize knows no such file")
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}


def documents():
    """The base's file as it stands, but for the image's tag."""
    return {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "base" / "beralih.yaml").read_text())}


def on_gpu(deployment):
    """The Deployment as gpu.yaml patches it: lists whose items have names are merged by them. kubectl, where it is there, must agree."""
    def merge(old, new):
        if isinstance(old, dict) and isinstance(new, dict):
            return {**old, **{key: merge(old[key], value) if key in old else value for key, value in new.items()}}
        if isinstance(old, list) and isinstance(new, list) and all(isinstance(item, dict) and "name" in item for item in old + new):
            named = {item["name"]: item for item in old}
            return list({**named, **{item["name"]: merge(named.get(item["name"], {}), item) for item in new}}.values())
        return new
    return merge(deployment, yaml.safe_load((FOLDER / "gpu" / "gpu.yaml").read_text()))


def complaints(objects, folder):
    """What TypeScript says of the objects as literals of the API's types."""
    if not (MODULES / "kubernetes-types").is_dir() or shutil.which("node") is None:
        lacks("the API's types are not installed (npm --prefix web ci)")
    lines = []
    for index, one in enumerate(objects):
        module = TYPES[one["apiVersion"], one["kind"]]
        lines += [f"import {{ {one['kind']} as Kind{index} }} from 'kubernetes-types/{module}'",
                  f"export const object{index}: Kind{index} = {json.dumps(one, indent=1)}"]
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "objects.ts").write_text("\n".join(lines) + "\n")
    (folder / "tsconfig.json").write_text(json.dumps({
        "compilerOptions": {"strict": True, "noEmit": True, "module": "nodenext", "target": "es2022", "types": [], "skipLibCheck": True},
        "files": ["objects.ts"]}))
    checked = subprocess.run(["node", str(MODULES / "typescript" / "bin" / "tsc"), "-p", str(folder)], capture_output=True, text=True)
    assert checked.returncode == 0 or "objects.ts" in checked.stdout, checked.stdout + checked.stderr
    return checked.stdout


QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]+)?")
NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
LABEL = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{NAME}")
LABEL_VALUE = re.compile(rf"({NAME})?")
OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def oddities(one):
    """What the API's server would refuse in an object whose types are right."""
    found = []

    def check(true, what):
        if not true:
            found.append(what)

    def walk(value, path):
        if isinstance(value, list):
            for item in value:
                walk(item, path)
        if not isinstance(value, dict):
            return
        for key, inner in value.items():
            here = f"{path}.{key}"
            if key in ("requests", "limits") and path.endswith(".resources"):
                for resource, quantity in inner.items():
                    check(LABEL.fullmatch(resource), f"{here}: {resource} is no resource")
                    check(QUANTITY.fullmatch(quantity), f"{here}.{resource}: {quantity} is no quantity")
            elif key == "sizeLimit":
                check(QUANTITY.fullmatch(inner), f"{here}: {inner} is no quantity")
            elif key == "defaultMode":
                check(inner & 0o022 == 0 and inner <= 0o777, f"{here}: others may write to it")
            elif key in ("labels", "matchLabels") or key == "selector" and one["kind"] == "Service":
                for label, content in inner.items():
                    check(LABEL.fullmatch(label) and LABEL_VALUE.fullmatch(content), f"{here}: {label}: {content} is no label")
            elif key == "annotations":
                for annotation in inner:
                    check(LABEL.fullmatch(annotation), f"{here}: {annotation} is no annotation")
            walk(inner, here)

    check(OBJECT_NAME.fullmatch(one["metadata"]["name"]), f"{one['metadata']['name']} is no name")
    walk(one, one["kind"])
    return found


def test_the_files_are_what_the_api_takes(tmp_path):
    objects = documents()
    assert set(objects) == {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    objects = [*objects.values(), on_gpu(objects["Deployment"]),
               *(one for name in ("haproxy", "canary") for one in yaml.safe_load_all((FOLDER / name / f"{name}.yaml").read_text()))]
    assert [oddities(one) for one in objects] == [[]] * len(objects)
    assert complaints(objects, tmp_path) == ""


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_variants_are_what_the_api_takes(variant, tmp_path):
    objects = list(kustomized(variant).values())
    assert [oddities(one) for one in objects] == [[]] * len(objects)
    assert complaints(objects, tmp_path) == ""


def pod(deployment):
    return deployment["spec"]["template"]["spec"]


def misspelt_probe(deployment):
    pod(deployment)["containers"][0]["readinesProbe"] = {}


def text_for_a_number(deployment):
    deployment["spec"]["minReadySeconds"] = "3"


def number_for_a_quantity(deployment):
    pod(deployment)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = 1


def no_selector(deployment):
    del deployment["spec"]["selector"]


def no_quantity(deployment):
    pod(deployment)["containers"][0]["resources"]["limits"]["memory"] = "1GB"


def no_label(deployment):
    deployment["metadata"]["labels"]["app.kubernetes.io/version"] = "0.1.0 (resnet34)"


def no_selector_label(deployment):
    deployment["spec"]["selector"]["matchLabels"]["-app"] = "beralih"


@pytest.mark.parametrize("harm", [no_quantity, no_label, no_selector_label])
def test_a_wrong_text_would_be_noticed(harm):
    deployment = copy.deepcopy(documents()["Deployment"])
    harm(deployment)
    assert len(oddities(deployment)) == 1


@pytest.mark.parametrize("harm, said", [(misspelt_probe, "readinesProbe"), (text_for_a_number, "number"),
                                        (number_for_a_quantity, "type 'string'"), (no_selector, "selector")])
def test_a_wrong_file_would_be_noticed(harm, said, tmp_path):
    deployment = copy.deepcopy(documents()["Deployment"])
    harm(deployment)
    assert said in complaints([deployment], tmp_path)


def test_the_names_agree():
    objects = documents()
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [objects["Deployment"]["spec"]["selector"]["matchLabels"], objects["Service"]["spec"]["selector"],
                 objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                 *(spread["labelSelector"]["matchLabels"] for spread in pod(objects["Deployment"])["topologySpreadConstraints"])]
    assert all(selector.items() <= labels for selector in selectors)
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", objects["Deployment"]["metadata"]["name"])
    ports = {port["name"] for port in pod(objects["Deployment"])["containers"][0]["ports"]}
    assert {port["targetPort"] for port in objects["Service"]["spec"]["ports"]} <= ports
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1 < objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    # Each apply would set what the HorizontalPodAutoscaler has changed.
    assert "replicas" not in objects["Deployment"]["spec"]


def mib(quantity):
    number, unit = re.fullmatch(r"(\d+)([MG])i", quantity).groups()
    return int(number) * (1024 if unit == "G" else 1)


@pytest.mark.parametrize("variant", ["base", "gpu", "canary"])
def test_the_memory_is_enough_for_what_is_let_in(variant):
    """Two bundles while one is loaded beside the other (README: 325 MB resident, 440 while it is copied); all bodies that are not whole yet;
    one whole body for each of --connection-threads; all pictures that are decoded at the same time: 3 bytes a pixel, and 6 of a progressive
    JPEG's coefficients. A card wants memory of the host too, which is not known: 2 GB."""
    container, = pod(kustomized(variant)["Deployment", "beralih-canary" if variant == "canary" else "beralih"])["containers"]
    settings = {variable["name"]: variable["value"] for variable in container["env"]}
    body, buffered, pixels, decoding = (int(settings[f"BERALIH_{name}"]) for name in
                                        ("MAX_BODY_BYTES", "MAX_BUFFERED_BYTES", "MAX_PIXELS", "PREPROCESS_THREADS"))
    on_card = settings.get("BERALIH_DEVICE") == "cuda"
    threads = max(64, int(settings.get("BERALIH_MAX_QUEUE", 32)) + (64 if on_card else 1) + 16)
    taken = 350e6 + 440e6 + buffered + threads * body + decoding * pixels * 9 + (2e9 if on_card else 0)
    assert taken < mib(container["resources"]["limits"]["memory"]) * 2**20


def test_a_late_answer_takes_nobody_out():
    for variant in ("base", "gpu", "haproxy", "canary"):
        for (kind, name), one in kustomized(variant).items():
            if kind == "Deployment":
                container, = pod(one)["containers"]
                assert container["readinessProbe"]["failureThreshold"] == 2, name
                assert {probe["timeoutSeconds"] for key, probe in container.items() if key.endswith("Probe")} == {3}, name
                assert one["spec"]["minReadySeconds"] == 5, name
            if kind == "PodDisruptionBudget":
                assert one["spec"]["maxUnavailable"] == 1 and "minAvailable" not in one["spec"], name


def test_a_card_is_asked_for():
    objects = kustomized("gpu")
    deployment = objects["Deployment", "beralih"]
    mine = on_gpu(documents()["Deployment"])
    by_name = {variable["name"]: variable for variable in pod(deployment)["containers"][0]["env"]}
    assert by_name == {variable["name"]: variable for variable in pod(mine)["containers"][0]["env"]}
    assert pod(deployment)["containers"][0]["resources"] == pod(mine)["containers"][0]["resources"]
    assert pod(deployment)["containers"][0]["image"].endswith("-cuda")
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    # Nodes with cards are tainted so that nothing else comes there.
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod(deployment)["tolerations"]
    # It counts the processor's time and would ask for cards that are not there.
    assert not [kind for kind, _ in objects if kind == "HorizontalPodAutoscaler"]
    # Nothing scales them, so the number stands there; two batches of a card may wait.
    assert deployment["spec"]["replicas"] > objects["PodDisruptionBudget", "beralih"]["spec"]["maxUnavailable"]
    assert by_name["BERALIH_MAX_QUEUE"]["value"] == "128"


def test_haproxy_stands_between_the_service_and_the_replicas():
    objects = kustomized("haproxy")
    proxy, replicas = objects["Deployment", "beralih-haproxy"], objects["Deployment", "beralih"]
    labels = {name: one["spec"]["template"]["metadata"]["labels"].items() for (kind, name), one in objects.items() if kind == "Deployment"}
    assert objects["Service", "beralih"]["spec"]["selector"].items() <= labels["beralih-haproxy"]
    assert objects["Service", "beralih-replicas"]["spec"]["selector"].items() <= labels["beralih"]
    assert objects["Service", "beralih-replicas"]["spec"]["clusterIP"] == "None"
    for service in ("beralih", "beralih-replicas"):
        behind = proxy if service == "beralih" else replicas
        assert objects["Service", service]["spec"]["ports"][0]["targetPort"] in {port["name"] for port in pod(behind)["containers"][0]["ports"]}
    settings = {variable["name"]: variable.get("value") for variable in pod(proxy)["containers"][0]["env"]}
    name, port = settings["BERALIH_REPLICAS"].split(":")
    assert name.split(".")[0] == "beralih-replicas" and int(port) == objects["Service", "beralih-replicas"]["spec"]["ports"][0]["port"]
    assert settings["BERALIH_HAPROXY_BIND"] == f":{pod(proxy)['containers'][0]['ports'][0]['containerPort']}"
    # The configuration is the one that is tested, and has room for all replicas.
    mounted = pod(proxy)["volumes"][0]["configMap"]["name"]
    text = objects["ConfigMap", mounted]["data"]["haproxy.cfg"]
    assert text == (FOLDER.parent / "haproxy.cfg").read_text()
    # Those that start and those that end at the same time, too.
    room = {int(number) for number in re.findall(r"server-template replica 1-(\d+)", text)}
    assert 2 * objects["HorizontalPodAutoscaler", "beralih"]["spec"]["maxReplicas"] < min(room) == max(room)
    # Ready while it has replicas; a HAProxy without any is no reason to kill it.
    container, = pod(proxy)["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/haproxy-ready", "port": "operator"} and "monitor-uri /haproxy-ready" in text
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert settings["BERALIH_HAPROXY_METRICS"] == f"0.0.0.0:{ports['operator']}"
    assert proxy["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(ports["operator"])
    # preStop and the longest that an old process lives.
    longest = int(container["lifecycle"]["preStop"]["exec"]["command"][1]) + int(re.search(r"hard-stop-after (\d+)s", text).group(1))
    assert longest < pod(proxy)["terminationGracePeriodSeconds"]


def admits(policy, labels, port):
    """Whether the policy lets a pod of these labels in at the port."""
    def chosen(selector):
        return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return any(port in {one["port"] for one in rule["ports"]} and ("from" not in rule or any(chosen(peer["podSelector"]) for peer in rule["from"]))
               for rule in policy["spec"]["ingress"])


def test_nobody_goes_past_haproxy():
    objects = kustomized("canary")
    replicas, proxy = objects["NetworkPolicy", "beralih-replicas"], objects["NetworkPolicy", "beralih-haproxy"]
    names = {name: one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] for (kind, name), one in objects.items() if kind == "Deployment"}
    behind, = replicas["spec"]["podSelector"]["matchExpressions"]
    assert set(behind["values"]) == {names["beralih"], names["beralih-canary"]}
    assert proxy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == names["beralih-haproxy"]
    haproxy, prometheus, other = ({"app.kubernetes.io/name": name} for name in ("beralih-haproxy", "prometheus", "other"))
    assert [admits(replicas, who, "http") for who in (haproxy, prometheus, other)] == [True, True, False]
    assert [admits(proxy, who, "http") for who in (prometheus, other)] == [True, True]
    assert [admits(proxy, who, "operator") for who in (prometheus, other)] == [True, False]


def test_haproxy_can_come_before_the_service_leads_to_it():
    """What the changeover applies first has HAProxy and all that it needs, then the Service; the NetworkPolicies come last."""
    def labelled(name):
        return {key for key, one in objects.items() if one["metadata"].get("labels", {}).get("app.kubernetes.io/name") == name}
    objects = kustomized("haproxy")
    configuration = pod(objects["Deployment", "beralih-haproxy"])["volumes"][0]["configMap"]["name"]
    assert {("Deployment", "beralih-haproxy"), ("Service", "beralih-replicas"), ("ConfigMap", configuration)} <= labelled("beralih-haproxy")
    assert ("Service", "beralih") in labelled("beralih")
    assert not [kind for kind, _ in labelled("beralih-haproxy") | labelled("beralih") if kind == "NetworkPolicy"]


def test_a_canary_is_a_replica_with_another_image():
    objects = kustomized("canary")
    without = kustomized("haproxy")
    assert set(objects) - set(without) == {("Deployment", "beralih-canary"), ("Service", "beralih-canary")}
    canary = json.loads(json.dumps(objects["Deployment", "beralih-canary"]).replace("beralih-canary", "beralih"))
    image = pod(canary)["containers"][0].pop("image")
    replica = copy.deepcopy(objects["Deployment", "beralih"])
    assert image.startswith("beralih:") and image != pod(replica)["containers"][0].pop("image")
    assert canary == replica
    # No pod of it is among the replicas, and all else is as without it: the HorizontalPodAutoscaler above all.
    selectors = [objects[kind, name]["spec"]["selector"] for kind, name in (("Service", "beralih-canary"), ("Service", "beralih-replicas"))]
    labels = objects["Deployment", "beralih-canary"]["spec"]["template"]["metadata"]["labels"].items()
    assert [selector.items() <= labels for selector in selectors] == [True, False]
    assert [key for key in without if objects[key] != without[key]] == [("Deployment", "beralih-haproxy")]
    # What contains another variable comes behind it.
    env = pod(objects["Deployment", "beralih-haproxy"])["containers"][0]["env"]
    names = [variable["name"] for variable in env]
    settings = {variable["name"]: variable.get("value") for variable in env}
    assert names.index("NAMESPACE") < min(names.index("BERALIH_CANARY"), names.index("BERALIH_REPLICAS"))
    name, port = settings["BERALIH_CANARY"].split(":")
    service = objects["Service", "beralih-canary"]
    assert name == "beralih-canary.$(NAMESPACE).svc.cluster.local" and int(port) == service["spec"]["ports"][0]["port"]
    assert settings["BERALIH_CANARY_PERCENT"] == "5" and service["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("variant", ["base+keys", "gpu+keys", "canary+keys+tls"])
def test_keys_are_asked_of_everybody(variant):
    objects = kustomized(variant)
    servers = [one for (kind, name), one in objects.items() if kind == "Deployment" and name != "beralih-haproxy"]
    assert len(servers) == (2 if "canary" in variant else 1)
    for server in servers:
        container, = pod(server)["containers"]
        settings = {variable["name"]: variable["value"] for variable in container["env"]}
        volume, = pod(server)["volumes"]
        mount, = container["volumeMounts"]
        assert settings["BERALIH_API_KEYS"] == mount["mountPath"] + "/api-keys" and mount["name"] == volume["name"] and mount["readOnly"]
        # Its user reads it, who is not its owner; nobody else may write to it, or the server refuses it.
        assert volume["secret"] == {"secretName": "beralih-api-keys", "defaultMode": 0o444}
        assert settings["BERALIH_THREADS"] == "2", "the rest is as before"


def test_tls_ends_at_haproxy():
    objects, without = kustomized("canary+tls"), kustomized("canary")
    proxy = pod(objects["Deployment", "beralih-haproxy"])
    settings = {variable["name"]: variable.get("value") for variable in proxy["containers"][0]["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in proxy["containers"][0]["volumeMounts"]}
    secret = next(volume["secret"] for volume in proxy["volumes"] if volume["name"] == "tls")
    assert settings["BERALIH_HAPROXY_CERT"] == mounts["tls"] + "/tls.crt" and secret["secretName"] == "beralih-tls"
    # Root's, and its group's alone; HAProxy's user is in that.
    assert secret["defaultMode"] == 0o440 and proxy["securityContext"]["fsGroup"] == proxy["securityContext"]["runAsGroup"]
    assert objects["Service", "beralih"]["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": "http"}]
    assert {key for key in without if objects[key] != without[key]} == {("Service", "beralih"), ("Deployment", "beralih-haproxy")}


def image_tag(variant):
    return yaml.safe_load((FOLDER / variant / "kustomization.yaml").read_text())["images"][0]["newTag"]


@pytest.mark.parametrize("variant", ["base", "gpu"])
def test_the_server_knows_what_it_is_told(variant, server, binary):
    known = set(re.findall(r"Env:(BERALIH_\w+)", subprocess.run([binary, "serve", "--help"], capture_output=True, text=True).stdout))
    version = re.search(r"^project\(beralih VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
    deployment = documents()["Deployment"]
    if variant == "gpu":
        deployment = on_gpu(deployment)
    container = pod(deployment)["containers"][0]
    settings = {variable["name"]: variable["value"] for variable in container["env"]}
    assert set(settings) <= known
    assert settings.get("BERALIH_DEVICE") == ("cuda" if variant == "gpu" else None)
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (variant == "gpu")
    assert re.fullmatch(rf"{re.escape(version)}-\w+-[0-9a-f]{{12}}-g[0-9a-f]{{7}}" + ("-cuda" if variant == "gpu" else ""), image_tag(variant))
    # As many threads as cores are asked for.
    assert settings["BERALIH_PREPROCESS_THREADS" if variant == "gpu" else "BERALIH_THREADS"] == container["resources"]["requests"]["cpu"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
        assert server.request("GET", container[probe]["httpGet"]["path"]).status == 200
    drain = int(settings["BERALIH_DRAIN_DELAY_MS"])
    noticed = container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"]
    assert noticed * 1000 < drain < pod(deployment)["terminationGracePeriodSeconds"] * 1000
    assert server.request("GET", deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]).status == 200


def test_the_files_name_the_models_own_contract(bundle):
    """The image that the recipe's bundle makes, wherever a file or the guide names one."""
    if bundle.name != "resnet34":
        pytest.skip("another bundle than the recipe's is tested")
    files = [*FOLDER.rglob("*.yaml"), *FOLDER.parent.glob("*.yaml"), FOLDER.parent / "README.md", ROOT / "README.md"]
    named = {tag for file in files for tag in re.findall(r"[\d.]+-resnet34-([0-9a-f]{12})", file.read_text())}
    assert named == {contract_hash(bundle)[:12]}
