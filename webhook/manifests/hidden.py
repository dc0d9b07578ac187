"""Finds what charts hide in ConfigMaps, Secrets and files: the executor's pod template, and settings to complete it."""

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from webhook.grammar.yamlnode import Node
from webhook.manifests import data, kin
from webhook.manifests.composer import Text
from webhook.manifests.data import Entry
from webhook.manifests.leader import NO_IMAGES, Images, Leader, Name, leaders
from webhook.manifests.objects import Manifest, mapping
from webhook.manifests.outcome import Remark
from webhook.manifests.settings import Environment, Settings, Values, environment, options, settings, variables
from webhook.manifests.stream import Document, Unusable, documents
from webhook.manifests.worker import Worker, compose
from webhook.pods.airflow import Component, Row

CONFIG = "airflow.cfg"
_BASE = "base"  # the container's name in every pod of the executor
_SUFFIXES = (".yaml", ".yml", ".json")
_LONGEST_KEY = 253  # characters; the API server takes no longer one
# The official chart's key is pod_template_file.yaml, the community's and Bitnami's pod_template.yaml.
_TEMPLATE_KEY = re.compile(r"(?:.*[._-])?pod[_-]?template(?:[_-]?file)?(?:[._-].*)?\.(?:ya?ml|json)", re.IGNORECASE)


class _Holder(msgspec.Struct, frozen=True):
    """A ConfigMap or a Secret with its keys, or a file of settings."""

    manifest: Manifest
    entries: Mapping[str, Entry]

    @property
    def name(self) -> Name:
        return self.manifest.kind, self.manifest.name

    @property
    def config(self) -> Entry | None:
        """Its airflow.cfg."""
        return next((entry for key, entry in self.entries.items() if key.lower().endswith(CONFIG)), None)


class _Known(msgspec.Struct, frozen=True):
    """What sets the settings of one Airflow, the strongest first, and which of it is not in the input."""

    values: tuple[Values, ...]
    images: Images = NO_IMAGES
    unreached: tuple[str, ...] = ()


class Chest:
    """All ConfigMaps, Secrets and leading components of the input, by namespace; *files* are copies of airflow.cfg."""

    def __init__(self, manifests: list[Manifest], rows: tuple[Row, ...], files: tuple[Entry, ...] = ()) -> None:
        self._holders: dict[str, list[_Holder]] = {}
        self._leaders: dict[str, list[Leader]] = {}
        self._files = [_Holder(entry.manifest, {entry.key: entry}) for entry in files]
        for manifest in manifests:
            if data.holds(manifest):
                holder = _Holder(manifest, {entry.key: entry for entry in data.entries(manifest)})
                self._holders.setdefault(manifest.namespace, []).append(holder)
            else:
                self._leaders.setdefault(manifest.namespace, []).extend(leaders(manifest, rows))

    def images(self, manifest: Manifest) -> Images:
        """Return what the Airflow of *manifest* runs, as far as the input says."""
        near = [one for one in kin.nearest(self._leaders.get(manifest.namespace, ()), manifest) if _is_believed(one)]
        repositories = frozenset(one.repository for one in near if one.repository)
        scheduler = next((one for one in near if one.component is Component.SCHEDULER), None)
        return Images(repositories, "" if scheduler is None else scheduler.image)

    def schedulers(self) -> Iterator[tuple[Leader, Settings, tuple[str, ...]]]:
        """Yield the schedulers of the input, each with its executor's settings, and what of them the input lacks."""
        for namespace, found in self._leaders.items():
            holders = self._holders.get(namespace, [])
            for one in found:
                if one.component is Component.SCHEDULER and _is_believed(one):
                    config = self._config(one.manifest, holders, one)
                    own = self._environment(one, holders)
                    lacks = (*own.unreached, *((CONFIG,) if config is None and one.mounts_config else ()))
                    values = (own.values, options(config)) if config is not None else (own.values,)
                    yield one, settings(values), lacks

    def keys(self, namespace: str, kind: str, name: str) -> tuple[str, ...]:
        """Return the keys of the ConfigMap or Secret *name*; none when it is not in the input."""
        held = (one for one in self._holders.get(namespace, ()) if one.name == (kind, name))
        return tuple(key for holder in held for key in holder.entries)

    def workers(self, manifest: Manifest) -> Iterator[Worker | Remark]:
        """Yield the worker pods of the templates in *manifest*, or why there is none."""
        if data.holds(manifest):
            yield from _sealed(manifest)
        entries = data.entries(manifest) if data.holds(manifest) else iter((_whole(manifest),))
        candidates = [entry for entry in entries if len(entry.key) <= _LONGEST_KEY and entry.text.strip()]
        candidates = [entry for entry in candidates if entry.key.lower().endswith(_SUFFIXES) or _may_be_pod(entry)]
        if not candidates:
            return
        known = self._known(manifest)
        common = settings(known.values)
        for entry in candidates:
            named = _basename(common) == entry.key or _TEMPLATE_KEY.fullmatch(entry.key) is not None
            if not named and not any(_is_worker(one) for one in _documents(entry)):
                continue
            if not common.teams:
                text = f"{entry.key} is not judged: the executor of this Airflow makes no pods"
                yield Remark(entry.place(), text, usable=True)
                continue
            for team in common.teams:
                yield from self._of_team(entry, known, team)

    def _of_team(self, entry: Entry, known: _Known, team: str) -> Iterator[Worker | Remark]:
        found = settings(known.values, team)
        if team and _basename(found) not in ("", entry.key):
            return  # it uses another template
        workers = 0
        for one in _documents(entry):
            if isinstance(one, Unusable):
                yield Remark(entry.place(one.line), f"{entry.key} {one.text}")
            elif isinstance(one.root.value, dict):
                workers += 1
                told = replace(entry, key=f"{entry.key}, team {team}") if team else entry
                yield compose(told, one.root, found, known.images)
        if workers:
            yield from _unsaid(entry, found, known)

    def _known(self, manifest: Manifest) -> _Known:
        """Return what sets the settings of the Airflow that *manifest* belongs to."""
        namespace = manifest.namespace
        holders = self._holders.get(namespace, [])
        running = [one for one in self._leaders.get(namespace, ()) if one.component is Component.SCHEDULER]
        mounting = [one for one in running if (manifest.kind, manifest.name) in one.mounts]
        near = kin.nearest(mounting, manifest) or kin.nearest(running, manifest)
        values: list[Values] = []
        unreached: list[str] = []
        scheduler = next(iter(near), None)
        if scheduler is not None:
            found = self._environment(scheduler, holders)
            values.append(found.values)
            unreached += found.unreached
        else:  # the containers that get the variables are not in the input
            values += [variables(holder.entries.values()) for holder in kin.related(holders, manifest)]
        config = self._config(manifest, holders, scheduler)
        if config is not None:
            values.append(options(config))
        elif scheduler is not None or not any(values):
            unreached.append(CONFIG if scheduler is not None else f"{CONFIG} and the scheduler")
        images = NO_IMAGES
        if scheduler is not None:
            sure = bool(mounting) or kin.share_a_release(scheduler.manifest, manifest)
            images = Images(frozenset(), scheduler.image, scheduler.chart if sure else "")
        return _Known(tuple(values), images, tuple(unreached))

    def _environment(self, scheduler: Leader, holders: list[_Holder]) -> Environment:
        known: dict[Name, Mapping[str, Entry]] = {}
        for holder in kin.related(holders, scheduler.manifest):
            known.setdefault(holder.name, holder.entries)
        for holder in kin.nearest(holders, scheduler.manifest):
            known[holder.name] = holder.entries
        return environment(scheduler.manifest.file, scheduler.container, known)

    def _config(self, manifest: Manifest, holders: list[_Holder], scheduler: Leader | None) -> Entry | None:
        """Return the airflow.cfg for *manifest*: what its scheduler mounts, else what lies beside it, else near it."""
        having = [holder for holder in holders if holder.config is not None]
        mounted = [one for one in having if scheduler is not None and one.name in scheduler.mounts]
        beside = [one for one in having if one.manifest is manifest]
        found = kin.nearest(mounted, manifest) or beside or kin.nearest([*having, *self._files], manifest)
        return found[0].config if found else None


def is_file(manifest: Manifest) -> bool:
    """Return whether *manifest* is a Pod in a file of its own that is called like a pod template."""
    bare = (manifest.api_version, manifest.kind) == ("v1", "Pod") and not manifest.source
    return bare and _TEMPLATE_KEY.fullmatch(_name_of(manifest.file)) is not None and _is_worker_pod(manifest.node.value)


def config(file: str, content: bytes) -> Entry:
    """Return *file*, a copy of airflow.cfg, as if it were a key of a ConfigMap."""
    manifest = Manifest(file, Node(1, {}), "v1", "ConfigMap", "", CONFIG)
    text = content.decode(errors="replace")
    return Entry(manifest, CONFIG, text, Text(1, text, first=1))


def _name_of(file: str) -> str:
    return file.rpartition("/")[2]


def _whole(manifest: Manifest) -> Entry:
    """Return the file of *manifest*, a Pod, as if it were a key of a ConfigMap."""
    node = Text(manifest.node.line, "", first=1)
    return Entry(manifest, _name_of(manifest.file), "Pod", node, manifest.node)


def _may_be_pod(entry: Entry) -> bool:
    return "Pod" in entry.text and _BASE in entry.text


def _documents(entry: Entry) -> Iterator[Document | Unusable]:
    if entry.root is not None:
        yield Document(entry.root)
        return
    for one in documents(entry.text.encode(errors="replace")):
        if isinstance(one, Document | Unusable):
            yield one


def _is_worker(one: Document | Unusable) -> bool:
    return isinstance(one, Document) and _is_worker_pod(one.root.value)


def _is_worker_pod(value: object) -> bool:
    """Return whether *value* is a Pod whose first container is the executor's."""
    pod = mapping(value)
    containers = mapping(pod.get("spec")).get("containers")
    first = mapping(containers[0]) if isinstance(containers, list) and containers else {}
    return pod.get("kind") == "Pod" and first.get("name") == _BASE


def _basename(found: Settings) -> str:
    return ((found.template.value if found.template is not None else None) or "").rpartition("/")[2]


def _sealed(manifest: Manifest) -> Iterator[Remark]:
    """Yield the pod templates in *manifest* that nobody here can read."""
    for entry in data.sealed(manifest):
        if len(entry.key) <= _LONGEST_KEY and _TEMPLATE_KEY.fullmatch(entry.key):
            text = f"{entry.key} is not judged: its value is encrypted, or neither base64 nor text; check it decrypted"
            yield Remark(entry.place(), text)


def _unsaid(entry: Entry, found: Settings, known: _Known) -> Iterator[Remark]:
    """Yield what is not known of the worker pods' settings."""
    if found.repository is not None and found.tag is not None:
        return
    for what in known.unreached:
        text = f"{what} of its Airflow is not in the input, and may give worker pods another image than {entry.key} has"
        yield Remark(entry.place(), text, usable=True)


def _is_believed(leader: Leader) -> bool:
    """Return whether *leader* is more than a Pod without a controller, which may call itself a scheduler."""
    metadata = mapping(mapping(leader.manifest.node.value).get("metadata"))
    return leader.manifest.kind != "Pod" or bool(metadata.get("ownerReferences"))
