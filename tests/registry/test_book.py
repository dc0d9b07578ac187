"""What registries said is kept in bounds, and asked for again when it may have changed."""

from webhook.pods.image import Image, parse
from webhook.registry.book import AGAIN, NOT_YET, RETRY, Book, Unknown
from webhook.registry.client import AwayError, RegistryError
from webhook.registry.revision import Revision

DIGEST = "sha256:" + "1" * 64
FOUND = Revision(DIGEST, ("4f2c9d1",))
TAG, PINNED = parse("r.example.com/etl:1"), parse(f"r.example.com/etl@{DIGEST}")


class Asked:
    """Answers for registries, and counts."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self.error: RegistryError | None = None
        self.now = 0.0

    def ask(self, image: Image) -> Revision:
        self.images.append(image)
        if self.error is not None:
            raise self.error
        return FOUND

    def book(self, most: int = 100) -> Book:
        return Book(self.ask, lambda: self.now, most)


def test_nothing_is_asked_by_reading() -> None:
    asked = Asked()
    assert asked.book().get(TAG) is NOT_YET
    assert asked.images == []


def test_a_tag_is_asked_for_again_after_a_while_and_a_digest_never() -> None:
    asked = Asked()
    book = asked.book()
    book.refresh([TAG, PINNED, TAG], 10)
    asked.now = AGAIN - 1
    book.refresh([TAG, PINNED], 10)
    assert asked.images == [TAG, PINNED]
    asked.now = AGAIN
    book.refresh([TAG, PINNED], 10)
    assert asked.images == [TAG, PINNED, TAG]
    assert book.get(TAG) == book.get(PINNED) == FOUND


def test_the_tag_before_a_digest_makes_no_difference() -> None:
    asked = Asked()
    book = asked.book()
    book.refresh([parse(f"r.example.com/etl:x@{DIGEST}")], 10)
    assert asked.images == [PINNED]
    assert book.get(parse(f"r.example.com/etl:y@{DIGEST}")) == FOUND


def test_a_failure_is_told_and_tried_again_later() -> None:
    asked = Asked()
    book, asked.error = asked.book(), RegistryError("r.example.com has no such image")
    book.refresh([TAG], 10)
    assert book.get(TAG) == Unknown("r.example.com has no such image")
    asked.now, asked.error = RETRY, None
    book.refresh([TAG], 10)
    assert book.get(TAG) == FOUND


def test_a_tag_whose_registry_has_gone_is_not_known_any_more() -> None:
    asked = Asked()
    book = asked.book()
    book.refresh([TAG], 10)
    asked.now, asked.error = AGAIN, AwayError("r.example.com did not answer")
    book.refresh([TAG], 10)
    assert book.get(TAG) == Unknown("r.example.com did not answer")


def test_a_registry_that_does_not_answer_is_asked_once_a_turn() -> None:
    asked = Asked()
    book, asked.error = asked.book(), AwayError("r.example.com did not answer")
    images = [parse(f"r.example.com/etl:{n}") for n in range(20)]
    assert book.refresh(images, 10) == 0
    assert len(asked.images) == 1
    assert {book.get(image) for image in images} == {Unknown("r.example.com did not answer")}


def test_a_turn_asks_for_so_many_and_says_how_many_are_left() -> None:
    asked = Asked()
    book = asked.book()
    images = [parse(f"r.example.com/etl:{n}") for n in range(20)]
    assert [book.refresh(images, 8) for _ in range(3)] == [12, 4, 0]
    assert asked.images == images


def test_a_book_has_room_for_so_many_and_forgets_what_no_longer_runs() -> None:
    asked = Asked()
    book = asked.book(most=3)
    book.refresh([TAG], 10)
    for n in range(5):
        book.refresh([PINNED, parse(f"r.example.com/etl:v{n}")], 10)
    assert len(book) == 3
    assert book.get(TAG) is NOT_YET
    assert book.get(PINNED) == FOUND
    assert asked.images.count(PINNED) == 1
