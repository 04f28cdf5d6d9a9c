"""beralih loadtest and beralih replay, against the real server."""
import json
import subprocess

import pytest


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def url(server, path="/api/classify"):
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.mark.parametrize("path, body", [("/api/classify", "image"), ("/v2/models/resnet34/infer", "image"),
                                        ("/v2/models/resnet34/infer", "tensor"), ("/v2/models/resnet34/infer", "json")])
def test_every_kind_of_body_is_served(binary, server, bundle, tmp_path, path, body):
    image = ["--image", bundle / "golden" / "dog1.jpg"] if body == "image" else []
    done = run(binary, "loadtest", url(server, path), "--rate", 5, "--duration", 1, "--body", body, *image,
               "--percentile", 50, "--confidence", 50, "--latency-ms", 30000, "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["schema"] == "beralih.loadtest/1" and report["verdict"]["passed"] is True
    requests = report["requests"]
    assert requests["served"] == requests["scheduled"] == report["latency_ms"]["count"] > 0
    assert report["latency_ms"]["p50"] >= report["service_ms"]["min"] > 0


def test_a_missed_limit_is_exit_status_1(binary, server, bundle):
    done = run(binary, "loadtest", url(server), "--rate", 5, "--duration", 1, "--latency-ms", 0.01,
               "--image", bundle / "golden" / "dog1.jpg")
    assert done.returncode == 1 and "NOT passed" in done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["--rate", 0], "--rate"), (["--rate", "many"], "--rate"), (["--duration", -1], "--duration"),
    (["--percentile", 100], "--percentile"), (["--image", "/nowhere.jpg"], "/nowhere.jpg"), (["--body", "xml"], "--body"),
    (["--rate", 1000000, "--duration", 86400], "20 million"), (["--body", "json"], "/infer"),
    (["--body", "tensor", "--image", "x.jpg"], "--image")])
def test_nonsense_gets_one_sentence(binary, arguments, words):
    done = run(binary, "loadtest", "http://127.0.0.1:9/api/classify", *arguments)
    assert done.returncode in (1, 2) and words in done.stderr and done.stderr.count("\n") == 1


def test_nobody_there_and_a_wrong_path(binary, server, bundle):
    image = ["--image", bundle / "golden" / "dog1.jpg"]
    assert "does not answer" in run(binary, "loadtest", "http://127.0.0.1:9/", *image).stderr
    assert "404" in run(binary, "loadtest", url(server, "/nothing"), *image).stderr


@pytest.fixture
def answer(server, bundle, tmp_path):
    path = tmp_path / "answer.json"
    path.write_bytes(server.classify((bundle / "golden" / "dog1.jpg").read_bytes()).body)
    return path


def test_an_answer_is_replayed(binary, bundle, answer):
    done = run(binary, "replay", answer, "--bundle", bundle)     # the picture is one of the bundle's
    assert done.returncode == 0 and "The prediction is the same." in done.stdout, done.stdout + done.stderr
    assert "DIFFERS" not in done.stdout


def test_what_differs_is_named(binary, bundle, answer):
    receipt = json.loads(answer.read_text())
    receipt["predictions"][0]["probability"] -= 0.1
    receipt["tensor"]["sha256"] = "0" * 64
    answer.write_text(json.dumps(receipt))
    done = run(binary, "replay", answer, "--bundle", bundle)
    different = [line for line in done.stdout.splitlines() if "DIFFERS" in line]
    assert done.returncode == 1 and any("tensor sha256" in line for line in different)
    assert any("predictions" in line and "tolerance" in line for line in different)


def test_another_image_differs(binary, bundle, answer):
    done = run(binary, "replay", answer, "--bundle", bundle, "--image", bundle / "golden" / "coffee.png")
    assert done.returncode == 1 and "image sha256" in done.stdout


def test_no_receipt(binary, bundle, tmp_path):
    (tmp_path / "no.json").write_text("[]")
    done = run(binary, "replay", tmp_path / "no.json", "--bundle", bundle)
    assert done.returncode == 1 and "is no receipt" in done.stderr
