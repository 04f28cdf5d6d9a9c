"""Checks every C and C++ source with clang-format; writes a JUnit report with one test case a file.

usage: check_format.py CLANG_FORMAT REPORT.xml    (from the repository root)
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

FOLDERS = ("core", "native_server", "wasm", "models", "tests")
SUFFIXES = {".c", ".cpp", ".h"}
GENERATED = {"node_modules", "bundles"}


def sources():
    for folder in FOLDERS:
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(set(folders) - GENERATED)
            yield from (Path(parent, f) for f in sorted(files) if Path(f).suffix in SUFFIXES)


def main(clang_format, report):
    suite = ET.Element("testsuite", name="format")
    failed = 0
    for source in sources():
        case = ET.SubElement(suite, "testcase", classname="format", name=str(source))
        check = subprocess.run([clang_format, "--dry-run", "-Werror", "--style=file", source],
                               capture_output=True, text=True, check=False)
        if check.returncode:
            failed += 1
            print(f"{source}: not formatted; run: {clang_format} -i {source}")
            where = check.stderr.splitlines()[0] if check.stderr else f"exit status {check.returncode}"
            ET.SubElement(case, "failure", message=where)
    ET.ElementTree(suite).write(report, encoding="utf-8", xml_declaration=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
