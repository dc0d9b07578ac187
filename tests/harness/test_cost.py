"""A growth tells a square from a line."""

from collections.abc import Callable

from tests.harness.cost import LINEAR, growth


def line(size: int) -> Callable[[], object]:
    return lambda: sum(range(size))


def square(size: int) -> Callable[[], object]:
    return lambda: [sum(range(size)) for _ in range(size)]


def test_the_growth_of_a_line_is_below_the_bound() -> None:
    assert growth(line, 20_000) < LINEAR


def test_the_growth_of_a_square_is_beyond_the_bound() -> None:
    assert growth(square, 100) > LINEAR
