"""The API server of a cluster: the only place that imports `kubernetes`, half a second others pay only if they need it.

Everything is asked in plain JSON: the client's models cost fourteen times the parsing and thirty times the memory.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.config import list_kube_config_contexts, load_kube_config
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME, InClusterConfigLoader
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

CONNECT, READ = 5.0, 10.0  # seconds
CREDENTIALS = Path(SERVICE_TOKEN_FILENAME).parent
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"

_EVENTS = "/apis/events.k8s.io/v1/namespaces/{}/events"


class ClusterError(ValueError):
    """It cannot be known which cluster to talk to, or as whom."""


class UnreachableError(OSError):
    """There was no answer: the connection was refused, cut or silent for too long."""


class UnidentifiedError(PermissionError):
    """A request would go out without the credentials that it should have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said: an object, or a Status that tells what is wrong."""

    status: int
    body: Any
    retry_after: float | None = None  # seconds

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def why(self) -> str:
        """The message of an error."""
        text = str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)
        anonymous = self.status == HTTPStatus.FORBIDDEN and '"system:anonymous"' in text
        if anonymous or self.status == HTTPStatus.UNAUTHORIZED:
            return f"{text} (no credentials came with the request, or none that the API server knows)"
        return text


@dataclass(frozen=True, slots=True)
class Page:
    """What the API server said, not parsed: for lists, of which little is needed."""

    status: int
    data: bytes
    retry_after: float | None = None  # seconds

    @property
    def why(self) -> str:
        """The message of an error."""
        return Answer(self.status, _parsed(self.data)).why


class Change(msgspec.Struct, frozen=True):
    """An event of a watch; the object is not parsed, since of most little is needed."""

    type: str
    object: msgspec.Raw


_changes = msgspec.json.Decoder(Change)


class Lines:
    """The events of a watch, a line of JSON each; iterating raises UnreachableError when the connection breaks."""

    def __init__(self, response: HTTPResponse, refusal: Answer | None, deadline: float) -> None:
        self.refusal = refusal
        self._response = response
        self._deadline = deadline

    def __iter__(self) -> Iterator[Change]:
        rest = b""
        try:
            for chunk in self._response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(_changes.decode, lines)
                self._rearm()
        except HTTPError as error:
            raise UnreachableError(_told(error)) from error
        if rest:
            raise UnreachableError("the watch ended within a line")

    def close(self) -> None:
        """Let go of the connection, which serves again if the watch was read to its end."""
        self._response.close()

    def interrupt(self) -> None:
        """End the watch from another thread than the one that reads it."""
        with suppress(OSError, ValueError, RuntimeError):  # it is over already
            self._response.shutdown()

    def _rearm(self) -> None:
        """Have the next read end when the whole watch should, not as long after the last line again."""
        sock = getattr(self._response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(max(0.1, self._deadline - time.monotonic()))


class Cluster:
    """One API server, asked as one user; every call has its time limits, and none is repeated here."""

    def __init__(self, configuration: Configuration, *, in_cluster: bool = False) -> None:
        # Who asks knows better when to ask again; and urllib3 would sleep for as long as a Retry-After says.
        configuration.retries = False
        self._client = ApiClient(configuration)
        self._in_cluster = in_cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._client.close()  # type: ignore[no-untyped-call]  # the client has hints in places only

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """Ask for *path* and return the whole answer, whatever it is; raises UnreachableError when there is none."""
        response = self._send(method, _target(path, query), body, content_type)
        try:
            return _answer(response)
        finally:
            response.close()

    def read(self, path: str, *, query: Mapping[str, str] | None = None) -> Page:
        """Get *path* and return the whole answer as it came; raises UnreachableError when there is none.

        A list is asked for in compressed form: a tenth of the bytes for clusters that are far away.
        """
        response = self._send("GET", _target(path, query), None, JSON, accept_encoding="gzip")
        try:
            return Page(response.status, _data(response), _retry_after(response))
        finally:
            response.close()

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Lines:
        """Ask for a watch that breaks when it is not over after *seconds*."""
        deadline = time.monotonic() + seconds
        response = self._send("GET", _target(path, query), None, JSON, seconds)
        refusal = None if response.status == HTTPStatus.OK else _answer(response)
        return Lines(response, refusal, deadline)

    def create_event(self, event: Mapping[str, Any]) -> Answer:
        """Create *event*, an `events.k8s.io/v1` Event, in the namespace that it names."""
        return self.call("POST", _EVENTS.format(quote(event["metadata"]["namespace"], safe="")), body=event)

    def patch_event(self, namespace: str, name: str, patch: Mapping[str, Any]) -> Answer:
        """Apply *patch*, a merge patch, to the Event *name*."""
        path = f"{_EVENTS.format(quote(namespace, safe=''))}/{quote(name, safe='')}"
        return self.call("PATCH", path, body=patch, content_type=MERGE_PATCH)

    def _send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        target: str,
        body: object,
        content_type: str,
        seconds: float = READ,
        *,
        accept_encoding: str = "identity",
    ) -> HTTPResponse:
        given = {"Accept": JSON, "Accept-Encoding": accept_encoding, "Content-Type": content_type}
        _, url, headers, *_ = self._client.param_serialize(
            method, target, header_params=given, auth_settings=["BearerToken"]
        )
        if "authorization" in headers:
            headers["authorization"] = headers["authorization"].strip()  # http.client's error would quote the token
        elif self._in_cluster:  # as with version 36.0.0 of the client, whose requests were anonymous
            raise UnidentifiedError("the ServiceAccount's token does not go with the requests")
        try:
            response = self._client.call_api(method, url, headers, body, _request_timeout=(CONNECT, seconds)).response
        except (HTTPError, ApiException, OSError) as error:
            raise UnreachableError(_told(error)) from error
        assert isinstance(response, HTTPResponse)  # noqa: S101  # what urllib3 gives without preload
        return response


def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
    credentials: Path = CREDENTIALS,
) -> Cluster:
    """Return the cluster that *kubeconfig* or *context* names, else $KUBECONFIG, else the one that this pod runs in,
    else that of ~/.kube/config.

    Nothing is asked yet. *credentials* is where the kubelet puts a pod's. Raises ClusterError.
    """  # noqa: D205  # one sentence
    configuration = Configuration()
    place, in_cluster = _place(kubeconfig, context, environ)
    try:
        if in_cluster:
            files = str(credentials / "token"), str(credentials / "ca.crt")
            loader = InClusterConfigLoader(*files, environ=environ)  # type: ignore[no-untyped-call]  # same
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]  # same
        else:
            load_kube_config(place, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]  # same
    except Exception as error:  # what the client does not check fails in its parser, or in its hands
        raise ClusterError(f"{place} leads to no cluster: {error}") from error
    return Cluster(configuration, in_cluster=in_cluster)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where someone stands who names no namespace, as kubectl has it."""

    context: str  # its name; "" inside of a cluster without a kubeconfig
    namespace: str


def standing(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
    credentials: Path = CREDENTIALS,
) -> Standing:
    """Return the context and the namespace that `connect` with the same arguments means. Raises ClusterError."""
    place, in_cluster = _place(kubeconfig, context, environ)
    try:
        if in_cluster:
            return Standing("", (credentials / "namespace").read_text(encoding="utf-8").strip())
        contexts, active = list_kube_config_contexts(place)  # type: ignore[no-untyped-call]  # same
        found = next(one for one in contexts if one["name"] == context) if context is not None else active
        return Standing(found["name"], found["context"].get("namespace") or "default")
    except Exception as error:  # as in `connect`
        raise ClusterError(f"{place} leads to no cluster: {error}") from error


def _place(kubeconfig: str | None, context: str | None, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return where the cluster is named, a file or in words, and whether that is in this pod."""
    kubeconfig = kubeconfig or environ.get("KUBECONFIG")
    if not kubeconfig and context is None and environ.get(SERVICE_HOST_ENV_NAME):
        return "this pod's ServiceAccount", True
    return kubeconfig or "~/.kube/config", False


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _answer(response: HTTPResponse) -> Answer:
    return Answer(response.status, _parsed(_data(response)), _retry_after(response))


def _data(response: HTTPResponse) -> bytes:
    try:
        return response.read()
    except HTTPError as error:
        raise UnreachableError(_told(error)) from error


def _parsed(data: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(data)
    except ValueError:  # from a proxy, or a server that stops
        return data[:200].decode(errors="replace")


def _retry_after(response: HTTPResponse) -> float | None:
    after = response.headers.get("Retry-After", "")
    return float(after) if after.isascii() and after.isdigit() else None


def _told(error: Exception) -> str:
    """Return what the innermost cause says: urllib3 wraps it, and repeats the address."""
    while (cause := getattr(error, "reason", None) or error.__cause__) and isinstance(cause, Exception):
        error = cause
    # The client tells of a connection that never was as "(0)\nReason: SSLError\n[SSL: ...] ...\n".
    told = error.reason if isinstance(error, ApiException) and not error.status else error
    return str(told).strip().rpartition("\n")[2] or type(error).__name__
