"""Reports, written where people look for them: as openreports.io where that is served, else as ConfigMaps of airlock's.

Written is only what has changed, and figures alone not at every run; what is not airlock's is left alone.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.controller.api import FIELD_MANAGER, Api, ApiError, Object, Written
from webhook.controller.audit.report import MOST_REPORTS, OPEN_REPORTS, Report, as_json, as_open_report, content

OPEN_NAME, PREFIX, KEY = "airlock", "airlock-report-", "report.json"
LABEL = "airlock/report"
NAMESPACE, CONTENT, SUBSTANCE = "airlock/audited-namespace", "airlock/content", "airlock/substance"

_OPEN = f"/apis/{OPEN_REPORTS}"
_PAGE = "20"  # reports read at once: at most some 1.3 MB


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, in seconds."""

    figures: float = 600.0  # a report is written when nothing but figures changed
    linger: float = 3600.0  # a report stays when no pod is left: workers come and go
    refused: float = 600.0  # a namespace that takes none is asked again
    discovery: float = 300.0  # it is looked for openreports.io


@dataclass(frozen=True, slots=True)
class _Form:
    """How reports are written, and where."""

    kind: str
    version: str
    everywhere: str  # the collection of all of them
    query: Mapping[str, str]
    place: Callable[[str], tuple[str, str]]  # collection and name, by the namespace reported on
    fields: Callable[[Report], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Known:
    content: str
    substance: str
    at: float


def _config_maps(own: str) -> _Form:
    collection = f"/api/v1/namespaces/{own}/configmaps"
    return _Form(
        "ConfigMap",
        "v1",
        collection,
        {"labelSelector": LABEL},
        lambda namespace: (collection, f"{PREFIX}{namespace}"),
        lambda report: {"data": {KEY: json.dumps(as_json(report), indent=1)}},
    )


# One name in all namespaces, so that the right to change reports can be limited to it.
_OPEN_FORM = _Form(
    "Report",
    OPEN_REPORTS,
    f"{_OPEN}/reports",
    {"fieldSelector": f"metadata.name={OPEN_NAME}", "labelSelector": LABEL},
    lambda namespace: (f"{_OPEN}/namespaces/{namespace}/reports", OPEN_NAME),
    as_open_report,
)


class Publisher:
    """Keeps one report for each namespace; *own* is airlock's namespace. Raises OSError when nobody answers."""

    def __init__(self, api: Api, own: str, clock: Callable[[], float], pace: Pace) -> None:
        self._api = api
        self._plain = _config_maps(own)
        self._clock = clock
        self._pace = pace
        self._form: _Form | None = None
        self._looked = 0.0
        self._known: dict[str, _Known] = {}
        self._present: set[str] = set()
        self._missing: dict[str, float] = {}  # since when
        self._beyond = 0
        self._refused: dict[str, tuple[float, str]] = {}  # when and why

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be written, and why."""
        beyond = f"there are {MOST_REPORTS} reports, and {self._beyond} namespaces have none"
        return (*(why for _, why in self._refused.values() if why), *([beyond] if self._beyond else ()))

    def begin(self) -> None:
        """Begin an audit: find out how the cluster takes reports."""
        self._look()
        now = self._clock()
        self._refused = {name: told for name, told in self._refused.items() if now - told[0] < self._pace.refused}
        self._present = set()
        self._beyond = 0

    def publish(self, report: Report) -> None:
        """Write *report*, if it has changed."""
        name = report.namespace
        self._present.add(name)
        if name in self._refused or self._form is None:
            return
        if name not in self._known and len(self._known) >= MOST_REPORTS:
            self._beyond += 1
            return
        self._write(self._form, report)

    def end(self) -> None:
        """End the audit: remove reports on namespaces that had none of Airflow's pods for long."""
        now = self._clock()
        self._missing = {name: self._missing.get(name, now) for name in self._known if name not in self._present}
        for namespace in [name for name, since in self._missing.items() if now - since >= self._pace.linger]:
            if self._form is not None:
                self._remove(self._form, namespace)

    def _look(self) -> None:
        """Find out, now and then, which form the cluster takes, and what is there: somebody may have deleted it."""
        now = self._clock()
        if self._form is not None and now - self._looked < self._pace.discovery:
            return
        served = self._api.get(_OPEN) or {}
        found = any(each.get("name") == "reports" for each in served.get("resources") or ())
        form = _OPEN_FORM if found else self._plain
        before = self._known if form is self._form else {}
        there = dict(self._read(form))
        # Since when a report is as it is was known better before.
        self._known = {n: b if (b := before.get(n)) and b.content == k.content else k for n, k in there.items()}
        if form is not self._form and form is _OPEN_FORM:
            for namespace in dict(self._read(self._plain)):
                self._remove(self._plain, namespace)
        self._form, self._looked = form, now

    def _read(self, form: _Form) -> Iterator[tuple[str, _Known]]:
        """Yield what is there of an earlier life, by namespace."""
        token = ""
        while True:
            query = {**form.query, "limit": _PAGE} | ({"continue": token} if token else {})
            found = self._api.get(form.everywhere, query) or {}
            for item in found.get("items") or ():
                notes = item["metadata"].get("annotations") or {}
                if _is_ours(item) and (namespace := notes.get(NAMESPACE)):
                    yield namespace, _Known(notes.get(CONTENT, ""), notes.get(SUBSTANCE, ""), self._clock())
            token = (found.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def _write(self, form: _Form, report: Report) -> None:
        fields, now = form.fields(report), self._clock()
        wanted = _Known(content(fields), report.substance, now)
        known = self._known.get(report.namespace)
        if known is not None:
            fresh = known.substance == wanted.substance and now - known.at < self._pace.figures
            if fresh or known.content == wanted.content:
                return
        try:
            if self._put(form, report.namespace, fields, wanted) is Written.DONE:
                self._known[report.namespace] = wanted
        except ApiError as error:
            self._refuse(report.namespace, str(error))

    def _put(self, form: _Form, namespace: str, fields: Object, wanted: _Known) -> Written:
        collection, name = form.place(namespace)
        present = self._api.get(f"{collection}/{name}")
        marks = {NAMESPACE: namespace, CONTENT: wanted.content, SUBSTANCE: wanted.substance}
        metadata: Object = {"name": name, "annotations": marks}
        metadata["labels"] = {"app.kubernetes.io/managed-by": FIELD_MANAGER, LABEL: ""}
        body = {"apiVersion": form.version, "kind": form.kind, "metadata": metadata, **fields}
        if present is None:
            return self._api.create(collection, body)
        if not _is_ours(present):
            raise ApiError(f"{collection}/{name} is somebody else's: there is no report on {namespace}")
        metadata["resourceVersion"] = present["metadata"]["resourceVersion"]
        return self._api.replace(f"{collection}/{name}", body)

    def _remove(self, form: _Form, namespace: str) -> None:
        collection, name = form.place(namespace)
        try:
            present = self._api.get(f"{collection}/{name}")
            if present is not None and _is_ours(present):
                self._api.delete(f"{collection}/{name}", present["metadata"]["resourceVersion"])
        except ApiError as error:
            self._refuse(namespace, str(error))
            return
        self._known.pop(namespace, None)
        self._missing.pop(namespace, None)

    def _refuse(self, namespace: str, why: str) -> None:
        going = "because it is being terminated" in why  # that is nobody's trouble
        self._refused[namespace] = (self._clock(), "" if going else why)


def _is_ours(item: Object) -> bool:
    labels = item["metadata"].get("labels") or {}
    return LABEL in labels and labels.get("app.kubernetes.io/managed-by") == FIELD_MANAGER
