"""What a command loads before it works: time differs from machine to machine, modules do not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.harness.places import ROOT
from webhook.__main__ import main

# Libraries that take more than a hundredth of a second to load.
HEAVY = frozenset({
    "cryptography", "flask", "gunicorn", "jinja2", "jsonpatch", "kubernetes", "msgspec", "prometheus_client",
    "pydantic", "re2", "requests", "rich", "structlog", "yaml",
})  # fmt: skip
DOCUMENTS = frozenset({"msgspec", "pydantic", "re2", "yaml"})
JUDGING = DOCUMENTS | {"jsonpatch", "rich"}

LOADING = """
import atexit, sys
from webhook.__main__ import main
atexit.register(lambda: print("LOADED", *sys.modules, file=sys.stderr))
main(sys.argv[1:])
"""


def modules(*arguments: str) -> frozenset[str]:
    """Return all that the program has loaded at its end."""
    command = [sys.executable, "-c", LOADING, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    _, told, names = ended.stderr.rpartition("LOADED ")
    assert told, ended.stderr
    return frozenset(names.split())


def loaded(*arguments: str) -> frozenset[str]:
    """Return the heavy libraries that the program has loaded at its end."""
    return HEAVY & modules(*arguments)


def commands(group: click.Group = main, *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, those of groups included."""
    yield above
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield *above, name


@pytest.mark.parametrize("command", list(commands()), ids=lambda words: " ".join(words) or "airlock")
def test_help_loads_no_heavy_library(command: tuple[str, ...]) -> None:
    assert loaded(*command, "--help") == frozenset()


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("version", frozenset()),
        ("policy show", DOCUMENTS),
        ("policy check examples/policy.yaml", DOCUMENTS),
        ("policy schema", DOCUMENTS),
        ("policy test examples/policy-tests/policy-test.yaml", DOCUMENTS | {"jsonpatch"}),
        ("check examples/pods", JUDGING),
        ("check -o json examples/pods", DOCUMENTS | {"jsonpatch"}),
        ("check -o sarif examples/pods", DOCUMENTS | {"jsonpatch"}),
        ("check -o junit examples/pods", DOCUMENTS | {"jsonpatch"}),
        ("lint examples", {"msgspec", "rich", "yaml"}),
        ("lint --required-env examples/required-env.yaml examples", JUDGING),
        ("fix examples/pods", JUDGING),
        ("audit -f examples/pods/worker-on-a-moving-tag.yaml", JUDGING),
        ("certs show 127.0.0.1:1", frozenset({"cryptography"})),
    ],
)
def test_a_command_loads_what_it_uses_and_nothing_else(command: str, needed: frozenset[str]) -> None:
    assert loaded(*command.split()) <= needed


AUDIT = "audit -f examples/pods/worker-on-a-moving-tag.yaml"


@pytest.mark.parametrize("command", ["check examples/pods", "fix examples/pods", AUDIT])
def test_what_only_another_command_uses_is_not_loaded(command: str) -> None:
    found = {name for name in modules(*command.split()) if name.startswith("webhook.")}
    assert not {name for name in found if name.startswith("webhook.lint.")}
    if not command.startswith("audit"):
        assert not {name for name in found if name.startswith(("webhook.audit.", "webhook.scan."))}


VALIDATORS = "pydantic.plugin._loader"  # loaded when pydantic builds its first validator


@pytest.mark.parametrize("command", ["check examples/pods", "fix examples/pods", AUDIT])
def test_without_documents_no_validator_of_documents_is_built(command: str) -> None:
    assert VALIDATORS not in modules(*command.split())
    assert VALIDATORS in modules("check", "--policy", "examples/policy.yaml", "examples/pods")


@pytest.mark.parametrize("group", [(), ("policy",), ("certs",)], ids=lambda words: " ".join(words) or "airlock")
def test_summaries_of_commands_are_whole(group: tuple[str, ...]) -> None:
    _, _, listed = CliRunner().invoke(main, [*group, "--help"]).stdout.partition("Commands:")
    assert listed
    assert "..." not in listed


@pytest.mark.parametrize(
    ("shell_name", "answer"),
    [
        ("bash", "plain,policy\n"),
        ("zsh", "plain\npolicy\nCheck, show, test"),
        ("fish", "plain,policy\tCheck, show, test"),
    ],
)
def test_each_shell_completes_the_names_of_commands(shell_name: str, answer: str) -> None:
    environ = {
        "PATH": os.environ["PATH"], "_AIRLOCK_COMPLETE": f"{shell_name}_complete",
        "COMP_WORDS": "airlock pol", "COMP_CWORD": "pol" if shell_name == "fish" else "1",
    }  # fmt: skip
    program = [str(Path(sys.executable).parent / "airlock")]
    ended = subprocess.run(program, env=environ, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    assert answer in ended.stdout
