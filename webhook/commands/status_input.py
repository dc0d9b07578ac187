"""Reads what `airlock status` judges: each thing by itself, so that a right that is missing hides one line only."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from certs.certificate import CertificateError
from certs.names import Names
from certs.secret import read_leaf
from certs.trust import Authority
from webhook.cluster import Cluster, UnreachableError
from webhook.controller.api import Api, ApiError, Object
from webhook.controller.configurations import KINDS, read_configuration
from webhook.controller.replicas import Answered, answered
from webhook.controller.scene import Site, read_presented, replica_places
from webhook.controller.vigil import registered
from webhook.documents.required_env import RequiredEnv
from webhook.scan.installed import POLICY, REQUIRED_ENV, Given, installed, read_sources
from webhook.scan.server import Server
from webhook.status import documents, registration
from webhook.status.line import SOURCE, Line, State, Unseen
from webhook.status.registration import Registered, Served
from webhook.status.replicas import Replica, Said, answering, read_said, replicas
from webhook.status.verdict import Report, report
from webhook.variables.known import Absence

NAMESPACES = "/api/v1/namespaces"
METRICS = 9090  # the port of `/readyz`, unless the pod names another one
ENDED = ("Succeeded", "Failed")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at; *inside* the cluster replicas are reached without the API server."""

    site: Site
    label: str  # of namespaces that airlock leaves alone
    now: datetime
    inside: bool = False


@dataclass(frozen=True, slots=True)
class _Replicas:
    found: tuple[Replica, ...] | Unseen
    presented: Mapping[str, bytes] = field(default_factory=dict)  # the certificate (PEM), by place


def inspect(cluster: Cluster, asked: Asked) -> Report:
    """Return the report on the installation in *cluster*; raises OSError when nothing answers."""
    api, site = Api(cluster), asked.site
    configurations, known = _registered(api, asked)
    seen = _replicas(cluster, api, asked)
    served = _served(api, asked, seen.presented, known)
    supply = Server(cluster)
    policy = installed(supply, POLICY, site.namespace, expected=True)
    required = installed(supply, REQUIRED_ENV, site.namespace, expected=True)
    revisions = {"policy": policy.revision, "required-env": required.revision}
    found = () if isinstance(seen.found, Unseen) else seen.found
    said = answering(found)
    tallies = [each.sources for each in said if each.sources is not None]
    enforcing = None if policy.warning else documents.enforces(policy.value)
    lines = [
        *registration.registration(configurations),
        *registration.bundle(configurations, served, asked.now),
        *replicas(seen.found, {name: revision for name, revision in revisions.items() if revision}),
        documents.policy_line(policy.value, policy.words, policy.warning, unread=policy.unread),
        *registration.fails_open(configurations, enforces=enforcing),
        *documents.break_glass(_or_unseen(lambda: _skipped(api, asked.label)), asked.label),
        *_sources(supply, required, tallies),
    ]
    return report(lines, len(said))


def _or_unseen(read: Callable[[], T]) -> T | Unseen:
    """Return what *read* returns, or why the API server refuses it; raises OSError when it does not answer."""
    try:
        return read()
    except ApiError as error:
        return Unseen(str(error))


def _registered(api: Api, asked: Asked) -> tuple[list[Registered], list[Authority]]:
    """Return the configurations, and every authority that one of them trusts."""
    found: list[Registered] = []
    known: dict[str, Authority] = {}
    for name in asked.site.configurations:
        for kind, path in KINDS.items():
            body = _or_unseen(partial(api.get, f"{path}/{name}"))
            if body is None or isinstance(body, Unseen):
                found.append(Registered(kind, name, body))
                continue
            configuration = read_configuration(kind, body, asked.site.target)
            known.update({one.mark: one for entry in configuration.entries for one in entry.trust.authorities})
            found.append(registered(configuration, asked.now))
    return found, list(known.values())


def _served(
    api: Api, asked: Asked, presented: Mapping[str, bytes], known: list[Authority]
) -> tuple[Served, ...] | Unseen:
    """Return the certificates that replicas presented, else the one in the Secret that they are given."""
    site = asked.site
    pems: dict[str, bytes] = dict(presented)
    if not pems:
        secret = _or_unseen(lambda: api.get(site.secret(site.tls_secret)))
        if isinstance(secret, Unseen):
            return secret
        place = f"Secret {site.namespace}/{site.tls_secret}"
        try:
            pems[place] = read_leaf((secret or {}).get("data") or {}).cert_pem
        except CertificateError as error:
            return Unseen(f"{place}: {error}" if secret else f"{place} does not exist")
    names = Names((site.server_name,))
    leaves = {place: read_presented(pem, known, names) for place, pem in pems.items()}
    return tuple(Served(place, leaf) for place, leaf in leaves.items() if leaf is not None)


def _replicas(cluster: Cluster, api: Api, asked: Asked) -> _Replicas:
    site = asked.site
    places: tuple[str, ...] | Unseen = site.outside
    if asked.inside:
        inside = _or_unseen(lambda: replica_places(api, site))
        places = inside if isinstance(inside, Unseen) else (*inside, *site.outside)
    if isinstance(places, Unseen):
        return _Replicas(places)
    with ThreadPoolExecutor(16) as pool:
        answers = dict(zip(places, pool.map(answered, places), strict=True))
    direct = tuple(Replica(place, _said(place, answer)) for place, answer in answers.items())
    presented = {place: answer.pem for place, answer in answers.items() if answer.pem is not None}
    if asked.inside:
        return _Replicas(direct, presented)
    proxied = _or_unseen(lambda: tuple(_proxied(cluster, api, site)))
    if isinstance(proxied, Unseen):
        return _Replicas(proxied) if not direct else _Replicas(direct, presented)
    return _Replicas((*proxied, *direct), presented)


def _said(place: str, answer: Answered) -> Said | Unseen | None:
    if answer.pem is None:
        return None
    said = read_said(answer.text) if answer.text is not None else None
    return said or Unseen(f"{place} presents a certificate, and does not show /readyz to a client without one")


def _proxied(cluster: Cluster, api: Api, site: Site) -> list[Replica]:
    """Return what the pods behind the Service say through the API server's proxy."""
    service = api.get(site.services())
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    if not selector:
        return []
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    items = (api.get(site.pods(), {"labelSelector": labels}) or {}).get("items") or ()
    pods = [
        pod
        for pod in items
        if not pod["metadata"].get("deletionTimestamp") and (pod.get("status") or {}).get("phase") not in ENDED
    ]
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda pod: _ask(cluster, site, pod), pods))


def _ask(cluster: Cluster, site: Site, pod: Object) -> Replica:
    name = pod["metadata"]["name"]
    ports = (port for one in pod["spec"]["containers"] for port in one.get("ports") or ())
    port = next((port["containerPort"] for port in ports if port.get("name") == "metrics"), METRICS)
    try:
        page = cluster.read(f"{site.pods(f'{name}:{port}')}/proxy/readyz")
    except UnreachableError:
        return Replica(name, None)
    if page.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Replica(name, Unseen(page.why))
    return Replica(name, read_said(page.data.decode(errors="replace")))


def _skipped(api: Api, label: str) -> dict[str, str]:
    items = (api.get(NAMESPACES, {"labelSelector": label}) or {}).get("items") or ()
    return {item["metadata"]["name"]: item["metadata"]["labels"][label] for item in items}


def _sources(supply: Server, required: Given[RequiredEnv], tallies: list[dict[str, int]]) -> Iterator[Line]:
    if required.unread:
        yield Line(SOURCE, State.UNKNOWN, required.warning)
        return
    read = read_sources(supply, required.value)
    keys: dict[tuple[str, str], set[str]] = {}
    for variable in required.value.env:
        if (source := variable.source) is not None:
            keys.setdefault((source.namespace, source.name), set()).add(source.key)
    found: dict[tuple[str, str], documents.Seen] = {}
    for name, wanted in keys.items():
        data = read.config_maps.get(name)
        if data is None:
            found[name] = Unseen(read.unseen[name])
        else:
            found[name] = data if isinstance(data, Absence) else frozenset(wanted - data.keys())
    yield from documents.sources(found, tallies)
