"""Docker's command line."""
import subprocess


def docker(*arguments, **more):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def engine_runs():
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0
