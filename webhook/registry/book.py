"""Answers of registries, cached for a while and bounded: a reader never waits for a registry."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec

from webhook.pods.image import Image
from webhook.registry.client import AwayError, RegistryError
from webhook.registry.revision import Revision

MOST = 2000  # images that are remembered
AGAIN = timedelta(minutes=10).total_seconds()  # until airlock asks again about a tag, which may move
RETRY = timedelta(minutes=5).total_seconds()  # until a registry that did not say is asked again


class Unknown(msgspec.Struct, frozen=True):
    """Why it is not known what an image was built from."""

    why: str


class _Page(msgspec.Struct, frozen=True):
    entry: Revision | Unknown
    due: float | None  # when to ask again; None: a digest's answer stays


NOT_YET = Unknown("airlock has not asked the registry yet")


class Book:
    """Revisions by image; `get` is for any thread, `refresh` for the one that may wait."""

    def __init__(self, ask: Callable[[Image], Revision], clock: Callable[[], float], most: int = MOST) -> None:
        self._ask = ask
        self._clock = clock
        self._most = most
        self._pages: OrderedDict[Image, _Page] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, image: Image) -> Revision | Unknown:
        """Return what is known of *image* now."""
        with self._lock:
            page = self._pages.get(_key(image))
        return NOT_YET if page is None else page.entry

    def refresh(self, images: Iterable[Image], most: int) -> int:
        """Ask for at most *most* of *images* that are due; return how many are still to be asked for.

        A registry that does not answer is left alone for the rest of this turn, so it costs one timeout. A tag is asked
        for again after a while, since it may move; a digest that was found never is.
        """
        wanted = list(dict.fromkeys(map(_key, images)))[: self._most]
        left, away = 0, dict[str, str]()
        for image in wanted:
            if not self._is_due(image):
                continue
            if most <= 0:
                left += 1
                continue
            if image.domain in away:
                self._note(image, Unknown(away[image.domain]))
                continue
            most -= 1
            try:
                found: Revision | Unknown = self._ask(image)
            except RegistryError as error:
                found = Unknown(str(error))
                if isinstance(error, AwayError):
                    away[image.domain] = str(error)
            self._note(image, found)
        return left

    def _is_due(self, image: Image) -> bool:
        with self._lock:
            page = self._pages.get(image)
            if page is None:
                return True
            self._pages.move_to_end(image)  # what runs is kept, what is gone makes room
        return page.due is not None and self._clock() >= page.due

    def _note(self, image: Image, found: Revision | Unknown) -> None:
        now = self._clock()
        if isinstance(found, Unknown):
            due: float | None = now + RETRY
        else:
            due = None if image.digest else now + AGAIN
        with self._lock:
            self._pages[image] = _Page(found, due)
            self._pages.move_to_end(image)
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)


def _key(image: Image) -> Image:
    """Return *image* without the tag that stands before a digest."""
    return Image(image.domain, image.path, None, image.digest) if image.digest else image
