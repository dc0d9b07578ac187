"""A ConfigMap is watched on a real API server, through what networks and servers do to a watch."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.proxy import Proxy
from tests.harness.waiting import until
from webhook.cluster import Answer, Change, Cluster, Lines, connect
from webhook.sources.backoff import backoff
from webhook.sources.configmap import Absent, ConfigMapWatch, Present, State
from webhook.sources.watch import PACE, Pace
from webhook.variables.known import Absence

NAME = "callbacks"
QUICK = Pace(longest=2.0, jitter=0.0, slack=1.0, forbidden=0.5)
HOURLY = Pace(forbidden=3600.0)


class Told:
    """What a watch tells, in order."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.seen = 0

    def changed(self, state: State) -> None:
        self.states.append(state)

    def confirmed(self) -> None:
        self.seen += 1

    def until(self, wanted: Callable[[State], bool], *, seconds: float = 30) -> State:
        until(lambda: bool(self.states) and wanted(self.states[-1]), f"{self.states}", seconds=seconds)
        return self.states[-1]

    def value(self, value: str, *, seconds: float = 30) -> None:
        self.until(lambda state: isinstance(state, Present) and state.data == {"URL": value}, seconds=seconds)

    def absence(self, absence: Absence, *, seconds: float = 30) -> Absent:
        state = self.until(lambda state: isinstance(state, Absent) and state.known is absence, seconds=seconds)
        assert isinstance(state, Absent)
        return state


class Overheard:
    """The lines of a watch; what went wrong is noted."""

    def __init__(self, lines: Lines, errors: list[int]) -> None:
        self._lines = lines
        self._errors = errors
        self.refusal = lines.refusal
        self.close = lines.close
        self.interrupt = lines.interrupt

    def __iter__(self) -> Iterator[Change]:
        for line in self._lines:
            if line.type == "ERROR":
                self._errors.append(msgspec.json.decode(line.object)["code"])
            yield line


class Counted:
    """A cluster that counts what it is asked, and notes the errors that watches met."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.asked = 0
        self.errors: list[int] = []

    def call(self, method: str, path: str, *, query: Mapping[str, str]) -> Answer:
        self.asked += 1
        return self._cluster.call(method, path, query=query)

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Overheard:
        self.asked += 1
        lines = self._cluster.watch(path, query=query, seconds=seconds)
        if lines.refusal is not None:
            self.errors.append(lines.refusal.status)
        return Overheard(lines, self.errors)


@contextmanager
def watching(cluster: Any, namespace: str, pace: Pace = PACE) -> Iterator[Told]:
    told = Told()
    watch = ConfigMapWatch(cluster, namespace, NAME, told.changed, seen=told.confirmed, pace=pace)
    watch.start()
    try:
        yield told
    finally:
        watch.stop()
        assert f"watch {namespace}/{NAME}" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


@pytest.fixture
def proxied(control_plane: ControlPlane, tmp_path: Path) -> Iterator[tuple[Cluster, Proxy]]:
    with Proxy(int(control_plane.url.rpartition(":")[2])) as proxy:
        text = control_plane.kubeconfig.read_text().replace(control_plane.url, f"https://127.0.0.1:{proxy.port}")
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        with connect(kubeconfig=str(path)) as made:
            yield made, proxy


@pytest.fixture
def write(control_plane: ControlPlane, namespace: str) -> Callable[[str], None]:
    def put(value: str) -> None:
        arguments = ("create", "configmap", NAME, f"--from-literal=URL={value}", "--dry-run=client", "-o", "yaml")
        manifest = control_plane.kubectl("-n", namespace, *arguments)
        control_plane.kubectl("-n", namespace, "apply", "-f", "-", input=manifest)

    return put


def test_an_edit_is_told_long_before_the_watch_ends(
    cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    with watching(cluster, namespace) as told:
        told.value("one")
        write("two")
        told.value("two", seconds=PACE.longest / 2)


def test_its_creation_and_its_deletion_are_told(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    with watching(cluster, namespace) as told:
        told.absence(Absence.MISSING)
        write("one")
        told.value("one", seconds=PACE.longest / 2)
        control_plane.kubectl("-n", namespace, "delete", "configmap", NAME)
        told.absence(Absence.MISSING, seconds=PACE.longest / 2)


def test_a_neighbour_in_the_namespace_is_not_told_of(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    with watching(cluster, namespace) as told:
        told.absence(Absence.MISSING)
        control_plane.kubectl("-n", namespace, "create", "configmap", "neighbour", "--from-literal=URL=other")
        write("one")
        told.value("one")
        assert len(told.states) == 2


def test_a_user_without_rights_is_told_so_and_hears_when_that_changes(
    control_plane: ControlPlane, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "reader")
    with (
        connect(kubeconfig=str(control_plane.token_kubeconfig(namespace, "reader"))) as reader,
        watching(reader, namespace, QUICK) as told,
    ):
        forbidden = told.absence(Absence.FORBIDDEN)
        assert f"system:serviceaccount:{namespace}:reader" in forbidden.why
        rights = ("--verb=get,list,watch", "--resource=configmaps", f"--resource-name={NAME}")
        control_plane.kubectl("-n", namespace, "create", "role", "reader", *rights)
        who = f"--serviceaccount={namespace}:reader"
        control_plane.kubectl("-n", namespace, "create", "rolebinding", "reader", "--role=reader", who)
        told.value("one")
        write("two")
        told.value("two")


def test_what_may_not_be_read_is_tried_again_when_asked_for_but_once_in_a_while_however_often(
    control_plane: ControlPlane, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "reader")
    now, told, counts = 0.0, Told(), []
    with connect(kubeconfig=str(control_plane.token_kubeconfig(namespace, "reader"))) as reader:
        counted = Counted(reader)
        watch = ConfigMapWatch(counted, namespace, NAME, told.changed, pace=HOURLY, clock=lambda: now)
        watch.start()
        try:
            told.absence(Absence.FORBIDDEN)
            for _ in range(2):
                asked = counted.asked
                for _ in range(100):
                    watch.ask()
                until(lambda: counted.asked > asked, "the try that was asked for")  # noqa: B023  # called in this round
                for _ in range(100):
                    watch.ask()
                now += HOURLY.forbidden
                counts.append(counted.asked)
            _grant(control_plane, namespace)
            watch.ask()
            told.value("one")
        finally:
            watch.stop()
    assert counts == [2, 3]


def _grant(control_plane: ControlPlane, namespace: str) -> None:
    account = f"{namespace}:reader"
    grant = ("create", "rolebinding", "reader", "--clusterrole=view", f"--serviceaccount={account}")
    control_plane.kubectl("-n", namespace, *grant)
    asked = ("auth", "can-i", "list", "configmaps", "-n", namespace, "--as", f"system:serviceaccount:{account}")
    until(lambda: not control_plane.run_kubectl(*asked).returncode, "the API server knows of the right")


def test_rights_that_are_taken_away_are_told_when_the_watch_ends(
    control_plane: ControlPlane, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "reader")
    _grant(control_plane, namespace)
    with (
        connect(kubeconfig=str(control_plane.token_kubeconfig(namespace, "reader"))) as reader,
        watching(reader, namespace, QUICK) as told,
    ):
        told.value("one")
        control_plane.kubectl("-n", namespace, "delete", "rolebinding", "reader")
        told.absence(Absence.FORBIDDEN)


def test_a_quiet_watch_is_confirmed_each_time_the_server_ends_it(
    cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    counted = Counted(cluster)
    with watching(counted, namespace, QUICK) as told:
        told.value("one")
        before, asked = told.seen, counted.asked
        until(lambda: told.seen >= before + 2, "two signs of life")
        asked_since = counted.asked - asked  # before the signs of life: there is one of these for each, but the last
        assert asked_since <= told.seen - before + 1
        assert len(told.states) == 1


def test_it_survives_a_restart_of_the_api_server(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    with watching(cluster, namespace) as told:
        told.value("one")
        control_plane.restart_apiserver()
        write("two")
        told.value("two")
        assert len(told.states) == 2


def test_a_server_that_is_away_is_asked_with_growing_pauses_and_the_last_state_stays(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    write("one")
    counted = Counted(cluster)
    with watching(counted, namespace) as told:
        told.value("one")
        control_plane.stop_apiserver()
        asked = counted.asked
        try:
            until(lambda: counted.asked >= asked + 5, "five tries")
        finally:
            control_plane.start_apiserver()
        assert [type(state) for state in told.states] == [Present]
        write("two")
        told.value("two")


def test_what_cannot_be_reached_from_the_start_is_unread_and_says_why(
    proxied: tuple[Cluster, Proxy], namespace: str, write: Callable[[str], None]
) -> None:
    cluster, proxy = proxied
    write("one")
    proxy.cut()
    with watching(cluster, namespace) as told:
        assert told.absence(Absence.UNREAD).why
        proxy.mend()
        told.value("one")


def test_a_version_that_etcd_has_forgotten_leads_to_a_new_list(
    control_plane: ControlPlane, proxied: tuple[Cluster, Proxy], namespace: str, write: Callable[[str], None]
) -> None:
    cluster, proxy = proxied
    write("one")
    counted = Counted(cluster)
    with watching(counted, namespace) as told:
        told.value("one")
        proxy.cut()
        write("two")
        write("three")
        control_plane.stop_apiserver()
        control_plane.compact()
        control_plane.start_apiserver()
        proxy.mend()
        told.value("three")
        assert counted.errors == [410]
        assert len(told.states) == 2


def test_a_connection_that_falls_silent_is_left(
    proxied: tuple[Cluster, Proxy], namespace: str, write: Callable[[str], None]
) -> None:
    cluster, proxy = proxied
    write("one")
    with watching(cluster, namespace, QUICK) as told:
        told.value("one")
        proxy.silence()
        write("two")
        told.value("two")


def test_a_connection_that_falls_silent_after_an_event_is_left_as_early(
    proxied: tuple[Cluster, Proxy], namespace: str, write: Callable[[str], None]
) -> None:
    cluster, proxy = proxied
    write("one")
    with watching(cluster, namespace, Pace(longest=6.0, jitter=0.0, slack=0.5)) as told:
        told.value("one")
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 4, "the watch is four seconds old, of six")
        write("two")
        told.value("two")
        proxy.silence()
        write("three")
        told.value("three", seconds=5)


def test_less_than_thirty_seconds_pass_until_a_silent_connection_is_left() -> None:
    assert PACE.longest + PACE.slack < 30


def test_the_pauses_after_failures_grow_from_a_fifth_of_a_second_to_fifteen_seconds_at_most() -> None:
    pauses = [backoff(failures, 1.0) for failures in range(1, 2000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.2, 15.0)
    assert backoff(5, 0.0) == backoff(5, 1.0) / 2


def test_a_listener_that_fails_does_not_end_the_watching(
    cluster: Cluster, namespace: str, write: Callable[[str], None]
) -> None:
    told = Told()

    def changed(state: State) -> None:
        told.changed(state)
        if len(told.states) == 1:
            raise LookupError("on purpose")

    write("one")
    watch = ConfigMapWatch(cluster, namespace, NAME, changed, pace=Pace(broken=0.1))
    watch.start()
    try:
        told.value("one")
        write("two")
        told.value("two")
    finally:
        watch.stop()


def test_who_is_told_may_end_the_watching(cluster: Cluster, namespace: str, write: Callable[[str], None]) -> None:
    told = Told()

    def changed(state: State) -> None:
        told.changed(state)
        watch.stop()

    write("one")
    watch = ConfigMapWatch(cluster, namespace, NAME, changed)
    watch.start()
    told.value("one")
    until(lambda: f"watch {namespace}/{NAME}" not in {thread.name for thread in threading.enumerate()}, "it is over")
    assert len(told.states) == 1


@dataclass
class Odd:
    """An API server whose only ConfigMap is *item*."""

    item: object

    def call(self, method: str, path: str, *, query: Mapping[str, str]) -> Answer:
        assert (method, query["fieldSelector"]) == ("GET", "metadata.name=callbacks"), path
        return Answer(200, {"metadata": {"resourceVersion": "1"}, "items": [self.item]})

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Any:
        raise OSError(f"no watch of {path} with {query} for {seconds} s")


@pytest.mark.parametrize(
    "item", [5, {}, {"metadata": []}, {"metadata": {"uid": "u", "resourceVersion": "1"}, "data": [1]}]
)
def test_a_config_map_that_cannot_be_read_cannot_be_had_and_nobody_waits_for_it(item: object) -> None:
    states: list[State] = []
    watch = ConfigMapWatch(Odd(item), "pipelines", "callbacks", states.append)
    watch.start()
    try:
        until(lambda: states, "a state")
    finally:
        watch.stop()
    assert isinstance(states[0], Absent)
    assert states[0].known is Absence.UNREADABLE
