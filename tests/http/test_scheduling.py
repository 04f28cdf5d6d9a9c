"""Deadlines, priorities, batches, the engines, and reloads under load: the real server."""
import concurrent.futures
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from server_process import Server


@pytest.fixture(scope="module")
def photograph(bundle):
    return (bundle / "golden" / "dog2.jpg").read_bytes()


def problem(answer):
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()


@pytest.mark.parametrize("value", ["0", "-5", "soon", "1.5", "1e3", "99999999999999999999"])
def test_a_deadline_that_is_no_number_is_refused(server, photograph, value):
    answer = server.classify(photograph, X_Request_Deadline_Ms=value)
    assert answer.status == 400 and "X-Request-Deadline-Ms" in problem(answer)["detail"]


def test_a_priority_that_does_not_exist_is_refused(server, photograph):
    answer = server.classify(photograph, X_Beralih_Priority="urgent")
    assert answer.status == 400 and "bulk" in problem(answer)["detail"]


def test_bulk_requests_get_the_same_answer(server, photograph):
    first = server.classify(photograph).json()
    bulk = server.classify(photograph, X_Beralih_Priority="bulk", X_Request_Deadline_Ms="60000").json()
    assert bulk["logits"] == first["logits"]


def test_what_cannot_be_answered_in_time_is_refused_with_the_reason(binary, bundle, photograph, tmp_path):
    """A long queue in front; then a request with little time."""
    with Server(binary, bundle, "--max-batch", "1", "--deadline-ms", "0", log=tmp_path / "log") as server:
        server.wait_until_ready()
        with concurrent.futures.ThreadPoolExecutor(13) as pool:
            long = [pool.submit(server.classify, photograph) for _ in range(12)]
            time.sleep(0.2)
            hurried = server.classify(photograph, X_Request_Deadline_Ms="60")
            answers = [each.result() for each in long]
    assert [answer.status for answer in answers] == [200] * 12
    assert hurried.status == 429
    assert int(hurried.headers["Retry-After"]) >= 1
    body = problem(hurried)
    assert body["type"] == "urn:beralih:problem:overloaded"
    assert body["limit"] == "deadline" and float(body["predicted_wait_ms"]) > 60


@pytest.mark.parametrize("options, places", [((), 4), (("--max-queue", "3"), 3)])
def test_on_a_card_twice_the_largest_batch_may_wait(binary, bundle, photograph, tmp_path, options, places):
    """With the CPU in the card's place."""
    with Server(binary, bundle, "--device", "cuda-on-cpu", "--dtype", "fp32", "--max-batch", "2", "--deadline-ms", "0", *options,
                log=tmp_path / "log") as server:
        server.wait_until_ready()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: server.classify(photograph), range(16)))
    refused = [problem(answer)["detail"] for answer in answers if answer.status == 429]
    assert refused and all(f"the queue is full: {places} requests may wait" in detail for detail in refused)
    assert [answer.status for answer in answers].count(200) >= places


def test_the_help_names_the_options(binary):
    text = subprocess.run([binary, "serve", "--help"], capture_output=True, text=True, timeout=60).stdout
    for option in ["--max-batch", "--batch-delay", "--deadline-ms", "--cpu-engine", "--dtype",
                   "--deterministic", "--preprocess-threads", "--canary-interval", "--max-buffered-bytes", "--connection-threads",
                   "--log-health"]:
        assert option in text


@pytest.mark.parametrize("arguments", [["--cpu-engine", "fast"], ["--max-batch", "-1"], ["--cpu-engine", "mapped", "--dtype", "bf16"],
                                       ["--cpu-engine", "winograd", "--dtype", "bf16"]])
def test_wrong_engine_flags_are_a_usage_error(binary, bundle, arguments):
    result = subprocess.run([binary, "serve", "--bundle", str(bundle), "--port", "0", *arguments],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and arguments[0] in result.stderr


def test_the_packed_engine_reproduces_the_golden_cases_and_says_what_it_tried(
        binary, bundle, photograph, server, tmp_path):
    with Server(binary, bundle, "--cpu-engine", "packed", log=tmp_path / "log") as packed:
        packed.wait_until_ready()
        facts = packed.request("GET", "/api/artifacts").json()["server"]
        packed.wait_for_log("golden cases reproduced: all")
        answer = packed.classify(photograph).json()["predictions"]
    tried = {each["name"]: each for each in facts["candidates"]}
    assert {"mapped fp32", "packed fp32"} <= set(tried)
    assert sum(each["chosen"] for each in tried.values()) == 1
    name = f"{facts['engine']} {facts['dtype']}"
    assert tried[name]["chosen"]
    assert name.split()[1] + " " + name.split()[0] + " (tried" in (tmp_path / "log").read_text()
    plain = server.classify(photograph).json()["predictions"]
    assert answer[0]["index"] == plain[0]["index"]
    tolerance = 1e-4 if facts["dtype"] == "fp32" else 0.03
    assert abs(answer[0]["probability"] - plain[0]["probability"]) <= tolerance


def has_winograd():
    """oneDNN has Winograd's convolutions for processors with these alone."""
    flags = re.search(r"^flags\s*:(.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M).group(1).split()
    return {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= set(flags)


def test_small_weights_are_copied_by_default_and_every_start_chooses_the_same(binary, bundle, photograph, server, tmp_path):
    """No choice by measuring: the bits of an answer do not depend on what else the machine did at the start."""
    assert (bundle / "weights.safetensors").stat().st_size < 256 << 20
    form = "winograd" if has_winograd() else "packed"
    facts = server.request("GET", "/api/artifacts").json()["server"]
    assert (facts["engine"], facts["dtype"]) == (form, "fp32")
    assert [(each["name"], each["chosen"]) for each in facts["candidates"]] == [(f"{form} fp32", True)]
    logits = server.classify(photograph).json()["logits"]["sha256"]
    for options in [(), ("--cpu-engine", form, "--dtype", "fp32")]:
        with Server(binary, bundle, *options, log=tmp_path / "log") as other:
            other.wait_until_ready()
            assert other.classify(photograph).json()["logits"]["sha256"] == logits
            other.wait_for_log("golden cases reproduced: all")


def test_packed_in_fp32_filters_directly(binary, bundle, photograph, server, tmp_path):
    """So that a receipt of a packed server can be computed again, bit for bit."""
    with Server(binary, bundle, "--cpu-engine", "packed", "--dtype", "fp32", log=tmp_path / "log") as packed:
        packed.wait_until_ready()
        facts = packed.request("GET", "/api/artifacts").json()["server"]
        answer = packed.classify(photograph).json()
        packed.wait_for_log("golden cases reproduced: all")
    assert (facts["engine"], facts["dtype"]) == ("packed", "fp32")
    default = server.classify(photograph).json()
    assert (answer["logits"]["sha256"] != default["logits"]["sha256"]) == has_winograd()
    for one, other in zip(answer["predictions"], default["predictions"]):
        assert one["index"] == other["index"] and abs(one["probability"] - other["probability"]) < 1e-5


def memory_after_start(binary, bundle, tmp_path, *options):
    """Resident KiB that are the process's own, and those of the file of weights."""
    with Server(binary, bundle, *options, log=tmp_path / "log") as server:
        server.wait_until_ready()
        server.wait_for_log("golden cases reproduced: all")
        process = pathlib.Path(f"/proc/{server.process.pid}")
        own = int((process / "status").read_text().split("RssAnon:")[1].split()[0])
        of_weights = (process / "smaps").read_text().split("/weights.safetensors\n")[1]
    return own, int(of_weights.split("Rss:")[1].split()[0])


def test_packed_weights_are_in_memory_once(binary, bundle, tmp_path):
    weights = (bundle / "weights.safetensors").stat().st_size / 1024
    mapped, shared = memory_after_start(binary, bundle, tmp_path, "--cpu-engine", "mapped")
    packed, left = memory_after_start(binary, bundle, tmp_path, "--cpu-engine", "packed", "--dtype", "fp32")
    default, _ = memory_after_start(binary, bundle, tmp_path)
    assert shared > 0.9 * weights  # it serves from the file's pages
    assert left < 0.2 * weights
    assert packed - mapped < 1.6 * weights
    assert default - mapped < 2.6 * weights  # transformed filters of 3x3 are 16 values, some 36


@pytest.mark.parametrize("engine", ["auto", "mapped", "packed", "winograd"] if has_winograd() else ["auto", "mapped", "packed"])
def test_a_deterministic_prediction_does_not_depend_on_its_neighbours(
        binary, bundle, photograph, tmp_path, engine):
    other = (bundle / "golden" / "dog1.jpg").read_bytes()
    with Server(binary, bundle, "--deterministic", "--max-batch", "4", "--batch-delay", "100000",
                "--cpu-engine", engine, log=tmp_path / "log") as server:
        server.wait_until_ready()
        alone = server.classify(photograph).json()["logits"]["sha256"]
        for _ in range(3):  # in company, at different places of the batch
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda image: server.classify(image).json(),
                                        [other, photograph, other, photograph]))
            assert [answers[i]["logits"]["sha256"] for i in (1, 3)] == [alone, alone]
            assert answers[0]["logits"]["sha256"] == answers[2]["logits"]["sha256"] != alone


def test_a_bundle_that_is_no_good_is_not_reloaded(binary, bundle, photograph, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    with Server(binary, copy, log=tmp_path / "log") as server:
        server.wait_until_ready()
        moved = copy.rename(tmp_path / "old")
        shutil.copytree(moved, copy)
        (copy / "labels.txt").write_text("another\n")
        server.process.send_signal(signal.SIGHUP)
        line = server.wait_for_log(r"not reloaded, nothing has changed: .*\n").group()
        assert "labels.txt" in line
        assert server.classify(photograph).status == 200
        assert server.request("GET", "/v2/health/ready").status == 200
