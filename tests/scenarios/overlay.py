"""This machine once more, with other packages: what is unpacked and written there is seen nowhere else and then gone.

    with Overlay(packages("exim")) as machine:
        machine.run("echo g.test >/etc/mailname")

For servers whose paths cannot be changed and whose packages would drive out others. Files lie in memory above this
machine's own; its network and /tmp are the same. Only root can do that.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

# Packages are unpacked beside links such as /lib, not in place of them.
_BUILD = """\
set -e
mount --make-rprivate /
mount -t tmpfs none {folder}
mkdir {folder}/upper {folder}/work {folder}/merged
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {folder}/merged
for package in {packages}; do
    dpkg --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory {folder}/merged
done
for place in dev proc tmp; do
    mount --rbind /$place {folder}/merged/$place
done
mount -t tmpfs none {folder}/merged/run
echo built
exec sleep infinity
"""


def packages(name: str) -> list[Path]:
    """The Debian packages that were put there for the server of this name."""
    folder = os.environ.get("MAILGATE_PACKAGES")
    return sorted((Path(folder) / name).glob("*.deb")) if folder else []


def missing(name: str) -> str:
    """Why this server cannot be run here, naming the package; "" where it can."""
    if not packages(name):
        return f"needs the package {name}, downloaded into $MAILGATE_PACKAGES/{name}"
    if os.geteuid() != 0:
        return "needs root to mount file systems"
    able = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if able.returncode == 0 else "needs the right to mount file systems, which containers take from root"


class Overlay:
    """One such machine, there while the context is open."""

    def __init__(self, debs: Iterable[Path]) -> None:
        self._debs = debs

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="overlay-"))
        build = _BUILD.format(folder=self._folder, packages=" ".join(map(str, self._debs)))
        # It holds the mounts, which are gone when nobody uses them any more.
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", build], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._holder.stdout
        said = self._holder.stdout.readline()
        if said != "built\n":
            self.__exit__(None, None, None)
            raise RuntimeError(f"no overlay: {said}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.kill()
        self._holder.communicate()
        self._folder.rmdir()

    def run(self, script: str) -> str:
        """Run a shell script there as root; what it said. Raises RuntimeError with that where it fails."""
        done = subprocess.run(self._inside("sh"), input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program there that stays in the foreground, silent."""
        return subprocess.Popen(self._inside(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _inside(self, *command: str) -> list[str]:
        mounts = f"--mount=/proc/{self._holder.pid}/ns/mnt"
        return ["nsenter", mounts, "chroot", str(self._folder / "merged"), *command]
