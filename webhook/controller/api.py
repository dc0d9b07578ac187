"""The controller's requests: every write names the version it was decided on, and fails when that has changed."""

from collections.abc import Mapping
from copy import deepcopy
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

FIELD_MANAGER = "airlock-controller"
# On whatever airlock makes, by helm or by the controller; the value is airlock's own namespace.
INSTALLATION = "airlock/installation"
JSON, JSON_PATCH = "application/json", "application/json-patch+json"

# A JSON patch whose `test` fails is unprocessable; what was deleted meanwhile is not found.
_STALE = {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}

Object = dict[str, Any]


class ApiError(OSError):
    """The API server does not do what was asked; the text says what that was and why not."""


class MissingError(ApiError):
    """A ConfigMap that the chart makes and somebody deleted: until it is there again, asking sooner helps nobody."""

    def __init__(self, name: str) -> None:
        super().__init__(f"ConfigMap {name} is missing: `helm upgrade` makes it again")


class Written(StrEnum):
    """What became of a write."""

    DONE = "done"
    STALE = "stale"  # what it was decided upon has changed meanwhile


class Answer(Protocol):
    """What the API server says."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        """The parsed JSON."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Connection(Protocol):
    """An API server; raises OSError when it cannot be reached."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401 - JSON
        content_type: str = JSON,
    ) -> Answer:
        """Ask and wait for the whole answer."""


def filled(present: Object, data: Mapping[str, str]) -> Object:
    """Return *present*, a ConfigMap or Secret, with other *data*; whatever else it has stays as it is."""
    body = deepcopy(present)
    body["data"] = dict(data)
    body["metadata"].pop("managedFields", None)
    return body


class Api:
    """Reads and conditional writes; all raise OSError: ApiError when refused, else when nobody answers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object | None:
        """Return the object at *path*; None when there is none."""
        answer = self._connection.call("GET", path, query=query)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._good("get", path, answer)

    def create(self, path: str, body: Object) -> Written:
        """Create *body* in the collection *path*, unless an object of its name is there."""
        return self._written("create", path, self._send("POST", path, body), _STALE - {HTTPStatus.NOT_FOUND})

    def replace(self, path: str, body: Object) -> Written:
        """Replace the object at *path*, if its resourceVersion is still the one in *body*."""
        if not body["metadata"].get("resourceVersion"):
            raise ValueError(f"{path} would be replaced whatever it is now")
        return self._written("update", path, self._send("PUT", path, body), _STALE)

    def patch(self, path: str, version: str, operations: list[Object]) -> Written:
        """Apply the JSON patch *operations* to the object at *path*, if its resourceVersion is still *version*."""
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
        answer = self._send("PATCH", path, [test, *operations], JSON_PATCH)
        return self._written("patch", path, answer, _STALE | {HTTPStatus.UNPROCESSABLE_ENTITY})

    def delete(self, path: str, version: str) -> Written:
        """Delete the object at *path*, if its resourceVersion is still *version*."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version}}
        return self._written("delete", path, self._send("DELETE", path, body), _STALE)

    def _send(self, method: str, path: str, body: Object | list[Object], content_type: str = JSON) -> Answer:
        query = {"fieldManager": FIELD_MANAGER}
        return self._connection.call(method, path, query=query, body=body, content_type=content_type)

    def _written(self, verb: str, path: str, answer: Answer, stale: set[HTTPStatus]) -> Written:
        if answer.status in stale:
            return Written.STALE
        self._good(verb, path, answer)
        return Written.DONE

    def _good(self, verb: str, path: str, answer: Answer) -> Object:
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES or not isinstance(answer.body, dict):
            raise ApiError(f"cannot {verb} {path}: {answer.status} {answer.why}")
        return answer.body
