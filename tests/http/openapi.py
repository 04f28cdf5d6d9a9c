"""native_server/api/openapi.yaml, and whether an answer is what it says."""
import fnmatch
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PATH = ROOT / "native_server" / "api" / "openapi.yaml"
DOCUMENT = yaml.safe_load(PATH.read_text())
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_resolver = jsonschema.RefResolver(base_uri="", referrer=DOCUMENT)


def resolve(node):
    """A node of the document, or what its $ref names."""
    while isinstance(node, dict) and "$ref" in node:
        assert node["$ref"].startswith("#/"), node
        node = _resolver.resolve(node["$ref"])[1]
    return node


def schema_errors(schema, value) -> list:
    validator = jsonschema.Draft202012Validator(schema, resolver=_resolver,
                                                format_checker=jsonschema.draft202012_format_checker)
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def operations() -> dict:
    """{(method, path): operation}."""
    return {(method.upper(), path): item[method] for path, item in DOCUMENT["paths"].items()
            for method in METHODS if method in item}


def _pattern(path: str) -> re.Pattern:
    """A {parameter} is one segment; that of /bundle/{path} may hold slashes."""
    segment = "(.+)" if path.startswith("/bundle/") else "[^/]+"
    return re.compile(re.sub(r"\\\{\w+\\\}", segment, re.escape(path)))


_PATTERNS = [(path, _pattern(path)) for path in DOCUMENT["paths"]]


def operation_of(method: str, target: str):
    """(method, path of the document) that answers the target; None: the document has none."""
    path = target.split("?")[0]
    found = [name for name, pattern in _PATTERNS if pattern.fullmatch(path)]
    exact = [name for name in found if name == path] or found
    method = "GET" if method == "HEAD" else method
    return (method, exact[0]) if exact and (method, exact[0]) in operations() else None


def disagreements(method: str, target: str, answer) -> list:
    """What of an answer is not as documented; addresses outside the document are the page's."""
    key = operation_of(method, target)
    if key is None:
        return []
    responses = operations()[key]["responses"]
    response = resolve(responses.get(str(answer.status)) or responses["default"])
    where = f"{method} {target[:80]} -> {answer.status}"
    if str(answer.status) not in responses and answer.status < 400:
        return [f"{where}: the status is not documented"]
    missing = [f"{where}: no {name} header" for name in response.get("headers", {}) if name in
               ("Retry-After", "ETag", "Content-Range", "Beralih-Contract", "Server-Timing") and name not in answer.headers]
    content = response.get("content")
    if not content:
        return missing + ([f"{where}: a body, where none is documented"] if answer.body else [])
    if method == "HEAD":
        return missing
    media_type = answer.headers.get("Content-Type", "").split(";")[0]
    named = [name for name in content if fnmatch.fnmatch(media_type, name)]
    if not named:
        return missing + [f"{where}: Content-Type {media_type}, documented are {list(content)}"]
    if not media_type.endswith("json") or named[0] == "*/*":
        return missing
    schema = content[named[0]]["schema"]
    return missing + [f"{where}: {error}" for error in schema_errors(schema, json.loads(answer.body))]
