"""Fuzzes every target for a while, as many at a time as there are cores, and writes a JUnit report.

usage: run_all.py REPORT SECONDS      (SECONDS a target; needs the build of the `fuzz` preset)
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TARGETS = ("decode", "pipeline", "contract", "safetensors")
RUN = Path(__file__).with_name("run.sh")


def fuzz(target, seconds):
    done = subprocess.run([RUN, target, str(seconds)], capture_output=True, text=True, errors="replace",
                          env=os.environ | {"BERALIH_FUZZ_VERBOSITY": "0"})  # fmt: skip
    executions = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    return target, done.returncode, int(executions[1]) if executions else 0, done.stderr


def main(report, seconds):
    suite = ET.Element("testsuite", name="fuzz")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for target, status, executions, errors in pool.map(lambda name: fuzz(name, seconds), TARGETS):
            print(f"{target}: {executions} executions, exit status {status}")
            case = ET.SubElement(suite, "testcase", name=f"{target} ({executions} executions)")
            if status != 0 or executions == 0:
                lines = [line for line in errors.splitlines() if re.search("ERROR|SUMMARY|runtime error|Test unit", line)]
                reason = "\n".join(lines[:8]) or errors[-500:] or "no execution"
                ET.SubElement(case, "failure", message=reason.splitlines()[0]).text = reason
    ET.ElementTree(suite).write(report)
    return 1 if suite.find(".//failure") is not None else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
