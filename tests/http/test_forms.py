"""POST /api/classify with multipart/form-data: several images, an answer or a problem for each."""
import json

import pytest

from events import Stream, run_id
from server_process import Server

BOUNDARY = b"----boundary7MA4YWxk"


def form(*files, boundary=BOUNDARY):
    """The body as curl -F and a browser's FormData write it; `files` are (file name, bytes)."""
    body = b""
    for name, data in files:
        body += (b"--" + boundary + b'\r\nContent-Disposition: form-data; name="image"; filename="' + name.encode() +
                 b'"\r\nContent-Type: application/octet-stream\r\n\r\n' + data + b"\r\n")
    return body + b"--" + boundary + b"--\r\n"


def send(server, body, query="", **headers):
    return server.request("POST", "/api/classify" + query, body,
                          Content_Type=f"multipart/form-data; boundary={BOUNDARY.decode()}", **headers)


@pytest.fixture(scope="module")
def images(bundle):
    return {name: (bundle / "golden" / name).read_bytes() for name in ("dog1.jpg", "dog2.jpg", "coffee.png")}


def test_each_image_gets_the_answer_that_it_gets_alone(server, images):
    answer = send(server, form(*images.items()), "?k=3", X_Request_ID="form-1")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert "total;dur=" in answer.headers["Server-Timing"]
    items = answer.json()
    assert [(i["item"], i["name"], i["filename"], i["status"]) for i in items] == [
        (n, "image", name, 200) for n, name in enumerate(images)]
    for item, data in zip(items, images.values()):
        alone = server.classify(data, "?k=3").json()
        assert list(item["answer"]) == list(alone)
        assert item["answer"]["request_id"] == "form-1"
        for member in ("image", "tensor", "logits", "predictions", "engine"):
            assert item["answer"][member] == alone[member], member


def test_a_bad_image_fails_alone(server, images):
    files = [("a.jpg", images["dog1.jpg"]), ("cut.jpg", images["dog2.jpg"][:5000]), ("text.txt", b"no image"),
             ("empty", b""), ("c.png", images["coffee.png"])]
    answer = send(server, form(*files))
    assert answer.status == 200
    items = answer.json()
    assert [item["status"] for item in items] == [200, 422, 415, 400, 200]
    assert ["answer" in item for item in items] == [True, False, False, False, True]
    for item in items[1:4]:
        assert item["problem"]["status"] == item["status"]
        assert item["problem"]["type"].startswith("urn:beralih:problem:")
    alone = server.classify(b"no image").json()
    assert items[2]["problem"]["detail"] == alone["detail"]


def test_a_form_may_hold_more_images_than_the_queue(server, images):
    items = send(server, form(*[(str(i), images["dog2.jpg"]) for i in range(40)]), "?k=1",
                 X_Request_Deadline_Ms="60000").json()
    assert [item["status"] for item in items] == [200] * 40
    assert len({item["answer"]["logits"]["sha256"] for item in items}) == 1


def test_malformed_forms_are_400_and_say_where(server, images):
    whole = form(*images.items())
    for body, part in ((whole[:-60], "no boundary follows part 2"), (b"", "empty"), (b"x" + whole, "does not begin"),
                       (form(), "has no part"), (whole.replace(b"filename", b"filenome", 1).replace(
                           b"application/octet-stream", b"text/plain", 1), "is not a file"),
                       (form(*[("a", b"x")] * 65), "more than 64 parts")):
        answer = send(server, body)
        assert answer.status == 400, answer.body
        assert part in answer.json()["detail"]
    wrong = server.request("POST", "/api/classify", whole, Content_Type="multipart/form-data")
    assert wrong.status == 400 and "boundary" in wrong.json()["detail"]
    assert send(server, whole, "?k=0").status == 400
    assert send(server, whole, Beralih_Contract="0" * 64).status == 412
    assert send(server, form(("big", b"\0" * (20 << 20)))).status == 413


def test_the_bodys_limit_holds_for_the_whole_form(binary, bundle, images, tmp_path):
    with Server(binary, bundle, "--max-body-bytes", "150000", log=tmp_path / "log") as server:
        server.wait_until_ready()
        assert send(server, form(("a", images["dog1.jpg"]))).status == 200
        assert send(server, form(("a", images["dog1.jpg"]), ("b", images["dog2.jpg"]))).status == 413


def test_a_deadline_counts_for_every_image(server, images):
    answer = send(server, form(*[(str(i), images["dog2.jpg"]) for i in range(30)]), "?k=1", X_Request_Deadline_Ms="400")
    if answer.status == 200:
        statuses = [item["status"] for item in answer.json()]
        assert set(statuses) <= {200, 429, 504} and statuses[-1] != 200
        assert all("deadline" in item["problem"]["detail"] for item in answer.json() if item["status"] != 200)
    else:
        assert answer.status == 429


def test_events_name_the_image(server, images):
    run = run_id()
    send(server, form(("a", images["dog1.jpg"]), ("b", b"no image"), ("c", images["dog2.jpg"])), X_Beralih_Run=run)
    with Stream(server, run) as stream:
        stream.head()
        events = stream.until("answered")
    assert sorted(e.data["item"] for e in events if e.type == "inferred") == [0, 2]
    assert [e.data for e in events if e.type == "failed"][0]["item"] == 1
    assert events[-1].data["status"] == 200


def test_curl_writes_such_a_form(server, bundle, tmp_path):
    import shutil
    import subprocess
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    arguments = [f"-Fimage=@{bundle}/golden/{name}" for name in ("dog1.jpg", "coffee.png")]
    result = subprocess.run(["curl", "-s", *arguments, f"http://127.0.0.1:{server.port}/api/classify"],
                            capture_output=True, check=True, timeout=60)
    assert [item["answer"]["predictions"][0]["label"].split(",")[0] for item in json.loads(result.stdout)] == [
        "Pembroke", "espresso"]
