"""Small images for pods, made with buildah from busybox: archives that a node loads or a registry is given."""

import json
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.node.programs import Programs

SLEEP = ("sleep", "infinity")


class BuildError(RuntimeError):
    """buildah ended with an error; the text is its command and what it said."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah, which has its store and puts archives into *folder*; it needs no containerd."""

    programs: Programs
    folder: Path

    def busybox(self, command: Sequence[str] = SLEEP, files: Mapping[str, str] | None = None) -> Path:
        """Build an image of busybox that runs *command*, with *files* in it by their full paths, as an OCI archive.

        Any user can run it, and with a root file system that cannot be written; the files too are programs for any
        user. Of what asks other servers, `nc` (by addresses) and `nslookup` work; `wget` of Debian's static busybox
        faults.
        """
        archive = self.folder / f"{uuid.uuid4().hex}.tar"
        with tempfile.TemporaryDirectory(dir=self.folder) as root:
            self._fill(Path(root), files or {})
            container = self.run("from", "scratch")
            self.run("add", "--quiet", container, root, "/")
            self.run("config", "--env=PATH=/bin", f"--cmd={json.dumps(list(command))}", container)
            self.run("commit", "--quiet", "--rm", container, f"oci-archive:{archive}")
        return archive

    def push(self, archive: Path, reference: str) -> str:
        """Push the image in the OCI *archive* to a registry without TLS as *reference*; returns its digest."""
        image = self.run("pull", "--quiet", f"oci-archive:{archive}")
        digest = self.folder / f"{uuid.uuid4().hex}.digest"
        self.run("push", "--quiet", "--tls-verify=false", f"--digestfile={digest}", image, f"docker://{reference}")
        return digest.read_text(encoding="ascii")

    def run(self, *arguments: str) -> str:
        """Run buildah and return what it wrote to stdout, without the end of the line; raises BuildError."""
        store = [f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'runroot'}", "--storage-driver=vfs"]
        run = subprocess.run(
            ["buildah", *store, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**self.programs.environment, "TMPDIR": str(self.folder)},
        )
        if run.returncode:
            raise BuildError(f"buildah {' '.join(arguments)} ended with {run.returncode}: {run.stderr.strip()}")
        return run.stdout.strip()

    def _fill(self, root: Path, files: Mapping[str, str]) -> None:
        root.chmod(0o755)
        programs = root / "bin"
        programs.mkdir()
        shutil.copy(self.programs.path("busybox"), programs)
        listing = subprocess.run([programs / "busybox", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
        for name in set(listing.split()) - {"busybox"}:
            (programs / name).symlink_to("busybox")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        for name, text in files.items():
            path = root / name.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)
