"""tests/summary.py prints what tests have measured."""
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]

REPORT = """<testsuites><testsuite><testcase classname="a" name="starts"><properties><property name="measured" value="ready in 2 s"/>
<property name="files" value="7"/></properties></testcase><testcase classname="a" name="quiet"/></testsuite></testsuites>"""


def summary(folder, *outcomes):
    return subprocess.run([sys.executable, str(TESTS / "summary.py"), str(folder), *outcomes], capture_output=True, text=True)


def test_it_prints_the_figures_and_still_ends_with_the_count(tmp_path):
    (tmp_path / "deploy.xml").write_text(REPORT)
    lines = summary(tmp_path, "deploy=0").stdout.splitlines()
    assert lines[1:3] == ["measured, deploy:", "  starts: ready in 2 s"] and "7" not in "".join(lines[:-1])
    assert lines[-1] == "2 passed, 0 failed, 0 skipped"


def test_a_report_that_is_missing_is_a_failure_and_measures_nothing(tmp_path):
    done = summary(tmp_path, "deploy=1")
    assert done.returncode == 1 and "measured" not in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_what_pytest_notes_is_what_it_reads(tmp_path):
    """The fixture of conftest.py and the summary agree on the property's name."""
    (tmp_path / "conftest.py").write_text((TESTS / "deploy" / "conftest.py").read_text())
    (tmp_path / "test_one.py").write_text("def test_one(measured):\n    measured('3 apples')\n")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={tmp_path}/deploy.xml", str(tmp_path)], check=True,
                   capture_output=True, env={"PYTHONPATH": str(TESTS / "deploy"), "PATH": "/usr/bin:/bin"})
    assert "  test_one: 3 apples" in summary(tmp_path, "deploy=0").stdout.splitlines()
