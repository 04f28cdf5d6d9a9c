"""While others send all that is in the tables of bad input, a client is served as before, and memory stays within bounds."""
import statistics
import time

from company import Company
from server_process import Server
from test_connections import allow_descriptors, resident_kib

ROUNDS = 2
REQUESTS = 12
# The worker threads' buffers and heaps fill up to a plateau; tests/slow/test_bad_company.py waits for it.
MOST_GROWTH_MIB = 150


def latencies(server, image):
    times = []
    for _ in range(REQUESTS):
        start = time.monotonic()
        assert server.classify(image).status == 200
        times.append(time.monotonic() - start)
    return times


def test_others_are_served_as_before_and_memory_stays_bounded(binary, bundle, tmp_path):
    allow_descriptors(3000)
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    with Server(binary, bundle, "--threads", "1", "--request-timeout", "2", "--quiet", log=tmp_path / "log") as server:
        server.wait_until_ready()
        alone, among, memory = [], [], [resident_kib(server) / 1024]
        for _ in range(ROUNDS):  # in turn, so that what else the machine does meets both
            alone += latencies(server, image)
            with Company(server.port, bundle) as company:
                time.sleep(0.5)
                among += latencies(server, image)
            memory.append(resident_kib(server) / 1024)
        assert server.request("GET", "/v2/health/ready").status == 200
    ratio = statistics.median(among) / statistics.median(alone)
    print(f"median alone {statistics.median(alone) * 1000:.1f} ms, among bad company {statistics.median(among) * 1000:.1f} ms "
          f"({ratio:.2f} times); anonymous memory {[round(each) for each in memory]} MiB; sent per round {company.sent}")
    assert ratio <= 2
    assert memory[-1] - memory[0] < MOST_GROWTH_MIB
