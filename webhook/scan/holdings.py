"""Which of the ConfigMaps and Secrets that pods refer to exist, as far as the user may look: names and keys."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from webhook.audit.taking import Look
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods import skim
from webhook.pods.references import CONFIG_MAP, SECRET, Absence, Held, Keys, Reference, references
from webhook.pods.text import plural, quote
from webhook.pods.workload import PodSpec
from webhook.scan.pages import ListError
from webhook.scan.supply import CONFIG_MAPS, SECRETS, Supply

PLACE = "env-reference"  # of remarks about references that could not be looked at
MOST = 1000  # objects that are read one by one

_COLLECTIONS = {CONFIG_MAP: CONFIG_MAPS, SECRET: SECRETS}
_NAMED = 3

Wanted = tuple[str, str, str]  # kind, namespace, name


class Template(msgspec.Struct, frozen=True):
    """What makes pods, and where."""

    namespace: str
    spec: PodSpec


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata | None = None
    data: dict[str, msgspec.Raw] | None = None
    binary_data: dict[str, msgspec.Raw] | None = None


@dataclass(slots=True)
class Holder:
    """Looks up what is referred to and not *known* already; Secrets only if *secrets* says so."""

    supply: Supply
    known: Held
    secrets: bool
    _found: dict[Wanted, Keys | Absence] = field(default_factory=dict)
    _why: dict[Wanted, str] = field(default_factory=dict)

    def read(self, look: Look, templates: Iterable[Template], look_in: frozenset[str]) -> tuple[Held, list[Remark]]:
        """Return what is known of all references, and a remark for each namespace with some that are not.

        A container that has started had what it refers to, so what is unknown about it is no remark.
        """
        waiting: dict[Wanted, None] = {}
        for namespace, one, started in _references(look, templates):
            wanted = one.kind, namespace, one.name
            if one.kind not in _COLLECTIONS:
                continue
            found = self._look(wanted)
            if found is Absence.UNKNOWN and not started:
                waiting.setdefault(wanted)
            elif isinstance(found, Absence) or (one.key and one.key not in found):
                for other in look_in - {namespace}:
                    self._look((one.kind, other, one.name))
        return self._held(), list(self._remarks(waiting))

    def _look(self, wanted: Wanted) -> Keys | Absence:
        if wanted not in self._found:
            known = self.known.look(*wanted)
            self._found[wanted] = self._ask(wanted) if known is Absence.UNKNOWN else known
        return self._found[wanted]

    def _ask(self, wanted: Wanted) -> Keys | Absence:
        kind, namespace, name = wanted
        if kind == SECRET and not self.secrets:
            self._why[wanted] = "Secrets are only looked up with --secrets"
            return Absence.UNKNOWN
        if len(self._found) >= MOST:
            self._why[wanted] = f"more than {MOST} objects are referred to"
            return Absence.UNKNOWN
        try:
            raw = self.supply.item(_COLLECTIONS[kind], namespace, name)
            if raw is None:
                return Absence.MISSING
            read = skim.of_type(raw, _Object)
        except ListError as error:
            self._why[wanted] = str(error)
            return Absence.UNKNOWN
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._why[wanted] = "it cannot be read"
            return Absence.UNKNOWN
        return frozenset((*(read.data or ()), *(read.binary_data or ())))

    def _held(self) -> Held:
        objects = {place: dict(found) for place, found in self.known.objects.items()}
        for (kind, namespace, name), found in self._found.items():
            if not isinstance(found, Absence):
                objects.setdefault((kind, namespace), {})[name] = found
        missing = frozenset(wanted for wanted, found in self._found.items() if found is Absence.MISSING)
        return Held(objects, self.known.whole, missing)

    def _remarks(self, waiting: Iterable[Wanted]) -> Iterator[Remark]:
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for kind, namespace, name in waiting:
            grouped.setdefault((kind, namespace, self._why[kind, namespace, name]), []).append(name)
        for (kind, namespace, why), names in grouped.items():
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            named = f"{', '.join(map(quote, names[:_NAMED]))}{more}"
            text = (
                f"whether {plural(len(names), kind)} in namespace {namespace} can be read is not known ({named}): {why}"
            )
            yield Remark(Place(PLACE, 0), text, usable=True)


def _references(look: Look, templates: Iterable[Template]) -> Iterator[tuple[str, Reference, bool]]:
    """Yield each reference with its namespace, and whether its container has started."""
    for pod in look.pods:
        if pod.ended:
            continue
        started = pod.started
        yield from ((pod.namespace, one, one.container in started) for one in references(pod.workload.spec))
    for template in templates:
        yield from ((template.namespace, one, False) for one in references(template.spec))
