"""Asks registries for revisions in a thread of its own, so that an audit never waits for a registry."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from webhook.controller.audit.options import RegistryOptions
from webhook.pods.image import Image
from webhook.pods.observed import Origin, key
from webhook.registry.book import Book, Unknown
from webhook.registry.credentials import CredentialsError, Login, read_credentials
from webhook.registry.revision import Registries, Revision
from webhook.registry.wire import Wire

TURN = 20  # images a turn
APART = 5.0  # seconds between two turns while some are left
_MOST = 1000  # images

log = structlog.stdlib.get_logger("airlock.registries")


class Desk:
    """Asks for what is wanted, and tells *changed* when something new is known."""

    def __init__(self, options: RegistryOptions, changed: Callable[[], None]) -> None:
        self._options = options
        self._changed = changed
        self._book = Book(self._registries().revision, time.monotonic)
        self._wanted: tuple[Image, ...] = ()
        self._awake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="registries", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End the asking; what is being asked is waited for as long as one registry may take."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(15.0)

    def want(self, images: Iterable[Image]) -> None:
        """Ask for *images*, and for what registries are allowed of them only."""
        wanted = (one for one in images if one.domain in self._options.allowed)
        self._wanted = tuple(dict.fromkeys(wanted))[:_MOST]
        self._awake.set()

    @property
    def origins(self) -> dict[str, Origin]:
        """What is known of the images that are wanted."""
        return {key(image): _origin(self._book.get(image)) for image in self._wanted}

    def _registries(self) -> Registries:
        context = ssl.create_default_context()
        if self._options.ca_file is not None:
            context.load_verify_locations(self._options.ca_file)
        return Registries(self._options.allowed, self._logins, wire=Wire(context))

    def _logins(self) -> Mapping[str, Login]:
        if self._options.docker_config is None:
            return {}
        try:
            return read_credentials(self._options.docker_config.read_bytes())
        except (OSError, CredentialsError) as error:
            log.warning("the docker config cannot be used", why=str(error))
            return {}

    def _run(self) -> None:
        while not self._stopping.is_set():
            before, left = self.origins, 0
            try:
                left = self._book.refresh(self._wanted, TURN)
            except Exception:  # one strange answer must not end the asking
                log.exception("asking the registries failed")
            if self.origins != before:
                self._changed()
            self._awake.wait(APART if left else 60.0)
            self._awake.clear()
            self._stopping.wait(APART if left else 1.0)


def _origin(found: Revision | Unknown) -> Origin:
    if isinstance(found, Unknown):
        return Origin(why=found.why)
    return Origin(found.digest, found.revisions, found.platforms)
