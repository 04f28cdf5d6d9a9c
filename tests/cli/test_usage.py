"""A command line that cannot be understood gets one line, and exit status 2."""
import os
import subprocess

import pytest


def run(binary, *arguments, **variables):
    return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables})


def usage_error(binary, *arguments, **variables):
    result = run(binary, *arguments, **variables)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_an_unknown_subcommand_gets_the_list(binary):
    there_are = "; there are serve, predict, preprocess, "
    assert usage_error(binary, "frob").startswith('beralih: no subcommand "frob"' + there_are)
    assert usage_error(binary).startswith("beralih: a subcommand is missing" + there_are)
    assert "--frob" in usage_error(binary, "--frob")


def test_a_missing_step_of_bundle_gets_the_list(binary):
    for arguments in (["bundle"], ["bundle", "frob"]):
        line = usage_error(binary, *arguments)
        assert line.startswith("beralih bundle: a subcommand is missing or unknown; there are ")
        assert line.endswith("make, verify, inspect, diff, pack, unpack")
    assert usage_error(binary, "bundle", "make").endswith("Try beralih bundle make --help")


@pytest.mark.parametrize("arguments, word", [
    (["serve", "--port", "70000"], "--port"), (["serve", "--unknown"], "--unknown"),
    (["serve", "--threads", "many"], "--threads"), (["serve", "--expect-contract", "12ab"], "12ab"),
    (["serve", "--expect-contract", "g" * 64], "--expect-contract"),
    (["predict"], "IMAGE"), (["predict", "--top-k", "0", "x.jpg"], "--top-k"),
    (["preprocess", "--set", "resize_filter", "x.jpg"], "resize_filter"),
    (["preprocess", "--preset", "a", "--spec", "b", "x.jpg"], "--preset")])
def test_wrong_arguments(binary, arguments, word):
    line = usage_error(binary, *arguments)
    assert line.startswith(f"beralih {arguments[0]}: ")
    assert line.endswith(f"Try beralih {arguments[0]} --help")
    assert word in line


def test_a_limit_for_all_bodies_that_holds_no_single_one_is_refused(binary):
    for given in (["--max-buffered-bytes", "20971519"], ["--max-buffered-bytes", "1000", "--max-body-bytes", "1001"]):
        line = usage_error(binary, "serve", *given)
        assert line.startswith("beralih serve: --max-buffered-bytes: ") and "--max-body-bytes (" in line
    assert "BERALIH_MAX_BUFFERED_BYTES: " in usage_error(binary, "serve", BERALIH_MAX_BUFFERED_BYTES="1")
    for given in (["--max-buffered-bytes", "20971520"], ["--max-body-bytes", "5000000000"]):  # the default grows with a body
        assert run(binary, "serve", "--bundle", "/nowhere", "--port", "0", *given).returncode == 1


@pytest.mark.parametrize("variable, value, flag", [
    ("BERALIH_PORT", "70000", "--port"), ("BERALIH_THREADS", "many", "--threads"),
    ("BERALIH_QUIET", "perhaps", "--quiet"), ("BERALIH_EXPECT_CONTRACT", "12ab", "--expect-contract"),
    ("BERALIH_ALLOW_ORIGIN", "nowhere", "--allow-origin"), ("BERALIH_CONNECTION_THREADS", "many", "--connection-threads"),
    ("BERALIH_LOG_HEALTH", "perhaps", "--log-health"), ("BERALIH_MAX_BUFFERED_BYTES", "1e9", "--max-buffered-bytes")])
def test_a_wrong_variable_is_named_as_the_variable(binary, variable, value, flag):
    line = usage_error(binary, "serve", **{variable: value})
    assert variable in line
    assert flag not in line


def test_a_flag_counts_more_than_its_variable(binary):
    line = usage_error(binary, "serve", "--port", "70000", BERALIH_PORT="80")
    assert "--port" in line
    assert "BERALIH_PORT" not in line


def test_help_is_no_error(binary):
    for arguments in (["--help"], ["serve", "--help"]):
        result = run(binary, *arguments)
        assert result.returncode == 0
        assert result.stderr == ""
        assert "serve" in result.stdout
