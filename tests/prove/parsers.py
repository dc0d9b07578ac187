"""A fuzz of the parsers that is guided by what code it reaches: `python -m tests.prove.parsers TARGET`, for libFuzzer.

Needs atheris (the extra `fuzz`). What a parser raises beside its own errors ends the run, and the input is kept.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date

import yaml

from tests.figures.figure import Figure, Promise, Row
from tests.harness.places import CASES
from tests.harness.reviews import review, scheduler, task
from tests.prove.told import ENFORCE, Told

TARGETS = ("review", "policy", "manifest", "image", "head", "hello", "dump")
_DONE = re.compile(r"^Done (\d+) runs|stat::number_of_executed_units: +(\d+)", re.MULTILINE)
_COVERED = re.compile(r"cov: (\d+)")


def measure(told: Told) -> Iterator[Figure | Row]:
    """Run libFuzzer on each target for a while."""
    seconds = told.pick(3, 20)
    for target in TARGETS:
        with told.folder() as folder:
            for nth, seed in enumerate(seeds(target)):
                (folder / f"seed-{nth}").write_bytes(seed)
            options = [
                f"-max_total_time={seconds}",
                "-seed=20261127",
                "-print_final_stats=1",
                f"-artifact_prefix={folder}/",
            ]
            command = [sys.executable, "-m", "tests.prove.parsers", target, *options, str(folder)]
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
        assert "No module named 'atheris'" not in run.stderr, "atheris is missing: pip install -e '.[fuzz]'"
        counts = [int(found) for one in _DONE.findall(run.stderr) for found in one if found]
        covered = [int(found) for found in _COVERED.findall(run.stderr)]
        if run.returncode:
            yield Row(run.stderr[-1500:].replace("\n", " "), {"exit": float(run.returncode)})
        yield Row(target, {"runs": float(max(counts, default=0)), "branches reached": float(max(covered, default=0))})
        yield Figure(f"{target}: exceptions that are not its own", (float(run.returncode != 0),), "", Promise(0))


def seeds(target: str) -> list[bytes]:
    """Return inputs to begin with."""
    if target in ("policy", "manifest"):
        folder = "policy" if target == "policy" else "required-env"
        cases = [yaml.safe_load(path.read_text()) for path in sorted(CASES.glob(f"documents/{folder}/*.yaml"))]
        return [case["document"].encode() for case in cases if "document" in case]
    if target == "image":
        return [path.read_bytes()[:200] for path in sorted(CASES.glob("image/*.yaml"))]
    if target == "head":
        return [b"POST /validate?timeout=2s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nAccept: */*\r\n\r\n"]
    if target == "hello":
        return [b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"]
    return [review(scheduler()), review(task()), review(scheduler(), operation="UPDATE", old=scheduler())]


def parser(target: str) -> Callable[[bytes], object]:
    """Return what parses the bytes of *target*, and lets only the wrong exceptions through."""
    from webhook.documents.policy import read_policy  # noqa: PLC0415 - atheris instruments what is imported later
    from webhook.documents.required_env import read_manifest  # noqa: PLC0415 - same
    from webhook.grammar.model import DocumentError  # noqa: PLC0415 - same
    from webhook.pods.image import ImageError, parse  # noqa: PLC0415 - same
    from webhook.scan.dump import Dump  # noqa: PLC0415 - same
    from webhook.serving.http import head, hello  # noqa: PLC0415 - same

    return {
        "review": _judged(),
        "policy": _spared(read_policy, DocumentError),
        "manifest": _spared(read_manifest, DocumentError),
        "image": _spared(lambda data: parse(data.decode(errors="replace")), ImageError),
        "head": lambda data: (head.plain_path(data), head.timeout(data)),
        "hello": lambda data: hello.needed(data[:100]) if data else 0,
        "dump": lambda data: Dump().take("fuzz", data),
    }[target]


def _judged() -> Callable[[bytes], object]:
    from webhook.admission import review as envelope  # noqa: PLC0415 - atheris instruments what is imported later
    from webhook.documents.policy import read_policy  # noqa: PLC0415 - same
    from webhook.documents.required_env import read_manifest  # noqa: PLC0415 - same
    from webhook.judge import message  # noqa: PLC0415 - same
    from webhook.judge.gate import Gate  # noqa: PLC0415 - same

    gate = Gate(
        read_policy(ENFORCE), read_manifest("{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: A, value: x}]}")
    )

    def judge(data: bytes) -> None:
        asked = envelope.decode(data)
        decision = gate.validate(asked, date(2026, 11, 27))
        message.denial(decision)
        gate.mutate(asked, date(2026, 11, 27))

    return _spared(judge, envelope.ReviewError)


def _spared(parse: Callable[[bytes], object], own: type[Exception]) -> Callable[[bytes], object]:
    def parsed(data: bytes) -> object:
        try:
            return parse(data)
        except own:
            return None

    return parsed


def main() -> None:
    """Hand over to libFuzzer, which never returns."""
    import atheris  # noqa: PLC0415 - needed here alone

    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=["webhook"]):
        parse = parser(target)

    def once(data: bytes) -> None:
        parse(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
