"""What the benchmark keeps of an interrupted run."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import bench_progress  # noqa: E402

ABOUT = {"program": "a", "machine": "b"}


def stop():
    raise SystemExit("the second part failed")


def test_a_failed_run_goes_on_behind_the_part_that_was_measured(tmp_path):
    path, measured = tmp_path / "x.part.json", []
    first = bench_progress.Progress(path, ABOUT, resume=False)
    first.part("one", lambda: measured.append("one") or [1.5])
    with pytest.raises(SystemExit, match="second part"):
        first.part("two", stop)
    again = bench_progress.Progress(path, ABOUT, resume=True)
    assert again.part("one", lambda: measured.append("again")) == [1.5]
    assert again.part("two", lambda: {"rate": 2}) == {"rate": 2}
    assert measured == ["one"]
    assert again.began() == first.began() and again.seconds() >= first.seconds() > 0
    again.done()
    assert list(tmp_path.iterdir()) == []


def test_without_resume_nothing_is_used_again(tmp_path):
    path = tmp_path / "x.part.json"
    bench_progress.Progress(path, ABOUT, resume=False).part("one", lambda: 1)
    assert bench_progress.Progress(path, ABOUT, resume=False).part("one", lambda: 2) == 2
    assert json.loads(path.read_text())["parts"] == {"one": 2}


def test_another_program_s_parts_are_not_mixed_in(tmp_path):
    path = tmp_path / "x.part.json"
    bench_progress.Progress(path, ABOUT, resume=False).part("one", lambda: 1)
    with pytest.raises(SystemExit, match=r"\(program differ\): begin anew"):
        bench_progress.Progress(path, {**ABOUT, "program": "c"}, resume=True)


def test_resuming_nothing_says_so_and_begins(tmp_path, capsys):
    assert bench_progress.Progress(tmp_path / "x.part.json", ABOUT, resume=True).part("one", lambda: 1) == 1
    assert "begins at the beginning" in capsys.readouterr().err
