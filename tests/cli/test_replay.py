"""`beralih replay` with answers of the real server: the same bits where they are to be expected, and why not elsewhere."""
import json
import subprocess

import pytest

from server_process import Server


def replay(binary, bundle, answer, tmp_path, *arguments):
    receipt = tmp_path / "answer.json"
    receipt.write_text(json.dumps(answer))
    result = subprocess.run([binary, "replay", str(receipt), "--bundle", str(bundle), *arguments],
                            capture_output=True, text=True, timeout=300)
    (logits,) = [line for line in result.stdout.splitlines() if line.startswith("answer: logits sha256")]
    return result, logits


@pytest.fixture(scope="module")
def answer(server, bundle):
    return server.classify((bundle / "golden" / "dog2.jpg").read_bytes(), "?k=5").json()


def test_an_answer_is_computed_in_the_same_way_again(binary, bundle, answer, tmp_path):
    result, logits = replay(binary, bundle, answer, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "same" in logits and "as expected: computed in the same way" in logits


def test_with_other_threads_the_difference_is_named(binary, bundle, answer, tmp_path):
    other = "1" if answer["engine"]["threads"] != 1 else "2"
    result, logits = replay(binary, bundle, answer, tmp_path, "--threads", other)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"threads {answer['engine']['threads']}, here {other}" in logits


def test_other_bits_of_the_same_computation_are_a_difference(binary, bundle, answer, tmp_path):
    changed = {**answer, "logits": {"sha256": "0" * 64}}
    result, logits = replay(binary, bundle, changed, tmp_path)
    assert result.returncode == 1
    assert "DIFFERS" in logits and "the same bits were to be expected" in logits
    elsewhere = {**changed, "engine": {**answer["engine"], "cpu": "another"}}
    result, logits = replay(binary, bundle, elsewhere, tmp_path)
    assert result.returncode == 0
    assert "other bits" in logits and "processor another, here" in logits


def test_an_answer_of_a_fixed_batch_is_replayed_in_such_a_batch(binary, bundle, tmp_path):
    with Server(binary, bundle, "--deterministic", "--max-batch", "4", log=tmp_path / "log") as server:
        server.wait_until_ready()
        answer = server.classify((bundle / "golden" / "dog1.jpg").read_bytes()).json()
    assert (answer["engine"]["batch_size"], answer["engine"]["batch_rows"]) == (1, 4)
    result, logits = replay(binary, bundle, answer, tmp_path)
    assert result.returncode == 0 and "as expected" in logits, result.stdout
