"""What to do next about certificates, and why: a pure function of the current state and the time.

Two rules bind every step. A published bundle (the caBundle of a webhook configuration) never loses an authority that a
replica may still need. And an authority signs a leaf only after it has been published everywhere for a while.
The plan keeps no state: each one starts from what is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from certs.pace import BACKDATE, Pace
from certs.trust import Authority


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate, in the TLS Secret or as a replica presents it."""

    issuer: str  # the mark of the authority that signed it; "" when none that is known did
    not_before: datetime
    not_after: datetime
    flaw: str = ""  # why it is of no use at any time, such as a name that it lacks
    seen: float = 0.0  # for so many seconds it has been there

    def fault(self, now: datetime) -> str:
        """Say why nobody would believe it at *now*; "" when that is not so."""
        if self.flaw or not self.issuer:
            return self.flaw or "no known CA signed it"
        if now < self.not_before:
            return f"it is not valid before {self.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return f"it expired on {self.not_after:%Y-%m-%d %H:%M:%S} UTC" if now > self.not_after else ""


@dataclass(frozen=True, slots=True)
class Publication:
    """A webhook configuration: what all of its entries for airlock trust, and what any of them holds."""

    place: str
    trusts: Mapping[str, float] = field(default_factory=dict)  # marks, and for how many seconds that has been so
    holds: frozenset[str] = frozenset()
    tidy: bool = True  # nothing else is in there


@dataclass(frozen=True, slots=True)
class Replica:
    """Where airlock is served, and what is presented there; None without an answer."""

    place: str
    leaf: Leaf | None


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan rests on."""

    authorities: tuple[Authority, ...] = ()  # in the CA Secret with their keys, oldest first
    torn: str = ""  # what is wrong with the rest of that Secret
    leaf: Leaf | None = None  # in the TLS Secret; None when there is none that can be read
    torn_leaf: str = ""  # why there is none
    publications: tuple[Publication, ...] = ()
    replicas: tuple[Replica, ...] = ()


@dataclass(frozen=True, slots=True)
class AddAuthority:
    """Write the CA Secret: those of *keep*, and a new authority after them."""

    keep: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class DropAuthorities:
    """Write the CA Secret: those of *keep* and nothing else."""

    keep: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Write *marks*, and nothing else, into the caBundles of *place*."""

    place: str
    marks: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class IssueLeaf:
    """Write the TLS Secret: a new leaf signed by *authority*, and in `ca.crt` all of *marks*."""

    authority: str
    marks: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done now."""

    why: str


Step = AddAuthority | DropAuthorities | Publish | IssueLeaf | Rest


def plan(seen: Observed, now: datetime, pace: Pace) -> Step:
    """Return the next step; the same state always gives the same step."""
    usable = tuple(authority for authority in seen.authorities if authority.valid(now))
    if not usable:
        return AddAuthority((), _no_authority(seen))
    busy = quiet(seen, usable[-1], now, pace)
    steps = (
        _publish(seen, busy=bool(busy)),
        _issue(seen, usable, now, pace),
        _drop(seen, usable[-1], busy=bool(busy)),
        _succeed(usable[-1], now, pace),
    )
    return next((step for step in steps if step is not None), Rest(busy or _at_rest(seen, usable[-1], pace)))


def due(begin: datetime, end: datetime, share: float) -> datetime:
    """Return when *share* is over of the life of a certificate that is valid from *begin*, backdated, to *end*."""
    begun = min(begin + BACKDATE, end)
    return begun + (end - begun) * share


def quiet(seen: Observed, newest: Authority, now: datetime, pace: Pace) -> str:
    """Say why an authority other than *newest* may still be needed; "" when none is."""
    leaf = seen.leaf
    if leaf is None or leaf.fault(now) or leaf.issuer != newest.mark:
        return f"the certificate in the Secret is not one of {newest}"
    if leaf.seen < pace.settling:
        return f"the certificate of {newest} has not been in the Secret for {pace.settling:g} s yet"
    for replica in seen.replicas:
        if replica.leaf is None:
            return f"{replica.place} does not say what it serves"
        if replica.leaf.issuer != newest.mark:
            return f"{replica.place} does not serve a certificate of {newest} yet"
    return ""


def _no_authority(seen: Observed) -> str:
    if seen.torn:
        return f"the CA Secret has no usable CA: {seen.torn}"
    return "no CA is valid now" if seen.authorities else "there is no CA yet"


def _publish(seen: Observed, *, busy: bool) -> Publish | None:
    """Heal what is published: first of all, since until then the API server may trust nobody."""
    wanted = _wanted(seen)
    for publication in seen.publications:
        marks = (*wanted, *sorted(publication.holds - {*wanted})) if busy else wanted
        missing = [mark[:12] for mark in marks if mark not in publication.trusts]
        extra = sorted(mark[:12] for mark in publication.holds - {*marks})
        if missing:
            return Publish(publication.place, marks, f"{publication.place} lacks {' and '.join(missing)}")
        if extra:
            return Publish(publication.place, marks, f"nobody needs {' and '.join(extra)} any more")
        if not publication.tidy:
            return Publish(publication.place, marks, f"{publication.place} has a certificate that is not a CA's")
    return None


def _wanted(seen: Observed) -> tuple[str, ...]:
    """Return the marks that must stand everywhere: the authorities, and whatever signed what is in use."""
    leaves = [seen.leaf, *(replica.leaf for replica in seen.replicas)]
    used = {leaf.issuer for leaf in leaves if leaf is not None and leaf.issuer}
    return tuple(dict.fromkeys([*(authority.mark for authority in seen.authorities), *sorted(used)]))


def _issue(seen: Observed, usable: tuple[Authority, ...], now: datetime, pace: Pace) -> IssueLeaf | Rest | None:
    newest, leaf = usable[-1], seen.leaf
    marks = _wanted(seen)
    fault = (seen.torn_leaf or "there is no certificate") if leaf is None else leaf.fault(now)
    if leaf is None or fault:
        trusted = [authority for authority in reversed(usable) if _missing(seen, authority, pace) is None]
        able = trusted or [authority for authority in reversed(usable) if _signed_all(seen, authority)]
        if able:
            return IssueLeaf(able[0].mark, marks, f"the certificate is of no use: {fault}")
        return Rest(f"a certificate is needed ({fault}), but {_missing(seen, newest, pace)}")
    if leaf.issuer != newest.mark:
        why = _missing(seen, newest, pace)
        return Rest(why) if why else IssueLeaf(newest.mark, marks, f"{newest} follows and is trusted everywhere")
    if now >= due(leaf.not_before, leaf.not_after, pace.leaf_share):
        return IssueLeaf(newest.mark, marks, f"the certificate ends on {leaf.not_after:%Y-%m-%d %H:%M:%S} UTC")
    return None


def _signed_all(seen: Observed, authority: Authority) -> bool:
    """Whether *authority* signed what every replica serves: another leaf of it then makes nobody worse off."""
    return all(replica.leaf is not None and replica.leaf.issuer == authority.mark for replica in seen.replicas)


def _missing(seen: Observed, authority: Authority, pace: Pace) -> str | None:
    """Say where *authority* has not been published for long enough; None when it has been everywhere."""
    for publication in seen.publications:
        if publication.trusts.get(authority.mark, 0.0) < pace.propagation:
            return f"{publication.place} has not trusted {authority} for {pace.propagation:g} s yet"
    return None


def _drop(seen: Observed, newest: Authority, *, busy: bool) -> DropAuthorities | None:
    if len(seen.authorities) > 1 and not busy:
        return DropAuthorities((newest.mark,), f"every replica serves a certificate of {newest}")
    if seen.torn:
        keep = tuple(authority.mark for authority in seen.authorities)
        return DropAuthorities(keep, f"the CA Secret holds what is of no use: {seen.torn}")
    return None


def _succeed(newest: Authority, now: datetime, pace: Pace) -> AddAuthority | None:
    if now < due(newest.not_before, newest.not_after, pace.ca_share):
        return None
    return AddAuthority((newest.mark,), f"{newest} ends on {newest.not_after:%Y-%m-%d %H:%M:%S} UTC")


def _at_rest(seen: Observed, newest: Authority, pace: Pace) -> str:
    assert seen.leaf is not None  # noqa: S101 - without one there is a step
    leaf = due(seen.leaf.not_before, seen.leaf.not_after, pace.leaf_share)
    ca = due(newest.not_before, newest.not_after, pace.ca_share)
    return f"the certificate is due on {leaf:%Y-%m-%d %H:%M} and the CA on {ca:%Y-%m-%d %H:%M} UTC"
