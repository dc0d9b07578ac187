"""Connects to one API server as one user, by kubeconfig or with the pod's own credentials, and within limits."""

import os
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import yaml
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.config import load_kube_config
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME, InClusterConfigLoader
from kubernetes.config.kube_config import KubeConfigMerger
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from webhook.cluster.answers import Answer, Lines, Page, UnreachableError, answer_of, page_of, told
from webhook.grammar.complaint import choice, show

CONNECT, READ = 5.0, 10.0  # seconds
CREDENTIALS = Path(SERVICE_TOKEN_FILENAME).parent
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"

_HOST = re.compile(r"https?://[^/?#\s]+", re.IGNORECASE)
_EVENTS = "/apis/events.k8s.io/v1/namespaces/{}/events"


class ClusterError(ValueError):
    """It is unclear which cluster to connect to, or with which user."""


class UnidentifiedError(PermissionError):
    """A request would go out without the credentials that it should have."""


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
            return answer_of(response)
        finally:
            response.close()

    def read(self, path: str, *, query: Mapping[str, str] | None = None) -> Page:
        """Get *path* and return the whole answer as it came; raises UnreachableError when there is none.

        Lists come compressed: a tenth of the bytes for clusters that are far away. What is too large for memory counts
        as 413, see `page_of`: who lists something then asks for less at once.
        """
        response = self._send("GET", _target(path, query), None, JSON, accept_encoding="gzip")
        try:
            return page_of(response)
        finally:
            response.close()

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Lines:
        """Ask for a watch that breaks when it is not over after *seconds*."""
        deadline = time.monotonic() + seconds
        response = self._send("GET", _target(path, query), None, JSON, seconds)
        refusal = None if response.status == HTTPStatus.OK else answer_of(response)
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
            raise UnreachableError(f"{_server(url)}: {told(error)}") from error
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
    if not in_cluster:
        _chosen(place, context)
    try:
        if in_cluster:
            files = str(credentials / "token"), str(credentials / "ca.crt")
            loader = InClusterConfigLoader(*files, environ=environ)  # type: ignore[no-untyped-call]  # same
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]  # same
        else:
            load_kube_config(place, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]  # same
    except Exception as error:  # what the client does not check fails in its parser, or in its hands
        raise ClusterError(f"{place} leads to no cluster: {_reason(error)}") from error
    if _HOST.match(configuration.host) is None:
        raise ClusterError(f"{place} leads to no cluster: server: {show(configuration.host)} is not https://HOST:PORT")
    return Cluster(configuration, in_cluster=in_cluster)


class Standing(msgspec.Struct, frozen=True):
    """The default namespace, as in kubectl."""

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
    if not in_cluster:
        return _chosen(place, context)
    try:
        return Standing("", (credentials / "namespace").read_text(encoding="utf-8").strip())
    except OSError as error:
        raise ClusterError(f"{place} leads to no cluster: {_reason(error)}") from error


def _chosen(place: str, context: str | None) -> Standing:
    """Return the *context* of the kubeconfig *place*, or its current one; raises ClusterError.

    Only who names no context needs a current one, as with kubectl.
    """
    try:
        merged = KubeConfigMerger(place).config  # type: ignore[no-untyped-call]  # same
        entries = () if merged is None else merged["contexts"]
        found = {one.value["name"]: one.value["context"] for one in entries}
        current = merged.safe_get("current-context") if found else None
        name = current or "" if context is None else context
        if name in found:
            return Standing(name, found[name].get("namespace") or "default")
    except Exception as error:  # as in `connect`
        raise ClusterError(f"{place} leads to no cluster: {_reason(error)}") from error
    if not found:
        raise ClusterError(f"{place} leads to no cluster: it is not there, or has no contexts")
    if not name and context is None:
        known = ", ".join(map(repr, sorted(found)))
        raise ClusterError(f"{place} has no current context; name one by --context, of {known}")
    option = "current-context" if context is None else "--context"
    raise ClusterError(f"{option}: {choice(name, sorted(found))} (the contexts of {place})")


def _place(kubeconfig: str | None, context: str | None, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return where the cluster is named, a file or in words, and whether that is in this pod."""
    kubeconfig = kubeconfig or environ.get("KUBECONFIG")
    if not kubeconfig and context is None and environ.get(SERVICE_HOST_ENV_NAME):
        return "this pod's ServiceAccount", True
    return kubeconfig or "~/.kube/config", False


def _reason(error: Exception) -> str:
    """Return why a kubeconfig cannot be used, in a line."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, TypeError | AttributeError | KeyError):  # the client takes lists and text for mappings
        return "it is no kubeconfig"
    if isinstance(error, yaml.YAMLError):
        return f"it is not YAML: {' '.join(str(error).split())}"
    return told(error)


def _server(url: str) -> str:
    """Return the scheme, host and port of *url*, without what may be secret in it.

    >>> _server("https://me:secret@[::1]:6443/api?x=1")
    'https://[::1]:6443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path
