"""The page's files, the bundle's public files, CORS and /api/artifacts, asked of the real server."""
import base64
import datetime
import gzip
import hashlib
import json
import shutil
import subprocess
import time

import pytest

from server_process import Server

HTML = b"<!doctype html><html lang=en><title>page</title></html>"
INLINE = b"document.title = 'script'"
SCRIPT = b"export const answer = 42;\n" * 20
LARGE = bytes(range(256)) * 5000  # 1.28 MB: mapped, not copied
TYPES = {
    "index.html": "text/html", "style.css": "text/css", "a.js": "text/javascript",
    "ort.mjs": "text/javascript", "core.wasm": "application/wasm", "font.woff2": "font/woff2",
    "icon.svg": "image/svg+xml", "sample.png": "image/png", "favicon.ico": "image/x-icon",
    "data.json": "application/json", "app.webmanifest": "application/manifest+json",
    "edge.onnx": "application/octet-stream", "robots.txt": "text/plain",
    "unknown.xyz": "application/octet-stream",
}
PAGE = "https://lesson.example"
OTHER = "https://other.example"
EXPOSED = {"inference-header-content-length", "server-timing", "beralih-contract", "x-request-id", "retry-after"}
PREFLIGHT = {"Access_Control_Request_Method": "POST",
             "Access_Control_Request_Headers": "content-type,beralih-contract"}


def quoted_sha256(data):
    return f'"{hashlib.sha256(data).hexdigest()}"'


def words(header):
    return {word.strip().lower() for word in (header or "").split(",") if word.strip()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    base = tmp_path_factory.mktemp("page")
    (base / "secret.txt").write_text("secret")
    root = base / "dist"
    for folder in ("assets", "en", ".hidden"):
        (root / folder).mkdir(parents=True)
    for name in TYPES:
        (root / name).write_bytes(HTML if name == "index.html" else name.encode())
    (root / "inline.html").write_bytes(HTML + b"<script>" + INLINE + b"</script>")
    (root / "en" / "index.html").write_bytes(HTML + b"en")
    (root / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (root / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (root / "assets" / "app-1a2b.js.br").write_bytes(b"as brotli")  # the server does not look inside
    (root / "assets" / "core-3c4d.wasm").write_bytes(LARGE)
    (root / "empty.txt").write_bytes(b"")
    (root / ".hidden" / "config").write_text("secret")
    (root / "link.txt").symlink_to(base / "secret.txt")
    (root / "up").symlink_to(base)
    return root


@pytest.fixture(scope="module")
def page(binary, bundle, site, tmp_path_factory):
    log = tmp_path_factory.mktemp("page-server") / "log"
    with Server(binary, bundle, "--web", str(site), "--allow-origin", PAGE, "--allow-origin",
                "http://localhost:5173", "--allow-server", "https://gpu.example:8443",
                "--allow-embed", "https://school.example", log=log) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.parametrize("name", TYPES)
def test_types(page, site, name):
    answer = page.request("GET", f"/{name}")
    assert answer.status == 200
    assert answer.headers.get_content_type() == TYPES[name]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body == (site / name).read_bytes()


def test_directories(page):
    assert page.request("GET", "/").body == HTML
    assert page.request("GET", "/?server=https%3A%2F%2Fgpu.example").body == HTML
    assert page.request("GET", "/en/").body == HTML + b"en"
    moved = page.request("GET", "/en?a=b")
    assert (moved.status, moved.headers["Location"]) == (308, "/en/?a=b")
    assert page.request("GET", "/assets/").status == 404


def test_etag_and_304(page):
    for path, data in (("/", HTML), ("/assets/core-3c4d.wasm", LARGE)):
        first = page.request("GET", path)
        assert first.headers["ETag"] == quoted_sha256(data)
        for condition in (first.headers["ETag"], '"x", W/' + first.headers["ETag"], "*"):
            again = page.request("GET", path, If_None_Match=condition)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
        assert page.request("GET", path, If_None_Match='"other"').status == 200


def test_only_hashed_names_are_kept_for_ever(page):
    assert "immutable" in page.request("GET", "/assets/app-1a2b.js").headers["Cache-Control"]
    for path in ("/", "/en/", "/a.js", "/data.json"):
        assert page.request("GET", path).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("accept, coding", [
    (None, None), ("gzip", "gzip"), ("gzip, deflate, br", "br"), ("br;q=0, gzip", "gzip"),
    ("br;q=0.1, gzip;q=0.8", "gzip"), ("*", "br"), ("br;q=0, gzip;q=0", None), ("deflate", None)])
def test_precompressed_files(page, site, accept, coding):
    headers = {"Accept_Encoding": accept} if accept else {"Accept_Encoding": "identity"}
    answer = page.request("GET", "/assets/app-1a2b.js", **headers)
    suffix = {None: "", "gzip": ".gz", "br": ".br"}[coding]
    stored = (site / "assets" / ("app-1a2b.js" + suffix)).read_bytes()
    assert answer.headers["Content-Encoding"] == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers.get_content_type() == "text/javascript"
    assert answer.body == stored
    assert answer.headers["ETag"] == quoted_sha256(stored)
    assert page.request("GET", "/assets/app-1a2b.js.gz").status == 404


def test_files_without_a_compressed_form_are_sent_as_they_are(page):
    answer = page.request("GET", "/", Accept_Encoding="gzip, br")
    assert answer.headers["Content-Encoding"] is None
    assert answer.body == HTML


def test_head_and_other_methods(page):
    answer = page.request("HEAD", "/assets/core-3c4d.wasm")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(LARGE)
    refused = page.request("POST", "/index.html", b"x")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert page.request("GET", "/empty.txt").body == b""


@pytest.mark.parametrize("wanted, first, end", [
    ("bytes=0-0", 0, 1), ("bytes=1000000-", 1000000, None), ("bytes=-5", -5, None),
    ("bytes=100-99999999999", 100, None)])
def test_one_range(page, wanted, first, end):
    part = page.request("GET", "/assets/core-3c4d.wasm", Range=wanted)
    assert part.status == 206
    assert part.body == LARGE[first:end]
    start = first % len(LARGE)
    assert part.headers["Content-Range"] == (
        f"bytes {start}-{start + len(part.body) - 1}/{len(LARGE)}")


def test_ranges_that_are_not_there_or_not_one(page):
    beyond = page.request("GET", "/assets/core-3c4d.wasm", Range=f"bytes={len(LARGE)}-")
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(LARGE)}"
    assert page.request("GET", "/assets/core-3c4d.wasm", Range="bytes=0-1,5-6").body == LARGE
    etag = page.request("HEAD", "/assets/core-3c4d.wasm").headers["ETag"]
    assert page.request("GET", "/assets/core-3c4d.wasm", Range="bytes=0-1",
                        If_Range=etag).status == 206
    assert page.request("GET", "/assets/core-3c4d.wasm", Range="bytes=0-1",
                        If_Range='"old"').body == LARGE


def test_a_range_does_not_cut_other_answers(page, bundle):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    answer = page.classify(image, Range="bytes=0-1")
    assert answer.status == 200
    assert answer.json()["predictions"]


@pytest.mark.parametrize("path", [
    "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt",
    "/assets/..%5c..%5csecret.txt", "/link.txt", "/up/secret.txt", "/.hidden/config",
    "//etc/passwd", "/%00", "/index.html%00.txt", "/assets", "/en/../index.html"])
def test_nothing_outside_the_index(page, path):
    answer = page.request("GET", path)
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body


def test_what_is_left_out_is_said_at_the_start(page):
    for name in ("link.txt", "up", ".hidden"):
        page.wait_for_log(rf"not served: \S+/{name}: ", 1)


def test_404_speaks_the_clients_language(page):
    assert page.request("GET", "/nowhere").headers.get_content_type() == "application/problem+json"
    shown = page.request("GET", "/nowhere", Accept="text/html,*/*;q=0.8")
    assert (shown.status, shown.headers.get_content_type()) == (404, "text/html")
    assert page.request("GET", "/api/nowhere", Accept="text/html").headers.get_content_type() == (
        "application/problem+json")


def directives(answer):
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {part[0]: part[1:] for part in parts}


def test_the_page_is_isolated(page):
    for path in ("/", "/en/", "/assets/app-1a2b.js"):
        answer = page.request("GET", path)
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Permissions-Policy"] == "camera=(self)"
    assert directives(page.request("GET", "/")) == {
        "default-src": ["'none'"], "script-src": ["'self'", "'wasm-unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "blob:", "data:"],
        "font-src": ["'self'", "data:"], "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'", "https://gpu.example:8443"], "manifest-src": ["'self'"],
        "base-uri": ["'none'"], "form-action": ["'none'"],
        "frame-ancestors": ["https://school.example"]}


def test_only_the_page_that_holds_a_script_may_run_it(page):
    """The sources of the policy are the hashes of what stands in the answered page, and of nothing else."""
    source = base64.b64encode(hashlib.sha256(INLINE).digest()).decode()
    answer = page.request("GET", "/inline.html")
    policy = directives(answer)
    assert policy.pop("script-src") == ["'self'", "'wasm-unsafe-eval'", f"'sha256-{source}'"]
    plain = directives(page.request("GET", "/"))
    assert plain.pop("script-src") == ["'self'", "'wasm-unsafe-eval'"]
    assert policy == plain
    unchanged = page.request("GET", "/inline.html", If_None_Match=answer.headers["ETag"])
    assert unchanged.status == 304
    assert unchanged.headers["Content-Security-Policy"] == answer.headers["Content-Security-Policy"]


def test_nobody_is_listed_by_default(server):
    policy = directives(server.request("GET", "/"))
    assert policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    answer = server.request("GET", "/api/contract", Origin=PAGE)
    assert answer.headers["Access-Control-Allow-Origin"] is None


def public_files(bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    return [file for file in contract["files"]
            if file["role"] in ("labels", "edge_model", "golden_image")]


def test_public_files_of_the_bundle(page, bundle):
    files = public_files(bundle)
    assert {file["role"] for file in files} == {"labels", "edge_model", "golden_image"}
    for file in files:
        answer = page.request("GET", "/bundle/" + file["path"], Accept_Encoding="gzip, br")
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == file["bytes"] == len(answer.body)
        assert hashlib.sha256(answer.body).hexdigest() == file["sha256"]
        assert answer.headers["ETag"] == f'"{file["sha256"]}"'
        assert answer.headers["Cache-Control"] == "no-cache"
        again = page.request("GET", "/bundle/" + file["path"], If_None_Match=answer.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
    assert page.request("GET", "/bundle/contract.json").body == (bundle / "contract.json").read_bytes()
    assert page.request("HEAD", "/bundle/labels.txt").headers.get_content_type() == "text/plain"


def test_a_download_that_was_cut_goes_on(page, bundle):
    model = next(file for file in public_files(bundle) if file["role"] == "edge_model")
    path, cut = "/bundle/" + model["path"], 7_654_321
    head = page.request("GET", path, Range=f"bytes=0-{cut - 1}")
    rest = page.request("GET", path, Range=f"bytes={cut}-", If_Range=head.headers["ETag"])
    assert (head.status, rest.status) == (206, 206)
    assert int(rest.headers["Content-Length"]) == model["bytes"] - cut
    assert hashlib.sha256(head.body + rest.body).hexdigest() == model["sha256"]


@pytest.mark.parametrize("path", ["weights.safetensors", "architecture.pt"])
def test_the_servers_own_files_stay_there(page, path):
    answer = page.request("GET", "/bundle/" + path)
    assert answer.status == 404
    assert path in answer.json()["detail"] and "stays on the server" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["", "nothing", "../contract.sha256", "contract.sha256",
                                  "golden", "golden/", "golden/../labels.txt", "%2e%2e/labels.txt"])
def test_unknown_bundle_paths(page, path):
    answer = page.request("GET", "/bundle/" + path)
    assert answer.status == 404
    assert "contract.json" in answer.json()["detail"]


def test_preflight_of_a_listed_origin(page):
    for path in ("/api/classify", "/v2/health/ready"):
        answer = page.request("OPTIONS", path, Origin=PAGE, **PREFLIGHT)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "post" in words(answer.headers["Access-Control-Allow-Methods"])
        assert words(answer.headers["Access-Control-Allow-Headers"]) == {
            "authorization", "content-type", "beralih-contract", "x-request-id", "x-beralih-run", "last-event-id",
            "x-request-deadline-ms", "x-beralih-priority", "traceparent", "inference-header-content-length"}
        assert int(answer.headers["Access-Control-Max-Age"]) > 0
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [OTHER, "null", PAGE + ":8443", "http://lesson.example", ""])
def test_other_origins_get_no_cors_header(page, bundle, origin):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    for answer in (page.request("OPTIONS", "/api/classify", Origin=origin, **PREFLIGHT),
                   page.classify(image, Origin=origin)):
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["Timing-Allow-Origin"] is None
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Vary"] == "Origin"


def test_answers_to_a_listed_origin(page, bundle):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    for origin in (PAGE, "http://localhost:5173"):
        for answer in (page.classify(image, Origin=origin), page.classify(b"no image", Origin=origin)):
            assert answer.headers.get_all("Access-Control-Allow-Origin") == [origin]
            assert words(answer.headers["Access-Control-Expose-Headers"]) == EXPOSED
            assert answer.headers["Timing-Allow-Origin"] == origin
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert page.request("GET", "/", Origin=PAGE).headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("flag", ["--allow-origin", "--allow-server", "--allow-embed"])
@pytest.mark.parametrize("value", ["*", "lesson.example", "https://a/", "https://a;b", "ftp://a"])
def test_what_is_no_origin_is_a_usage_error(binary, bundle, flag, value):
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", flag, value],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert flag in result.stderr and "not an origin" in result.stderr


def test_a_folder_without_a_page_is_refused(binary, bundle, tmp_path):
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", "--web",
                             str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "index.html" in result.stderr and str(tmp_path) in result.stderr


def test_settings_from_the_environment(binary, bundle, site, tmp_path, monkeypatch):
    monkeypatch.setenv("BERALIH_WEB", str(site))
    monkeypatch.setenv("BERALIH_ALLOW_ORIGIN", f"{PAGE}, https://two.example")
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert server.request("GET", "/").body == HTML
        for origin in (PAGE, "https://two.example"):
            answer = server.request("GET", "/api/contract", Origin=origin)
            assert answer.headers["Access-Control-Allow-Origin"] == origin


def safetensors_header(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return dict(sorted(header.items(), key=lambda item: item[1]["data_offsets"][0]))


def test_artifacts(page, bundle):
    report = page.request("GET", "/api/artifacts").json()
    contract = json.loads((bundle / "contract.json").read_text())
    stated = [{key: row[key] for key in ("role", "path", "bytes", "sha256")}
              for row in report["artifacts"]]
    assert stated == contract["files"]

    header = safetensors_header(bundle / "weights.safetensors")
    layers = report["layers"]
    assert [(l["name"], l["shape"], l["dtype"]) for l in layers] == [
        (name, entry["shape"], entry["dtype"]) for name, entry in header.items()]
    weights = next(row for row in report["artifacts"] if row["role"] == "weights")
    assert weights["tensors"] == len(header)
    assert weights["parameters"] == sum(layer["parameters"] for layer in layers)
    assert weights["dtype"] == "F32"
    assert all("dtype" not in row for row in report["artifacts"] if row["role"] != "weights")

    server = report["server"]
    assert server["pid"] == page.process.pid
    assert (server["device"], server["dtype"]) == ("cpu", "fp32")
    assert server["threads"] >= 1 and server["libtorch"][0].isdigit()
    version = subprocess.run([page.process.args[0], "--version"], capture_output=True, text=True)
    assert version.stdout.strip() == "beralih " + server["version"]
    started = datetime.datetime.fromisoformat(server["started_at"].replace("Z", "+00:00"))
    age = time.time() - started.timestamp()
    assert abs(age - server["uptime_s"]) < 2

    load = report["load"]
    assert list(load) == ["hashes", "program", "attach", "warm_up", "golden", "total"]
    assert all(value > 0 for value in load.values())
    assert load["total"] >= max(value for name, value in load.items() if name != "total")
    ready = float(page.wait_for_log(r"ready in ([\d.]+) s", 1).group(1))
    assert abs(load["total"] / 1000 - ready) < 0.01
    resident = int(next(line for line in open(f"/proc/{page.process.pid}/status")
                        if line.startswith("VmRSS")).split()[1]) * 1024
    assert abs(report["memory"]["rss_bytes"] - resident) < 64 << 20
    assert 0 < report["memory"]["anonymous_bytes"] < report["memory"]["rss_bytes"]


def test_a_later_golden_case_that_fails_turns_ready_off(binary, bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    contract = json.loads((bundle / "contract.json").read_text())
    assert len(contract["golden"]) > 1
    contract["golden"][-1]["top5"][0]["probability"] = 0.123
    text = json.dumps(contract).encode()
    (copy / "contract.json").write_bytes(text)
    (copy / "contract.sha256").write_text(hashlib.sha256(text).hexdigest() + "\n")
    with Server(binary, copy, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.wait_for_log(r"not ready any more: .*golden case not reproduced")
        answer = server.request("GET", "/v2/health/ready")
        assert answer.status == 503
        assert contract["golden"][-1]["image"] in answer.json()["error"]
        assert server.classify((bundle / "golden" / "dog2.jpg").read_bytes()).status == 503
        assert server.request("GET", "/v2/health/live").status == 200
        assert server.stop() == 0


def test_all_golden_cases_are_tried(page, bundle):
    count = len(json.loads((bundle / "contract.json").read_text())["golden"])
    page.wait_for_log(f"golden cases reproduced: all {count}\n")
    assert page.request("GET", "/v2/health/ready").status == 200
