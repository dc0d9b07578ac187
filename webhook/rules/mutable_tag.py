"""mutable-tag: an image whose tag can be pushed again, with a pull policy that trusts the node's cache.

With `IfNotPresent` or `Never`, the node runs the image that it has in its cache for this tag: two nodes can run two
images under one name, and a new push changes nothing. The rule checks containers, init containers, ephemeral containers
and image volumes. A digest is never a violation, whatever tag stands before it. An image without a tag is `latest`.
Something that is not an image reference is a violation under any pull policy. For a tag that matches neither an entry
of the policy nor the built-in table, the mode is that of `unrecognised`.

A tag that ran as two images is mutable whatever its name says, and the finding shows that evidence. At admission this
is what the controller remembers, in the mode of `evidence`: by default at most a warning. In an audit it is always at
most a warning. Among databases, caches and proxies (`support`), the rule checks only Airflow's own images, such as
Flower's. With `requireDigest: true` it trusts no tag, and an image without a digest is a violation under any pull
policy.

Passes::

    image: apache/airflow:2.10.5
    imagePullPolicy: IfNotPresent

Fails::

    image: apache/airflow:latest
    imagePullPolicy: IfNotPresent
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from webhook.pods.airflow import Component
from webhook.pods.charts import is_airflow
from webhook.pods.image import LONGEST, Image, ImageError, default_pull_policy, parse
from webhook.pods.provenance import version
from webhook.pods.sighting import Sighting, airflow_in, short
from webhook.pods.tags import TagClass
from webhook.pods.text import quote
from webhook.pods.workload import ImagePlace
from webhook.rules import advice
from webhook.rules.finding import Finding, Mode
from webhook.rules.keys import Site
from webhook.rules.rule import Check, Rule, Subject
from webhook.rules.tag_trust import MutableTagOptions, class_of, passing

_NODES = 3  # that evidence names
_POLICIES = ("Always", "IfNotPresent", "Never")  # core/v1, PullPolicy
_POLICY_FIELDS = ("imagePullPolicy", "pullPolicy")  # of a container, of an image volume


def check(subject: Subject, options: MutableTagOptions) -> Iterator[Finding]:
    """Yield a finding for each image of *subject* that a node may serve from its cache under a tag that moves."""
    return _prepared(options)(subject)


def _prepared(options: MutableTagOptions) -> Check:
    """Return `check` by *options*; it remembers images that pass, since the same few come again and again."""
    remembered = lru_cache(4096)(partial(passing, options))
    classed = lru_cache(4096)(partial(class_of, options))

    def check(subject: Subject) -> Iterator[Finding]:
        whole = subject.role.component in options.components
        if not whole and (subject.role.component is not Component.SUPPORT or Component.OTHER not in options.components):
            return
        for unreadable in subject.workload.unreadable:
            yield Finding(
                unreadable.path, f"cannot be read: {unreadable.text}", "write it as the Kubernetes API has it"
            )
        for place in subject.images:
            is_known = not place.policy or place.policy in _POLICIES
            if not is_known:
                yield _unknown(place)
            # The API server itself refuses a pod's empty image; a template may fill it later.
            if not place.image or not (whole or _is_airflows(place.image, subject)):
                continue
            # What no API server sends is not remembered: its length is the sender's choice.
            name = remembered(place.image, place.policy) if is_known and len(place.image) <= LONGEST else None
            if name is None or _proof(name, subject, options)[0]:
                yield from _judge(place, subject, options, classed)

    return check


def _proof(image: str, subject: Subject, options: MutableTagOptions) -> tuple[tuple[Sighting, ...], Mode]:
    """Return what proves that the tag of *image*, a normal form, was pushed again, and how strict that alone may be."""
    if subject.live is not None:
        return subject.live.fleet.proof(image), Mode.WARN
    if options.evidence is Mode.OFF:
        return (), Mode.OFF
    return subject.observed.sightings.proof(image), options.evidence


def _is_airflows(text: str, subject: Subject) -> bool:
    """Return whether the image *text* is Airflow's own, which no label makes a database or a cache."""
    if is_airflow(text):
        return True
    try:
        return parse(text).repository in subject.repositories
    except ImageError:
        return False


def _unknown(place: ImagePlace) -> Finding:
    """Return the finding on a pull policy that the API server takes for none of its own; a file may have one."""
    path = f"{place.path.removesuffix('.image').removesuffix('.reference')}.{_POLICY_FIELDS[place.field == 'volumes']}"
    text = f"{quote(place.policy or '')} is not a pull policy: the API server will refuse each such pod"
    return Finding(path, text, f"write one of {', '.join(_POLICIES)}", place.container)


def _judge(
    place: ImagePlace, subject: Subject, options: MutableTagOptions, classed: Callable[[Image], tuple[TagClass, str]]
) -> Iterator[Finding]:
    try:
        image = parse(place.image)
    except ImageError as error:
        yield Finding(place.path, str(error), "write it as registry/repository:tag or @digest", place.container)
        return
    if image.digest:
        return
    if options.require_digest:
        yield _undigested(place, image, subject)
        return
    policy = place.policy or default_pull_policy(place.image)
    if policy not in options.pull_policies:
        return
    is_, why = classed(image)
    ceiling = Mode.ENFORCE if is_ is TagClass.MUTABLE else options.unrecognised
    proof, evidence = _proof(str(image), subject, options)
    if proof:
        why = f"{why}; {_proven(proof)}" if is_ is TagClass.MUTABLE else _proven(proof)
        ceiling = ceiling if is_ is TagClass.MUTABLE else evidence
        is_ = TagClass.MUTABLE
    if is_ is TagClass.IMMUTABLE:
        return
    half, site = _policy_half(policy), _site(place, image, subject, always="Always" not in options.pull_policies)
    yield Finding(
        place.path,
        f"{quote(place.image, LONGEST)}: {_tag_half(image, is_, why)}, and {half}",
        advice.image_fix(site, unrecognised=is_ is TagClass.UNRECOGNISED),
        place.container,
        str(image),
        ceiling,
        brief=f"with imagePullPolicy {policy}",
        detail="" if place.policy else "no imagePullPolicy, so the default",
        keys=advice.settable(site),
        reason=f"{image.effective_tag} {is_} ({why}), and {half}",  # however the reference is spelled
    )


def _undigested(place: ImagePlace, image: Image, subject: Subject) -> Finding:
    site = _site(place, image, subject, always=False)
    return Finding(
        place.path,
        f"{quote(place.image, LONGEST)}: it has no digest, and the policy trusts no tag (requireDigest)",
        advice.digest_fix(site),
        place.container,
        str(image),
        brief="has no digest",
        keys=advice.settable(site),
        reason=image.effective_tag,  # however the reference is spelled
    )


def _site(place: ImagePlace, image: Image, subject: Subject, *, always: bool) -> Site:
    role, labels = subject.role, subject.workload.template.labels or {}
    own = (one.image or "" for one in subject.workload.spec.containers or () if one.name == role.main)
    beside = "" if place.container == role.main else next(own, "")
    made = subject.provenance.version or version(labels)
    return Site(
        role,
        place.container,
        image,
        place.field,
        beside,
        made,
        subject.provenance,
        _is_elsewhere(image, subject),
        always,
    )


def _is_elsewhere(image: Image, subject: Subject) -> bool | None:
    """Return whether the components of the pod's Airflow run another repository than *image*; None: nobody knows."""
    repositories = subject.repositories
    if not repositories and subject.observed.pins:  # at admission, what the controller has seen of the scheduler
        pin = subject.observed.pins.get(airflow_in(subject.namespace, subject.workload.template.labels or {}))
        repositories = frozenset() if pin is None else frozenset({parse(pin.image).repository})
    return image.repository not in repositories if repositories else None


def _proven(sightings: tuple[Sighting, ...]) -> str:
    *earlier, last = sightings
    nodes = ", ".join(quote(node, 63) for node in last.nodes[:_NODES])
    seen = f"{short(last.digest)} since {last.first:%Y-%m-%d %H:%M} UTC{nodes and f' on {nodes}'}"
    return f"proven: it runs as {seen}, and as {short(earlier[-1].digest)} before or beside that"


def _tag_half(image: Image, is_: TagClass, why: str) -> str:
    if image.tag is None:
        return "no tag is 'latest', which is mutable"
    if is_ is TagClass.MUTABLE:
        return f"tag {image.tag!r} is mutable ({why})"
    return f"tag {image.tag!r} is of no known class and may be mutable"


def _policy_half(policy: str) -> str:
    if policy == "Always":
        return f"imagePullPolicy {policy} is listed in pullPolicies"
    return f"imagePullPolicy {policy} lets the node run its cached copy"


RULE = Rule(
    name="mutable-tag",
    options=MutableTagOptions,
    images=True,
    places=("containers", "initContainers", "ephemeralContainers", "volumes"),
    check=check,
    prepared=_prepared,
)
