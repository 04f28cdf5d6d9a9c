"""Bad input gets a clear 4xx and costs nothing; the server goes on serving."""
import socket
import struct
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


def jpeg_of_65500(bundle) -> bytes:
    """A real photograph whose header announces 65,500 x 65,500 pixels."""
    data = bytearray(jpeg(bundle))
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):  # the frame header, behind the metadata segments
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    struct.pack_into(">HH", data, at + 5, 65500, 65500)
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
    "65500 x 65500 JPEG": (jpeg_of_65500, "image/jpeg", 413, "image_too_large"),
    # Pillow, too, takes a short stream for black rows; what the resize would make of it is refused.
    "1 x 80,000,000 PNG": (lambda _: png(1, 80_000_000), "image/png", 413, "image_too_large"),
    "form": (lambda b: jpeg(b), "application/x-www-form-urlencoded", 415, None),
    "multipart": (lambda b: b"--x\r\n\r\nhi\r\n--x--\r\n", "multipart/form-data; boundary=x", 415, None),
    "JSON": (lambda b: b"{}", "application/json", 415, None),
    "a PNG called JPEG is fine": (lambda b: (b / "golden" / "chelsea.png").read_bytes(), "image/jpeg",
                                  200, None),
}


@pytest.mark.parametrize("name", CASES)
def test_bodies(server, bundle, name):
    make, content_type, status, code = CASES[name]
    answer = server.classify(make(bundle), Content_Type=content_type)
    assert answer.status == status, answer.body
    if status != 200:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        problem = answer.json()
        assert problem["status"] == status
        assert problem["title"] and len(problem["detail"]) > 10
        if code:
            assert code in problem["type"]
    assert server.classify(jpeg(bundle)).status == 200


def test_a_body_above_the_limit(server, bundle):
    answer = server.classify(b"\0" * (20 * 2**20 + 1))
    assert answer.status == 413
    assert "20971520" in answer.json()["detail"]
    assert server.classify(jpeg(bundle)).status == 200


def test_a_body_that_never_ends_is_cut(server, bundle):
    """A chunked body has no announced length: the limit must hold while it arrives."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
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
    assert server.classify(jpeg(bundle)).status == 200


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
def test_wrong_addresses(server, method, path, status):
    answer = server.request(method, path)
    assert answer.status == status
    assert answer.json()["detail"]


def test_an_unknown_v2_address_has_the_protocols_error_body(server):
    answer = server.request("GET", "/v2/nothing")
    assert answer.status == 404
    assert set(answer.json()) == {"error"}


def test_no_cross_origin_access(server):
    answer = server.request("GET", "/api/contract", Origin="http://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
