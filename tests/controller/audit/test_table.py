"""The table of numbers by uid is a dict in less memory."""

import sys
from array import array

from hypothesis import given
from hypothesis import strategies as st

from webhook.controller.audit.table import Table

UIDS = st.integers(0, 60).map(lambda n: f"uid-{n}")
STEPS = st.lists(st.tuples(UIDS, st.integers(0, 9)), max_size=400)  # 0 takes the uid away


@given(STEPS)
def test_it_holds_what_a_dict_would_hold(steps: list[tuple[str, int]]) -> None:
    table, expected = Table(slots=8), dict[str, int]()  # small, so that keys meet, and go round its end
    for uid, number in steps:
        if number:
            table.put(uid, number)
            expected[uid] = number
        else:
            assert table.pop(uid) == expected.pop(uid, 0)
        assert len(table) == len(expected)
    assert {f"uid-{n}": table.get(f"uid-{n}") for n in range(61) if table.get(f"uid-{n}")} == expected


def test_it_grows_and_forgets_without_losing_any() -> None:
    table = Table()
    for number in range(1, 20_001):
        table.put(f"uid-{number}", number)
    for number in range(1, 20_001, 2):
        assert table.pop(f"uid-{number}") == number
    assert len(table) == 10_000
    assert all(table.get(f"uid-{number}") == (0 if number % 2 else number) for number in range(1, 20_001))


def test_a_pod_takes_less_than_sixty_bytes() -> None:
    table = Table()
    for number in range(50_000):
        table.put(f"uid-{number}", 1)
    arrays = [each for each in vars(table).values() if isinstance(each, array)]
    assert sum(sys.getsizeof(each) for each in arrays) / len(table) < 60
