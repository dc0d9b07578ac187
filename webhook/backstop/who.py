"""Whose pod it is, as expressions of CEL over `object`, `request` and the labels: components, modes, exemptions."""

from collections.abc import Iterable, Iterator
from datetime import date

from webhook.backstop import cel
from webhook.backstop.images import image_pattern
from webhook.documents.exemption import Exemption
from webhook.documents.policy import Policy
from webhook.grammar.pattern import Pattern
from webhook.pods.airflow import OWNERS, Component, Row
from webhook.pods.charts import WORDS, with_rows
from webhook.pods.claim import EXECUTOR, OPERATORS, TRUE

UPDATE = 'request.operation == "UPDATE"'
_OWNERS = "object.metadata.ownerReferences"
_OWNER = f"has({_OWNERS}) && {_OWNERS}.exists(o, has(o.controller) && o.controller"


def patterns(globs: Iterable[Pattern]) -> str:
    """Return one pattern for texts that any of *globs* matches."""
    return "|".join(f"(?:{glob.expression(glob.source)})" for glob in globs)


def any_glob(subject: str, globs: Iterable[Pattern]) -> str:
    """Return whether any of *globs* matches the expression *subject*; false of none."""
    found = patterns(globs)
    return cel.matches(subject, found) if found else "false"


def is_task(labels: str) -> str:
    """Return whether *labels* are those of the executor or of an operator."""
    keys = (EXECUTOR, *OPERATORS)
    true = cel.texts(sorted({form for word in TRUE for form in (word, word.capitalize(), word.upper())}))
    return cel.any_of(f"({cel.text(key)} in {labels} && {labels}[{cel.text(key)}] in {true})" for key in keys)


def is_airflow(labels: str, policy: Policy) -> str:
    """Return whether *labels* are Airflow's, by the charts' rows, the policy's and those of tasks."""
    return cel.any_of([is_task(labels), *(_has(labels, row) for row in _rows(policy))])


def _rows(policy: Policy) -> tuple[Row, ...]:
    """Return the rows that labels alone decide about; a managed service's do not, since anybody can write them."""
    return tuple(row for row in policy.rows if row in with_rows(()) or row.chart.value == "custom")


def _has(labels: str, row: Row) -> str:
    return cel.all_of(
        f"{cel.text(key)} in {labels}"
        + ("" if value is None else f" && {labels}[{cel.text(key)}] == {cel.text(value)}")
        for key, value in row.labels.items()
    )


def claimed(labels: str, policy: Policy) -> str:
    """Return the component that a chart's labels, or those of a row of the policy, claim; `other` for no known word."""
    choices = []
    for row in _rows(policy):
        roles = {word: str(role.component) for word, role in row.roles.items()}
        key = cel.text(row.key)
        words = f"{cel.table(roles | _spelt())}" if row.chart.value != "custom" else cel.table(roles)
        value = f'({key} in {labels} && {labels}[{key}] in {words} ? {words}[{labels}[{key}]] : "other")'
        choices.append((_has(labels, row), value))
    return cel.first(choices, cel.text(Component.OTHER))


def _spelt() -> dict[str, str]:
    """Return what charts and people call components, in the spellings that a table can hold."""
    found = {}
    for word, component in WORDS.items():
        for form in (word, word.replace("-", "_")):
            found[form] = found[f"airflow-{form}"] = str(component)
    return found


def trusted(policy: Policy) -> str:
    """Return whether a controller made the pod, so that a chart's labels are believed."""
    kinds = cel.texts(sorted({kind for owners in OWNERS.values() for kind in owners} - {"Deployment", "CronJob"}))
    owned = f"{_OWNER} && o.kind in {kinds})"
    return cel.all_of([any_glob("request.userInfo.username", policy.trusted_creators), owned])


def component(labels: str, policy: Policy) -> str:
    """Return the component to judge by: what is claimed if it is believed, else `task`.

    An update does not say who created the pod; what it claims then decides about exemptions only.
    """
    no_job = f'!({_OWNER} && o.kind == "Job"))'
    fits = f'(variables.claimed in ["job", "other"] || {no_job})'
    believed = f'({trusted(policy)} && {fits} && (variables.claimed != "other" || !{is_task(labels)}))'
    ways = [(any_glob("request.userInfo.username", policy.task_creators), '"task"')] if policy.task_creators else []
    return cel.first(
        [*ways, (believed, "variables.claimed"), (is_task(labels), '"task"'), (UPDATE, "variables.claimed")], '"task"'
    )


def mode(policy: Policy, rule: str) -> str:
    """Return the mode of *rule* in the namespace of the request."""
    entries = policy.namespaces
    choices = [(any_glob("request.namespace", one.names), cel.text(policy.mode_by(rule, one))) for one in entries]
    return cel.first(choices, cel.text(policy.mode_by(rule, None)))


def exempted(reference: str, policy: Policy, rule: str, today: date) -> str:
    """Return whether an exemption in force on *today* covers the image *reference* of the pod."""
    return cel.any_of(_covers(one, reference) for one in policy.exemptions if one.in_force(today) and _means(one, rule))


def _means(one: Exemption, rule: str) -> bool:
    return one.rules is None or rule in one.rules


def _covers(one: Exemption, reference: str) -> str:
    return cel.all_of(_selectors(one, reference))


def _selectors(one: Exemption, reference: str) -> Iterator[str]:
    if one.namespaces is not None:
        yield any_glob("request.namespace", one.namespaces)
    if one.components is not None:
        yield f"variables.component in {cel.texts(map(str, one.components))}"
    if one.images is not None:
        yield cel.any_of(cel.matches(reference, image_pattern(glob)) for glob in one.images) if reference else "false"
