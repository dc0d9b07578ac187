"""A change of a file is noticed, no matter how it is written."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.waiting import until
from webhook.sources.file import BIGGEST, FileError, FileWatch, Listener, read


class Told:
    """What a watch tells, in order; texts, and why there is none."""

    def __init__(self) -> None:
        self.all: list[bytes | str] = []
        self.seen = 0

    def confirmed(self) -> None:
        self.seen += 1

    def last(self, wanted: bytes) -> None:
        until(lambda: self.all and self.all[-1] == wanted, f"{wanted!r} is told")

    def lost(self) -> str:
        until(lambda: isinstance(self.all[-1], str), "the loss is told")
        return str(self.all[-1])


@contextmanager
def watching(path: Path) -> Iterator[Told]:
    told = Told()
    watch = FileWatch(path, Listener(told.all.append, told.all.append, told.confirmed), every=0.05)
    watch.start()
    try:
        yield told
    finally:
        watch.stop()
        assert f"file {path.name}" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")
    return path


def test_its_bytes_are_told_before_start_returns(path: Path) -> None:
    with watching(path) as told:
        assert told.all[0] == b"one"


def test_a_change_in_place_is_told(path: Path) -> None:
    with watching(path) as told:
        path.write_bytes(b"two")
        told.last(b"two")


def test_a_change_that_leaves_size_and_time_as_they_were_is_told(path: Path) -> None:
    before = path.stat()
    with watching(path) as told:
        path.write_bytes(b"two")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        told.last(b"two")


def test_a_file_put_in_its_place_is_told(path: Path, tmp_path: Path) -> None:
    with watching(path) as told:
        (tmp_path / "new").write_bytes(b"two")
        (tmp_path / "new").rename(path)
        told.last(b"two")


def test_a_link_swapped_as_the_kubelet_does_is_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(name)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    with watching(tmp_path / "policy.yaml") as told:
        (tmp_path / "..data_tmp").symlink_to("two")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        told.last(b"two")


def test_a_file_that_changes_from_look_to_look_is_told_when_it_rests(path: Path) -> None:
    with watching(path) as told:
        for length in range(1, 200):
            path.write_bytes(b"x" * length)
            read(path)
        path.write_bytes(b"whole")
        told.last(b"whole")
        assert told.all[0] == b"one"


def test_a_file_that_vanishes_is_told_once_and_so_is_its_return(path: Path) -> None:
    with watching(path) as told:
        path.unlink()
        assert told.lost() == f"{path}: no such file or directory"
        path.write_bytes(b"one")
        told.last(b"one")
        assert [type(each) for each in told.all] == [bytes, str, bytes]


def test_a_quiet_file_is_confirmed(path: Path) -> None:
    with watching(path) as told:
        until(lambda: told.seen >= 3, "three looks")
        assert told.all == [b"one"]


def test_a_listener_that_fails_does_not_end_the_watching(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[bytes] = []

    def offer(data: bytes) -> None:
        told.append(data)
        if data == b"two":
            raise LookupError("on purpose")

    watch = FileWatch(path, Listener(offer, lambda _: None, lambda: None), every=0.05)
    watch.start()
    try:
        path.write_bytes(b"two")
        until(lambda: told[-1] == b"two", "the second")
        path.write_bytes(b"three")
        until(lambda: told[-1] == b"three", "the third")
    finally:
        watch.stop()
    assert "on purpose" in caplog.text


@pytest.mark.parametrize(
    ("name", "why"),
    [("missing", "no such file or directory"), ("folder", "is a directory"), ("pipe", "not a regular file")],
)
def test_a_path_that_is_wrong_from_the_start_is_an_error_that_says_why(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    watch = FileWatch(tmp_path / name, Listener(lambda _: None, lambda _: None, lambda: None))
    with pytest.raises(FileError) as raised:
        watch.start()
    assert str(raised.value) == f"{tmp_path / name}: {why}"


def test_a_file_longer_than_a_configmap_can_be_is_not_read(path: Path) -> None:
    path.write_bytes(b"x" * BIGGEST)
    assert len(read(path)) == BIGGEST
    path.write_bytes(b"x" * (BIGGEST + 1))
    with pytest.raises(FileError, match="longer than 1048576 bytes"):
        read(path)
