"""Finds the namespaces that the registration's namespaceSelectors leave out, by asking for those alone."""

from collections.abc import Iterable, Iterator

from webhook.audit.coverage import Selector
from webhook.controller.api import Api, Object
from webhook.status.registration import Registered
from webhook.status.unasked import Outside, doubtful

NAMESPACES = "/api/v1/namespaces"
_PAGE = 500
_EXPRESSIONS = {"In": "{0} in ({1})", "NotIn": "{0} notin ({1})", "Exists": "{0}", "DoesNotExist": "!{0}"}
_OPPOSITES = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}


def outside(api: Api, found: Iterable[Registered], label: str, exempt: frozenset[str]) -> Outside:
    """Return the namespaces that some selector of the configurations *found* leaves out; raises OSError.

    Those with the break-glass *label* are told by themselves, and *exempt* ones are no proof that anything is selected.
    """
    by_kind = doubtful(found)
    every = {_query(selector): selector for selectors in by_kind.values() for selector in selectors}
    asked = dict.fromkeys(one for selector in every.values() for one in _misses(selector, label))
    labels = {name: its for query in asked for name, its in _namespaces(api, query) if label not in its}
    if not labels.keys() - exempt:
        return Outside(labels)
    seen = {one: any(name not in exempt for name, _ in _namespaces(api, one)) for one in every}
    nowhere = (kind for kind, ones in by_kind.items() if not any(seen[_query(one)] for one in ones))
    return Outside(labels, frozenset(nowhere))


def _misses(selector: Selector, label: str) -> Iterator[str]:
    """Yield a query for each part of *selector*, for the namespaces that it leaves out."""
    for key, operator, values in selector.expressions:
        if (key, operator) != (label, "DoesNotExist"):
            yield _expression(key, _OPPOSITES[operator], values)


def _query(selector: Selector) -> str:
    return ",".join(_expression(*one) for one in selector.expressions)


def _expression(key: str, operator: str, values: Iterable[str]) -> str:
    return _EXPRESSIONS[operator].format(key, ",".join(sorted(values)))


def _namespaces(api: Api, query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield name and labels of each namespace that *query* selects, a page at a time."""
    more = {"labelSelector": query, "limit": str(_PAGE)}
    while more:
        page: Object = api.get(NAMESPACES, more) or {}
        for item in page.get("items") or ():
            yield item["metadata"]["name"], item["metadata"].get("labels") or {}
        token = (page.get("metadata") or {}).get("continue")
        more = {**more, "continue": token} if token else {}
