"""Writes openreports.io Reports: one called `airlock` in each namespace, and only when it has changed."""

from collections.abc import Callable, Iterator

import msgspec

from webhook.controller.api import FIELD_MANAGER, INSTALLATION, Api, ApiError, Object, Written
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.report import MOST_REPORTS, OPEN_REPORTS, Report, as_open_report, content

NAME = "airlock"  # in all namespaces, so that the right to change reports can be limited to it
GROUP = f"/apis/{OPEN_REPORTS}"
LABEL = "airlock/report"
CONTENT, SUBSTANCE = "airlock/content", "airlock/substance"

_PAGE = "20"  # reports read at once: at most about 1.3 MB


class _Known(msgspec.Struct, frozen=True):
    content: str
    substance: str
    at: float


class OpenReports:
    """The reports of a cluster that serves openreports.io; *own* is airlock's namespace.

    Raises OSError when nobody answers.
    """

    def __init__(self, api: Api, own: str, clock: Callable[[], float], pace: Pace) -> None:
        self._api = api
        self._labels = {"app.kubernetes.io/managed-by": FIELD_MANAGER, LABEL: "", INSTALLATION: own}
        self._clock = clock
        self._pace = pace
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

    def look(self) -> None:
        """Read what is there: somebody may have deleted it."""
        there = dict(self._read())
        before = self._known
        # Earlier looks know better since when a report is as it is.
        self._known = {n: b if (b := before.get(n)) and b.content == k.content else k for n, k in there.items()}

    def begin(self) -> None:
        """Begin an audit."""
        now = self._clock()
        self._refused = {name: told for name, told in self._refused.items() if now - told[0] < self._pace.refused}
        self._present = set()
        self._beyond = 0

    def publish(self, report: Report) -> None:
        """Write *report*, if it has changed."""
        name = report.namespace
        self._present.add(name)
        if name in self._refused:
            return
        if name not in self._known and len(self._known) >= MOST_REPORTS:
            self._beyond += 1
            return
        self._write(report)

    def end(self, *, complete: bool) -> None:
        """Remove reports on namespaces that had no pod of Airflow for long, if all pods are known."""
        if not complete:
            return
        now = self._clock()
        self._missing = {name: self._missing.get(name, now) for name in self._known if name not in self._present}
        for namespace in [name for name, since in self._missing.items() if now - since >= self._pace.linger]:
            self._remove(namespace)

    def _read(self) -> Iterator[tuple[str, _Known]]:
        """Yield what is there of an earlier process, by namespace."""
        token = ""
        while True:
            query = {"fieldSelector": f"metadata.name={NAME}", "labelSelector": LABEL, "limit": _PAGE}
            found = self._api.get(f"{GROUP}/reports", query | ({"continue": token} if token else {})) or {}
            for item in found.get("items") or ():
                notes = item["metadata"].get("annotations") or {}
                if not self._labels.items() <= (item["metadata"].get("labels") or {}).items():
                    notes = {}  # of an earlier version: it is written again
                if _is_ours(item):
                    known = _Known(notes.get(CONTENT, ""), notes.get(SUBSTANCE, ""), self._clock())
                    yield item["metadata"]["namespace"], known
            token = (found.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def _write(self, report: Report) -> None:
        fields, now = as_open_report(report), self._clock()
        wanted = _Known(content(fields), report.substance, now)
        known = self._known.get(report.namespace)
        if known is not None:
            fresh = known.substance == wanted.substance and now - known.at < self._pace.figures
            if fresh or known.content == wanted.content:
                return
        try:
            if self._put(report.namespace, fields, wanted) is Written.DONE:
                self._known[report.namespace] = wanted
        except ApiError as error:
            self._refuse(report.namespace, str(error))

    def _put(self, namespace: str, fields: Object, wanted: _Known) -> Written:
        collection = f"{GROUP}/namespaces/{namespace}/reports"
        present = self._api.get(f"{collection}/{NAME}")
        metadata: Object = {"name": NAME, "annotations": {CONTENT: wanted.content, SUBSTANCE: wanted.substance}}
        kept = {} if present is None else present["metadata"].get("labels") or {}
        metadata["labels"] = {**kept, **self._labels}
        body = {"apiVersion": OPEN_REPORTS, "kind": "Report", "metadata": metadata, **fields}
        if present is None:
            return self._api.create(collection, body)
        if not _is_ours(present):
            raise ApiError(f"{collection}/{NAME} is somebody else's: there is no report on {namespace}")
        metadata["resourceVersion"] = present["metadata"]["resourceVersion"]
        return self._api.replace(f"{collection}/{NAME}", body)

    def _remove(self, namespace: str) -> None:
        path = f"{GROUP}/namespaces/{namespace}/reports/{NAME}"
        try:
            present = self._api.get(path)
            if present is not None and _is_ours(present):
                self._api.delete(path, present["metadata"]["resourceVersion"])
        except ApiError as error:
            self._refuse(namespace, str(error))
            return
        self._known.pop(namespace, None)
        self._missing.pop(namespace, None)

    def _refuse(self, namespace: str, why: str) -> None:
        going = "because it is being terminated" in why  # that is not a problem
        self._refused[namespace] = (self._clock(), "" if going else why)


def _is_ours(item: Object) -> bool:
    labels = item["metadata"].get("labels") or {}
    return LABEL in labels and labels.get("app.kubernetes.io/managed-by") == FIELD_MANAGER
