"""The Kubernetes files against the API's own types (1.30), as TypeScript reads them: unknown fields, wrong types, missing ones. What types
cannot say (quantities, labels, names that must agree, settings that the server must know) is checked beside it. No cluster is asked."""
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from deploy_load import contract_hash

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "native_server" / "deploy" / "kubernetes"
MODULES = ROOT / "web" / "node_modules"
TYPES = {("apps/v1", "Deployment"): "apps/v1", ("v1", "Service"): "core/v1", ("v1", "ConfigMap"): "core/v1", ("policy/v1", "PodDisruptionBudget"): "policy/v1",
         ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling/v2"}
VARIANTS = ("base", "gpu", "haproxy")
# Where the whole suite runs, a check that could not be made is a failure.
WHOLE = os.environ.get("BERALIH_CONTAINERS") == "1" or os.environ.get("CI") == "true"


def lacks(what):
    (pytest.fail if WHOLE else pytest.skip)(what)


def kustomized(variant):
    """What `kubectl apply -k` would send."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which puts the variants together, is not installed")
    done = subprocess.run(["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(FOLDER / variant)], capture_output=True, text=True)
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
    objects = [*objects.values(), on_gpu(objects["Deployment"]), *yaml.safe_load_all((FOLDER / "haproxy" / "haproxy.yaml").read_text())]
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
    deployment["spec"]["replicas"] = "3"


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
    assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] < objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    assert objects["Deployment"]["spec"]["replicas"] == objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"]


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
    budget = objects["PodDisruptionBudget", "beralih"]["spec"]["minAvailable"]
    assert budget < deployment["spec"]["replicas"]


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
    room = int(re.search(r"server-template replica 1-(\d+)", text).group(1))
    assert objects["HorizontalPodAutoscaler", "beralih"]["spec"]["maxReplicas"] <= room


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
    assert re.fullmatch(rf"{re.escape(version)}-\w+-[0-9a-f]{{12}}" + ("-cuda" if variant == "gpu" else ""), image_tag(variant))
    # As many threads as cores are asked for.
    assert settings["BERALIH_PREPROCESS_THREADS" if variant == "gpu" else "BERALIH_THREADS"] == container["resources"]["requests"]["cpu"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
        assert server.request("GET", container[probe]["httpGet"]["path"]).status == 200
    drain = int(settings["BERALIH_DRAIN_DELAY_MS"])
    assert container["readinessProbe"]["periodSeconds"] * 1000 < drain < pod(deployment)["terminationGracePeriodSeconds"] * 1000
    assert server.request("GET", deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]).status == 200


def test_the_files_name_the_models_own_contract(bundle):
    """The image that the recipe's bundle makes, wherever a file or the guide names one."""
    if bundle.name != "resnet34":
        pytest.skip("another bundle than the recipe's is tested")
    files = [*FOLDER.rglob("*.yaml"), *FOLDER.parent.glob("*.yaml"), FOLDER.parent / "README.md", ROOT / "README.md"]
    named = {tag for file in files for tag in re.findall(r"[\d.]+-resnet34-([0-9a-f]{12})", file.read_text())}
    assert named == {contract_hash(bundle)[:12]}
