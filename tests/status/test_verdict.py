"""Lines become a verdict: what is wrong wins, and what is not known is never shown as fine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.status.line import AUDIT, BUNDLE, POLICY, REGISTRATION, REPLICA, SOURCE, Line, State
from webhook.status.verdict import Verdict, report

LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from([AUDIT, BUNDLE, POLICY, REGISTRATION, REPLICA]),
        st.sampled_from(State),
        st.just("it is so"),
    )
)


@given(LINES, st.integers(0, 3))
def test_the_code_is_0_only_when_nothing_is_wrong_and_everything_is_known(lines: list[Line], answering: int) -> None:
    states = {line.state for line in lines}
    expected = 1 if State.WRONG in states else 2 if State.UNKNOWN in states else 0
    assert report(lines, answering).code == expected


@given(LINES)
def test_the_headline_never_claims_to_judge_while_an_essential_line_is_unknown_or_wrong(lines: list[Line]) -> None:
    essential = {line.state for line in lines if line.subject in (REGISTRATION, BUNDLE, REPLICA)}
    if essential & {State.WRONG, State.UNKNOWN}:
        assert not report(lines, 0).headline.startswith("airlock is judging")


@pytest.mark.parametrize(
    ("lines", "answering", "verdict", "headline"),
    [
        ([], 2, Verdict.JUDGING, "airlock is judging: 2 replicas answer, and the API server asks them"),
        ([], 1, Verdict.JUDGING, "airlock is judging: 1 replica answers, and the API server asks them"),
        (
            [Line(REGISTRATION, State.WRONG, "a"), Line(BUNDLE, State.WRONG, "b")],
            2,
            Verdict.WRONG,
            "airlock is not judging: a (and 1 more)",
        ),
        ([Line(REPLICA, State.WRONG, "a")], 1, Verdict.WRONG, "airlock is judging, but something is wrong: a"),
        ([Line(REPLICA, State.WRONG, "a")], 0, Verdict.WRONG, "airlock is not judging: a"),
        ([Line(SOURCE, State.WRONG, "a")], 1, Verdict.WRONG, "airlock is judging, but something is wrong: a"),
        (
            [Line(SOURCE, State.WRONG, "a"), Line(BUNDLE, State.UNKNOWN, "b")],
            1,
            Verdict.WRONG,
            "whether airlock is judging cannot be known, and something is wrong: a",
        ),
        ([Line(BUNDLE, State.UNKNOWN, "b")], 1, Verdict.UNKNOWN, "whether airlock is judging cannot be known: b"),
        (
            [Line(AUDIT, State.UNKNOWN, "b")],
            1,
            Verdict.UNKNOWN,
            "airlock is judging (1 replica answers), but not all can be known",
        ),
    ],
)
def test_the_headline_says_it_in_a_sentence(lines: list[Line], answering: int, verdict: Verdict, headline: str) -> None:
    found = report(lines, answering)
    assert (found.verdict, found.headline) == (verdict, headline)
