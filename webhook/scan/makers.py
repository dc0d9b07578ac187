"""Finds what creates Airflow's pods: workloads that people wrote, and ConfigMaps with the executor's template."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from webhook.manifests.objects import Manifest, mapping
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.manifests.tree import manifest_of
from webhook.pods import skim
from webhook.pods.lookalike import is_commanded, is_likely
from webhook.pods.workload import UnreadableError, Workload, decode
from webhook.scan.pages import ListError
from webhook.scan.supply import CONFIG_MAPS, WORKLOADS, Collection, Supply

_ALWAYS = "kube-root-ca.crt"  # made in every namespace by the controller manager, since Kubernetes 1.20
_ENDED = {"Complete", "Failed"}  # conditions of a Job that makes no more pods


class Makers:
    """Collects them; *wanted* says whether one makes pods of Airflow."""

    def __init__(self, supply: Supply, wanted: Callable[[Workload], bool]) -> None:
        self.manifests: list[Manifest] = []
        self.remarks: list[Remark] = []
        self.listed: set[str] = set()  # namespaces all of whose ConfigMaps were read
        self._supply = supply
        self._wanted = wanted

    def read(self, within: Iterable[str | None], namespaces: set[str]) -> None:
        """Read the workloads in the namespaces *within* (None: all), and the ConfigMaps beside them or in *namespaces*.

        Secrets may hold a template too, but a reader has no business in them.
        """
        asked = list(within)
        for kinds in WORKLOADS:
            for namespace in asked:
                for collection, raw in self._items(kinds, namespace):
                    self._take_workload(collection, raw)
        for namespace in sorted({*namespaces, *(manifest.namespace for manifest in self.manifests)}):
            self._read_config_maps(namespace)

    def _read_config_maps(self, namespace: str) -> None:
        troubles = len(self.remarks)
        bodies = [_body(raw) for _, raw in self._items((CONFIG_MAPS,), namespace)]
        for body in bodies:
            self._keep(CONFIG_MAPS, body)
        # A dump may hold some of them; this one is in every namespace, so a list without it is not the whole one.
        names = {mapping(body.get("metadata")).get("name") for body in bodies}
        if _ALWAYS in names and None not in names and len(self.remarks) == troubles:
            self.listed.add(namespace)

    def _items(self, kinds: tuple[Collection, ...], namespace: str | None) -> Iterator[tuple[Collection, msgspec.Raw]]:
        """Yield the objects of the first version among *kinds* that there is."""
        for collection in kinds:
            try:
                yield from ((collection, raw) for raw in self._supply.items(collection, namespace))
            except ListError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    continue
                where = f" in {namespace}" if namespace is not None else ""
                text = f"what they would make is not judged: {error}"
                self.remarks.append(Remark(Place(f"{collection.plural}{where}", 0), text, usable=True))
            return

    def _take_workload(self, collection: Collection, raw: msgspec.Raw) -> None:
        try:
            workload = decode(raw, collection.group, collection.kind)
        except UnreadableError:
            return
        if workload is None or workload.metadata.controller is not None:
            return
        if not self._wanted(workload) and not is_likely(workload) and not is_commanded(memoryview(raw)):
            return
        body = _body(raw)
        if not _has_ended(body):
            self._keep(collection, body)

    def _keep(self, collection: Collection, body: dict[str, Any]) -> None:
        metadata = mapping(body.get("metadata"))
        metadata.pop("managedFields", None)
        metadata.pop("annotations", None)  # kubectl keeps the whole object in one
        body.pop("status", None)
        manifest = manifest_of(body, collection.api_version, collection.kind, self._supply.name)
        if manifest is not None:
            self.manifests.append(manifest)


def _body(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return mapping(skim.value(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _has_ended(body: dict[str, Any]) -> bool:
    conditions = mapping(body.get("status")).get("conditions")
    return any(
        mapping(one).get("type") in _ENDED and mapping(one).get("status") == "True"
        for one in (conditions if isinstance(conditions, list) else ())
    )
