"""openapi.yaml: the whole of the route table and nothing else, valid, and true of real answers. conftest.py checks every
answer of the other tests of this folder too."""
import concurrent.futures
import copy
import json
import re
import struct
import subprocess

import jsonschema
import pytest
import yaml

import openapi
from events import Stream, run_id
from server_process import Answer, Server

ROUTES = openapi.ROOT / "native_server" / "src" / "http" / "routes.cpp"


@pytest.fixture(scope="module")
def image(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


def route_table() -> set:
    rows = re.findall(r'^\s*\{"([A-Z]+)",\s*"([^"]+)",\s*\w+', ROUTES.read_text(), re.M)
    assert len(rows) > 10
    return {(method, path.replace("/*", "/{path}")) for method, path in rows}


def test_every_route_is_documented_and_every_documented_operation_is_a_route():
    assert route_table() == set(openapi.operations())


def test_the_server_hands_out_this_document(server):
    answer = server.request("GET", "/openapi.yaml")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/yaml"
    assert answer.body == openapi.PATH.read_bytes()
    assert server.request("GET", "/openapi.yaml", If_None_Match=answer.headers["ETag"]).status == 304


def walk(node, path=""):
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{path}/{index}")


def test_the_document_is_openapi_3_1_with_sound_references_and_schemas():
    document = openapi.DOCUMENT
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] and document["info"]["title"]
    references = [node["$ref"] for _, node in walk(document) if isinstance(node, dict) and isinstance(node.get("$ref"), str)]
    assert references
    for reference in references:
        openapi.resolve({"$ref": reference})
    # What nobody refers to is a leftover.
    for kind, parts in document["components"].items():
        for name in parts:
            by_name = kind == "securitySchemes" and {name: []} in document["security"]
            assert by_name or f"#/components/{kind}/{name}" in references or name == "RunEvent", f"{kind}/{name} is not used"
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [operation["operationId"] for operation in openapi.operations().values()]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in document["tags"]}
    for (method, path), operation in openapi.operations().items():
        assert set(operation["tags"]) <= tags and operation["summary"]
        assert "default" in operation["responses"]
        shared = document["paths"][path].get("parameters", [])
        names = [openapi.resolve(p)["name"] for p in shared + operation.get("parameters", [])]
        assert len(names) == len(set(names))
        in_path = {openapi.resolve(p)["name"] for p in shared + operation.get("parameters", [])
                   if openapi.resolve(p)["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), path
        for response in operation["responses"].values():
            assert openapi.resolve(response)["description"]


def test_no_yaml_beyond_json():
    """No anchors, aliases, merge keys, or keys given twice: every reader of YAML 1.2 reads the same."""
    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key) for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"a key twice at line {node.start_mark.line + 1}"
            assert all(isinstance(key, str) for key in keys), keys
            return super().construct_mapping(node, deep)
    text = openapi.PATH.read_text()
    yaml.load(text, Strict)
    assert not [token for token in yaml.scan(text) if isinstance(token, (yaml.AnchorToken, yaml.AliasToken))]


INFER = "/v2/models/resnet34/infer"
JSON = {"Content_Type": "application/json"}


def bytes_input(*images):
    return json.dumps({"inputs": [{"name": "input", "shape": [len(images)], "datatype": "BYTES", "parameters": {
        "binary_data_size": sum(4 + len(i) for i in images)}}]}).encode(), b"".join(
            struct.pack("<I", len(i)) + i for i in images)


def infer_image(server, data, **headers):
    return server.request("POST", INFER, data, Inference_Header_Content_Length="0", Content_Type="image/jpeg", **headers)


def infer_json(server, image):
    head, binary = bytes_input(image)
    return server.request("POST", INFER, head + binary, Inference_Header_Content_Length=str(len(head)))


HUGE = b"\0" * ((20 << 20) + 1)
LATE = {"X_Request_Deadline_Ms": "1"}
# Every documented status of every operation: how to get it. Those that need a server of their own stand below.
ASKED = {
    ("POST", "/api/classify"): {
        "200": lambda s, image: s.classify(image), "400": lambda s, image: s.classify(b""),
        "412": lambda s, image: s.classify(image, Beralih_Contract="0"), "413": lambda s, image: s.classify(HUGE),
        "415": lambda s, image: s.classify(b"text"), "422": lambda s, image: s.classify(image[:5000]),
        "default": lambda s, image: s.request("POST", "/api/classify", image, Expect="miracles")},
    ("GET", "/api/events"): {
        "400": lambda s, image: s.request("GET", "/api/events?run=x"), "403": lambda s, image: s.request("GET", "/api/events")},
    ("GET", "/api/version"): {"200": lambda s, image: s.request("GET", "/api/version")},
    ("GET", "/api/contract"): {
        "200": lambda s, image: s.request("GET", "/api/contract"),
        "206": lambda s, image: s.request("GET", "/api/contract", Range="bytes=0-9"),
        "304": lambda s, image: s.request("GET", "/api/contract", If_None_Match="*"),
        "416": lambda s, image: s.request("GET", "/api/contract", Range="bytes=99999999-")},
    ("GET", "/api/artifacts"): {"200": lambda s, image: s.request("GET", "/api/artifacts")},
    ("GET", "/bundle/{path}"): {
        "200": lambda s, image: s.request("GET", "/bundle/golden/dog2.jpg"),
        "206": lambda s, image: s.request("GET", "/bundle/labels.txt", Range="bytes=0-9"),
        "304": lambda s, image: s.request("GET", "/bundle/labels.txt", If_None_Match="*"),
        "404": lambda s, image: s.request("GET", "/bundle/weights.safetensors"),
        "416": lambda s, image: s.request("GET", "/bundle/labels.txt", Range="bytes=99999999-")},
    ("POST", "/api/admin/reload"): {
        "200": lambda s, image: s.request("POST", "/api/admin/reload"),
        "403": lambda s, image: s.request("POST", "/api/admin/reload", Origin="http://elsewhere.example")},
    # Where it is on: test_lab.py, whose answers are compared like all others.
    ("GET", "/api/lab"): {"404": lambda s, image: s.request("GET", "/api/lab")},
    ("POST", "/api/lab/runs"): {"404": lambda s, image: s.request("POST", "/api/lab/runs", b"{}", **JSON)},
    ("GET", "/api/lab/runs/{run}"): {"404": lambda s, image: s.request("GET", "/api/lab/runs/1")},
    ("DELETE", "/api/lab/runs/{run}"): {"404": lambda s, image: s.request("DELETE", "/api/lab/runs/1")},
    ("GET", "/metrics"): {"200": lambda s, image: s.request("GET", "/metrics")},
    ("GET", "/openapi.yaml"): {
        "200": lambda s, image: s.request("GET", "/openapi.yaml"),
        "206": lambda s, image: s.request("GET", "/openapi.yaml", Range="bytes=0-9"),
        "304": lambda s, image: s.request("GET", "/openapi.yaml", If_None_Match="*"),
        "416": lambda s, image: s.request("GET", "/openapi.yaml", Range="bytes=99999999-")},
    ("GET", "/v2"): {"200": lambda s, image: s.request("GET", "/v2")},
    ("GET", "/v2/health/live"): {"200": lambda s, image: s.request("GET", "/v2/health/live")},
    ("GET", "/v2/health/ready"): {"200": lambda s, image: s.request("GET", "/v2/health/ready")},
    ("GET", "/v2/models/{model}"): {
        "200": lambda s, image: s.request("GET", "/v2/models/resnet34"), "404": lambda s, image: s.request("GET", "/v2/models/x")},
    ("GET", "/v2/models/{model}/ready"): {
        "200": lambda s, image: s.request("GET", "/v2/models/resnet34/ready"),
        "404": lambda s, image: s.request("GET", "/v2/models/x/ready")},
    ("POST", "/v2/models/{model}/infer"): {
        "200": infer_json, "400": lambda s, image: s.request("POST", INFER, b"{}", **JSON),
        "404": lambda s, image: s.request("POST", "/v2/models/x/infer", image),
        "412": lambda s, image: infer_image(s, image, Beralih_Contract="0"), "413": lambda s, image: infer_image(s, HUGE),
        "415": lambda s, image: infer_image(s, image, Content_Encoding="gzip"),
        "422": lambda s, image: infer_image(s, image[:5000])},
}
# The same operations with a version in the path.
for (method, path) in [key for key in ASKED if key[1].startswith("/v2/models/{model}")]:
    versioned = path.replace("{model}", "{model}/versions/{version}")

    def with_version(ask):
        class Versioned:
            def __init__(self, server):
                self.server = server

            def request(self, method, path, *arguments, **headers):
                path = re.sub(r"^/v2/models/(\w+)", r"/v2/models/\1/versions/1.0.0", path)
                return self.server.request(method, path, *arguments, **headers)
        return lambda server, image: ask(Versioned(server), image)
    ASKED[(method, versioned)] = {status: with_version(ask) for status, ask in ASKED[(method, path)].items()}

# 401 with keys, 503 before the model is ready or beyond a limit, 429 and 504 under load, the event stream: in tests of their own.
LOADED = {"429", "504"}
APART = {("GET", "/api/events"): {"200", "204"},
         ("POST", "/api/admin/reload"): {"409", "422"},  # test_api_keys.py
         ("GET", "/api/lab"): {"200", "403"}, ("POST", "/api/lab/runs"): {"202", "400", "403", "409", "413", "415"},
         ("GET", "/api/lab/runs/{run}"): {"200", "400", "403"}, ("DELETE", "/api/lab/runs/{run}"): {"202", "403"}}


def test_the_table_holds_every_documented_status():
    assert set(ASKED) == set(openapi.operations())
    for key, operation in openapi.operations().items():
        have = set(ASKED[key]) | APART.get(key, set()) | {"401", "503", "default"} | LOADED
        assert set(operation["responses"]) <= have, key
        assert set(ASKED[key]) <= set(operation["responses"]), key


@pytest.mark.parametrize("method, path, status", [(*key, status) for key, by_status in ASKED.items() for status in by_status])
def test_a_real_answer_is_as_documented(server, image, method, path, status):
    answer = ASKED[(method, path)][status](server, image)
    if status == "default":
        assert str(answer.status) not in openapi.operations()[(method, path)]["responses"]
    else:
        assert str(answer.status) == status
    # conftest.py has compared it already; here: that it looked at this operation.


def test_before_the_model_is_ready(binary, bundle, tmp_path):
    """503 of every operation that has it; the others answer as ever."""
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_listening()
        before = {key: ask["200"] for key, ask in ASKED.items() if "200" in ask}
        answers = {key: ask(server, b"x") for key, ask in before.items()}
        ready = re.search("ready in", server.log())
    if ready:
        pytest.skip("it was ready before it had been asked")
    for key, answer in answers.items():
        assert (answer.status == 503) == ("503" in openapi.operations()[key]["responses"]), (key, answer.status)


def test_with_keys_whatever_documents_401_asks_for_one(binary, bundle, image, keys_file, tmp_path):
    file, key = keys_file
    with Server(binary, bundle, "--api-keys", str(file), log=tmp_path / "log") as server:
        server.wait_until_ready()
        for (method, path), by_status in ASKED.items():
            answer = next(iter(by_status.values()))(server, image)
            public = path.startswith(("/v2/health", "/bundle", "/api/contract", "/api/version", "/openapi.yaml"))
            assert answer.status == (200 if public else 401), path
            if answer.status == 401:
                assert "401" in openapi.operations()[(method, path)]["responses"], path
        # Everybody's events are for an admin, and only in that stream events name their run.
        run = run_id()
        user, admin = ({"Authorization": f"Bearer {key(role)}"} for role in ("user", "admin"))
        assert server.request("GET", "/api/events").status == 401
        assert server.request("GET", "/api/events", **user).status == 403
        with Stream(server, None, f"Authorization: Bearer {key('admin')}") as everything:
            everything.head()
            assert everything.status == 200
            assert server.classify(image, X_Beralih_Run=run, **admin).status == 200
            events = everything.until("answered")
        assert {event.data["run"] for event in events} == {run}
        for event in events:
            schema = openapi.DOCUMENT["components"]["schemas"][event.type.capitalize() + "Event"]
            assert not openapi.schema_errors(schema, event.data)


@pytest.fixture(scope="module")
def keys_file(binary, tmp_path_factory):
    """(file, role -> key)"""
    keys, lines = {}, []
    for role, flags in (("user", []), ("admin", ["--admin"])):
        made = subprocess.run([binary, "key", "new", role, *flags], capture_output=True, text=True, check=True)
        keys[role] = re.search(r"beralih-[0-9a-f]{64}", made.stderr).group()
        lines.append(made.stdout)
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text("".join(lines))
    return file, keys.get


def test_too_much_and_too_late(binary, bundle, image, tmp_path):
    with Server(binary, bundle, "--max-queue", "1", log=tmp_path / "log") as server:
        server.wait_until_ready()
        for ask in (lambda **h: server.classify(image, **h), lambda **h: infer_image(server, image, **h)):
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                statuses = [job.result().status for job in [pool.submit(ask) for _ in range(32)]]
            assert set(statuses) == {200, 429}
        for ask in (lambda: server.classify(image, **LATE), lambda: infer_image(server, image, **LATE)):
            assert {ask().status for _ in range(3)} <= {429, 504}


def test_the_events_are_as_documented(server, image):
    run, types = run_id(), set()
    server.classify(image, X_Beralih_Run=run)
    head, binary = bytes_input(image, image)
    server.request("POST", INFER, head + binary, Inference_Header_Content_Length=str(len(head)), X_Beralih_Run=run)
    server.classify(image, X_Beralih_Run=run, **LATE)
    for _ in range(250):
        server.classify(b"", X_Beralih_Run=run)
    form = b'--B\r\nContent-Disposition: form-data; name="i"; filename="f"\r\n\r\nx\r\n--B--'
    server.request("POST", "/api/classify", form, Content_Type="multipart/form-data; boundary=B", X_Beralih_Run=run)
    schemas = openapi.DOCUMENT["components"]["schemas"]
    with Stream(server, run) as stream:
        stream.head()
        for event in stream.until(""):
            errors = openapi.schema_errors(schemas[event.type.capitalize() + "Event"], event.data)
            assert not errors, (event, errors)
            types.add(event.type)
    assert {"missed", "failed", "answered", "end"} <= types
    documented = {re.search(r"/(\w+)Event$", option["$ref"]).group(1).lower() for option in schemas["RunEvent"]["oneOf"]}
    assert types <= documented
    described = re.findall(r"^\| `(\w+)` \|", openapi.operations()[("GET", "/api/events")]["description"], re.M)
    assert set(described) == documented


def test_the_check_itself_finds_what_is_wrong(server, image):
    answer = server.classify(image)
    body = answer.json()

    def wrong(status=200, headers=answer.headers, **changes):
        changed = {**copy.deepcopy(body), **changes}
        return openapi.disagreements("POST", "/api/classify", Answer(status, headers, json.dumps(changed).encode()))
    assert not wrong()
    assert wrong(extra=1) and wrong(device=5) and wrong(predictions=[]) and wrong(contract_hash="x")
    assert wrong(status=201) and wrong(status=429)
    plain = copy.copy(answer.headers)
    del plain["Server-Timing"]
    assert wrong(headers=plain)
