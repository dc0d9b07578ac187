"""`airlock controller` on a real API server, as its own ServiceAccount: installed, aged, damaged, killed, doubled."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from tests.harness import places
from tests.harness.certificates import Dialler, authorities, serial, trusted, whole
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, Process, age, installation, load
from tests.harness.load import Load
from tests.harness.waiting import until
from webhook.cluster import connect
from webhook.controller.api import Api, Written

QUICK = ("--propagation", "1", "--settling", "2")
# A third of a leaf's life is there for a turn of the controller, the kubelet's part and a replica's look.
SHORT = (*QUICK, "--ca-life", "45s", "--leaf-life", "18s")
# The last third of a leaf's life must outlast the time in which nobody lives long enough to renew it.
LASTING = (*QUICK, "--ca-life", "120s", "--leaf-life", "45s")
MORTAL = (sys.executable, "-m", "tests.harness.controller_process")
FAKETIME = places.ROOT / "tests/harness/faketime"
BUNDLE = "/webhooks/0/clientConfig/caBundle"


@pytest.fixture
def made(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Installation]:
    with installation(control_plane, tmp_path) as found:
        yield found


def test_an_empty_namespace_becomes_an_installation_that_serves(made: Installation) -> None:
    with made.controlled(*QUICK) as controller:
        until(lambda: whole(made), "certificates")
        until(lambda: controller.ready, "the controller to be ready")
        with made.served(), load(made) as (told, dialler):
            until(lambda: told.sent > 20, "some load")
        assert told.failures + dialler.failures == []
        assert controller.metric('airlock_certificate_expiry_timestamp_seconds{certificate="ca-bundle"}') > time.time()
        assert controller.metric('airlock_certificate_steps_total{outcome="done",step="publish"}') == 2
        assert controller.process.poll() is None
    assert controller.process.returncode == 0


def rotate_under_load(made: Installation, rotations: int) -> None:
    """Have that many of each follow, while two API servers ask; both must have heard of what is published."""
    age(made, timedelta(days=81))
    with made.controlled(*SHORT) as controller:
        until(lambda: all(trusted(made)), "a caBundle")
        with (
            made.plane.beside() as beside,
            made.served(),
            load(made) as (told, dialler),
            Load(beside, told.namespace, told.pod, told.expected, rate=25) as other,
        ):
            seen, leaves = set(authorities(made)), {serial(made)}
            deadline = time.monotonic() + 60 * rotations
            # What was under way before the load does not count: both must follow while it lasts.
            while min(len(seen), len(leaves)) <= rotations or other.sent <= 100 or not whole(made):
                assert time.monotonic() < deadline, controller.log.read_text()
                seen |= {*authorities(made)}
                leaves |= {serial(made)}
                time.sleep(0.1)
    assert told.failures + other.failures + dialler.failures == []
    tell(f"{len(seen) - 1} authorities and {len(leaves) - 1} leaves followed; {counted(told, dialler)}")
    tell(f"the other API server asked {other.sent} times")


def test_authorities_and_leaves_follow_each_other_without_a_failed_request(made: Installation) -> None:
    rotate_under_load(made, 1)


@pytest.mark.long
def test_five_authorities_and_more_leaves_follow_each_other_without_a_failed_request(made: Installation) -> None:
    rotate_under_load(made, 5)


def test_a_controller_that_is_killed_after_every_write_gets_there_all_the_same(made: Installation) -> None:
    old = age(made, timedelta(days=81))
    with made.controlled(*QUICK, program=MORTAL, DIE="after:2"):
        until(lambda: all(trusted(made)), "a caBundle")
    lives = 0

    def over() -> bool:
        return old not in authorities(made) and whole(made)

    with made.served(), load(made) as (told, dialler):
        while not over():
            assert lives < 20
            die = ("after:1", "before:2")[lives % 2]
            with made.controlled(*QUICK, program=MORTAL, DIE=die) as controller:
                process = controller.process
                until(lambda: process.poll() is not None or over(), "the controller to end")  # noqa: B023 - now
            lives += 1
    assert told.failures + dialler.failures == []
    assert lives >= 6
    assert old not in set().union(*trusted(made))


def heals(what: str, condition: Callable[[], object]) -> None:
    began = time.monotonic()
    until(condition, f"{what} to be healed", seconds=10)
    tell(f"{what}: healed within {time.monotonic() - began:.1f} s")


def counted(told: Load, dialler: Dialler) -> str:
    """Return how much was asked."""
    return f"{told.sent} asked, {dialler.dialled} dialled"


def tell(text: str) -> None:
    """Leave a figure for `pytest -rP`."""
    sys.stdout.write(f"{text}\n")


def test_what_is_damaged_is_healed_within_ten_seconds(made: Installation) -> None:
    foreign = age(made, timedelta(days=1))
    with made.controlled(*QUICK, "--interval", "2") as controller, made.served():
        until(lambda: whole(made), "the start")
        for path in made.hooks:
            api = Api(made.cluster)
            body = made.get(path)
            api.patch(path, body["metadata"]["resourceVersion"], [{"op": "remove", "path": BUNDLE}])
            heals(f"a wiped caBundle of {body['kind']}", lambda: whole(made))
        assert made.patch("secrets/airlock-tls", {"data": {"tls.key": None}}).status in (200, 422)
        assert made.patch("secrets/airlock-tls", {"data": {"tls.key": "eA=="}}).ok
        torn = serial(made)
        heals("a torn key", lambda: serial(made) != torn)
        made.delete("secrets/airlock-tls")
        heals("a deleted TLS Secret", lambda: made.secret("airlock-tls"))
        made.delete("secrets/airlock-ca")
        heals("a deleted CA Secret", lambda: foreign not in authorities(made) and len(authorities(made)) == 1)
        until(lambda: whole(made), "the lost authority to be followed by the new one")
        made.delete(made.hooks[1])
        controller.looks_again()
        assert made.get(made.hooks[1]) is None  # what was deleted in an emergency stays deleted
        made.apply(*made.registration())
        heals("a configuration that came back", lambda: len(made.bundles()) == 3 and whole(made))


def torment(made: Installation, blows: int) -> None:
    """Run two controllers on short lives, and kill or pause one at random, again and again."""
    chance = random.Random(7)  # noqa: S311 - the same blows each time
    age(made, timedelta(days=81))
    with ExitStack() as stack:
        pair: list[Process] = [stack.enter_context(made.controlled(*LASTING)) for _ in range(2)]
        until(lambda: all(trusted(made)), "a caBundle")
        stack.enter_context(made.served())
        told, dialler = stack.enter_context(load(made))
        for _ in range(blows):
            victim = chance.randrange(2)
            process = pair[victim].process
            if chance.random() < 0.5:
                process.send_signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0.1, 2.0))
                process.send_signal(signal.SIGCONT)
            else:
                process.kill()
                pair[victim] = stack.enter_context(made.controlled(*LASTING))
            time.sleep(chance.uniform(0.0, 2.0))
        until(lambda: whole(made), "everything to come to rest")
        assert told.failures + dialler.failures == []
        tell(f"{blows} blows; {counted(told, dialler)}")


def test_two_controllers_that_are_killed_and_paused_leave_everything_whole(made: Installation) -> None:
    torment(made, 6)


@pytest.mark.long
def test_two_controllers_survive_thirty_blows(made: Installation) -> None:
    torment(made, 30)


def test_no_write_succeeds_on_what_is_over(made: Installation) -> None:
    age(made, timedelta(days=1))
    path = f"/api/v1/namespaces/{made.namespace}/secrets"
    hook = made.hooks[0]
    with connect(kubeconfig=str(made.plane.kubeconfig)) as cluster:
        api = Api(cluster)
        secret, body = api.get(f"{path}/airlock-ca"), api.get(hook)
        assert secret is not None
        assert body is not None
        made.patch("secrets/airlock-ca", {"metadata": {"labels": {"touched": "yes"}}})
        made.patch(hook, {"metadata": {"labels": {"touched": "yes"}}})
        assert api.replace(f"{path}/airlock-ca", secret) is Written.STALE
        assert api.create(path, secret | {"metadata": {"name": "airlock-ca"}}) is Written.STALE
        change = [{"op": "add", "path": BUNDLE, "value": ""}]
        assert api.patch(hook, body["metadata"]["resourceVersion"], change) is Written.STALE
        made.delete("secrets/airlock-ca")
        assert api.replace(f"{path}/airlock-ca", secret) is Written.STALE


# The last is less than the backdating of the API server's own certificate in these tests.
@pytest.mark.parametrize(("shift", "leaf_follows", "count"), [("+45m", True, 1), ("+85m", True, 2), ("-4m", False, 1)])
def test_the_clock_alone_brings_what_is_due(made: Installation, shift: str, *, leaf_follows: bool, count: int) -> None:
    # Not the program of that name: it starts another, which would outlive it.
    library = subprocess.check_output([FAKETIME], text=True).strip()
    lives = ("--ca-life", "100m", "--leaf-life", "60m")
    with made.controlled(*QUICK, *lives) as first:
        until(lambda: whole(made), "certificates")
        until(lambda: first.ready, "the rest")
    leaf = serial(made)
    with made.controlled(
        *QUICK, *lives, LD_PRELOAD=library, FAKETIME=shift, FAKETIME_DONT_FAKE_MONOTONIC="1"
    ) as controller:
        until(lambda: controller.ready, "the controller to be ready")
        until(lambda: (serial(made) != leaf) == leaf_follows, "the leaf")
        until(lambda: len(authorities(made)) == count, "the authorities")  # nobody serves, so both stay
        controller.looks_again()
    assert (serial(made) != leaf) == leaf_follows
    assert len(authorities(made)) == count


def test_help_names_every_variable() -> None:
    text = subprocess.check_output([sys.executable, "-m", "webhook", "controller", "--help"], text=True)
    for name in ("NAMESPACE", "CA_SECRET", "TLS_SECRET", "WEBHOOK_CONFIGURATION", "ACCEPTED", "BREAK_GLASS_LABEL"):
        assert f"AIRLOCK_{name}" in text
