"""The contents of a node's containerd, read with its client ctr: images that were loaded or pulled, and containers."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.harness.node import arguments
from tests.harness.node.box import Box, BoxError
from tests.harness.node.programs import Programs
from tests.harness.waiting import until

KNOWN = "io.cri-containerd.image=managed"  # the label of images that the part which answers kubelet has taken up


@dataclass(frozen=True, slots=True)
class Containers:
    """The containerd in *box*."""

    box: Box
    programs: Programs

    def ready(self) -> bool:
        """Return whether it answers."""
        try:
            self._ctr("version")
        except BoxError:
            return False
        return True

    def load(self, archive: Path, name: str) -> None:
        """Load the image in the OCI *archive* as *name*; an image that has the name now loses it.

        It is written as in a pod, such as `apache/airflow:2.10.5`.
        """
        # Whatever name the archive has, the image comes as a name of our own with its digest, and gets the one wanted.
        base = f"airlock.test/{uuid.uuid4().hex}"
        self._ctr("images", "import", f"--base-name={base}", "--digests", str(archive))
        given = [reference for reference in self.images() if reference.startswith(base)]
        # As a pull does: by its tag, and by its digest, which becomes the imageID of containers.
        repository = full(name).rpartition(":")[0]
        digest = given[0].rpartition("@")[2]
        self._ctr("images", "tag", "--force", given[0], full(name), f"{repository}@{digest}")
        self._ctr("images", "remove", *given)
        until(lambda: self._known(full(name)), f"kubelet can use {name}")

    def remove(self, name: str) -> None:
        """Remove the image *name*, as a clean-up of the node would; raises BoxError if it is not there."""
        self._ctr("images", "remove", "--sync", full(name))

    def images(self) -> dict[str, str]:
        """Return the digest of every image by its full name, such as `docker.io/library/busybox:1.35`."""
        return {row[0]: row[2] for row in self._table("images", "list")}

    def running(self) -> dict[str, str]:
        """Return the image of every running container by the container's id; a pod has one that only waits."""
        images = {row[0]: row[1] for row in self._table("containers", "list")}
        return {row[0]: images[row[0]] for row in self._table("tasks", "list") if row[2] == "RUNNING"}

    def signal(self, container: str, name: str) -> None:
        """Send the signal *name* to the first process of *container*, which cannot refuse SIGKILL and SIGSTOP."""
        self._ctr("tasks", "kill", f"--signal={name}", container)

    def _known(self, reference: str) -> bool:
        return any(row[0] == reference and KNOWN in row[-1] for row in self._table("images", "list"))

    def _table(self, *command: str) -> list[list[str]]:
        return [line.split() for line in self._ctr(*command).splitlines()[1:]]

    def _ctr(self, *command: str) -> str:
        return self.box.run(*arguments.ctr(self.programs, self.box.folder), *command)


def full(name: str) -> str:
    """Return *name* with the host and tag that it leaves out, as containerd has it.

    >>> full("busybox"), full("apache/airflow:2.10.5"), full("10.88.0.1:5000/team/etl@sha256:0")
    ('docker.io/library/busybox:latest', 'docker.io/apache/airflow:2.10.5', '10.88.0.1:5000/team/etl@sha256:0')
    """
    host, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ({".", ":"} & set(host) or host == "localhost"):
        name = f"docker.io/{name}"
    return name if {":", "@"} & set(name.rpartition("/")[2]) else f"{name}:latest"
