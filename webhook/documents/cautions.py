"""What a valid document says but its author hardly means: it is in force anyway, and reported with its line. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.documents.policy import Policy
from webhook.documents.required_env import RequiredEnv
from webhook.grammar.glob import WILDCARDS, show
from webhook.grammar.model import Flaw, Problem, located
from webhook.grammar.yamlnode import compose
from webhook.rules import mutable_tag
from webhook.rules.tag_trust import MutableTagOptions

# A person and a workload of no importance: trusting them means trusting everybody, or every ServiceAccount.
_ANYBODY, _ANY_ACCOUNT = "jane.doe@example.com", "system:serviceaccount:some-team:default"

# Labels that say where, whose or how, and not what: half of a cluster may have them.
_GENERAL_KEYS = frozenset({
    "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of", "app.kubernetes.io/instance", "heritage", "release",
    "env", "environment", "stage", "tier", "team", "owner", "cost-center", "region", "zone", "version",
    "app.kubernetes.io/version", "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "istio.io/rev",
    "pod-template-hash", "controller-revision-hash", "helm.sh/chart", "chart", "managed-by",
})  # fmt: skip

_WILD = 50  # globs with wildcards that names are compared with: a fraction of a second for the longest policy


class Caution(msgspec.Struct, frozen=True):
    """A place in a document, and what is doubtful there; *new* ones are refused when an edit brings them in."""

    problem: Problem
    refused: bool = False

    def __str__(self) -> str:
        return str(self.problem)


def cautions(text: str | bytes, document: object) -> tuple[Caution, ...]:
    """Return what is doubtful in *text*, a good *document*, in the order of its lines."""
    root, _ = compose(text)
    if root is None or not isinstance(root.value, Mapping):
        return ()
    found = []
    flaws: Iterable[tuple[Flaw, bool]] = ()
    if isinstance(document, Policy):
        flaws = _of_policy(document)
    elif isinstance(document, RequiredEnv):
        flaws = _of_manifest(root.value)
    for flaw, refused in flaws:
        if (problem := located(root, flaw)) is not None:
            found.append(Caution(problem, refused))
    return tuple(sorted(found, key=lambda caution: caution.problem.line))


def _of_policy(policy: Policy) -> Iterator[tuple[Flaw, bool]]:
    for name, globs, what in (
        ("trustedCreators", policy.trusted_creators, "are believed what their pods' labels say"),
        ("taskCreators", policy.task_creators, "make nothing but tasks, so that all their pods are Airflow's"),
    ):
        for index, glob in enumerate(globs):
            if who := _who(glob.matches(_ANYBODY), glob.matches(_ANY_ACCOUNT)):
                text = f"{show(str(glob))} means {who}: they {what}; name the users"
                yield Flaw((name, index), text), False
    yield from ((flaw, False) for flaw in (*_without_effect(policy), *_behind(policy)))
    for index, row in enumerate(policy.components):
        named = any("airflow" in value.lower() for value in row.labels.values())
        if not named and {key.lower() for key in row.labels} <= _GENERAL_KEYS:
            labels = ", ".join(sorted(row.labels))
            text = f"{labels} may stand on pods that are not Airflow's, which are then judged as a {row.component}"
            yield Flaw(("components", index, "labels"), f"{text}; add a label that only Airflow's pods have"), False


def _without_effect(policy: Policy) -> Iterator[Flaw]:
    """Yield a flaw for each empty list with which mutable-tag finds nothing, or an entry speaks of everything."""
    options = policy.options(mutable_tag.RULE.name)
    assert isinstance(options, MutableTagOptions)  # noqa: S101 - as the catalogue has it
    for field, effect, is_empty in (
        ("pullPolicies", "no tag is ever found", not options.pull_policies and not options.require_digest),
        ("components", "no pod is ever judged", not options.components),
    ):
        if is_empty:
            text = f"is empty, so {effect}; say mode: off if that is meant, or leave it out"
            yield Flaw(("rules", mutable_tag.RULE.name, field), text)
    for index, entry in enumerate(options.tags):
        if not entry.images and "images" in entry.model_fields_set:
            text = "is empty and means every image; name some, or leave it out"
            yield Flaw(("rules", mutable_tag.RULE.name, "tags", index, "images"), text)


def _behind(policy: Policy) -> Iterator[Flaw]:
    """Yield a flaw for each name of a namespace that never counts, since an earlier entry matches all that it does."""
    same: dict[str, int] = {}  # entries by what they name
    wild = list[tuple[int, Any]]()  # entries by their globs with wildcards
    for index, entry in enumerate(policy.namespaces):
        for nth, glob in enumerate(entry.names):
            source = str(glob)
            plain = WILDCARDS.search(source) is None
            covering = (
                number for number, other in wild if not str(other).strip("*") or (plain and other.matches(source))
            )
            first = same.get(source, next(covering, None))
            if first is not None:
                text = f"{show(source)} never counts: namespaces[{first}] matches first; put this entry before it"
                yield Flaw(("namespaces", index, "names", nth), text)
        for glob in entry.names:
            same.setdefault(str(glob), index)
            if WILDCARDS.search(str(glob)) is not None and len(wild) < _WILD:
                wild.append((index, glob))


def _who(anybody: bool, any_account: bool) -> str:  # noqa: FBT001 - two answers
    if anybody and any_account:
        return "everybody"
    if any_account:
        return "the workloads of every namespace"
    return "every person" if anybody else ""


def _of_manifest(given: Mapping[str, Any]) -> Iterator[tuple[Flaw, bool]]:
    for index, variable in enumerate(given["env"]):
        value = variable.get("value")
        if isinstance(value, str) and value.endswith(("\n", "\r")):
            text = "ends with a line break, which becomes a part of the variable; write it without, or with |- for |"
            yield Flaw(("env", index, "value"), text), False
        if "from" not in variable:
            continue
        for nth, glob in enumerate(variable.get("namespaces", ())):
            if WILDCARDS.match(str(glob)):
                text = f"{show(str(glob))} begins with a wildcard, so anyone who can name a namespace gets the value of"
                text = f"{text} {variable['name']}; begin with a name, such as airflow-*"
                yield Flaw(("env", index, "namespaces", nth), text), True
