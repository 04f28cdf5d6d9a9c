"""Minutes of bad input: memory reaches its plateau and stays there."""
import os
import time

from company import Company
from server_process import Server

SECONDS = int(os.environ.get("BERALIH_COMPANY_SECONDS", "360"))
SAMPLES = 60
MOST_GROWTH_MIB = 10  # in the second half


def anonymous_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(status.read().split("RssAnon:")[1].split()[0]) / 1024


def test_memory_is_flat(binary, bundle, tmp_path):
    with Server(binary, bundle, "--request-timeout", "2", "--quiet", log=tmp_path / "log") as server:
        server.wait_until_ready()
        samples = []
        with Company(server.port, bundle) as company:
            for _ in range(SAMPLES):
                time.sleep(SECONDS / SAMPLES)
                samples.append(anonymous_mib(server))
        assert server.request("GET", "/v2/health/ready").status == 200
    # A large request in the moment of a sample is a peak: the least of some samples is what stays.
    least = [min(samples[at:at + SAMPLES // 6]) for at in range(0, SAMPLES, SAMPLES // 6)]
    print(f"anonymous memory over {SECONDS} s of bad input: {[round(each) for each in least]} MiB; sent {company.sent}")
    assert least[-1] - least[2] < MOST_GROWTH_MIB
