"""build_image.sh up to the engine's own work, and install_packages.sh up to apt's: what they refuse, and what they ask for. The engine and apt
are scripts that write down how they were called; the image itself is built in test_container.py."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from deploy_load import contract_hash, newer_bundle

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "native_server" / "deploy"
VERSION = re.search(r"^project\(beralih VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


@pytest.fixture
def engines(tmp_path):
    """A folder with a docker and a podman that build nothing."""
    folder = tmp_path / "engines"
    folder.mkdir()
    for name in ("docker", "podman"):
        script(folder / name, f'case $1 in image) echo 1000000;; build) echo Step 1; echo {name} "$@" >> "{tmp_path}/calls"; for last in "$@"; do :; done\n'
                              f'cd "$last" && find . -maxdepth 2 > "{tmp_path}/context";; esac\n')
    return folder


def build(engines, *arguments):
    return subprocess.run([str(DEPLOY / "build_image.sh"), *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{engines}:/usr/bin:/bin"})


def revision():
    """As the tags end: the commit, and whether files have been changed since."""
    def git(*words):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()
    return f"g{git('rev-parse', 'HEAD')[:7] or 'unknown'}{'-dirty' if git('status', '--porcelain', '--untracked-files=no') else ''}"


def calls(tmp_path):
    return [line.split() for line in (tmp_path / "calls").read_text().splitlines()]


def after(call, word):
    return call[call.index(word) + 1]


def test_two_bundles_of_one_name_get_two_tags(engines, bundle, tmp_path):
    new = newer_bundle(bundle, tmp_path / bundle.name)
    for one in (bundle, new):
        done = build(engines, "--bundle", one)
        assert done.returncode == 0, done.stderr
        named = f"beralih:{VERSION}-{bundle.name}-{contract_hash(one)[:12]}-{revision()}"
        assert done.stdout == named + "\n", "the name alone, for $(...)"
        assert f"{named}: 1 MB, contract {contract_hash(one)}" in done.stderr
    tags = [after(call, "-t") for call in calls(tmp_path)]
    assert tags == [f"beralih:{VERSION}-{bundle.name}-{contract_hash(one)[:12]}-{revision()}" for one in (bundle, new)]
    assert f"CONTRACT_HASH={contract_hash(new)}" in calls(tmp_path)[1]


def test_the_tag_says_what_is_in_it(engines, bundle, tmp_path):
    (tmp_path / "current").symlink_to(bundle)
    for arguments in ([], ["--bundle", tmp_path / "current"], ["--device", "cuda", "--bundle", bundle], ["--device", "cuda"], ["--tag", "mine:1"]):
        assert build(engines, *arguments).returncode == 0
    named, plain = f"beralih:{VERSION}-{bundle.name}-{contract_hash(bundle)[:12]}-{revision()}", f"beralih:{VERSION}-{revision()}"
    assert [after(call, "-t") for call in calls(tmp_path)] == [plain, named, named + "-cuda", plain + "-cuda", "mine:1"]
    assert [after(call, "--target") for call in calls(tmp_path)] == ["runtime", "bundled", "bundled", "runtime", "runtime"]
    assert [[word for word in call if word.startswith("BASE=")] for call in calls(tmp_path)] == \
        [["BASE=debian:bookworm"]] * 2 + [["BASE=debian:trixie"]] * 2 + [["BASE=debian:bookworm"]]


def test_a_tag_tells_builds_apart(engines, tmp_path):
    """A commit, and changed files: by a copy of what the script needs, in a repository of its own."""
    root = tmp_path / "checkout"
    (root / "native_server" / "deploy").mkdir(parents=True)
    (root / "web" / "dist").mkdir(parents=True)
    (root / "web" / "dist" / "index.html").write_text("")
    shutil.copy(DEPLOY / "build_image.sh", root / "native_server" / "deploy")
    shutil.copy(ROOT / "CMakeLists.txt", root)

    def git(*words):
        return subprocess.run(["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True, text=True).stdout.strip()

    def tag():
        done = subprocess.run([str(root / "native_server" / "deploy" / "build_image.sh")], capture_output=True, text=True, env={**os.environ, "PATH": f"{engines}:/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    git("init", "-q")
    git("add", "CMakeLists.txt", "native_server")
    git("commit", "-q", "-m", "one")
    first = tag()
    assert first == f"beralih:{VERSION}-g{git('rev-parse', 'HEAD')[:7]}"
    (root / "lies about").write_text("")
    assert tag() == first, "what git does not know gets into no image"
    (root / "CMakeLists.txt").open("a").write("# changed\n")
    assert tag() == first + "-dirty"
    git("commit", "-q", "-a", "-m", "two")
    assert tag() == f"beralih:{VERSION}-g{git('rev-parse', 'HEAD')[:7]}" != first


def test_a_fresh_build_takes_nothing_from_the_cache(engines, tmp_path):
    assert build(engines).returncode == 0
    assert build(engines, "--fresh").returncode == 0
    before, fresh = calls(tmp_path)
    assert not {"--pull", "--no-cache"} & set(before) and {"--pull", "--no-cache"} <= set(fresh)


def test_podman_keeps_the_health_check(engines, tmp_path):
    """Its own format has none."""
    assert build(engines, "--engine", "podman").returncode == 0
    assert build(engines).returncode == 0
    podman, docker = calls(tmp_path)
    assert podman[0] == "podman" and after(podman, "--format") == "docker"
    assert docker[0].endswith("docker") and "--format" not in docker


def test_nothing_that_lies_about_gets_into_the_context(engines, bundle, tmp_path):
    assert build(engines, "--bundle", bundle).returncode == 0
    seen = set((tmp_path / "context").read_text().split())
    assert {"./bundle/contract.json", "./page/index.html", "./src/CMakeLists.txt", "./wasm_sources.txt"} <= seen
    assert not seen & {"./src/build", "./src/.git", "./src/.cache"}


@pytest.mark.parametrize("arguments, status, said", [
    (["--bundle"], 2, "--bundle needs a value"),
    (["--bundle", ""], 2, "--bundle needs a value"),
    (["--device", "gpu"], 2, "cpu or cuda"),
    (["--cudnn", "cudnn-linux-x86_64-9.tar.xz"], 2, "--cudnn is for --device cuda"),
    (["--device", "cuda", "--cudnn", "/nonexistent/cudnn-9.tar.xz"], 1, "there is no such file"),
    (["--device", "cuda", "--cudnn", "/etc/hostname"], 1, "not named as NVIDIA names it"),
    (["--bundle", "/nonexistent"], 1, "holds no contract.json"),
    (["--engine", "buildah"], 2, "docker or podman"),
    (["--image", "debian"], 2, "unknown argument: --image"),
])
def test_it_refuses(engines, tmp_path, arguments, status, said):
    done = build(engines, *arguments)
    assert done.returncode == status and said in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "calls").exists()


def test_an_engine_that_does_not_run_is_said(engines, tmp_path):
    script(engines / "docker", "exit 1\n")
    done = build(engines, "--engine", "docker")
    assert done.returncode == 1 and "docker does not run" in done.stderr


def test_it_explains_itself(engines):
    said = build(engines, "--help").stdout
    for option in ("--device", "--base", "--bundle", "--tag", "--engine", "--cudnn", "--fresh"):
        assert option in said


# --- install_packages.sh ---------------------------------------------------------------------------------------------

CUDNN = "cudnn-linux-x86_64-9.8.0.87_cuda12-archive.tar.xz"


class Base:
    """A Debian whose /etc/apt and apt are the test's own, in a mount namespace; the packages' own programs are scripts."""

    def __init__(self, folder, has_cuda=True, installs=True, has_cudnn=True):
        self.folder = folder
        (folder / "apt" / "sources.list.d").mkdir(parents=True)
        (folder / "apt" / "sources.list").write_text("deb http://mirror.invalid/debian trixie main\n")
        (folder / "apt" / "sources.list.d" / "debian.sources").write_text("Types: deb\nURIs: http://mirror.invalid/debian\nComponents: main\n")
        commands = folder / "bin"
        commands.mkdir()
        log = folder / "log"
        log.write_text("")
        script(commands / "apt-get", f'echo apt-get "$@" >> {log}\ncase "$*" in *libtorch*) exit {0 if installs else 1};; esac\n')
        script(commands / "apt-cache", f"exit {0 if has_cuda else 100}\n")
        script(commands / "debconf-set-selections", f"cat >> {log}\n")
        script(commands / "update-nvidia-cudnn", f'# fetches https://nvidia.invalid/cudnn/{CUDNN}\necho update-nvidia-cudnn "$@" >> {log}\n')
        script(commands / "ldconfig", f'echo "\tlibcudnn.so.9 (libc6,x86-64) => {folder}/libcudnn.so.9"\n')
        if has_cudnn:
            (folder / "libcudnn.so.9").write_text("")

    def install(self, *arguments):
        mounted = 'mount --bind "$1/apt" /etc/apt && PATH="$1/bin:$PATH" && shift && exec "$@"'
        return subprocess.run(["unshare", "--mount", "sh", "-c", mounted, "sh", str(self.folder), str(DEPLOY / "install_packages.sh"), *map(str, arguments)],
                              capture_output=True, text=True)

    def log(self):
        return (self.folder / "log").read_text()

    def sources(self):
        return [(self.folder / "apt" / name).read_text() for name in ("sources.list", "sources.list.d/debian.sources")]


LISTS = ROOT / "toolchains" / "packages"


@pytest.fixture
def base(tmp_path):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can give the script an /etc/apt of its own (unshare)")
    return lambda **how: Base(tmp_path, **how)


def test_for_the_processor_it_installs_the_build_list(base):
    one = base()
    before = one.sources()
    done = one.install("cpu", LISTS)
    assert done.returncode == 0, done.stderr
    assert "libtorch-dev" in one.log() and "cmake" in one.log() and "cuda" not in one.log()
    assert one.sources() == before


def test_for_cards_it_adds_the_components_and_agrees_to_the_licence(base):
    one = base()
    done = one.install("cuda", LISTS)
    assert done.returncode == 0, done.stderr
    assert one.sources() == ["deb http://mirror.invalid/debian trixie main non-free contrib\n",
                             "Types: deb\nURIs: http://mirror.invalid/debian\nComponents: main non-free contrib\n"]
    assert "nvidia-cudnn/question select I Agree" in one.log()
    installed = one.log().splitlines()[-1].split()
    assert {"libtorch-cuda-dev", "nvidia-cuda-dev", "nvidia-cudnn", "cmake"} <= set(installed) and "libtorch-dev" not in installed
    assert one.install("cuda", LISTS).returncode == 0
    assert one.sources()[0].count("contrib") == 1, "a second time changes nothing"


def test_with_an_archive_of_cudnn_it_fetches_none(base, tmp_path):
    one = base()
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / CUDNN).write_text("")
    done = one.install("cuda", LISTS, tmp_path / "given")
    assert done.returncode == 0, done.stderr
    assert "select I Decline" in one.log() and f"--tmpdir {tmp_path}/given" in one.log().splitlines()[-1]


def test_another_archive_of_cudnn_is_refused(base, tmp_path):
    one = base()
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "cudnn-linux-x86_64-8.0.tar.xz").write_text("")
    done = one.install("cuda", LISTS, tmp_path / "given")
    assert done.returncode == 1 and "is not the archive that Debian's nvidia-cudnn knows" in done.stderr and CUDNN in done.stderr


@pytest.mark.parametrize("how, said", [({"has_cuda": False}, "Debian 13 (trixie) has, in contrib"), ({"installs": False}, "--cudnn FILE"),
                                       ({"has_cudnn": False}, "libcudnn.so.9 is not there")])
def test_a_base_that_will_not_do_is_said(base, how, said):
    done = base(**how).install("cuda", LISTS)
    assert done.returncode == 1 and said in done.stderr


@pytest.mark.parametrize("arguments, said", [([], "usage"), (["cpu"], "usage"), (["gpu", LISTS], "cpu or cuda"), (["cpu", "/nonexistent"], "build.txt")])
def test_wrong_arguments_are_refused(arguments, said):
    done = subprocess.run([str(DEPLOY / "install_packages.sh"), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr
