"""The command lines of Docker and Podman."""
import os
import pathlib
import shutil
import subprocess


class Engine:
    """`engine("run", …)`: what the command printed; it must end with 0. `variables` are added to its environment."""

    def __init__(self, name, variables=None, run_options=()):
        self.name, self.variables, self.run_options = name, variables or {}, run_options

    @property
    def environment(self):
        return {**os.environ, **self.variables}

    def tries(self, *arguments, **more):
        return subprocess.run([self.name, *arguments], capture_output=True, text=True, **{"env": self.environment, **more})

    def __call__(self, *arguments, **more):
        done = self.tries(*arguments, **more)
        assert done.returncode == 0, f"{self.name} {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def runs(self):
        return self.tries("info").returncode == 0


docker = Engine("docker")


def podman_of_its_own(folder):
    """Podman with its images below this folder. Where the machine's cgroups are the old ones, Debian 12's crun starts nothing: runc does, if
    the limits are given; and the build runs its commands by chroot."""
    folder = pathlib.Path(folder)
    runtime = f'runtime = "{"runc" if shutil.which("runc") else "crun"}"'
    (folder / "containers.conf").write_text('[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'
                                            f'[engine]\n{runtime}\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
    (folder / "storage.conf").write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/data"\nrunroot = "{folder}/run"\n')
    return Engine("podman", {"CONTAINERS_CONF": str(folder / "containers.conf"), "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
                             "BUILDAH_ISOLATION": "chroot"})
