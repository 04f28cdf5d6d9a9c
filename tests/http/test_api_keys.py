"""API keys: who is answered, what a refusal says, the file and what may be wrong with it; and the operator's routes."""
import concurrent.futures
import hashlib
import os
import re
import shutil
import signal
import subprocess

import pytest

from server_process import Server

PROBLEM = "application/problem+json"


def make_key(binary, name, *arguments):
    """(key, line for the file)"""
    made = subprocess.run([binary, "key", "new", name, *arguments], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    return re.search(r"beralih-[0-9a-f]{64}", made.stderr).group(), made.stdout.strip()


@pytest.fixture(scope="module")
def keys(binary, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "api-keys"
    user, user_line = make_key(binary, "ani")
    admin, admin_line = make_key(binary, "budi", "--admin")
    file.write_text(f"# who may call\n{user_line}\n\n{admin_line}\n")
    return {"file": file, "user": user, "admin": admin, "lines": (user_line, admin_line)}


@pytest.fixture(scope="module")
def guarded(binary, bundle, keys, tmp_path_factory):
    log = tmp_path_factory.mktemp("guarded") / "log"
    with Server(binary, bundle, "--api-keys", str(keys["file"]), log=log) as running:
        running.wait_until_ready()
        yield running


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_new_key_is_shown_once_and_its_hash_goes_to_the_file(binary):
    key, line = make_key(binary, "ani")
    assert line == f"ani:user:{hashlib.sha256(key.encode()).hexdigest()}"
    assert make_key(binary, "ani")[0] != key
    assert make_key(binary, "ani", "--admin")[1].startswith("ani:admin:")
    refused = subprocess.run([binary, "key", "new", "a:b"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "a:b" in refused.stderr and not refused.stdout


def test_a_key_opens_the_api_and_is_named_in_the_log(guarded, keys, bundle):
    photograph = (bundle / "golden" / "dog2.jpg").read_bytes()
    answer = guarded.classify(photograph, X_Request_ID="with-key", **bearer(keys["user"]))
    assert answer.status == 200
    line = guarded.wait_for_log(r"(?m)^.* id=with-key\b.*$", 5).group()
    assert " key=ani" in line
    assert keys["user"] not in guarded.log()
    assert guarded.request("GET", "/v2", authorization=f"bEARER   {keys['admin']}").status == 200


WRONG = {
    "none": {},
    "another": {"Authorization": "Bearer beralih-" + "0" * 64},
    "one byte less": None,
    "empty": {"Authorization": "Bearer "},
    "blanks": {"Authorization": "Bearer         "},
    "another scheme": {"Authorization": "Basic YW5pOmFuaQ=="},
    "the hash instead of the key": None,
    "8,000 bytes": {"Authorization": "Bearer " + "x" * 8_000},
    "bytes beyond ASCII": {"Authorization": "Bearer \xff\xfe\x80"},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_is_401(guarded, keys, name):
    headers = WRONG[name]
    if name == "one byte less":
        headers = bearer(keys["user"][:-1])
    if name == "the hash instead of the key":
        headers = bearer(keys["lines"][0].split(":")[2])
    for method, path in [("POST", "/api/classify"), ("GET", "/api/artifacts"), ("POST", "/api/admin/reload"),
                         ("GET", "/metrics")]:
        answer = guarded.request(method, path, b"x" if method == "POST" else None, **headers)
        assert answer.status == 401, path
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="beralih"')
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["type"] == "urn:beralih:problem:unauthorized" and "key" in answer.json()["detail"]
    protocol = guarded.request("POST", "/v2/models/resnet34/infer", b"{}", **headers)
    assert protocol.status == 401 and list(protocol.json()) == ["error"]
    assert protocol.headers["WWW-Authenticate"].startswith("Bearer")


def test_health_and_the_page_need_no_key(guarded):
    for path in ["/v2/health/live", "/v2/health/ready", "/", "/api/contract", "/bundle/labels.txt"]:
        assert guarded.request("GET", path).status == 200, path
    assert guarded.request("GET", "/nothing").status == 404


@pytest.mark.parametrize("public, statuses", [
    ("none", {"/v2/health/live": 401, "/": 401, "/api/contract": 401, "/metrics": 401, "/nothing": 401}),
    ("health,metrics", {"/v2/health/live": 200, "/": 401, "/bundle/labels.txt": 401, "/metrics": 200})])
def test_what_is_public_is_the_operators_choice(binary, bundle, keys, tmp_path, public, statuses):
    with Server(binary, bundle, "--api-keys", str(keys["file"]), "--public", public, log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert {path: server.request("GET", path).status for path in statuses} == statuses
        assert server.request("GET", "/", **bearer(keys["user"])).status == 200


def test_a_users_key_does_not_open_the_operators_routes(guarded, keys):
    answer = guarded.request("POST", "/api/admin/reload", b"", **bearer(keys["user"]))
    assert answer.status == 403 and answer.json()["type"] == "urn:beralih:problem:forbidden"
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_the_operator_reloads(guarded, keys, bundle):
    answer = guarded.request("POST", "/api/admin/reload", b"", **bearer(keys["admin"]))
    assert answer.status == 200
    report = answer.json()
    expected = hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()
    assert report["contract_before"] == report["contract_after"] == expected
    assert report["changed"] is False and 0 < report["total_ms"] < 60_000
    guarded.wait_for_log(r"reloaded in [\d.]+ s", 5)
    assert guarded.request("GET", "/api/admin/reload", **bearer(keys["admin"])).status == 405


def test_a_preflight_needs_no_key_and_allows_the_header(binary, bundle, keys, tmp_path):
    with Server(binary, bundle, "--api-keys", str(keys["file"]), "--allow-origin", "https://page.example",
                log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = server.request("OPTIONS", "/api/classify", Origin="https://page.example",
                                Access_Control_Request_Method="POST")
        assert answer.status == 204 and "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        refused = server.request("POST", "/api/classify", b"x", Origin="https://page.example")
        assert refused.status == 401 and refused.headers["Access-Control-Allow-Origin"] == "https://page.example"


def test_sighup_reads_the_keys_anew(binary, bundle, tmp_path):
    file = tmp_path / "api-keys"
    old, old_line = make_key(binary, "old")
    new, new_line = make_key(binary, "new")
    file.write_text(old_line + "\n")
    with Server(binary, bundle, "--api-keys", str(file), log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert [server.request("GET", "/v2", **bearer(key)).status for key in (old, new)] == [200, 401]
        file.write_text(new_line + "\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("API keys read anew")
        assert [server.request("GET", "/v2", **bearer(key)).status for key in (old, new)] == [401, 200]
        file.write_text("nonsense\n")
        server.process.send_signal(signal.SIGHUP)
        line = server.wait_for_log("API keys not read anew.*").group()
        assert f"{file}, line 1" in line
        assert server.request("GET", "/v2", **bearer(new)).status == 200


def test_a_reload_reads_the_keys_anew(binary, bundle, tmp_path):
    """Where nobody can send a signal. Also the operator's own key, whose request is answered nevertheless."""
    file = tmp_path / "api-keys"
    (old, old_line), (new, new_line) = (make_key(binary, name, "--admin") for name in ("old", "new"))
    user, user_line = make_key(binary, "ani")
    file.write_text(f"{old_line}\n{user_line}\n")
    with Server(binary, bundle, "--engine", "null", "--api-keys", str(file), log=tmp_path / "log") as server:
        server.wait_until_ready()

        def reload(key):
            return server.request("POST", "/api/admin/reload", b"", **bearer(key))

        def statuses():
            return [server.request("GET", "/v2", **bearer(key)).status for key in (old, user, new)]
        file.write_text(new_line + "\n")
        assert statuses() == [200, 200, 401]
        assert reload(old).status == 200
        assert statuses() == [401, 401, 200] and reload(old).status == 401
        assert "API keys read anew" in server.log()
        file.write_text("nonsense\n")
        answer = reload(new)
        assert answer.status == 422 and answer.headers["Content-Type"] == PROBLEM
        said = answer.json()
        assert said["type"] == "urn:beralih:problem:credentials_refused" and f"{file}, line 1" in said["detail"]
        assert "bundle was opened anew" in said["detail"]
        contract = hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()
        assert said["contract_before"] == said["contract_after"] == contract
        assert statuses() == [401, 401, 200]
        file.unlink()
        assert reload(new).status == 422
        file.write_text(new_line + "\n")
        assert reload(new).status == 200


def test_keys_are_read_anew_also_where_the_bundle_is_no_good(binary, bundle, tmp_path):
    file, copy = tmp_path / "api-keys", tmp_path / "bundle"
    old, old_line = make_key(binary, "old", "--admin")
    new, new_line = make_key(binary, "new", "--admin")
    file.write_text(old_line + "\n")
    shutil.copytree(bundle, copy)
    with Server(binary, copy, "--engine", "null", "--api-keys", str(file), log=tmp_path / "log") as server:
        server.wait_until_ready()
        copy.rename(tmp_path / "elsewhere")
        file.write_text(new_line + "\n")
        answer = server.request("POST", "/api/admin/reload", b"", **bearer(old))
        assert answer.status == 422 and answer.json()["type"] == "urn:beralih:problem:bundle_refused"
        assert [server.request("GET", "/v2", **bearer(key)).status for key in (old, new)] == [401, 200]
        file.write_text("nonsense\n")
        answer = server.request("POST", "/api/admin/reload", b"", **bearer(new))
        assert answer.json()["type"] == "urn:beralih:problem:bundle_refused" and f"{file}, line 1" in answer.json()["detail"]


def _write(text, mode=0o600):
    def prepare(file):
        file.write_text(text)
        file.chmod(mode)
    return prepare


GOOD = f"ani:user:{'ab' * 32}\n"
BAD_FILES = {  # how the file is made, and what the sentence says
    "absent": (lambda file: None, "No such file"),
    "a folder": (lambda file: file.mkdir(), "no file"),
    "empty": (_write(""), "no key"),
    "comments alone": (_write("# nobody\n\n"), "no key"),
    "no colon": (_write("ani\n"), "line 1 is not NAME:ROLE:SHA256"),
    "no hash": (_write("ani:user:\n"), "line 1 does not end in the 64"),
    "a short hash": (_write(f"ani:user:{'ab' * 31}\n"), "line 1 does not end in the 64"),
    "no hexadecimal digits": (_write(f"ani:user:{'xy' * 32}\n"), "line 1 does not end in the 64"),
    "another role": (_write(f"# x\nani:root:{'ab' * 32}\n"), "line 2 has a role"),
    "no name": (_write(f":user:{'ab' * 32}\n"), "line 1 has a name"),
    "a name twice": (_write(GOOD + f"ani:admin:{'cd' * 32}\n"), "line 2 repeats the name ani"),
    "a key twice": (_write(GOOD + f"budi:admin:{'AB' * 32}\n"), "line 2 repeats the key of ani"),
    "bytes": (_write("\0\1\2\n"), "line 1 is not"),
    "others may write": (_write(GOOD, 0o622), "chmod go-w"),
    "the group may write": (_write(GOOD, 0o660), "chmod go-w"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_good_is_refused_with_a_sentence(binary, bundle, tmp_path, name):
    prepare, part = BAD_FILES[name]
    file = tmp_path / "api-keys"
    prepare(file)
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", "--api-keys", str(file)],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("beralih: ") and part in result.stderr and str(file) in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_keys_the_operator_is_who_sits_at_the_machine(server):
    assert server.request("POST", "/api/admin/reload", b"").status == 200
    for header in [{"Origin": "http://localhost:8080"}, {"Sec_Fetch_Site": "same-origin"},
                   {"X_Forwarded_For": "203.0.113.5"}, {"Forwarded": "for=203.0.113.5"}, {"Via": "1.1 proxy"}]:
        answer = server.request("POST", "/api/admin/reload", b"", **header)
        assert answer.status == 403, header
        assert "--api-keys" in answer.json()["detail"]


def test_without_keys_another_machine_is_not_the_operator(binary, bundle, tmp_path):
    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    if not address:
        pytest.skip("this machine has no address beside the loopback one")
    with Server(binary, bundle, "--host", "0.0.0.0", log=tmp_path / "log") as server:
        port = int(server.wait_for_log(r"listening on http://0\.0\.0\.0:(\d+)").group(1))
        server.wait_for_log(r"ready in [\d.]+ s")
        server.port = port
        server.address = address[0]
        assert server.request("GET", "/v2/health/ready").status == 200
        assert server.request("POST", "/api/admin/reload", b"").status == 403


def test_a_bundle_that_is_no_good_is_not_taken_over(binary, bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    with Server(binary, copy, log=tmp_path / "log") as server:
        server.wait_until_ready()
        moved = copy.rename(tmp_path / "old")
        shutil.copytree(moved, copy)
        with open(copy / "labels.txt", "ab") as labels:
            labels.write(b"another\n")
        answer = server.request("POST", "/api/admin/reload", b"")
        assert answer.status == 422 and answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["type"] == "urn:beralih:problem:bundle_refused"
        assert "labels.txt" in answer.json()["detail"]
        assert server.classify((bundle / "golden" / "dog2.jpg").read_bytes()).status == 200
        assert server.request("GET", "/v2/health/ready").status == 200


def test_one_reload_at_a_time(binary, bundle, tmp_path):
    """--verify always makes each take as long as hashing 87 MB."""
    with Server(binary, bundle, "--verify", "always", log=tmp_path / "log") as server:
        server.wait_until_ready()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: server.request("POST", "/api/admin/reload", b""), range(4)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses[0] == 200 and set(statuses) <= {200, 409} and 409 in statuses
    refused = [answer for answer in answers if answer.status == 409][0]
    assert refused.json()["type"] == "urn:beralih:problem:reload_running"


def test_an_unreadable_file_is_refused(binary, bundle, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    file = tmp_path / "api-keys"
    _write(GOOD, 0o000)(file)
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", "--api-keys", str(file)],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "Permission denied" in result.stderr
