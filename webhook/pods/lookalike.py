"""What looks like Airflow although no row of the table matches its labels: reported to people, never judged.

One distinctive sign is enough, such as a variable AIRFLOW__CORE__EXECUTOR; it takes two signs that other software has
too, such as a container called `worker`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType

import msgspec

from webhook.pods import skim
from webhook.pods.airflow import Component
from webhook.pods.charts import AIRFLOW_IMAGES, BACKING, component_of
from webhook.pods.skim import Data
from webhook.pods.text import printable
from webhook.pods.workload import Struct, Workload

_PREFIX = "AIRFLOW__"
_ENOUGH = 2
_LONGEST = 4096  # characters of a command that are looked at
_SHOWN = 120
_MOST = 64 * 1024  # bytes of an object, or of its review, that is searched for commands
_MOST_CONTAINERS = 32

_ALONE = frozenset({"scheduler", "dag-processor", "triggerer", "api-server", "webserver"})  # as a container's argument
_SUBCOMMANDS = (
    "scheduler|dag-processor|triggerer|worker|api-server|webserver|flower|db|initdb|upgradedb|standalone|kerberos|"
    "users|tasks|dags|serve-logs|cleanup-pods"
)
_GROUPS = "celery|edge|kubernetes"  # of subcommands: airflow edge worker
_COMMAND = re.compile(rf"(?:^|[\s/;&|(])airflow\s+(?:(?:{_GROUPS})\s+)?(?P<word>{_SUBCOMMANDS})\b")
# The same in JSON, where the words of a command may be texts of their own, and the last of them arguments.
_NEXT = r'(?:\s+|"\s*,\s*"|"\s*\]\s*,\s*"args"\s*:\s*\[\s*")'
_IN_JSON = re.compile(rf"airflow{_NEXT}(?:(?:{_GROUPS}){_NEXT})?(?:{_SUBCOMMANDS})\b".encode())
_WRAPPERS = frozenset(
    {"dumb-init", "tini", "--", "entrypoint", "entrypoint.sh", "airflow", "celery", "edge", "-g", "-s"}
)
_ALONE_IN_JSON = tuple(f'"{word}"'.encode() for word in sorted(_ALONE))  # which `schedulerName` is not
# Containers that only charts of Airflow have; the first two groups name their component.
_CONTAINERS = frozenset(
    {
        "dag-processor", "triggerer", "airflow", "wait-for-airflow-migrations", "run-airflow-migrations",
        "scheduler-log-groomer", "worker-log-groomer", "triggerer-log-groomer", "dag-processor-log-groomer",
        "airflow-cleanup-pods", "worker-kerberos", "sync-airflow-users", "wait-for-db-migrations",
    }
)  # fmt: skip
# Airflow's commands that prepare its database or its users.
_JOBS = frozenset({"db", "initdb", "upgradedb", "users"})
_BASE = "base"  # what the executor and the operator call the container of a task


class Traits(msgspec.Struct, frozen=True):
    """What a container shows of itself."""

    name: str
    image: str = ""
    variables: tuple[str, ...] = ()  # names alone
    words: tuple[str, ...] = ()  # command and arguments


class Likeness(msgspec.Struct, frozen=True):
    """Why a pod looks like Airflow, and as what."""

    why: tuple[str, ...]
    component: Component
    container: str  # the one that looks most like the component


class _Commanded(Struct, frozen=True):
    """A container, as far as rules do not look at it."""

    name: str = ""
    command: list[str] | None = None
    args: list[str] | None = None


_commanded = msgspec.json.Decoder(_Commanded)
_NO_COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def traits(workload: Workload, commands: Mapping[str, tuple[str, ...]] = _NO_COMMANDS) -> tuple[Traits, ...]:
    """Return what the containers of *workload* show; *commands* are their words, by name."""
    return tuple(
        Traits(
            one.name,
            one.image or "",
            tuple(variable.name for variable in one.env or ()),
            commands.get(one.name, ()),
        )
        for one in workload.spec.containers or ()
    )


def commands_in(data: Data) -> Mapping[str, tuple[str, ...]]:
    """Return command and arguments of the containers in *data*, the JSON of a workload or of its review, by name.

    Rules do not look at them, so a `Workload` has none. Where no command of Airflow's can stand, as in most objects,
    and where *data* is large, nothing is decoded and nothing returned.

    >>> dict(commands_in(b'{"spec": {"containers": [{"name": "main", "args": ["triggerer"]}]}}'))
    {'main': ('triggerer',)}
    """
    if len(data) > _MOST:
        return _NO_COMMANDS
    whole = bytes(data)
    if not any(word in whole for word in _ALONE_IN_JSON) and not _IN_JSON.search(whole):
        return _NO_COMMANDS
    found: dict[str, tuple[str, ...]] = {}
    for element in islice(skim.elements(whole, b"containers"), _MOST_CONTAINERS):
        try:
            one = _commanded.decode(element)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        found[one.name] = (*(one.command or ()), *(one.args or ()))
    return found


def is_commanded(data: Data) -> bool:
    """Return whether a container in *data*, as `commands_in` takes it, runs a command that only Airflow has."""
    return any(_argument(words)[1] for words in commands_in(data).values())


def likeness(containers: Iterable[Traits], names: Iterable[str] = (), *, bare: bool = False) -> Likeness | None:
    """Return why a pod with *containers* looks like Airflow, None when it does not.

    *names* are other words that people chose: the object's name and the values of its labels. *bare* is whether it is a
    Pod that no controller makes.

    >>> likeness([Traits("main", "registry.example.com/data/airflow:1", words=("scheduler",))]).why
    ("image 'registry.example.com/data/airflow:1'", "argument 'scheduler'")
    """
    strongest: tuple[int, list[str], Traits] | None = None
    named = any("airflow" in name.lower() for name in names)
    for one in containers:
        signs = list(_signs(one, bare=bare))
        weight = sum(weight for weight, _ in signs)
        if strongest is None or weight > strongest[0]:
            strongest = weight, [why for _, why in signs], one
    if strongest is None or strongest[0] + named < _ENOUGH:
        return None
    _, why, container = strongest
    if named:
        why = [*why, "its name or labels"]
    return Likeness(tuple(why), _component(container, names, bare=bare), container.name)


def is_likely(workload: Workload) -> bool:
    """Return whether *workload* looks like Airflow by what is cheap to see: names of images, variables, containers."""
    for one in workload.spec.containers or ():
        if one.image is not None and ("airflow" in one.image or "astro" in one.image) and _is_image(one.image):
            return True
        if one.name in _CONTAINERS:
            return True
        for variable in one.env or ():  # `any` would take twice as long, for each pod of a cluster
            if variable.name.startswith(_PREFIX):
                return True
    return False


def _signs(one: Traits, *, bare: bool) -> Iterator[tuple[int, str]]:
    """Yield the signs of a container with their weights."""
    if _is_image(one.image):
        yield _ENOUGH, f"image {printable(one.image, _SHOWN)!r}"
    variable = next((name for name in one.variables if name.startswith(_PREFIX)), None)
    if variable is not None:
        yield _ENOUGH, f"variable {printable(variable, _SHOWN)}"
    word, sure = _argument(one.words)
    if word:
        yield _ENOUGH if sure else 1, f"argument {word!r}"
    stem = one.name.removeprefix("airflow-")
    if one.name in _CONTAINERS or (stem != one.name and _named(stem)) or (bare and one.name == _BASE):
        yield _ENOUGH, f"container {printable(one.name, _SHOWN)!r}"
    elif _named(one.name):
        yield 1, f"container {printable(one.name, _SHOWN)!r}"


def _is_image(image: str) -> bool:
    """Return whether the last part of the image's path is Airflow's own, or has `airflow` among its words.

    An image whose name ends with a database's is none.

    >>> _is_image("quay.io/astronomer/ap-airflow:2.4.3"), _is_image("airflow-mirror.example.com/redis:7")
    (True, False)
    >>> _is_image("registry.example.com/data/airflow-postgresql:16")
    False
    """
    last = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    words = re.split(r"[-_.]", last.lower())
    return last in AIRFLOW_IMAGES or ("airflow" in words and words[-1] not in BACKING)


def _argument(words: tuple[str, ...]) -> tuple[str, bool]:
    """Return the component that a command names, and whether only Airflow has such a command."""
    text = " ".join(words)[:_LONGEST]
    if match := _COMMAND.search(text):
        return match["word"], True
    first = next((word for word in words if word.rpartition("/")[2] not in _WRAPPERS), "")
    wrapped = bool(words) and words[0].rpartition("/")[2] == "airflow"
    return (first, wrapped or first in _ALONE) if _named(first) else ("", False)


def _component(container: Traits, names: Iterable[str], *, bare: bool) -> Component:
    word, _ = _argument(container.words)
    stem = container.name.removeprefix("airflow-")
    if word in _JOBS:
        return Component.JOB
    for text in (word, stem, *(part for name in names for part in _parts(name))):
        if (found := _named(text)) is not None:
            return found
    return Component.TASK if bare and container.name == _BASE else Component.OTHER


def _named(text: str) -> Component | None:
    """Return the component called *text*; databases and the like stand beside many other things."""
    component = component_of(text)
    return component if text == "flower" or component is not Component.SUPPORT else None


def _parts(name: str) -> Iterator[str]:
    """Yield the words of *name*, longest first: dag-processor before dag."""
    words = re.split(r"[-_.]", name.lower())
    for size in (2, 1):
        yield from ("-".join(words[start : start + size]) for start in range(len(words) - size + 1))
