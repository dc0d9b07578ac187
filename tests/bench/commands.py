"""(f) What the commands take: `check` of charts, `audit` of pods on a real API server, `lint` of files."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from tests.bench.pods import POLICY
from tests.bench.told import Told
from tests.figures.figure import Figure, Promise, Row
from tests.harness import crowd
from tests.harness.control_plane import ControlPlane
from tests.harness.places import CORPUS

# What a child's rusage says is never less than what its parent had when it was made.
COMMAND = """
import atexit, pathlib, re
from webhook.__main__ import main
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
atexit.register(lambda: pathlib.Path({peak!r}).write_text(peak()))
main()
"""
PARSED = "import ast, pathlib, sys; [ast.parse(path.read_text()) for path in pathlib.Path(sys.argv[1]).rglob('*.py')]"
DAG = """\
from airflow import DAG
from airflow.operators.python import PythonOperator

from shared.calls import tell


def load(**context):
    return [{"order": number, "name": f"order {number}"} for number in range(100)]


with DAG("orders_NUMBER", on_failure_callback=tell) as dag:
    for name in ("orders", "customers", "returns"):
        PythonOperator(task_id=f"load_{name}", python_callable=load, on_success_callback=lambda context: tell(context))
"""
SHARED = "def tell(context):\n    print(context)\n"


@dataclass(frozen=True, slots=True)
class Took:
    """What a command took."""

    seconds: float
    peak: float  # MiB


def command(folder: Path, *arguments: str, **environ: str) -> Took:
    """Run airlock with *arguments* in a process of its own."""
    peak = folder / "peak"
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", COMMAND.format(peak=str(peak)), *arguments, "--output-file", str(folder / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environ,
    )
    assert run.returncode in (0, 1), run.stderr[-2000:]
    return Took(time.monotonic() - began, int(peak.read_text()) / 1024)


def measure(told: Told) -> Iterator[Figure | Row]:
    """Yield what each command takes."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "policy.yaml").write_text(POLICY)
        yield from _checked(folder, told.pick(10, 100))
        yield from _linted(folder, told.pick(100, 1_000))
        yield from _audited(folder, (500,) if told.quick else (5_000, 50_000))


def _checked(folder: Path, number: int) -> Iterator[Figure | Row]:
    charts = [
        path for path in sorted(CORPUS.glob("*-*/*.yaml")) if path.name.count(".") == 1 and "provider" not in str(path)
    ]
    (folder / "charts").mkdir()
    for nth, path in enumerate(islice(cycle(charts), number)):
        shutil.copy(path, folder / "charts" / f"{nth}.yaml")
    took = command(folder, "check", "--policy", str(folder / "policy.yaml"), str(folder / "charts"))
    yield _row(f"check of {number} rendered charts", took, number)
    yield Figure(f"check of {number} rendered charts, a chart", (took.seconds / number * 1e3,), "ms")


def _linted(folder: Path, number: int) -> Iterator[Figure | Row]:
    dags = folder / "dags"
    (dags / "shared").mkdir(parents=True)
    (dags / "shared" / "calls.py").write_text(SHARED)
    for nth in range(number):
        (dags / f"orders_{nth}.py").write_text(DAG.replace("NUMBER", str(nth)))
    took = command(folder, "lint", str(dags))
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", PARSED, str(dags)], check=True)
    parsed = time.monotonic() - began
    yield _row(f"lint of {number:,} files", took, number)
    yield Figure(f"lint of {number:,} files, to parsing them with ast", (took.seconds / parsed,))


def _audited(folder: Path, numbers: tuple[int, ...]) -> Iterator[Figure | Row]:
    with ControlPlane(apiserver_arguments=["--audit-log-path="]) as plane:
        plane.stop_controllers()
        plane.put(dict(crowd.nodes()))
        pods = crowd.pods(max(numbers), 20)
        there = 0
        for number in numbers:
            while there < number:
                part = dict(islice(pods, min(500, number - there)))
                plane.put(part)
                there += len(part)
            arguments = ("audit", "-A", "--policy", str(folder / "policy.yaml"), "-o", "json")
            took = command(folder, *arguments, KUBECONFIG=str(plane.kubeconfig))
            yield _row(f"audit of {number:,} pods", took, number)
            if number == 5_000:
                yield Figure(f"audit of {number:,} pods", (took.seconds,), "s", Promise(60))
                yield Figure(f"audit of {number:,} pods, at most", (took.peak,), "MiB", Promise(150))


def _row(name: str, took: Took, number: int) -> Row:
    return Row(name, {"s": took.seconds, "ms each": took.seconds / number * 1e3, "MiB at most": took.peak})
