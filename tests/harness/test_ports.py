"""A port that was found is nobody else's, in two streams of tests beside each other as well."""

import subprocess
import sys

from tests.harness.control_plane.ports import free
from tests.harness.places import ROOT


def test_a_port_is_given_once() -> None:
    assert len({*free(50), *free(50)}) == 100


def test_a_port_is_given_to_no_other_process_though_nobody_listens_on_it_yet() -> None:
    (port,) = free(1)
    program = f"from tests.harness.control_plane.ports import claim; claim({port})"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "BlockingIOError" in run.stderr
