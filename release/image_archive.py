"""The image as an OCI archive, and the files in it."""

import json
import re
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from release.archives import settle
from release.programs import run
from release.source import Source

_BASE = re.compile(r"^ARG BASE=(.*)$", re.MULTILINE)
_GONE = ".wh."  # the name of a file says that a lower layer's file is not there any more
_ALL_GONE = ".wh..wh..opq"


def image(source: Source, base: str | None, target: Path) -> Path:
    """Build the image into *target*, on *base* or the base that the Dockerfile names."""
    archive = target / f"airlock-{source.version}-image.tar"
    named = _BASE.search((source.folder / "Dockerfile").read_text(encoding="utf-8"))
    assert named is not None  # noqa: S101 - a Dockerfile without it builds nothing
    script = source.folder / "release/image"
    run([script, base or named[1], archive], source, {"REVISION": source.commit})
    settle(archive, source.epoch)
    return archive


def files(archive: Path, wanted: Callable[[PurePosixPath], bool]) -> dict[PurePosixPath, bytes]:
    """Return those files of the image in the OCI *archive* whose paths, without the first slash, are *wanted*."""
    found: dict[PurePosixPath, bytes] = {}
    with tarfile.open(archive) as blobs:
        (manifest,) = _read(blobs, "index.json")["manifests"]
        for layer in _read(blobs, _path(manifest))["layers"]:
            _apply(_bytes(blobs, _path(layer)), wanted, found)
    return found


def _apply(layer: bytes, wanted: Callable[[PurePosixPath], bool], found: dict[PurePosixPath, bytes]) -> None:
    with tarfile.open(fileobj=BytesIO(layer)) as entries:
        members = [(PurePosixPath(member.name), member) for member in entries]
        for path, _ in members:
            if path.name.startswith(_GONE):
                gone = path.parent if path.name == _ALL_GONE else path.with_name(path.name.removeprefix(_GONE))
                for one in [one for one in found if one == gone or gone in one.parents]:
                    del found[one]
        for path, member in members:
            if path.name.startswith(_GONE):
                continue
            if member.isfile() and wanted(path) and (content := entries.extractfile(member)) is not None:
                found[path] = content.read()


def _path(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _read(blobs: tarfile.TarFile, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_bytes(blobs, name))
    return document


def _bytes(blobs: tarfile.TarFile, name: str) -> bytes:
    content = blobs.extractfile(name)
    assert content is not None  # noqa: S101 - a blob is a file
    return content.read()
