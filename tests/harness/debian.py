"""An untouched Debian 12 in a folder, with the packages that a test names and nothing else of this machine.

It gets its packages where this machine's apt gets them, and its pip asks where this machine's pip asks.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SUITE = "bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
NETWORK = ("/etc/resolv.conf", "/etc/hosts")
ENTRIES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
# What a machine needs to reach the world as this one does.
PASSED = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def can_be_made() -> bool:
    """Return whether this machine can make one: root, on Debian."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def mirror() -> str:
    """Return where this machine's apt gets the suite's packages."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(line.split()[0] for line in lines if line.split()[1:] == [SUITE, "main"])


@dataclass(frozen=True, slots=True)
class Debian:
    """The system in *folder*."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, packages: Sequence[str]) -> "Debian":
        """Make one with *packages*; takes about a minute."""
        if shutil.which("debootstrap") is None:
            subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "debootstrap"], check=True)
        named = f"--include={','.join(packages)}"
        subprocess.run(["debootstrap", "--variant=minbase", named, SUITE, folder, mirror()], check=True)
        for name in (*NETWORK, *ENTRIES):
            if Path(name).is_file():
                shutil.copyfile(name, folder / name.removeprefix("/"))
        return cls(folder)

    def run(self, command: str, *, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run *command*, shell, as root of this system and in processes of its own, which end with it."""
        given = {name: value for name, value in os.environ.items() if name in PASSED}
        given |= {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environ, shared = self._as_pip_here()
        mounts = [f"mount --rbind /dev {self.folder}/dev", f"mount -t proc proc {self.folder}/proc"]
        for path in shared:
            place = self.folder / str(path).removeprefix("/")
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            mounts.append(f"mount --bind {path} {place}")
        inside = " && ".join([*mounts, f'exec chroot {self.folder} sh -c "$1"'])
        isolated = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
        return subprocess.run(
            [*isolated, "sh", "-c", inside, "sh", command],
            env=given | environ, capture_output=True, text=True, check=False, timeout=seconds,
        )  # fmt: skip

    def _as_pip_here(self) -> tuple[dict[str, str], list[Path]]:
        """Return the settings of this machine's pip as variables, and the files and folders that they name."""
        command = ["python3", "-m", "pip", "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        pairs = [line.partition("=")[::2] for line in listed.splitlines()]
        environ = {
            f"PIP_{key.rpartition('.')[2].upper().replace('-', '_')}": value.strip("'\"").replace("\\n", " ")
            for key, value in pairs
        }
        named = [Path(urlsplit(word).path) for value in environ.values() for word in value.split() if "/" in word]
        # The pages of an index in a folder lead to files beside it.
        shared = (path.parent if path.name == "simple" else path for path in named)
        known = {path for path in shared if path.is_absolute() and path.exists()}
        trusted = Path(environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or AUTHORITIES)
        if trusted.is_file():
            environ |= {"PIP_CERT": str(trusted), "SSL_CERT_FILE": str(trusted)}
            known.add(trusted)
        return environ, sorted(known)
