"""A file of nothing but comments costs what its bytes cost."""

import resource
import subprocess
import sys
from pathlib import Path

ROOM = 600 * 1024 * 1024  # bytes of address space; the program and its libraries have half of that


def test_twelve_megabytes_of_comments_are_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "comments.yaml"
    path.write_text("#\n" * 6_000_000)
    done = subprocess.run(
        [sys.executable, "-m", "webhook", "check", str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM)),
    )
    assert "0 objects" in done.stdout, done.stderr[-500:]
