"""Adds up the JUnit reports of the test suites; the last line is `N passed, N failed, N skipped`.

usage: summary.py REPORTS SUITE=EXIT_STATUS…

What tests have noted under the name "measured" (JUnit's properties) is printed too.

Expects REPORTS/SUITE.xml for every suite, or REPORTS/SUITE-PART.xml for its parts. A suite whose report is missing, unreadable or empty, or that ended
with an error although none of its tests failed, counts as one failed test under the suite's name: a crash must
not look like success. The exit status is 0 only if nothing failed and something passed.
"""

import signal
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

REASON_LENGTH = 300
REASON_LINES = 12


def describe_exit(status):
    if status in (124, 137):
        return "ran past its time limit, or was killed"
    if status > 128:
        try:
            return f"was ended by {signal.Signals(status - 128).name}"
        except ValueError:
            pass
    return f"ended with exit status {status}"


def reason_of(element):
    """Why a test failed or was skipped: a failure's text if it is short (Catch2), else the message."""
    text = [line.strip() for line in (element.text or "").splitlines() if line.strip()]
    if element.tag == "skipped" or not 0 < len(text) <= REASON_LINES:
        text = (element.get("message") or "no reason given").strip().splitlines()[:1]
    return "\n  ".join(line[:REASON_LENGTH] for line in text)


def read_cases(report):
    """(name, outcome, reason) of every test case; outcome is "passed", "failed" or "skipped"."""
    for case in ET.parse(report).iter("testcase"):
        name = " › ".join(part for part in (case.get("classname"), case.get("name")) if part)
        broken = case.find("failure")
        if broken is None:
            broken = case.find("error")
        skipped = case.find("skipped")
        if broken is not None:
            yield name, "failed", reason_of(broken)
        elif skipped is not None:
            yield name, "skipped", reason_of(skipped)
        else:
            yield name, "passed", ""


def suite_reports(reports, suite):
    return sorted(Path(reports).glob(f"{suite}-*.xml")) or [Path(reports, f"{suite}.xml")]


def print_measured(reports, suite):
    """A suite whose report cannot be read is a failure elsewhere; here it has measured nothing."""
    lines = []
    for report in suite_reports(reports, suite):
        try:
            lines += [f"  {case.get('name')}: {note.get('value')}" for case in ET.parse(report).iter("testcase")
                      for note in case.iter("property") if note.get("name") == "measured"]
        except (ET.ParseError, OSError, ValueError):
            pass
    if lines:
        print(f"\nmeasured, {suite}:", *lines, sep="\n")


def suite_cases(reports, suite, status):
    try:
        cases = [case for report in suite_reports(reports, suite) for case in read_cases(report)]
    except FileNotFoundError:
        return [(suite, "failed", f"no report: the suite {describe_exit(status)}")]
    except (ET.ParseError, OSError, ValueError) as error:
        return [(suite, "failed", f"unreadable report ({error}): the suite {describe_exit(status)}")]
    if not cases:
        return [(suite, "failed", f"a report without tests: the suite {describe_exit(status)}")]
    if status != 0 and all(outcome != "failed" for _, outcome, _ in cases):
        cases.append((suite, "failed", f"no test failed, but the suite {describe_exit(status)}"))
    return cases


def print_skipped(skipped):
    """Skipped tests share few reasons: each reason once, then the tests that it stopped."""
    by_reason = {}
    for suite, name, reason in skipped:
        by_reason.setdefault((suite, reason), []).append(name)
    for (suite, reason), names in by_reason.items():
        print(f"\nskipped, {suite} ({len(names)}): {reason}")
        for name in names:
            print(f"  {name}")


def main(reports, *outcomes):
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale and the report hold
    tests = []
    for pair in outcomes:
        suite, status = pair.split("=")
        print_measured(reports, suite)
        tests += [(suite, *case) for case in suite_cases(reports, suite, int(status))]
    count = {kind: sum(t[2] == kind for t in tests) for kind in ("passed", "failed", "skipped")}

    print_skipped([(suite, name, reason) for suite, name, kind, reason in tests if kind == "skipped"])
    for suite, name, kind, reason in tests:
        if kind == "failed":
            print(f"\nFAILED, {suite}: {name}\n  {reason}")
    print(f"\n{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 0 if count["failed"] == 0 and count["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
