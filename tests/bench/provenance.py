"""Which program was measured, and the schema that a result must follow before it is written."""
import hashlib
import json
import pathlib
import subprocess

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commit():
    """Of the sources that the benchmark lies in; "-dirty" where they were changed since. "unknown" outside a clone."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    try:
        head = git("rev-parse", "--short=12", "HEAD")
    except FileNotFoundError:
        return "unknown"
    if head.returncode != 0:
        return "unknown"
    # What an earlier part of the same run has written is no change of what is measured.
    changed = git("diff", "--quiet", "HEAD", "--", ".", ":(exclude)tests/bench/results", ":(exclude)tests/bench/README.md")
    return head.stdout.strip() + ("-dirty" if changed.returncode != 0 else "")


def program(binary):
    said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout.split()
    return {"name": said[0], "version": said[-1], "commit": commit(), "sha256": hashlib.sha256(pathlib.Path(binary).read_bytes()).hexdigest()}


def validate(result, schema):
    """A result that is not as its schema says is not written: the page and the tests would read it."""
    jsonschema.validate(result, json.loads(pathlib.Path(schema).read_text()))
