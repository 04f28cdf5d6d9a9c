"""The Kubernetes files against the API's own types (1.30), as TypeScript reads them: unknown fields, wrong types, missing ones. What types
cannot say (names that must agree, settings that the server must know) is checked beside it. No cluster is asked."""
import copy
import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "native_server" / "deploy" / "kubernetes"
MODULES = ROOT / "web" / "node_modules"
TYPES = {("apps/v1", "Deployment"): "apps/v1", ("v1", "Service"): "core/v1", ("policy/v1", "PodDisruptionBudget"): "policy/v1",
         ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling/v2"}


def documents():
    return {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "beralih.yaml").read_text())}


def on_gpu(deployment):
    """The Deployment as gpu.yaml patches it: lists whose items have names are merged by them."""
    def merge(old, new):
        if isinstance(old, dict) and isinstance(new, dict):
            return {**old, **{key: merge(old[key], value) if key in old else value for key, value in new.items()}}
        if isinstance(old, list) and isinstance(new, list) and all(isinstance(item, dict) and "name" in item for item in old + new):
            named = {item["name"]: item for item in old}
            return list({**named, **{item["name"]: merge(named.get(item["name"], {}), item) for item in new}}.values())
        return new
    return merge(deployment, yaml.safe_load((FOLDER / "gpu.yaml").read_text()))


def complaints(objects, folder):
    """What TypeScript says of the objects as literals of the API's types."""
    if not (MODULES / "kubernetes-types").is_dir() or shutil.which("node") is None:
        pytest.skip("the API's types are not installed (npm --prefix web ci)")
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


def test_the_files_are_what_the_api_takes(tmp_path):
    objects = documents()
    assert len(objects) == len(TYPES)
    assert complaints([*objects.values(), on_gpu(objects["Deployment"])], tmp_path) == ""


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


@pytest.mark.parametrize("file", ["beralih.yaml", "gpu.yaml"])
def test_the_server_knows_what_it_is_told(file, server, binary):
    known = set(re.findall(r"Env:(BERALIH_\w+)", subprocess.run([binary, "serve", "--help"], capture_output=True, text=True).stdout))
    version = re.search(r"^project\(beralih VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
    deployment = documents()["Deployment"]
    if file == "gpu.yaml":
        deployment = on_gpu(deployment)
    container = pod(deployment)["containers"][0]
    settings = {variable["name"]: variable["value"] for variable in container["env"]}
    assert set(settings) <= known
    assert settings.get("BERALIH_DEVICE") == ("cuda" if file == "gpu.yaml" else None)
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (file == "gpu.yaml") == container["image"].endswith("-cuda")
    assert container["image"].startswith(f"beralih:{version}-")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
        assert server.request("GET", container[probe]["httpGet"]["path"]).status == 200
    drain = int(settings["BERALIH_DRAIN_DELAY_MS"])
    assert container["readinessProbe"]["periodSeconds"] * 1000 < drain < pod(deployment)["terminationGracePeriodSeconds"] * 1000
    assert server.request("GET", deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]).status == 200
