"""Reads the state for one plan: the Secrets, the webhook configurations and what each replica serves."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import reduce

import msgspec

from certs.certificate import CertificateError, read_facts
from certs.names import Names
from certs.plan import Leaf, Observed, Publication, Replica
from certs.secret import Signer, read_leaf, read_signers
from certs.sightings import Sightings
from certs.store import Bundle
from certs.trust import Authority, issuer_of, read_trust
from webhook.controller.api import Api, Object
from webhook.controller.configurations import KINDS, Configuration, Target, read_configuration
from webhook.controller.replicas import addresses, addresses_of, ask_all


class Site(msgspec.Struct, frozen=True):
    """Where airlock's objects lie."""

    namespace: str
    service: str
    ca_secret: str
    tls_secret: str
    configurations: tuple[str, ...]
    outside: tuple[str, ...] = ()  # HOST:PORT of replicas that no Endpoints name

    @property
    def server_name(self) -> str:
        """What the API server calls the Service, and looks for in the leaf."""
        return f"{self.service}.{self.namespace}.svc"

    @property
    def target(self) -> Target:
        """What webhook entries of airlock's call."""
        return Target(self.namespace, self.service, frozenset(self.outside))

    def secret(self, name: str = "") -> str:
        """Return where the API server has the Secret *name*, or all of them."""
        return self._path("secrets", name)

    def endpoints(self) -> str:
        """Return where the API server has the Service's Endpoints."""
        return self._path("endpoints", self.service)

    def services(self) -> str:
        """Return where the API server has the Service."""
        return self._path("services", self.service)

    def pods(self, name: str = "") -> str:
        """Return where the API server has the Pod *name*, or all of them."""
        return self._path("pods", name)

    def config_map(self, name: str = "") -> str:
        """Return where the API server has the ConfigMap *name*, or all of them."""
        return self._path("configmaps", name)

    def _path(self, resource: str, name: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{resource}{name and f'/{name}'}"


class Scene(msgspec.Struct, frozen=True):
    """What a plan rests on, and what it takes to carry it out."""

    observed: Observed = msgspec.field(default_factory=Observed)
    known: dict[str, Authority] = msgspec.field(default_factory=dict)  # seen anywhere, by their marks
    signers: tuple[Signer, ...] = ()
    ca: Object | None = None
    tls: Object | None = None
    configurations: tuple[Configuration, ...] = ()


def read_configurations(api: Api, site: Site) -> tuple[Configuration, ...]:
    """Return those of the webhook configurations that exist; raises OSError."""
    found = ((kind, api.get(f"{path}/{name}")) for name in site.configurations for kind, path in KINDS.items())
    return tuple(read_configuration(kind, body, site.target) for kind, body in found if body is not None)


def replica_places(api: Api, site: Site) -> tuple[str, ...]:
    """Return HOST:PORT of the Service's replicas, by EndpointSlices where the API server has them; raises OSError."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{site.namespace}/endpointslices"
    found = api.get(path, {"labelSelector": f"kubernetes.io/service-name={site.service}"})
    if found is None:
        return addresses(api.get(site.endpoints()))
    return addresses_of(found.get("items") or ())


class Observer:
    """Reads scenes, and remembers since when things have been as they are."""

    def __init__(self, api: Api, site: Site, names: Names, clock: Callable[[], float]) -> None:
        self._api = api
        self._site = site
        self._names = names
        self._clock = clock
        self._sightings = Sightings()

    def look(self) -> Scene:
        """Return what is there now; raises OSError when a part of it cannot be read, since then no plan is safe.

        The replicas are asked last: what they serve is then no older than what the Secrets said.
        """
        api, site = self._api, self._site
        ca = api.get(site.secret(site.ca_secret))
        tls = api.get(site.secret(site.tls_secret))
        configurations = read_configurations(api, site)
        places = (*replica_places(api, site), *site.outside)
        presented = ask_all(places, site.server_name)
        signers = read_signers(_data(ca))
        bundle, torn_leaf = _leaf_bundle(tls)
        published = (authority for c in configurations for entry in c.entries for authority in entry.trust.authorities)
        backed = read_trust(bundle.ca_pem).authorities if bundle else ()
        known = {a.mark: a for a in (*(signer.authority for signer in signers.signers), *backed, *published)}
        leaf = read_presented(bundle.cert_pem, known.values(), self._names) if bundle else None
        replicas = tuple(
            Replica(place, read_presented(pem, known.values(), self._names) if pem else None)
            for place, pem in presented.items()
        )
        observed = Observed(
            authorities=tuple(signer.authority for signer in signers.signers),
            torn=signers.torn,
            torn_leaf=torn_leaf,
            replicas=replicas,
        )
        return Scene(self._aged(observed, leaf, configurations), known, signers.signers, ca, tls, configurations)

    def _aged(self, observed: Observed, leaf: Leaf | None, configurations: tuple[Configuration, ...]) -> Observed:
        trusted = {c: _trusted(c) for c in configurations if c.entries}
        keys = [(str(c), c.uid, mark) for c, marks in trusted.items() for mark in marks]
        ages = self._sightings.ages([*keys, leaf], self._clock())
        publications = tuple(
            Publication(
                str(c),
                {mark: ages[str(c), c.uid, mark] for mark in marks},
                frozenset(authority.mark for entry in c.entries for authority in entry.trust.authorities),
                all(entry.trust.tidy for entry in c.entries),
            )
            for c, marks in trusted.items()
        )
        return replace(observed, leaf=leaf and replace(leaf, seen=ages[leaf]), publications=publications)


def read_presented(pem: bytes, known: Iterable[Authority], names: Names) -> Leaf | None:
    """Return what is to be said of *pem*, a leaf that must be for *names*; None when it is none."""
    try:
        facts = read_facts(pem)
        missing = names.without(facts.names)
        flaw = "" if missing == Names() else f"it is not for {missing}"
        return Leaf(issuer_of(pem, known), facts.not_before, facts.not_after, flaw)
    except CertificateError:
        return None


def _trusted(configuration: Configuration) -> set[str]:
    """Return the marks of what all entries trust."""
    sets = ({authority.mark for authority in entry.trust.authorities} for entry in configuration.entries)
    return reduce(set.intersection, sets)


def _data(secret: Object | None) -> dict[str, str]:
    return (secret or {}).get("data") or {}


def _leaf_bundle(secret: Object | None) -> tuple[Bundle | None, str]:
    if secret is None:
        return None, ""
    try:
        return read_leaf(_data(secret)), ""
    except CertificateError as error:
        return None, str(error)
