"""How clients prove who they are: kubeconfig documents, and client objects that impersonate."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3 import HTTPHeaderDict

from tests.harness.control_plane.pki import Pair

MARK = "# Access to a throw-away control plane of airlock's tests.\n"


def kubeconfig(url: str, ca_pem: str, user: str, credential: Pair | str) -> str:
    """Return a self-contained kubeconfig for *user*, who has a client certificate or a token."""
    if isinstance(credential, str):
        proof = {"token": credential}
    else:
        proof = {"client-certificate-data": _base64(credential.public), "client-key-data": _base64(credential.key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "airlock", "cluster": {"server": url, "certificate-authority-data": _base64(ca_pem)}}],
        "users": [{"name": user, "user": proof}],
        "contexts": [{"name": "airlock", "context": {"cluster": "airlock", "user": user}}],
        "current-context": "airlock",
    }
    return MARK + yaml.safe_dump(document, sort_keys=False)


def impersonating(configuration: Configuration, user: str, groups: Sequence[str]) -> ApiClient:
    """Return a client that acts as *user* of *groups*, which *configuration*'s user must be allowed to."""
    client = ApiClient(configuration)
    client.rest_client = _Impersonation(configuration, user, groups)
    return client


class _Impersonation(RESTClientObject):
    """Sends a header of its own for each group, which ApiClient's dict of headers cannot hold."""

    def __init__(self, configuration: Configuration, user: str, groups: Sequence[str]) -> None:
        super().__init__(configuration)
        self._identity = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, *rest: Any, **named: Any) -> Any:
        identified = HTTPHeaderDict(headers or {})
        for name, value in self._identity:
            identified.add(name, value)
        return super().request(method, url, identified, *rest, **named)  # type: ignore[no-untyped-call]  # it has no hints


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
