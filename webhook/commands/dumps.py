"""Files for `airlock audit -f`: memory-mapped where possible, so that a large dump takes no memory of its own."""

import shutil
import stat
import tempfile
from datetime import UTC, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

from webhook.commands.pipes import STDIN, is_pipe, open_pipe, standard_input
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.scan.dump import Dump

BIGGEST = 2 << 30  # bytes; 100,000 pods as kubectl prints them
_CHUNK = 1 << 20


def read_dump(files: tuple[str, ...], now: datetime) -> tuple[Dump, datetime]:
    """Return what is in *files* (`-` is standard input), and the time of it: when the last was written.

    Raises OSError when none of them can be read.
    """
    dump = Dump()
    times: list[datetime] = []
    for file in dict.fromkeys(files):
        try:
            times.append(_take(dump, file, now))
        except OSError as error:
            dump.remarks.append(Remark(Place(file, 0), (error.strerror or str(error)).lower()))
    if not times:
        raise OSError("\n".join(map(str, dump.remarks)))
    return dump, min(now, max(times, default=now))


def _take(dump: Dump, file: str, now: datetime) -> datetime:
    if file == "-":
        with tempfile.TemporaryFile() as spool:
            _spool(standard_input(), spool)
            _map(dump, STDIN, spool)
        return now
    with open_pipe(Path(file)) if is_pipe(Path(file)) else Path(file).open("rb") as opened:
        status = Path(file).stat()
        if stat.S_ISREG(status.st_mode):
            _map(dump, file, opened)
            return datetime.fromtimestamp(status.st_mtime, UTC)
        with tempfile.TemporaryFile() as spool:  # a pipe
            _spool(opened, spool)
            _map(dump, file, spool)
    return now


def _spool(source: IO[bytes], spool: IO[bytes]) -> None:
    shutil.copyfileobj(source, spool, _CHUNK)
    spool.flush()


def _map(dump: Dump, file: str, opened: IO[bytes]) -> None:
    size = opened.seek(0, 2)
    if size > BIGGEST:
        text = f"has more than {BIGGEST >> 30} GiB; dump fewer namespaces at once"
        dump.remarks.append(Remark(Place(file, 0), text))
        return
    dump.take(file, mmap(opened.fileno(), 0, access=ACCESS_READ) if size else b"")
