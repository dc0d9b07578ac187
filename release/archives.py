"""Tar archives whose bytes follow from the files in them: no time, owner or order of the machine that wrote them."""

import gzip
import tarfile
from io import BytesIO
from pathlib import Path

_GZIP = b"\x1f\x8b"


def settle(archive: Path, epoch: int) -> None:
    """Write the tar *archive*, compressed by gzip or not, again as `settled`."""
    archive.write_bytes(settled(archive.read_bytes(), epoch))


def settled(packed: bytes, epoch: int) -> bytes:
    """Return the tar *packed* with its entries by name, all of them root's and of *epoch*, in seconds since 1970."""
    if packed.startswith(_GZIP):
        return gzip.compress(settled(gzip.decompress(packed), epoch), compresslevel=9, mtime=epoch)
    written = BytesIO()
    with (
        tarfile.open(fileobj=BytesIO(packed)) as before,
        tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for entry in sorted(before.getmembers(), key=lambda entry: entry.name):
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            entry.pax_headers = {}
            after.addfile(entry, before.extractfile(entry) if entry.isfile() else None)
    return written.getvalue()
