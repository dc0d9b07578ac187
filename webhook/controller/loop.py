"""The controller's loop: look, plan, act; each part runs by itself, so that a failing part holds up no other."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from certs.plan import Rest, plan
from webhook.controller import api
from webhook.controller.acceptance import Document, Keeper
from webhook.controller.audit.auditor import Auditor, Connection
from webhook.controller.certificates import Certificates
from webhook.controller.options import Options
from webhook.controller.ownership import Ownership
from webhook.controller.scene import Observer, read_configurations
from webhook.controller.telemetry import STEPS, Telemetry
from webhook.controller.vigil import Vigil, troubles
from webhook.controller.witness import Witness
from webhook.judge.decision import ObjectRef
from webhook.observe.events.occurrence import Occurrence
from webhook.serving.health import Readiness
from webhook.sources.backoff import backoff
from webhook.sources.source import Outcome, Reload
from webhook.status.documents import enforces

if TYPE_CHECKING:
    from webhook.controller.configurations import Configuration

MOST_STEPS = 12  # in one turn; from nothing to everything takes four and one more for each configuration
NAMESPACES_EVERY = 30.0  # seconds
NAMESPACES = "/api/v1/namespaces"

log = structlog.stdlib.get_logger("airlock.controller")


class Announcer(Protocol):
    """Who writes Events."""

    def tell(self, told: Occurrence) -> None:
        """Tell of *told*, whose note is composed."""

    def announce(self, reason: str, note: str, about: ObjectRef, *, good: bool = False) -> None:
        """Tell what happened, in the object *about*."""


class Controller:
    """Does the controller's work in `run`, until `stop`."""

    def __init__(
        self,
        options: Options,
        connection: Connection,
        telemetry: Telemetry,
        announcer: Announcer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._options = options
        self._api = api.Api(connection)
        self._telemetry = telemetry
        self._announcer = announcer
        self._now = now
        self._chance = random.random
        site = options.site
        self._observer = Observer(self._api, site, options.names, time.monotonic)
        self._certificates = Certificates(self._api, site, options.names, options.lives, now)
        self._documents = tuple(
            Document(name, place, connection, self._reloaded) for name, place in options.documents.items()
        )
        self._vigil = Vigil(announcer.announce)
        self._ownership = Ownership(self._api, site.namespace)
        self._keeper = Keeper(self._api, options.accepted, self._documents)
        self._auditor = self._make_auditor(connection)
        audits = self._auditor.state if self._auditor is not None else None
        label = options.break_glass_label
        self._witness = Witness(
            connection, site, label, telemetry=telemetry, announce=announcer.announce, audits=audits
        )
        self._configurations: tuple[Configuration, ...] = ()
        self._why = "nothing has been looked at yet"
        self._open = False
        self._skipped: frozenset[str] = frozenset()
        self._namespaces_due = 0.0
        self._troubles: dict[str, str] = {"all": "nothing has been looked at yet"}
        self._awake = threading.Event()
        self._stopping = False

    @property
    def readiness(self) -> Readiness:
        """Whether the last look at everything went well, and what the plan says."""
        lines = [f"{part}: {trouble}" for part, trouble in self._troubles.items()]
        audit = self._auditor.lines if self._auditor is not None else ()
        good = not self._troubles and not self._vigil.unregistered
        lines += [*self._vigil.lines, *self._witness.lines, f"certificates: {self._why}", *self._ownership.lines]
        return Readiness(good, (*lines, *audit))

    def run(self) -> None:
        """Work until `stop` is called."""
        for document in self._documents:
            document.start()
        if self._auditor is not None:
            self._auditor.start()
        failures = 0
        while not self._stopping:
            failures = 0 if self.turn() else failures + 1
            pause = backoff(failures, self._chance()) if failures else 0.0
            self._awake.wait(self._options.interval + pause)
            self._awake.clear()
        if self._auditor is not None:
            self._auditor.stop()
        for document in self._documents:
            document.stop()

    def stop(self) -> None:
        """Have `run` return; from any other thread."""
        self._stopping = True
        self._awake.set()

    def turn(self) -> bool:
        """Look at everything once; return whether to look again at the usual time."""
        parts: dict[str, Callable[[], None]] = {
            "certificates": self._look_at_certificates,
            "ownership": lambda: self._ownership.look(self._configurations),
            "accepted": self._keep_documents,
            "exposure": self._look_at_exposure,
            "namespaces": self._look_at_namespaces,
            "status": lambda: self._witness.look(self._now()),
        }
        found, missing = dict[str, str](), 0
        for name, part in parts.items():
            try:
                part()
            except OSError as error:
                found[name] = str(error)
                missing += isinstance(error, api.MissingError)
            except Exception as error:  # a mistake in one part must not end the others
                log.exception("a part of the work failed", part=name)
                found[name] = type(error).__name__
            self._telemetry.turned(name, self._now(), good=name not in found)
        for name, trouble in found.items():
            if self._troubles.get(name) != trouble:
                log.warning("a part of the work cannot be done", part=name, why=trouble)
        self._troubles = found
        return len(found) == missing

    def _look_at_certificates(self) -> None:
        """Go on by as many steps as can be made now."""
        if not self._options.certificates:
            self._why = "somebody else sees to them"
            self._configurations = read_configurations(self._api, self._options.site)
            self._telemetry.configured(self._configurations)
            self._vigil.look(troubles(self._options.site, self._configurations, None, self._now()))
            return
        for _ in range(MOST_STEPS):
            scene = self._observer.look()
            self._configurations = scene.configurations
            self._telemetry.saw(scene)
            self._telemetry.configured(scene.configurations)
            step = plan(scene.observed, self._now(), self._options.pace)
            if step.why != self._why or not isinstance(step, Rest):
                log.info("certificates", step=STEPS[type(step)], why=step.why)
            self._why = step.why
            if isinstance(step, Rest):
                self._vigil.look(troubles(self._options.site, scene.configurations, scene, self._now()))
                return
            try:
                outcome = self._certificates.perform(step, scene)
            except OSError:
                self._telemetry.stepped(step, "failed")
                raise
            self._telemetry.stepped(step, outcome)
            log.info("certificates", step=STEPS[type(step)], outcome=outcome.value)

    def _keep_documents(self) -> None:
        written = self._keeper.keep()
        accepted = [document.accepted for document in self._documents if document.accepted is not None]
        revisions = {each.document: each.revision for each in accepted}
        if written is not None:
            log.info("accepted", why="a document was accepted", outcome=written.value, revisions=revisions)
        self._telemetry.accepted(revisions)

    def _look_at_exposure(self) -> None:
        """Tell once when the policy enforces while the webhook lets everything pass that it cannot ask about."""
        policy = self._keeper.policy
        open_ = policy is not None and enforces(policy) and any(c.fails_open for c in self._configurations)
        self._telemetry.opened(fails_open=open_)
        if open_ and not self._open:
            note = (
                "the policy enforces, but the validating webhook's failurePolicy is Ignore: pods are admitted unchecked"
                " while airlock does not answer; set failurePolicy to Fail once you trust airlock"
            )
            log.warning("fails open", text=note)
            self._announce("EnforcesWhileFailingOpen", note)
        self._open = open_

    def _look_at_namespaces(self) -> None:
        """Tell once of each namespace that airlock was told to leave alone."""
        now = time.monotonic()
        if now < self._namespaces_due:
            return
        label = self._options.break_glass_label
        found = (self._api.get(NAMESPACES, {"labelSelector": label}) or {}).get("items") or ()
        uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in found}
        values = {item["metadata"]["name"]: item["metadata"]["labels"][label] for item in found}
        for name in sorted(set(uids) - self._skipped):
            note = f"namespace {name} has the label {label}={values[name]}: airlock judges and changes nothing in it"
            log.warning("break glass", text=note)
            # An Event on an object without namespace must lie in `default`, where airlock may not write.
            about = ObjectRef("v1", "Namespace", self._options.site.namespace, name, uids[name])
            self._announcer.announce("BreakGlass", note, about)
        self._skipped = frozenset(uids)
        self._telemetry.skipped(len(uids))
        self._namespaces_due = now + NAMESPACES_EVERY

    def _reloaded(self, reload: Reload) -> None:
        """Hear, in the watch's thread, that a document changed."""
        self._telemetry.reloaded(reload.document, reload.outcome)
        good = reload.outcome is Outcome.ACCEPTED
        (log.info if good else log.error)("document", document=reload.document, text=reload.text)
        self._awake.set()
        if self._auditor is not None:
            self._auditor.wake()

    def _make_auditor(self, connection: Connection) -> Auditor | None:
        options = self._options
        if options.audit is None:
            return None
        return Auditor(
            options.audit,
            options.site,
            connection,
            metrics=self._telemetry.audit,
            tell=self._announcer.tell,
            standing=lambda: self._keeper.standing,
            now=self._now,
        )

    def _announce(self, reason: str, note: str) -> None:
        """Write an Event about the policy."""
        for document in self._documents:
            if document.name == "policy":
                about = ObjectRef("v1", "ConfigMap", document.place.namespace, document.place.name, document.uid)
                self._announcer.announce(reason, note, about)
