"""Names and keys of ConfigMaps and Secrets are watched on a real API server; nothing unseen is ever called missing."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.proxy import Proxy
from tests.harness.waiting import until
from webhook.cluster import Cluster, connect
from webhook.pods.references import CONFIG_MAP, SECRET, Absence
from webhook.sources.keys import KeysWatch
from webhook.sources.shelves import Shelves
from webhook.sources.watch import PACE, Pace

QUICK = Pace(longest=2.0, jitter=0.0, slack=1.0, forbidden=0.5)
MANY, VALUE = 20_000, "s3cret" * 100
MEBIBYTE = 1024 * 1024


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


@contextmanager
def watching(
    cluster: Cluster, kind: str, namespace: str, shelves: Shelves | None = None, *, limit: int = 16, pace: Pace = PACE
) -> Iterator[Shelves]:
    filled = Shelves() if shelves is None else shelves
    watch = KeysWatch(cluster, kind, namespace, filled, limit=limit, pace=pace)
    assert filled.look(kind, namespace, "anything") is Absence.UNKNOWN
    watch.start()
    try:
        yield filled
    finally:
        watch.stop()


def make(plane: ControlPlane, namespace: str, kind: str, name: str, **values: str) -> None:
    what = ("configmap",) if kind == CONFIG_MAP else ("secret", "generic")
    plane.kubectl("-n", namespace, "create", *what, name, *(f"--from-literal={k}={v}" for k, v in values.items()))


def known(shelves: Shelves, namespace: str, name: str, kind: str = CONFIG_MAP) -> set[str] | Absence:
    found = shelves.look(kind, namespace, name)
    return found if isinstance(found, Absence) else set(found)


@pytest.mark.cluster
@pytest.mark.parametrize("kind", [CONFIG_MAP, SECRET])
def test_names_and_keys_are_known_and_follow_every_change(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, kind: str
) -> None:
    make(control_plane, namespace, kind, "callbacks", endpoint=VALUE, token=VALUE)
    with watching(cluster, kind, namespace) as shelves:
        until(lambda: known(shelves, namespace, "callbacks", kind) == {"endpoint", "token"}, "the list is read")
        until(lambda: known(shelves, namespace, "none", kind) is Absence.MISSING, "all of it is known")
        assert not shelves.doubts

        make(control_plane, namespace, kind, "none", a="1")
        until(lambda: known(shelves, namespace, "none", kind) == {"a"}, "a new one is seen", seconds=PACE.longest / 2)
        patch = '{"data": {"endpoint": null}}'
        control_plane.kubectl("-n", namespace, "patch", kind, "callbacks", "--type=merge", "-p", patch)
        until(
            lambda: known(shelves, namespace, "callbacks", kind) == {"token"}, "a key is gone", seconds=PACE.longest / 2
        )
        control_plane.kubectl("-n", namespace, "delete", kind, "callbacks")
        until(
            lambda: known(shelves, namespace, "callbacks", kind) is Absence.MISSING,
            "it is gone",
            seconds=PACE.longest / 2,
        )
        assert known(shelves, "elsewhere", "callbacks", kind) is Absence.UNKNOWN


@pytest.mark.cluster
def test_no_value_is_kept(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    make(control_plane, namespace, SECRET, "database", password=VALUE)
    with watching(cluster, SECRET, namespace) as shelves:
        until(lambda: known(shelves, namespace, "database", SECRET) == {"password"}, "the list is read")
        told = repr({name: getattr(shelves, name) for name in vars(shelves)})
        assert "password" in told
        assert "s3cret" not in told
        assert "czNjcmV0" not in told  # the same in base64


@pytest.mark.cluster
def test_a_list_of_several_pages_is_missing_nothing(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    for number in range(5):
        make(control_plane, namespace, CONFIG_MAP, f"c{number}", **{f"k{number}": "v"})
    with watching(cluster, CONFIG_MAP, namespace, limit=2) as shelves:
        until(lambda: known(shelves, namespace, "none") is Absence.MISSING, "all of it is known")
        for number in range(5):
            assert known(shelves, namespace, f"c{number}") == {f"k{number}"}


@pytest.mark.cluster
def test_a_page_that_would_not_fit_is_read_in_smaller_ones(cluster: Cluster, namespace: str) -> None:
    """JSON makes six bytes of each `<`: eight of these are 36 MiB, which a limit of 256 MiB does not hold for long."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(8):
        made = cluster.call("POST", path, body={"metadata": {"name": f"c{number}"}, "data": {"k": "<" * 786_432}})
        assert made.status == 201
    assert cluster.read(path).status == 413
    with watching(cluster, CONFIG_MAP, namespace) as shelves:
        until(lambda: known(shelves, namespace, "none") is Absence.MISSING, f"all of it is known: {shelves.doubts}")
        assert [known(shelves, namespace, f"c{number}") for number in range(8)] == [{"k"}] * 8


@pytest.mark.cluster
def test_what_may_not_be_read_is_unknown_until_it_may(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "reader")
    with (
        connect(kubeconfig=str(control_plane.token_kubeconfig(namespace, "reader"))) as reader,
        watching(reader, CONFIG_MAP, namespace, pace=QUICK) as shelves,
    ):
        place = CONFIG_MAP, namespace
        until(lambda: "forbidden" in shelves.doubts.get(place, ""), f"it is told why: {shelves.doubts}")
        assert known(shelves, namespace, "none") is Absence.UNKNOWN
        reading = ("--verb=list,watch", "--resource=configmaps")
        control_plane.kubectl("-n", namespace, "create", "role", "reader", *reading)
        whose = ("--role=reader", f"--serviceaccount={namespace}:reader")
        control_plane.kubectl("-n", namespace, "create", "rolebinding", "reader", *whose)
        until(lambda: known(shelves, namespace, "none") is Absence.MISSING, "it may be read now")
        control_plane.kubectl("-n", namespace, "delete", "rolebinding", "reader")
        until(lambda: known(shelves, namespace, "none") is Absence.UNKNOWN, "it may not be read any more")


@pytest.mark.cluster
def test_while_the_server_cannot_be_reached_everything_is_unknown(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with Proxy(int(control_plane.url.rpartition(":")[2])) as proxy:
        path = tmp_path / "kubeconfig"
        here = f"https://127.0.0.1:{proxy.port}"
        path.write_text(control_plane.kubeconfig.read_text().replace(control_plane.url, here))
        with connect(kubeconfig=str(path)) as cluster, watching(cluster, CONFIG_MAP, namespace, pace=QUICK) as shelves:
            until(lambda: known(shelves, namespace, "late") is Absence.MISSING, "all of it is known")
            proxy.cut()
            until(lambda: known(shelves, namespace, "late") is Absence.UNKNOWN, "nothing is heard of changes")
            make(control_plane, namespace, CONFIG_MAP, "late", a="1")
            proxy.mend()
            until(lambda: known(shelves, namespace, "late") == {"a"}, "it is known again")


def test_what_takes_more_than_the_bound_is_unknown_and_never_missing() -> None:
    shelves = Shelves(most=2000)
    place = CONFIG_MAP, "airflow"
    shelves.clear(place, "not read yet")
    for number in range(10):
        shelves.put(place, f"c{number}", {"key"})
    shelves.finish(place)
    assert known(shelves, "airflow", "c0") == {"key"}
    assert known(shelves, "airflow", "c9") is Absence.UNKNOWN
    assert known(shelves, "airflow", "none") is Absence.UNKNOWN
    assert "more than 2000 bytes" in shelves.doubts[place]
    shelves.drop(place, "c0")
    shelves.put(place, "c9", {"key"})
    assert known(shelves, "airflow", "c9") == {"key"}


@pytest.mark.parametrize("number", [0, 1, 16, 17, 5000])
def test_clearing_gives_back_exactly_what_was_taken(number: int) -> None:
    shelves = Shelves(most=10 * MEBIBYTE)
    place = SECRET, "airflow"
    for _ in range(3):
        shelves.put(place, "one", {f"k{n}" for n in range(number)})
        shelves.put(place, "two", set())
        shelves.drop(place, "two")
        shelves.clear(place, "again")
        assert shelves._used == 0  # noqa: SLF001 - the account itself


@pytest.mark.long
@pytest.mark.cluster
def test_twenty_thousand_config_maps_are_known_in_bounded_memory(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    """A ConfigMap has ten keys here, and 4 kB of values."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def one(number: int) -> dict[str, Any]:
        metadata = {"name": f"config-{number}", "namespace": namespace, "creationTimestamp": at, "uid": f"u-{number}"}
        data = {f"KEY_{number}_{key}": "v" * 400 for key in range(10)}  # no two ConfigMaps share a key
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    control_plane.put({f"configmaps/{namespace}/config-{number}": one(number) for number in range(MANY)})
    gc.collect()
    before, began = resident(), time.monotonic()
    with watching(cluster, CONFIG_MAP, namespace) as shelves:
        until(lambda: known(shelves, namespace, "none") is Absence.MISSING, "all of it is known", seconds=300)
        seconds = time.monotonic() - began
        assert shelves.count >= MANY
        gc.collect()
        grown = resident() - before
        counted = shelves._used / MEBIBYTE  # noqa: SLF001 - the account itself
        print(f"{MANY} ConfigMaps of ten keys: {grown:.0f} MiB more, counted as {counted:.0f}, in {seconds:.0f} s")  # noqa: T201
        assert grown < counted + 25  # what it counts is what it takes, but for pages and connections


def resident() -> float:
    """Return the memory of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
