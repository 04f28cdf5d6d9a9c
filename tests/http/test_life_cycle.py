"""Start, refusal to start, and the end."""
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from server_process import Server


@pytest.fixture
def copy(bundle, tmp_path):
    """A bundle that a test may damage; the large files are linked until they are written."""
    target = tmp_path / "bundle"
    shutil.copytree(bundle, target)
    return target


def run_serve(binary, bundle, *arguments):
    arguments = arguments or ("--port", "0")
    return subprocess.run([binary, "serve", "--bundle", str(bundle), *arguments],
                          capture_output=True, text=True, timeout=60)


def refusal(binary, bundle, *arguments):
    """The error message of a server that must end by itself."""
    result = run_serve(binary, bundle, *arguments)
    assert result.returncode == 1, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("beralih: ")
    return last


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name, at", [
    ("weights.safetensors", 50_000_000), ("weights.safetensors", 3), ("architecture.pt", 700),
    ("labels.txt", 5), ("golden/dog1.jpg", 40_000), ("contract.json", 300), ("contract.sha256", 7)])
def test_one_altered_byte_is_refused_and_named(binary, copy, name, at):
    flip(copy / name, at)
    assert name.split("/")[-1].split(".")[0] in refusal(binary, copy)


@pytest.mark.parametrize("name", ["weights.safetensors", "architecture.pt", "labels.txt",
                                  "contract.json", "contract.sha256", "golden/dog2.jpg"])
def test_a_missing_file_is_refused_and_named(binary, copy, name):
    (copy / name).unlink()
    assert name.split("/")[-1] in refusal(binary, copy)


def rewrite(copy, change):
    """Changes the contract and makes its digest right again."""
    contract = json.loads((copy / "contract.json").read_text())
    change(contract)
    text = json.dumps(contract).encode()
    (copy / "contract.json").write_bytes(text)
    (copy / "contract.sha256").write_text(hashlib.sha256(text).hexdigest() + "\n")


def test_another_resize_filter_fails_the_golden_case(binary, copy):
    """Hashes that agree are not enough: the tensor must be the one that research computed."""
    rewrite(copy, lambda c: c["preprocessing"].update(resize_filter="bicubic"))
    assert "golden" in refusal(binary, copy)


def test_another_expected_probability_fails_the_golden_case(binary, copy):
    rewrite(copy, lambda c: c["golden"][0]["top5"][0].update(probability=0.5))
    assert "golden" in refusal(binary, copy)


def test_a_path_that_leaves_the_bundle_is_refused(binary, copy):
    rewrite(copy, lambda c: c["files"][0].update(path="../labels.txt"))
    assert "$.files[0].path" in refusal(binary, copy)


def test_no_bundle_at_all(binary, tmp_path):
    assert str(tmp_path / "nowhere") in refusal(binary, tmp_path / "nowhere")


def contract_hash(bundle):
    return hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()


def test_another_contract_than_the_expected_is_refused(binary, bundle):
    other = "ab" * 32
    last = refusal(binary, bundle, "--port", "0", "--expect-contract", other)
    assert other in last and contract_hash(bundle) in last


def test_the_expected_contract_is_served(binary, bundle, tmp_path):
    expected = contract_hash(bundle).upper()
    with Server(binary, bundle, "--expect-contract", expected, log=tmp_path / "log") as server:
        server.wait_until_ready()


def test_the_ready_line_names_the_model_and_counts_from_the_programs_begin(binary, bundle, tmp_path):
    """A script that prepares for long and then execs the server is no part of the server's start."""
    script = tmp_path / "slow-then-exec"
    script.write_text(f'#!/bin/sh\nsleep 3\nexec {binary} "$@"\n')
    script.chmod(0o755)
    start = time.monotonic()
    with Server(str(script), bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        elapsed = time.monotonic() - start
        line = server.wait_for_log(r"ready in ([\d.]+) s.*\n", 5)
        load = server.request("GET", "/api/artifacts").json()["load"]
    assert 0 < float(line.group(1)) <= elapsed - 3 + 0.01
    assert abs(load["total"] / 1000 - float(line.group(1))) < 0.01
    assert "process start" not in line.group()
    contract = json.loads((bundle / "contract.json").read_text())
    assert (f"model {contract['name']} {contract['version']}, contract {contract_hash(bundle)}"
            in line.group())


def test_a_taken_port(binary, bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in refusal(binary, bundle, "--port", str(port))


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--unknown"], ["--threads", "many"]])
def test_wrong_flags_are_a_usage_error(binary, bundle, arguments):
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), *arguments],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert arguments[0] in result.stderr + result.stdout


def test_it_listens_before_it_is_ready(binary, bundle, tmp_path):
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_listening()
        assert server.request("GET", "/v2/health/live").status == 200
        states = set()
        end = time.monotonic() + 60
        while 200 not in states and time.monotonic() < end:
            states.add(server.request("GET", "/v2/health/ready").status)
        assert states <= {200, 503}
        assert 200 in states


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_accepted_work_is_answered_at_the_end(binary, bundle, tmp_path, stop):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    with Server(binary, bundle, log=tmp_path / "log") as server:
        server.wait_until_ready()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(server.classify(image).status))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)  # all six are accepted; the first is in the network
        assert server.stop(stop) == 0
        for thread in threads:
            thread.join()
    assert answers == [200] * 6


def test_predictions_are_the_same_after_a_restart(binary, bundle, tmp_path, server):
    image = (bundle / "golden" / "dog2.jpg").read_bytes()
    before = server.classify(image).json()["logits"]["sha256"]
    with Server(binary, bundle, log=tmp_path / "log") as other:
        other.wait_until_ready()
        assert other.classify(image).json()["logits"]["sha256"] == before
