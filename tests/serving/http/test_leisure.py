import pytest

from webhook.serving.http.leisure import LULL, PATIENCE, Leisure


class Told:
    """What was done, in its order, by a clock that stands."""

    def __init__(self) -> None:
        self.now = 100.0
        self.done: list[int] = []
        self.leisure = Leisure(lambda work: work(), lambda: self.now)

    def add(self, number: int) -> None:
        self.leisure.add(lambda: self.done.append(number))


def test_nothing_is_done_while_requests_come_in_close_order() -> None:
    told = Told()
    told.add(1)
    told.leisure.turn(quiet=False)
    assert told.done == []


def test_a_lull_is_enough_and_the_order_stays() -> None:
    told = Told()
    for number in range(3):
        told.add(number)
    told.leisure.turn(quiet=True)
    assert told.done == [0, 1, 2]


def test_a_crowd_that_leaves_no_lull_cannot_put_it_off_for_longer_than_the_patience() -> None:
    told = Told()
    told.add(1)
    told.now += 0.6 * PATIENCE
    told.add(2)
    told.leisure.turn(quiet=False)
    assert told.done == []
    told.now += 0.6 * PATIENCE
    told.leisure.turn(quiet=False)
    assert told.done == [1]


@pytest.mark.parametrize("quiet", [False, True])
def test_no_more_than_a_few_dozen_wait_however_many_come_at_once(*, quiet: bool) -> None:
    told = Told()
    for number in range(1000):
        told.add(number)
    told.leisure.turn(quiet=quiet)
    assert told.done == list(range(len(told.done)))
    assert 900 < len(told.done) < 1000


def test_the_loop_waits_for_a_lull_and_not_longer_only_while_something_waits() -> None:
    told = Told()
    assert told.leisure.until(0.25) == 0.25
    told.add(1)
    assert told.leisure.until(0.25) == LULL
    assert told.leisure.until(0.0) == 0.0


def test_all_is_done_at_the_end() -> None:
    told = Told()
    for number in range(500):
        told.add(number)
    told.leisure.end()
    assert told.done == list(range(500))
