"""What no server wants to meet, all at once, until standard input ends: bad_company.py PORT BUNDLE. Prints what it sent.

Slow requests, idle connections, and at a steady rate one request after another from the tables of the tests: malformed HTTP, malformed
inference requests, bodies that are no images, wrong keys, paths that try to leave, connections that are cut or half closed."""
import collections
import http.client
import itertools
import json
import pathlib
import random
import socket
import struct
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]

from test_bad_input import CASES  # noqa: E402
from test_connections import LIVE, MALFORMED, POST  # noqa: E402
from test_oip_malformed import JSON_TABLE  # noqa: E402

PER_SECOND = 30
SLOW, IDLE = 150, 500
PATHS = ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/bundle/../contract.json", "/bundle/%2e%2e/%2e%2e/etc/passwd",
         "/bundle//etc/passwd", "/bundle/golden/..%2f..%2fweights.safetensors", "/..%5c..%5cetc%5cpasswd", "/\0", "/%00",
         "/bundle/labels.txt%00.png", "/.git/config", "/bundle/weights.safetensors"]

sent = collections.Counter()
end = threading.Event()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def slow(port):
    """A byte at a time, of a head or of a body."""
    texts = itertools.cycle([LIVE, POST + b"Content-Length: 99999\r\n\r\n" + b"x" * 500,
                             POST + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + b"x" * 500])
    held = [[connect(port), next(texts), 0] for _ in range(SLOW)]
    while not end.wait(0.1):
        for each in held:
            try:
                each[0].sendall(each[1][each[2]:each[2] + 1] or b"x")
                each[2] += 1
            except OSError:
                each[0].close()
                each[:] = [connect(port), each[1], 0]
    sent["slow"] += len(held)


def raw(port, data, half_close=False):
    with connect(port) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


def cut(port, data):
    """Leaves with a reset."""
    with connect(port) as connection:
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection._validate_path = lambda url: None  # it would refuse to send what is tried here
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def all_of_it(port, bundle):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    for name, (data, _) in MALFORMED.items():
        yield name, lambda data=data: raw(port, data)
    for name, (body, _, _) in JSON_TABLE.items():
        yield name, lambda body=body: ask(port, "POST", "/v2/models/resnet34/infer", body)
    for name, (make, kind, status, _) in CASES.items():
        if status != 200:
            yield name, lambda body=make(bundle), kind=kind: ask(port, "POST", "/api/classify", body, **{"Content-Type": kind})
    for path in PATHS:
        yield path, lambda path=path: ask(port, "GET", path)
    yield "a wrong key", lambda: ask(port, "GET", "/v2", Authorization="Bearer beralih-" + "0" * 64)
    yield "half closed", lambda: raw(port, LIVE, half_close=True)
    yield "half closed in the body", lambda: raw(port, POST + b"Content-Length: 90000\r\n\r\n" + image[:500], half_close=True)
    yield "cut in the body", lambda: cut(port, POST + b"Content-Length: 90000\r\n\r\n" + image[:500])
    yield "cut before the answer", lambda: cut(port, POST + b"Content-Length: %d\r\n\r\n" % len(image) + image)


def main():
    port, bundle = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    threads = [threading.Thread(target=slow, args=(port,))]
    threads[0].start()
    idle = [connect(port) for _ in range(IDLE)]
    sent["idle"] = len(idle)
    requests = list(all_of_it(port, bundle))
    random.Random(1).shuffle(requests)
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
    print("begun", flush=True)
    for name, request in itertools.cycle(requests):
        if end.wait(1 / PER_SECOND):
            break
        try:
            request()
            sent["answered"] += 1
        except (OSError, http.client.HTTPException, UnicodeError):
            sent["cut off"] += 1
    for thread in threads:
        thread.join()
    print(json.dumps(sent))


main()
