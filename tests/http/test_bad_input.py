"""Bad input gets a clear 4xx and costs nothing; the server goes on serving."""
import datetime
import json
import re
import socket
import struct
import time
import zlib

import pytest

PNG = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")


def jpeg(bundle) -> bytes:
    return (bundle / "golden" / "dog2.jpg").read_bytes()


def jpeg_that_announces(bundle, height: int, width: int) -> bytes:
    """A real photograph whose header has another size."""
    data = bytearray(jpeg(bundle))
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):  # the frame header, behind the metadata segments
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


CASES = {
    "text": (lambda _: b"I am a text file.", "image/jpeg", 415, "unsupported_format"),
    "empty": (lambda _: b"", "image/jpeg", 400, None),
    "truncated JPEG": (lambda b: jpeg(b)[:40000], "image/jpeg", 422, "corrupt_image"),
    "JPEG of its header only": (lambda b: jpeg(b)[:3], "image/jpeg", 422, "corrupt_image"),
    "truncated PNG": (lambda b: (b / "golden" / "coffee.png").read_bytes()[:9000], "image/png", 422,
                      "corrupt_image"),
    "0 x 0 PNG": (lambda _: png(0, 0), "image/png", 422, "corrupt_image"),
    "2^31 x 2^31 PNG": (lambda _: png(2**31 - 1, 2**31 - 1), "image/png", 413, "image_too_large"),
    "65500 x 65500 JPEG": (lambda b: jpeg_that_announces(b, 65500, 65500), "image/jpeg", 413, "image_too_large"),
    # Pillow, too, takes a short stream for black rows; what the resize would make of it is refused.
    "1 x 80,000,000 PNG": (lambda _: png(1, 80_000_000), "image/png", 413, "image_too_large"),
    "form": (lambda b: jpeg(b), "application/x-www-form-urlencoded", 415, None),
    "not a form": (lambda b: b"--x\r\n\r\nhi\r\n--x--\r\n", "multipart/form-data; boundary=x", 400, None),
    "JSON": (lambda b: b"{}", "application/json", 415, None),
    "a PNG called JPEG is fine": (lambda b: (b / "golden" / "chelsea.png").read_bytes(), "image/jpeg",
                                  200, None),
}


def check_body(asked, bundle, name):
    make, content_type, status, code = CASES[name]
    answer = asked.classify(make(bundle), Content_Type=content_type)
    assert answer.status == status, answer.body
    if status != 200:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        problem = answer.json()
        assert problem["status"] == status
        assert problem["title"] and len(problem["detail"]) > 10
    assert asked.classify(jpeg(bundle)).status == 200
    return answer, code


@pytest.mark.parametrize("name", CASES)
def test_bodies(server, bundle, name):
    answer, code = check_body(server, bundle, name)
    assert not code or code in answer.json()["type"]


@pytest.mark.parametrize("name", [name for name in CASES if name != "not a form"])  # it takes no forms at all: 415
def test_bodies_of_the_python_service(python_service, bundle, name):
    check_body(python_service, bundle, name)


@pytest.mark.parametrize("height, width, status", [(5461, 16385, 200), (5462, 16385, 413)])
def test_the_limit_of_pixels_is_exact(either, bundle, height, width, status):
    """5461 x 16385 is the limit, 89,478,485. The data end early, which libjpeg fills with gray, in both."""
    assert 5461 * 16385 == 89_478_485
    assert either.classify(jpeg_that_announces(bundle, height, width)).status == status




def test_a_body_above_the_limit(either, bundle):
    answer = either.classify(b"\0" * (20 * 2**20 + 1))
    assert answer.status == 413
    assert "20971520" in answer.json()["detail"]
    assert either.classify(jpeg(bundle)).status == 200


def test_a_body_that_never_ends_is_cut(either, bundle):
    """A chunked body has no announced length: the limit must hold while it arrives."""
    with socket.create_connection(("127.0.0.1", either.port), timeout=60) as connection:
        connection.sendall(b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                           b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        chunk = b"100000\r\n" + b"\0" * 0x100000 + b"\r\n"
        try:
            for _ in range(24):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = connection.recv(4096)
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert either.classify(jpeg(bundle)).status == 200


@pytest.mark.parametrize("length, status", [
    (b"-1", 400), (b"5x", 400), (b"99999999999999999999999", 400), (b"999999999999999", 413)])
@pytest.mark.parametrize("path", [b"/api/classify", b"/nothing"])
def test_an_impossible_length_is_answered_at_once(server, path, length, status):
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + length +
                           b"\r\nContent-Type: image/jpeg\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))  # until the server closes
    assert time.monotonic() - start < 3
    head, body = answer.split(b"\r\n\r\n")
    assert f" {status} ".encode() in head.split(b"\r\n")[0]
    assert b"\r\nConnection: close" in head
    assert json.loads(body)["status"] == status


def test_too_many_pixels_and_too_large_a_result_share_a_title(server):
    problem = server.classify(png(1, 80_000_000)).json()
    assert problem["title"] == "The image, or its resized form, is too large"


def test_the_log_says_when_and_which_problem(server, bundle):
    server.classify(jpeg(bundle), X_Request_ID="log-good")
    server.classify(b"text", X_Request_ID="log-bad")
    server.request("GET", "/nothing", X_Request_ID="log-nothing")
    lines = {name: server.wait_for_log(rf"(?m)^ts=.* id={name}\b.*$", 5).group()
             for name in ("log-good", "log-bad", "log-nothing")}
    now = datetime.datetime.now(datetime.timezone.utc)
    for line in lines.values():
        stamp = re.match(r"ts=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z method=", line).group(1)
        logged = datetime.datetime.fromisoformat(stamp + "+00:00")
        assert abs((now - logged).total_seconds()) < 10
    assert "problem=" not in lines["log-good"]
    assert lines["log-bad"].endswith(" problem=unsupported_format")
    assert lines["log-nothing"].endswith(" problem=not_found")


def test_a_client_that_leaves_in_the_middle(server, bundle):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                               b"Content-Length: 90000\r\n\r\n" + b"\xff\xd8\xff" * 100)
    assert server.classify(jpeg(bundle)).status == 200


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/api/classify", 405), ("DELETE", "/api/contract", 405), ("GET", "/nothing", 404),
    ("GET", "/api/nothing", 404), ("GET", "/../../etc/passwd", 404), ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
])
def test_wrong_addresses(either, method, path, status):
    answer = either.request(method, path)
    assert answer.status == status
    assert answer.json()["detail"]


def test_an_unknown_v2_address_has_the_protocols_error_body(either):
    answer = either.request("GET", "/v2/nothing")
    assert answer.status == 404
    assert set(answer.json()) == {"error"}


def test_no_cross_origin_access(server):
    answer = server.request("GET", "/api/contract", Origin="http://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
