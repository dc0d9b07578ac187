"""Room for large bodies goes to those who asked first, and never beyond what there is."""

from hypothesis import given
from hypothesis import strategies as st

from webhook.serving.http.room import Room


def test_guests_enter_while_there_is_room_and_wait_in_the_order_in_which_they_came() -> None:
    room: Room[str] = Room(10)
    assert room.enter("a", 6)
    assert not room.enter("b", 6)
    assert not room.enter("c", 2)  # it would fit, but then "b" might wait for ever
    assert room.leave("a") == ["b", "c"]


def test_a_guest_that_gives_up_lets_the_next_in() -> None:
    room: Room[str] = Room(10)
    room.enter("a", 6)
    room.enter("b", 6)
    room.enter("c", 2)
    assert room.leave("b") == ["c"]
    assert "b" not in room


def test_asking_again_changes_nothing() -> None:
    room: Room[str] = Room(10)
    assert all([room.enter("a", 6), room.enter("a", 6), not room.enter("b", 5), not room.enter("b", 5)])
    assert room.leave("a") == ["b"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10), st.booleans()), max_size=60))
def test_all_together_never_have_more_than_there_is_and_none_is_forgotten(moves: list[tuple[int, int, bool]]) -> None:
    room: Room[int] = Room(10)
    sizes: dict[int, int] = {}
    for guest, size, leaves in moves:
        if leaves:
            room.leave(guest)
            sizes.pop(guest, None)
        else:
            sizes.setdefault(guest, size)
            room.enter(guest, sizes[guest])
        assert sum(size for guest, size in sizes.items() if guest in room) <= 10
    for _ in range(len(sizes)):
        inside = [guest for guest in sizes if guest in room]
        assert inside
        room.leave(inside[0])
        del sizes[inside[0]]
    assert not sizes
