"""POST /api/classify and its neighbours, asked of the real server binary; what takes `either` also of inference_service.py."""
import concurrent.futures
import hashlib
import json
import re

import pytest

from server_process import Server

EXPECTED = {  # image: part of the label, lowest and highest probability
    "dog2.jpg": ("German shepherd", 0.95, 1.0),
    "dog1.jpg": ("Pembroke", 0.75, 0.9),
    "coffee.png": ("espresso", 0.95, 1.0),
    "chelsea.png": ("Egyptian cat", 0.55, 0.75),
}


def golden_image(bundle, name):
    return (bundle / "golden" / name).read_bytes()


@pytest.mark.parametrize("name", EXPECTED)
def test_known_photographs(either, bundle, name):
    label, low, high = EXPECTED[name]
    answer = either.classify(golden_image(bundle, name))
    assert answer.status == 200
    first = answer.json()["predictions"][0]
    assert label.lower() in first["label"].lower()
    assert low <= first["probability"] <= high


def test_wolves_are_wolves(either, shared_data):
    answer = either.classify((shared_data / "photos" / "wolves.jpg").read_bytes())
    assert "wolf" in answer.json()["predictions"][0]["label"]


def test_golden_cases_of_the_contract(either, bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    assert contract["golden"]
    for case in contract["golden"]:
        answer = either.classify((bundle / case["image"]).read_bytes()).json()
        assert answer["tensor"]["sha256"] == case["tensor_sha256"]
        for got, want in zip(answer["predictions"], case["top5"]):
            assert got["index"] == want["index"]
            assert abs(got["probability"] - want["probability"]) <= contract["tolerance"]["fp32"]


def test_the_answer_says_what_it_was_made_from(server, bundle):
    image = golden_image(bundle, "dog1.jpg")
    answer = server.classify(image, X_Request_ID="req-7")
    body = answer.json()
    assert body["image"]["sha256"] == hashlib.sha256(image).hexdigest()
    assert body["image"]["bytes"] == len(image)
    assert body["image"]["format"] == "jpeg"
    assert body["contract_hash"] == hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", body["preprocessing_hash"])
    assert re.fullmatch("[0-9a-f]{64}", body["logits"]["sha256"])
    assert body["tensor"]["shape"] == [1, 3, 227, 227]
    assert body["request_id"] == "req-7"
    assert answer.headers["X-Request-ID"] == "req-7"
    assert answer.headers["Beralih-Contract"] == body["preprocessing_hash"]
    timings = body["timings_ms"]
    parts = sum(timings[stage] for stage in ("decode", "resize", "normalize", "queue", "inference"))
    assert 0 < parts <= timings["total"] * 1.001
    assert "inference;dur=" in answer.headers["Server-Timing"]


def ask_often(server, image):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.classify(image).json(), range(24)))
    assert len({a["request_id"] for a in answers}) == 24
    return answers


def test_the_same_image_gives_the_same_logits_every_time(server, bundle):
    image = golden_image(bundle, "dog2.jpg")
    assert len({a["logits"]["sha256"] for a in ask_often(server, image)}) == 1


def test_in_batches_of_any_size_the_same_image_gives_the_same_answer(binary, bundle, tmp_path):
    """The shape of a batch decides the last bits of the logits, and no more."""
    with Server(binary, bundle, "--max-batch", "8", log=tmp_path / "log") as server:
        server.wait_until_ready()
        first, *others = ask_often(server, golden_image(bundle, "dog2.jpg"))
    for other in others:
        assert other["tensor"] == first["tensor"]
        for mine, theirs in zip(first["predictions"], other["predictions"]):
            assert mine["index"] == theirs["index"]
            assert abs(mine["probability"] - theirs["probability"]) < 1e-6


def test_top_k(either, bundle):
    image = golden_image(bundle, "coffee.png")
    assert len(either.classify(image).json()["predictions"]) == 5
    everything = either.classify(image, "?k=1000").json()["predictions"]
    assert len(everything) == 1000
    assert abs(sum(p["probability"] for p in everything) - 1) < 1e-9
    assert [p["probability"] for p in everything] == sorted(
        (p["probability"] for p in everything), reverse=True)
    for wrong in ("0", "-1", "1001", "five", "", "1e2"):
        answer = either.classify(image, f"?k={wrong}")
        assert answer.status == 400, wrong
        assert answer.json()["status"] == 400


@pytest.mark.parametrize("query, name", [("?top_k=3", "top_k"), ("?k=3&K=4", "K"), ("?a%22b", 'a"b')])
def test_an_unknown_query_parameter_is_named(server, bundle, query, name):
    answer = server.classify(golden_image(bundle, "dog2.jpg"), query)
    assert answer.status == 400
    assert f'"{name}"' in answer.json()["detail"]
    assert "the only one is k" in answer.json()["detail"]


def test_the_contract_is_the_stored_file(either, bundle):
    answer = either.request("GET", "/api/contract")
    assert answer.status == 200 and answer.body == (bundle / "contract.json").read_bytes()
    assert answer.headers["Content-Type"] == "application/json"


def test_contract_and_its_etag(server, bundle):
    answer = server.request("GET", "/api/contract")
    stored = (bundle / "contract.json").read_bytes()
    assert answer.status == 200
    assert answer.body == stored
    assert hashlib.sha256(stored).hexdigest() in answer.headers["ETag"]
    again = server.request("GET", "/api/contract", If_None_Match=answer.headers["ETag"])
    assert again.status == 304
    assert again.body == b""


def test_a_client_of_another_contract_gets_412_with_the_servers_text(either, bundle):
    image = golden_image(bundle, "dog1.jpg")
    ours = either.classify(image).headers["Beralih-Contract"]
    assert either.classify(image, Beralih_Contract=ours).status == 200
    refused = either.classify(image, Beralih_Contract="0" * 64)
    assert refused.status == 412
    problem = refused.json()
    text = problem["server_preprocessing"]
    assert hashlib.sha256(text.encode()).hexdigest() == ours == problem["server_preprocessing_hash"]
    assert "resize_filter=bilinear" in text


def test_health(either):
    assert either.request("GET", "/v2/health/live").status == 200
    assert either.request("GET", "/v2/health/ready").status == 200


def test_the_page_is_served_with_its_guards(server):
    answer = server.request("GET", "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"<html" in answer.body.lower()
