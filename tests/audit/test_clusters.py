"""One survey of several clusters says of each what its own survey says, and of all no more than that."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness import surveys
from tests.harness.livepods import NOW
from webhook.audit.clusters import together, unread
from webhook.audit.layers import State, layers
from webhook.audit.preview import preview
from webhook.audit.survey import Survey, code
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.report.wording import Tone, fingerprints, headline, tone
from webhook.rules.finding import Mode

KINDS = {
    "story": surveys.story(),
    "warning": surveys.story(production="warn"),
    "uninstalled": replace(surveys.story(), basis=replace(surveys.BASIS, installed=False)),
    "six": surveys.six(),
    "wide": surveys.wide(6),
    "healthy": surveys.healthy(),
    "empty": surveys.empty(),
    "unread": unread("context gone", "connection refused", NOW),
}
SEVERAL = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4).map(
    lambda kinds: {f"{kind}-{nth}": KINDS[kind] for nth, kind in enumerate(kinds)}
)


def test_a_headline_without_pods_names_the_clusters_that_could_not_be_read_or_not_all_of_them() -> None:
    gone, bare = unread("context gone", "connection refused", NOW), surveys.empty()
    blind = replace(bare, seen=0, remarks=(Remark(Place("pods in airflow", 0), "cannot be listed: 403"),))
    told = headline(together({"gone": gone, "bare": bare, "blind": blind}))
    assert told == "no running Airflow pods were seen; not all could be seen in blind; gone could not be read"
    assert headline(blind) == "no running Airflow pods were seen; 1 thing could not be seen"
    assert headline(together({"gone": gone, "away": gone})) == "no cluster could be read"


@given(SEVERAL)
def test_every_count_is_the_sum_over_the_clusters(parts: dict[str, Survey]) -> None:
    whole = together(parts)
    ones = parts.values()
    assert whole.counts == sum((one.counts for one in ones), whole.counts.__class__())
    assert whole.pods == sum(one.pods for one in ones)
    assert whole.lost == sum(one.lost for one in ones)
    assert whole.seen == sum(one.seen for one in ones)
    assert len(whole.exempted) == sum(len(one.exempted) for one in ones)
    assert sum(whole.outside.values()) == sum(sum(one.outside.values()) for one in ones)
    assert len(whole.outcome.workloads) == sum(len(one.outcome.workloads) for one in ones)


@given(SEVERAL)
def test_nothing_is_fine_that_is_not_fine_in_each_cluster(parts: dict[str, Survey]) -> None:
    whole = together(parts)
    assert whole.complete == all(one.complete for one in parts.values())
    assert code(whole, Mode.AUDIT) == max(code(one, Mode.AUDIT) for one in parts.values())
    assert (tone(whole) is Tone.GOOD) == all(tone(one) is Tone.GOOD for one in parts.values())
    for nth, layer in enumerate(layers(whole)[:3]):
        states = {layers(one)[nth].state for one in parts.values()}
        assert layer.state in states
        assert (layer.state is State.CLEAR) == (states == {State.CLEAR})
        assert len(layer.clauses) == len(parts)


@given(SEVERAL)
def test_no_two_findings_have_the_same_fingerprint(parts: dict[str, Survey]) -> None:
    judged = together(parts).outcome.workloads
    marks = [mark for one in judged for mark in fingerprints(one, [told.violation for told in one.reported])]
    assert len(set(marks)) == len(marks)


def test_a_tag_that_drifts_in_two_clusters_is_a_finding_in_each() -> None:
    whole = together({"eu": surveys.wide(6), "us": surveys.wide(6)})
    told = [one for one in whole.findings if one.violation.rule == "image-drift"]
    assert [one.group.cluster for one in told] == ["eu", "us"]
    assert [drift.cluster for drift in whole.drifts] == ["eu", "us"]


def test_a_cluster_without_airlock_loses_pods_where_admission_would_see_them_and_one_with_it_does_not() -> None:
    whole = together({"with": KINDS["story"], "without": KINDS["uninstalled"]})
    assert whole.lost == KINDS["story"].lost + KINDS["uninstalled"].lost
    assert whole.basis.installed is None
    assert whole.bypassed == {"with/lab": 2}


def test_what_could_not_be_read_names_its_cluster_and_is_not_checked() -> None:
    whole = together({"here": surveys.healthy(), "gone": KINDS["unread"]})
    assert [str(remark) for remark in whole.unseen] == ["gone: cluster: connection refused"]
    assert code(whole, None) == 2
    assert headline(whole) == ("3 of 3 running pods that could be seen would come back; gone could not be read")
    first = layers(whole)[0]
    assert first.state is State.UNCHECKED
    assert first.clauses == (
        "gone: not checked: the cluster could not be read",
        "here: not found: 1 Airflow compared, each runs one image",
    )


def test_where_no_cluster_could_be_read_the_headline_says_that() -> None:
    whole = together({"eu": KINDS["unread"], "us": KINDS["unread"]})
    assert headline(whole) == "no cluster could be read"


def test_what_all_clusters_go_by_is_said_once_and_else_for_each() -> None:
    other = replace(surveys.healthy(), basis=replace(surveys.BASIS, policy="the built-in policy"))
    assert together({"eu": surveys.story(), "us": surveys.healthy()}).basis.policy == surveys.BASIS.policy
    assert together({"eu": surveys.story(), "us": other}).basis.policy == (
        f"eu: {surveys.BASIS.policy}; us: the built-in policy"
    )


def test_an_edit_is_previewed_in_each_cluster() -> None:
    old, new = surveys.story(), surveys.story("enforce", production="audit")
    one = preview(old, new)
    two = preview(together({"eu": old, "us": old}), together({"eu": new, "us": new}))
    assert (two.denied, two.admitted) == (2 * one.denied, 2 * one.admitted)
    assert len(two.changes) == 2 * len(one.changes)
    assert {change.group.cluster for change in two.changes} == {"eu", "us"}
