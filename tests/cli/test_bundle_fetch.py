"""beralih bundle fetch against a web server that behaves and misbehaves."""
import hashlib
import http.server
import json
import pathlib
import signal
import subprocess
import threading

import pytest

CONTENT = hashlib.sha256(b"checkpoint").digest() * 40000        # 1.28 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
OLD_PART = 300_000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        range_header = self.headers.get("Range", "")
        begin = int(range_header[len("bytes="):].rstrip("-")) if range_header else 0
        self.server.seen.append((self.path, begin))
        kind = self.path.split("/")[1]
        if kind == "redirect":
            self.answer(302, b"", Location="/plain/net-" + DIGEST[:8] + ".pth")
        elif kind == "loop":
            self.answer(302, b"", Location=self.path)
        elif kind == "missing":
            self.answer(404, b"nothing here")
        elif kind == "busy" and len(self.server.seen) < 3:
            self.answer(503, b"later")
        elif kind == "wrong":
            self.send_part(CONTENT[:-1] + b"?", begin, len(CONTENT))
        elif kind == "cut" and len(self.server.seen) < 4:
            self.send_part(CONTENT, begin, begin + 400_000)
        elif kind == "stuck":
            self.send_part(CONTENT, begin, begin)
        elif kind == "no-ranges":
            self.answer(200, CONTENT)
        else:
            self.send_part(CONTENT, begin, len(CONTENT))

    def send_part(self, content: bytes, begin: int, end: int):
        """Announces all that is asked for, and ends at `end`."""
        if begin >= len(content):
            self.answer(416, b"")
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[begin:end])
        self.close_connection = True

    def answer(self, status: int, body: bytes, **headers: str):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def web():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def fetch(binary, tmp_path, web):
    """fetch(kind, arguments…) -> the finished process; the model's address is /kind/net-….pth."""
    def run(kind: str, *arguments: str, url: str = "", prefix: str = DIGEST[:8]):
        row = {"name": "net", "weights": "Net_Weights.V1", "sha256_prefix": prefix, "license": "CC0-1.0", "top1": 1.0,
               "megabytes": 1, "url": url or f"http://127.0.0.1:{web.server_port}/{kind}/net-{DIGEST[:8]}.pth"}
        catalog = tmp_path / "catalog.json"
        catalog.write_text(json.dumps({"models": [row]}))
        return subprocess.run([binary, "bundle", "fetch", "net", "--catalog", str(catalog), "--directory",
                               str(tmp_path / "out"), *arguments], capture_output=True, text=True, timeout=120)
    return run


@pytest.fixture
def target(tmp_path) -> pathlib.Path:
    return tmp_path / "out" / f"net-{DIGEST[:8]}.pth"


@pytest.fixture
def part(target) -> pathlib.Path:
    target.parent.mkdir()
    return pathlib.Path(f"{target}.part")


def assert_fetched(result, target):
    assert result.returncode == 0, result.stderr
    assert target.read_bytes() == CONTENT
    assert not pathlib.Path(f"{target}.part").exists()
    assert result.stdout == f"{target}\n"
    assert DIGEST in result.stderr


def assert_refused(result, target, *words):
    assert result.returncode == 1 and result.stdout == ""
    assert not target.exists()
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.mark.parametrize("kind, requests", [("plain", 1), ("redirect", 2), ("busy", 3), ("cut", 4)])
def test_arrives_whole(fetch, target, web, kind, requests):
    assert_fetched(fetch(kind), target)
    assert len(web.seen) == requests


def test_goes_on_where_it_was_cut(fetch, target, web):
    assert_fetched(fetch("cut"), target)
    assert [begin for _, begin in web.seen] == [0, 400_000, 800_000, 1_200_000]


def test_goes_on_after_an_earlier_run(fetch, target, part, web):
    part.write_bytes(CONTENT[:OLD_PART])
    assert_fetched(fetch("plain"), target)
    assert [begin for _, begin in web.seen] == [OLD_PART]


def test_a_complete_part_is_not_fetched_again(fetch, target, part, web):
    part.write_bytes(CONTENT)
    assert_fetched(fetch("plain"), target)
    assert [begin for _, begin in web.seen] == [len(CONTENT)]


def test_a_server_without_ranges_starts_anew(fetch, target, part):
    part.write_bytes(CONTENT[:OLD_PART])
    assert_fetched(fetch("no-ranges"), target)


def test_a_part_of_another_file_is_thrown_away(fetch, target, part, web):
    part.write_bytes(b"x" * OLD_PART)
    assert_fetched(fetch("plain"), target)
    assert [begin for _, begin in web.seen] == [OLD_PART, 0]


def test_what_is_there_is_kept(fetch, target, web):
    fetch("plain")
    result = fetch("missing")
    assert result.returncode == 0 and "there already" in result.stderr
    assert len(web.seen) == 1


def test_what_is_damaged_is_fetched_again(fetch, target, part):
    target.write_bytes(CONTENT[:-1])
    result = fetch("plain")
    assert_fetched(result, target)
    assert "damaged" in result.stderr


def test_wrong_content_is_removed(fetch, target):
    result = fetch("wrong")
    assert_refused(result, target, "is not Net_Weights.V1", "wrong SHA-256", "--from")
    assert not pathlib.Path(f"{target}.part").exists()


@pytest.mark.parametrize("kind, words", [("missing", ["answers 404", "--from"]), ("loop", ["redirects more than"]),
                                         ("stuck", ["keeps breaking"])])
def test_the_server_fails(fetch, target, kind, words):
    assert_refused(fetch(kind), target, "could not be fetched", *words)


def test_without_a_network(fetch, target):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    result = fetch("", url=f"http://127.0.0.1:{port}/net-{DIGEST[:8]}.pth")
    assert_refused(result, target, "no way to it from here", "on another machine", "--from")


def test_a_local_file(fetch, target, tmp_path, web):
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    assert_fetched(fetch("missing", "--from", str(tmp_path / "mine.pth")), target)
    assert web.seen == []


def test_a_wrong_local_file(fetch, target, tmp_path):
    (tmp_path / "mine.pth").write_bytes(CONTENT[:-1])
    assert_refused(fetch("plain", "--from", str(tmp_path / "mine.pth")), target, "mine.pth", "another file, or a damaged")
    assert_refused(fetch("plain", "--from", str(tmp_path / "none.pth")), target, "none.pth", "cannot open")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1/a b.pth", "http://127.0.0.1/", "-o/tmp/x"])
def test_a_damaged_catalogue(fetch, target, url):
    assert_refused(fetch("", url=url), target, "is damaged")


def test_a_prefix_that_says_too_little(fetch, target):
    assert_refused(fetch("plain", prefix="ab"), target, "is damaged")


def test_an_interrupted_check_removes_nothing(binary, fetch, target, web):
    """A sparse file of some gigabytes, which takes seconds to hash."""
    fetch("plain")
    with target.open("r+b") as file:
        file.truncate(8 << 30)
    catalog = target.parents[1] / "catalog.json"
    process = subprocess.Popen([binary, "bundle", "fetch", "net", "--catalog", str(catalog), "--directory", str(target.parent)],
                               stderr=subprocess.PIPE, text=True)
    assert "checking" in process.stderr.readline()   # after a second, as everything that takes longer
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 1 and "interrupted" in text and "getting it again" not in text
    assert target.stat().st_size == 8 << 30 and len(web.seen) == 1


@pytest.mark.parametrize("place", [pathlib.Path(__file__).resolve().parents[2], pathlib.Path("/")], ids=["sources", "elsewhere"])
def test_the_catalogue_names_what_there_is(binary, place):
    result = subprocess.run([binary, "bundle", "fetch", "--list"], cwd=place, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    for name in ("vit_l_16", "convnext_large", "resnet50", "mobilenet_v3_small", "efficientnet_v2_l"):
        assert f"\n{name} " in result.stdout
    result = subprocess.run([binary, "bundle", "fetch", "nothing"], cwd=place, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "--list" in result.stderr
