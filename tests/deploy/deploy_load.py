"""What the tests of several replicas share: a steady load that counts what clients see, and variants of a bundle."""
import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import shutil
import threading
import time


def classify(port, image):
    """(status, contract hash) of one request without a second try; status 0 where no whole answer came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/api/classify", image, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body)["contract_hash"] if response.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def capacity(port, image, seconds=3, clients=6):
    """Answers a second that clients get who ask again as soon as they are answered."""
    end = time.monotonic() + seconds

    def ask():
        count = 0
        while time.monotonic() < end:
            count += classify(port, image)[0] == 200
        return count

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        start = time.monotonic()
        counts = [one.result() for one in [pool.submit(ask) for _ in range(clients)]]
        return sum(counts) / (time.monotonic() - start)


class Load:
    """Requests at a steady rate, whatever comes back, until the `with` block ends. What failed is sent a second time, once."""

    CLIENTS = 64

    def __init__(self, port, image, per_second):
        self.port, self.image, self.per_second = port, image, per_second
        self.first, self.second, self.contracts = [], [], []
        self.sent = 0
        self._ended = threading.Event()

    def _send(self):
        status, contract = classify(self.port, self.image)
        self.first.append(status)
        if status != 200:
            status, contract = classify(self.port, self.image)
            self.second.append(status)
        self.contracts.append(contract)

    def _run(self):
        with concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as pool:
            at = time.monotonic()
            while not self._ended.is_set():
                pool.submit(self._send)
                self.sent += 1
                at += 1 / self.per_second
                time.sleep(max(0.0, at - time.monotonic()))

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(1)
        self._ended.set()
        self._thread.join()

    @property
    def under_way(self):
        return self.sent - len(self.contracts)

    @property
    def failed_once(self):
        return len(self.second)

    @property
    def failed_twice(self):
        return sum(status != 200 for status in self.second)

    def __str__(self):
        seen = {status: self.first.count(status) for status in sorted(set(self.first))}
        return (f"{len(self.first)} requests at {self.per_second:.0f}/s: {self.failed_once} failed for clients that send once, "
                f"{self.failed_twice} for clients that retry once; statuses of the first try {seen}")


def newer_bundle(bundle, folder) -> pathlib.Path:
    """A copy under another version, hence another contract hash."""
    folder = pathlib.Path(folder)
    shutil.copytree(bundle, folder)
    contract = folder / "contract.json"
    contract.write_text(contract.read_text().replace('"version": "1.0.0"', '"version": "1.0.1"', 1))
    (folder / "contract.sha256").write_text(contract_hash(folder) + "\n")
    return folder


def altered_bundle(bundle, folder) -> pathlib.Path:
    """A copy of which one byte of the weights has changed."""
    folder = pathlib.Path(folder)
    shutil.copytree(bundle, folder)
    with open(folder / "weights.safetensors", "r+b") as weights:
        weights.seek(-1, 2)
        last = weights.read(1)
        weights.seek(-1, 2)
        weights.write(bytes([last[0] ^ 1]))
    return folder


def contract_hash(bundle) -> str:
    return hashlib.sha256((pathlib.Path(bundle) / "contract.json").read_bytes()).hexdigest()
