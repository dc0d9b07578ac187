"""A client with one kept connection to airlock, which connects again when the server has closed it."""

import http.client
import json
import ssl
from typing import Any, Self

from tests.harness.server import Server


class Kept:
    """Posts reviews; a context manager. *lost* counts requests to which no answer came."""

    def __init__(self, server: Server, timeout: float = 30) -> None:
        context = ssl.create_default_context(cafile=server.ca)
        self._connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer; raises OSError or HTTPException when there is none."""
        try:
            self._connection.request("POST", f"{path}?timeout=10s", body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # so that the next one connects again
            raise

    def response(self, path: str, body: bytes) -> dict[str, Any]:
        """Return the response to the review in *body*."""
        status, answer = self.post(path, body)
        assert status == http.client.OK, answer
        found: dict[str, Any] = json.loads(answer)["response"]
        return found
