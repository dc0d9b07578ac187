"""Looks at an installation, for `airlock status` and the controller: a missing right hides one line only."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Protocol, TypeVar

import msgspec

from certs.certificate import CertificateError
from certs.names import Names
from certs.secret import read_leaf
from certs.trust import Authority
from webhook.controller import api
from webhook.controller.api import Api, ApiError, Object
from webhook.controller.configurations import KINDS, read_configuration, registered
from webhook.controller.leftout import NAMESPACES, outside
from webhook.controller.replicas import Answered, answered
from webhook.controller.scene import Site, read_presented, replica_places
from webhook.documents.required_env import RequiredEnv
from webhook.scan import pages
from webhook.scan.installed import POLICY, REQUIRED_ENV, installed, read_sources
from webhook.scan.pages import Patience
from webhook.scan.server import Server
from webhook.status import documents, registration, unasked
from webhook.status.line import Line, Unseen
from webhook.status.pod import trouble
from webhook.status.record import KEY, NAME, Record, read_record
from webhook.status.registration import Registered, Served
from webhook.status.replicas import Replica, Said, answering, read_said, replicas
from webhook.variables.known import Absence

METRICS = 9090  # the port of `/readyz`, unless the pod names another one
ENDED = ("Succeeded", "Failed")

IMPATIENT = Patience(total=0.0)  # an answer now is worth more than a better one later

T = TypeVar("T")


class Connection(api.Connection, pages.Connection, Protocol):
    """An API server; both raise OSError when it cannot be reached."""


class Asked(msgspec.Struct, frozen=True):
    """What to look at; *inside* the cluster replicas are reached without the API server."""

    site: Site
    label: str  # of namespaces that airlock leaves alone
    now: datetime
    inside: bool = False
    as_airlock: bool = False  # whether a source that the caller may not read is one that airlock may not read


class Inspection(msgspec.Struct, frozen=True):
    """What was seen: the lines, how many replicas answered, and the ConfigMaps that `from` names."""

    lines: tuple[Line, ...]
    answering: int
    sources: Mapping[tuple[str, str], documents.Seen]


class _Replicas(msgspec.Struct, frozen=True):
    found: tuple[Replica, ...] | Unseen
    presented: Mapping[str, bytes] = msgspec.field(default_factory=dict)  # the certificate (PEM), by place


def inspect(cluster: Connection, asked: Asked) -> Inspection:
    """Return what there is to say of the installation in *cluster*; raises OSError when nothing answers."""
    api, site = Api(cluster), asked.site
    configurations, known = _registered(api, asked)
    seen = _replicas(cluster, api, asked)
    served = _served(api, asked, seen.presented, known)
    supply = Server(cluster, patience=IMPATIENT)
    policy = installed(supply, POLICY, site.namespace, expected=True)
    required = installed(supply, REQUIRED_ENV, site.namespace, expected=True)
    revisions = {"policy": policy.revision, "required-env": required.revision}
    found = () if isinstance(seen.found, Unseen) else seen.found
    said = answering(found)
    tallies = [each.sources for each in said if each.sources is not None]
    enforcing = None if policy.warning else documents.enforces(policy.value)
    sources = {} if required.unread else _sources(supply, required.value, as_airlock=asked.as_airlock)
    lines = (
        *registration.registration(configurations),
        *registration.bundle(configurations, served, asked.now),
        *replicas(seen.found, {name: revision for name, revision in revisions.items() if revision}),
        documents.policy_line(policy.value, policy.words, policy.warning, unread=policy.unread),
        *registration.fails_open(configurations, enforces=enforcing),
        *unasked.unasked(configurations),
        *_left_out(api, asked, configurations),
        *documents.break_glass(_or_unseen(lambda: _skipped(api, asked.label)), asked.label),
        *documents.sources_of(required.warning, sources, tallies, unread=required.unread),
    )
    return Inspection(lines, len(said), sources)


def read_last(api: Api, site: Site) -> Record | Unseen:
    """Return what the controller has written down, or why there is nothing; raises OSError when nothing answers."""
    place = f"ConfigMap {site.namespace}/{NAME}"
    found = _or_unseen(lambda: api.get(site.config_map(NAME)))
    if isinstance(found, Unseen):
        return Unseen(f"what the controller wrote last: {found.why}")
    if found is None:
        return Unseen(f"{place} does not exist, where the controller writes what it sees; {registration.CREATES}")
    text = (found.get("data") or {}).get(KEY)
    if text is None:
        return Unseen(f"the controller has not written anything yet: {place} is empty")
    return read_record(text) or Unseen(f"{place} holds no record that can be read")


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


def _replicas(cluster: Connection, api: Api, asked: Asked) -> _Replicas:
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


def _proxied(cluster: Connection, api: Api, site: Site) -> list[Replica]:
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


def _ask(cluster: Connection, site: Site, pod: Object) -> Replica:
    name = pod["metadata"]["name"]
    ports = (port for one in pod["spec"]["containers"] for port in one.get("ports") or ())
    port = next((port["containerPort"] for port in ports if port.get("name") == "metrics"), METRICS)
    try:
        page = cluster.read(f"{site.pods(f'{name}:{port}')}/proxy/readyz", query={})
    except OSError:
        return Replica(name, None, trouble(pod))
    if page.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Replica(name, Unseen(page.why))
    return Replica(name, read_said(page.data.decode(errors="replace")), trouble(pod))


def _skipped(api: Api, label: str) -> dict[str, str]:
    items = (api.get(NAMESPACES, {"labelSelector": label}) or {}).get("items") or ()
    return {item["metadata"]["name"]: item["metadata"]["labels"][label] for item in items}


def _left_out(api: Api, asked: Asked, found: list[Registered]) -> Iterator[Line]:
    exempt = frozenset({"kube-system", asked.site.namespace})
    left = _or_unseen(lambda: outside(api, found, asked.label, exempt))
    return unasked.namespaces(found, left, exempt)


def _sources(supply: Server, required: RequiredEnv, *, as_airlock: bool) -> dict[tuple[str, str], documents.Seen]:
    read = read_sources(supply, required)
    keys: dict[tuple[str, str], set[str]] = {}
    for source in (variable.source for variable in required.env):
        if source is not None:
            keys.setdefault((source.namespace, source.name), set()).add(source.key)
    found: dict[tuple[str, str], documents.Seen] = {}
    for name, wanted in keys.items():
        data = read.config_maps.get(name)
        if data is not None:
            found[name] = data if isinstance(data, Absence) else frozenset(wanted - data.keys())
        elif as_airlock and name in read.refused:
            found[name] = Absence.FORBIDDEN
        else:
            found[name] = Unseen(read.unseen[name])
    return found
