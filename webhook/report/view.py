"""What the HTML page counts, worked out from a survey."""

from collections import Counter
from itertools import groupby

import msgspec

from webhook.audit.group import Group
from webhook.audit.survey import Survey
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

_HEATS = (1, 3, 10, 30)  # findings from which on a cell is darker
_NAMED = 3  # workloads of a namespace
_TRUSTING = frozenset({"IfNotPresent", "Never"})  # pull policies under which a node runs what it has

# Each class of image with what it means, worst first.
_KINDS = (
    ("proven", "ran as two images: somebody pushed the tag again"),
    ("mutable", "tags like this are pushed again"),
    ("unreadable", "not an image reference"),
    ("unrecognised", "a tag of no known kind"),
    ("immutable", "a full version, a commit id or a dated build"),
    ("digest", "always names the same image"),
)


class Cell(msgspec.Struct, frozen=True):
    """Findings of one rule in one component of one namespace."""

    findings: int
    mode: Mode  # the strictest
    heat: int  # 1 to 4


class Row(msgspec.Struct, frozen=True):
    """A row of the matrix; *first* says how many rows its namespace has, and is 0 in all but the first of them."""

    cluster: str  # "" in a survey of one
    namespace: str
    first: int
    rule: str
    cells: tuple[Cell | None, ...]  # one for each component


class Matrix(msgspec.Struct, frozen=True):
    """Namespaces by rule and component."""

    components: tuple[Component, ...]
    rows: tuple[Row, ...]


class Loss(msgspec.Struct, frozen=True):
    """The pods of one namespace that would not come back."""

    cluster: str  # "" in a survey of one
    namespace: str
    lost: int
    pods: int
    workloads: tuple[Group, ...]  # the first of them
    more: int
    rules: tuple[str, ...]

    @property
    def where(self) -> str:
        """The namespace; behind its cluster in a survey of several."""
        return f"{self.cluster}/{self.namespace}" if self.cluster else self.namespace


class ImageClass(msgspec.Struct, frozen=True):
    """All containers whose image is of one class."""

    name: str
    meaning: str
    containers: int
    trusting: int  # of them, under a pull policy that trusts the node's cache
    images: tuple[tuple[str, int], ...]  # most used first
    start: float  # of its piece of the bar, in percent
    width: float


def matrix(survey: Survey) -> Matrix:
    """Return how many findings there are, by namespace, rule and component."""
    counts: Counter[tuple[str, str, str, Component]] = Counter()
    modes: dict[tuple[str, str, str, Component], Mode] = {}
    for told in survey.findings:
        key = (told.group.cluster, told.group.namespace, told.violation.rule, told.group.component)
        counts[key] += 1
        modes[key] = max(told.violation.mode, modes.get(key, Mode.OFF), key=lambda mode: mode.rank)
    components = tuple(part for part in Component if any(part is key[3] for key in counts))
    rows: list[Row] = []
    for (cluster, namespace), ones in groupby(sorted({key[:3] for key in counts}), key=lambda one: one[:2]):
        rules = [rule for *_, rule in ones]
        for nth, rule in enumerate(rules):
            keys = [(cluster, namespace, rule, part) for part in components]
            cells = (Cell(counts[key], modes[key], _heat(counts[key])) if counts[key] else None for key in keys)
            rows.append(Row(cluster, namespace, 0 if nth else len(rules), rule, tuple(cells)))
    return Matrix(components, tuple(rows))


def _heat(findings: int) -> int:
    return sum(findings >= least for least in _HEATS)


def losses(survey: Survey) -> list[Loss]:
    """Return where pods would not come back, most first."""
    found: list[Loss] = []
    for (cluster, namespace), ones in groupby(survey.groups, key=lambda group: (group.cluster, group.namespace)):
        groups = list(ones)
        lost = sorted((group for group in groups if survey.loss(group)), key=lambda group: -survey.loss(group))
        if lost:
            told = (one.violation for group in lost for one in group.found)
            rules = sorted({violation.rule for violation in told if violation.mode is Mode.ENFORCE})
            pods, of = sum(map(survey.loss, lost)), sum(group.pods for group in groups)
            more = max(len(lost) - _NAMED, 0)
            found.append(Loss(cluster, namespace, pods, of, tuple(lost[:_NAMED]), more, tuple(rules)))
    return sorted(found, key=lambda loss: -loss.lost)


def classes(survey: Survey) -> list[ImageClass]:
    """Return the classes of images that run, worst first."""
    uses = [use for group in survey.groups for use in group.images]
    total = sum(use.pods for use in uses)
    found: list[ImageClass] = []
    before = 0
    for name, meaning in _KINDS:
        mine = [use for use in uses if use.kind == name]
        count = sum(use.pods for use in mine)
        if count:
            images: Counter[str] = Counter()
            for use in mine:
                images[use.image] += use.pods
            trusting = sum(use.pods for use in mine if use.policy in _TRUSTING)
            ordered = tuple(sorted(images.items(), key=lambda item: (-item[1], item[0])))
            width = 100 * count / total
            found.append(ImageClass(name, meaning, count, trusting, ordered, 100 * before / total, width))
            before += count
    return found
