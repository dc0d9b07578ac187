"""One of the sixteen report ConfigMaps: pages of findings by namespace, each finding with its age, bounded. Pure.

Someone else may have written what it reads back, so it skips anything that does not look right.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

SHARDS = 16
MOST_PAGES = 100  # namespaces in one shard
LARGEST_SHARD = 384 * 1024  # bytes; a ConfigMap may hold 1 MiB
SUFFIX = ".json"

_IDENTITY = ("mode", "rule", "component", "object", "containers", "image", "variable")
_LISTS = ("findings", "countedElsewhere")
_FIGURES = re.compile(r"\d+")
_SINCE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DEEPEST = 4  # levels: a page, its findings, one of them, its containers
_PER_LINE = 3  # bytes by which a line is indented further in the document


class Entry(msgspec.Struct, frozen=True):
    """A finding: its list, what makes it the same one later, when it was first seen, and its JSON."""

    list: str
    key: str
    since: str
    text: str

    @property
    def size(self) -> int:
        """How many bytes it takes in the document."""
        return len(self.text.encode()) + _PER_LINE * (self.text.count("\n") + 1)


class Page(msgspec.Struct, frozen=True):
    """The report on one namespace."""

    head: str  # JSON of everything but the findings
    total: int  # findings, those that are left out included
    entries: tuple[Entry, ...]

    @property
    def substance(self) -> tuple[str, frozenset[str]]:
        """What stays the same while only figures change."""
        head = json.loads(self.head)
        said = [head.get("policy", ""), head.get("notChecked", [])]
        return json.dumps(said), frozenset(entry.key for entry in self.entries)

    @property
    def text(self) -> str:
        """The document that people read."""
        lists = {name: [json.loads(entry.text) for entry in self.entries if entry.list == name] for name in _LISTS}
        left_out = self.total - len(lists["findings"])
        body = json.loads(self.head) | lists
        return json.dumps(body | ({"more": f"and {left_out} more"} if left_out > 0 else {}), indent=1)


Pages = Mapping[str, Page]  # by namespace


def shard_of(namespace: str) -> int:
    """Return the number of the shard that has the report on *namespace*.

    >>> shard_of("airflow"), shard_of("airflow-prod")
    (6, 5)
    """
    return hashlib.sha256(namespace.encode()).digest()[0] % SHARDS


def page_of(body: Mapping[str, Any], before: Page | None, now: datetime) -> Page:
    """Return the page for *body*, a report as JSON; findings that stood in *before* keep their age."""
    ages = {} if before is None else {entry.key: entry.since for entry in before.entries}
    today = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    each = ((name, finding) for name in _LISTS for finding in body.get(name, ()))
    entries = tuple(_entry(name, finding, ages.get(_key(name, finding), today)) for name, finding in each)
    counts = {**body["summary"]}
    counts.pop("sound", None)
    return Page(_head(body), sum(counts.values()), entries)


def read_pages(data: Mapping[str, Any]) -> dict[str, Page]:
    """Return the pages in *data*, those of a ConfigMap."""
    found = ((key.removesuffix(SUFFIX), _read(text)) for key, text in data.items() if key.endswith(SUFFIX))
    return {namespace: page for namespace, page in found if page is not None}


def write_pages(pages: Pages) -> dict[str, str]:
    """Return the data of a ConfigMap that holds *pages*."""
    return {f"{namespace}{SUFFIX}": pages[namespace].text for namespace in sorted(pages)}


def fitted(pages: Pages, largest: int = LARGEST_SHARD) -> dict[str, Page]:
    """Return *pages* within *largest* bytes: the findings that were first seen longest ago give way."""
    size = sum(len(page.head.encode()) + sum(entry.size for entry in page.entries) for page in pages.values())
    dropped: dict[str, set[str]] = {}
    for _, namespace, key, freed in _oldest_first(pages) if size > largest else ():
        dropped.setdefault(namespace, set()).add(key)
        size -= freed
        if size <= largest:
            break
    return {name: _without(page, dropped.get(name, set())) for name, page in pages.items()}


def _oldest_first(pages: Pages) -> Iterable[tuple[str, str, str, int]]:
    """Return age, namespace, key and size of each finding; of the same age the mildest, which stand last, first."""
    every = [
        (entry.since, namespace, entry.key, entry.size)
        for namespace, page in sorted(pages.items())
        for entry in reversed(page.entries)
    ]
    return sorted(every, key=lambda each: each[0])


def _without(page: Page, keys: set[str]) -> Page:
    return replace(page, entries=tuple(entry for entry in page.entries if entry.key not in keys)) if keys else page


def _entry(name: str, finding: Mapping[str, Any], since: str) -> Entry:
    return Entry(name, _key(name, finding), since, json.dumps({**finding, "since": since}, indent=1))


def _key(list_: str, finding: Mapping[str, Any]) -> str:
    parts = [list_, *(str(finding.get(name, "")) for name in _IDENTITY)]
    text = _FIGURES.sub("#", str(finding.get("message", "")))
    return hashlib.sha256(json.dumps([*parts, text]).encode()).hexdigest()[:16]


def _head(body: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in body.items() if name not in (*_LISTS, "more")})


def _read(text: object) -> Page | None:
    try:
        body = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not _is_shallow(body, _DEEPEST) or not isinstance(body.get("findings"), list):
        return None
    entries = tuple(entry for name in _LISTS for entry in _entries(name, body.get(name)))
    counts = body["summary"] if isinstance(body.get("summary"), dict) else {}
    total = sum(value for name, value in counts.items() if name != "sound" and type(value) is int and value >= 0)
    return Page(_head(body), max(total, sum(entry.list == _LISTS[0] for entry in entries)), entries)


def _is_shallow(value: object, levels: int) -> bool:
    """Return whether *value* has at most so many *levels*: a deeper one is none of ours, and could not be written."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def _entries(list_: str, findings: object) -> Iterator[Entry]:
    for finding in findings if isinstance(findings, list) else ():
        if isinstance(finding, dict) and _SINCE.fullmatch(str(finding.get("since", ""))):
            since = finding["since"]
            yield _entry(list_, {name: value for name, value in finding.items() if name != "since"}, since)
