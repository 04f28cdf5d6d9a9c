"""HTTPS: what is spoken, what is refused, renewing the certificate, and slow or foreign clients."""
import concurrent.futures
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from server_process import Server

POST = b"POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def make_certificate(folder, name, *, key_type="ec", days="30", host="localhost"):
    """(certificate, key): self-signed, for localhost and 127.0.0.1."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    kind = ["-newkey", "rsa:2048"] if key_type == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-days", days, "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True, timeout=60)
    return certificate, key


class TlsServer(Server):
    """A server with a certificate that this client trusts, and no other."""

    def __init__(self, binary, bundle, certificate, key, *arguments, log):
        super().__init__(binary, bundle, "--tls-cert", str(certificate), "--tls-key", str(key), *arguments, log=log)
        self.context = ssl.create_default_context(cafile=str(certificate))

    def wait_until_listening(self):
        self.port = int(self.wait_for_log(r"listening on https://127\.0\.0\.1:(\d+)").group(1))

    def connect(self, context=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return (context or self.context).wrap_socket(plain, server_hostname="localhost")

    def connection(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.context)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "first")


@pytest.fixture(scope="module")
def secure(binary, bundle, files, tmp_path_factory):
    with TlsServer(binary, bundle, *files, log=tmp_path_factory.mktemp("secure") / "log") as running:
        running.wait_until_ready()
        yield running


def test_a_classification_over_tls(secure, bundle):
    assert re.search(r"TLS certificate: CN = first, valid until \w+", secure.log())
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    answer = secure.classify(image)
    assert answer.status == 200 and "German shepherd" in answer.json()["predictions"][0]["label"]


def test_a_large_file_arrives_whole(secure, bundle):
    answer = secure.request("GET", "/bundle/edge.onnx")
    assert answer.status == 200 and answer.body == (bundle / "edge.onnx").read_bytes()


def test_requests_on_one_connection_and_pipelined(secure):
    with secure.connect() as connection:
        assert connection.version() == "TLSv1.3"
        connection.sendall(LIVE * 3)
        data = b""
        while data.count(b'{"live":true}') < 3:
            data += connection.recv(65536)
        connection.sendall(LIVE[:20])
        time.sleep(0.05)
        connection.sendall(LIVE[20:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_body_larger_than_any_buffer_at_once(secure):
    body = b"\0" * (8 << 20)
    answer = secure.classify(body)
    assert answer.status == 415


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version, accepted", [
    (ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)])
def test_versions(secure, files, version, accepted):
    context = ssl.create_default_context(cafile=str(files[0]))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if accepted:
        with secure.connect(context) as connection:
            connection.sendall(LIVE)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    else:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            secure.connect(context)


def test_ciphers_without_authenticated_encryption_are_refused(secure, files):
    context = ssl.create_default_context(cafile=str(files[0]))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA")
    with pytest.raises(ssl.SSLError):
        secure.connect(context)


def test_alpn_says_http_1_1(secure, files):
    context = ssl.create_default_context(cafile=str(files[0]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with secure.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_plain_http_on_the_tls_port_is_told_so(secure):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nConnection: close" in head
    assert "https://" in json.loads(body)["detail"]
    with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as connection:
        connection.sendall(POST + b"Content-Length: 5000000\r\n\r\n" + b"x" * 100_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x40\x00" + b"\xff" * 200, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
                                  b"\0" * 500, b"SSH-2.0-x\r\n"[::-1], b"\x80\x2e\x01\x00\x02"], ids=range(5))
def test_what_is_neither_is_closed(secure, data):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            assert len(b"".join(iter(lambda: connection.recv(65536), b""))) < 100  # an alert at most
        except OSError:
            pass  # reset, which is as good
    assert secure.request("GET", "/v2/health/live").status == 200


def test_slow_handshakes_hold_nobody_and_end(binary, bundle, files, tmp_path):
    """More than there are workers; others are answered meanwhile."""
    with TlsServer(binary, bundle, *files, "--request-timeout", "2", log=tmp_path / "log") as server:
        server.wait_until_ready()
        hello = ssl.MemoryBIO()
        client = server.context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        data = hello.read()
        slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(150)]
        start = time.monotonic()
        for at in range(20):
            for connection in slow:
                connection.sendall(data[at:at + 1])
            asked = time.monotonic()
            assert server.request("GET", "/v2/health/live").status == 200
            assert time.monotonic() - asked < 2
            time.sleep(0.05)
        for connection in slow:
            assert connection.recv(1) == b""
            connection.close()
        assert time.monotonic() - start < 15


def test_sighup_shows_the_new_certificate(binary, bundle, tmp_path):
    certificate, key = make_certificate(tmp_path / "a", "before")
    with TlsServer(binary, bundle, certificate, key, log=tmp_path / "log") as server:
        server.wait_until_ready()
        standing = server.connect()
        new_certificate, new_key = make_certificate(tmp_path / "b", "after", key_type="rsa")
        certificate.write_bytes(new_certificate.read_bytes())
        server.process.send_signal(signal.SIGHUP)  # the key is still the old one
        assert "does not belong to the certificate" in server.wait_for_log("TLS certificate not read anew.*").group()
        server.connect().close()
        key.write_bytes(new_key.read_bytes())
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("TLS certificate read anew: CN = after")
        with server.connect(ssl.create_default_context(cafile=str(new_certificate))) as connection:
            assert ("commonName", "after") in connection.getpeercert()["subject"][0]
        standing.sendall(LIVE)
        assert standing.recv(65536).startswith(b"HTTP/1.1 200")
        standing.close()


def test_a_reload_shows_the_new_certificate(binary, bundle, tmp_path):
    certificate, key = make_certificate(tmp_path / "a", "before")
    with TlsServer(binary, bundle, certificate, key, "--engine", "null", log=tmp_path / "log") as server:
        server.wait_until_ready()
        new_certificate, new_key = make_certificate(tmp_path / "b", "after")
        certificate.write_bytes(new_certificate.read_bytes())
        refused = server.request("POST", "/api/admin/reload", b"")  # the key is still the old one
        assert refused.status == 422 and refused.json()["type"] == "urn:beralih:problem:credentials_refused"
        assert "does not belong to the certificate" in refused.json()["detail"]
        key.write_bytes(new_key.read_bytes())
        assert server.request("POST", "/api/admin/reload", b"").status == 200  # over the old one
        with server.connect(ssl.create_default_context(cafile=str(new_certificate))) as connection:
            assert ("commonName", "after") in connection.getpeercert()["subject"][0]


def _replace(text):
    return lambda certificate, key: certificate.write_bytes(text)


def _other_key(key_type):
    def change(certificate, key):
        key.write_bytes(make_certificate(key.parent / "other", "other", key_type=key_type)[1].read_bytes())
    return change


def _encrypt(_, key):
    encrypted = key.with_suffix(".encrypted")
    subprocess.run(["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(encrypted)], check=True,
                   capture_output=True)
    encrypted.rename(key)


BAD_FILES = {
    "no certificate": (lambda c, k: c.unlink(), "certificate", "No such file"),
    "no key": (lambda c, k: k.unlink(), "key", "No such file"),
    "an empty certificate": (_replace(b""), "certificate", "empty"),
    "a text": (_replace(b"hello\n"), "certificate", "no PEM certificate"),
    "a folder": (lambda c, k: (c.unlink(), c.mkdir()), "certificate", "folder"),
    "a damaged certificate": (lambda c, k: c.write_bytes(c.read_bytes().replace(b"\nM", b"\nZ", 1)), "certificate", "damaged"),
    "a key that is text": (lambda c, k: k.write_bytes(b"hello\n"), "key", "no PEM key"),
    "another key": (_other_key("ec"), "key", "does not belong to the certificate"),
    "a key of another kind": (_other_key("rsa"), "key", "does not belong to the certificate"),
    "an encrypted key": (_encrypt, "key", "encrypted"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_no_good_are_refused_with_a_sentence(binary, bundle, tmp_path, name):
    change, what, part = BAD_FILES[name]
    certificate, key = make_certificate(tmp_path, "mine")
    change(certificate, key)
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", "--tls-cert", str(certificate),
                             "--tls-key", str(key)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1, result.stderr
    assert f"beralih: the {what} " in result.stderr and part in result.stderr
    assert str(key if what == "key" else certificate) in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("given, missing", [("--tls-cert", "--tls-key"), ("--tls-key", "--tls-cert")])
def test_one_without_the_other_is_a_usage_error(binary, bundle, files, given, missing):
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), given, str(files[0])], capture_output=True, text=True,
                            timeout=60)
    assert result.returncode == 2 and missing in result.stderr


def test_health_and_loadtest_speak_tls(binary, bundle, secure, files, tmp_path):
    image = str(bundle / "golden" / "dog2.jpg")
    said = subprocess.run([binary, "health", "--port", str(secure.port), "--tls-cert", str(files[0])], capture_output=True,
                          text=True, timeout=30)
    assert (said.returncode, said.stdout) == (0, "ready\n"), said.stderr
    url = f"https://127.0.0.1:{secure.port}/api/classify"
    load = [binary, "loadtest", url, "--rate", "4", "--duration", "1", "--latency-ms", "60000", "--image", image]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        trusted, untrusted = pool.map(lambda more: subprocess.run([*load, *more], capture_output=True, text=True, timeout=60),
                                      [["--ca-file", str(files[0])], []])
    assert "served" in trusted.stdout, trusted.stderr
    assert untrusted.returncode == 1 and "--ca-file" in untrusted.stderr
    assert subprocess.run([*load, "--insecure"], capture_output=True, timeout=60).stdout


def test_sigterm_answers_what_is_accepted(binary, bundle, files, tmp_path):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    with TlsServer(binary, bundle, *files, log=tmp_path / "log") as server:
        server.wait_until_ready()
        connections = [server.connect() for _ in range(6)]
        for connection in connections:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(image) + image)
        server.process.send_signal(signal.SIGTERM)
        for connection in connections:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))  # ends with a close_notify
            assert answer.startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(30) == 0
