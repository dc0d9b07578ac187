"""matchConditions: what is asked and what is not, by a CEL interpreter, since the servers of the tests have none."""

import copy
import re
from typing import Any

import pytest

from tests.harness.chart.conditions import BUDGET, matches, pod, review, steps
from tests.harness.chart.rendering import Object, one, render, webhooks

STRICT, REST = "controllers.pods.validate.airlock", "pods.validate.airlock"
MUTATE, GUARD = "pods.mutate.airlock", "documents.guard.airlock"
EXECUTOR = "system:serviceaccount:airflow:airflow-scheduler"


def is_judged(variables: Object) -> bool:
    """Return whether a validating entry for pods is asked."""
    hooks = webhooks(render())
    return any(matches(hooks[name], variables) for name in (STRICT, REST))


MIRROR = {"kubernetes.io/config.mirror": "1"}
NODE = ("system:nodes", "system:authenticated")


@pytest.mark.parametrize(
    ("variables", "judged"),
    [
        (review(), True),
        (review("alice", groups=()), True),
        (review(new=pod("a:1", annotations={"x": "y"})), True),
        (review("system:node:n1", pod("a:1", annotations=MIRROR), groups=NODE), False),
        (review("system:node:n1", pod("a:1"), groups=NODE), True),  # a kubelet that makes other pods is none
        (review("alice", pod("a:1", annotations=MIRROR)), True),  # the annotation is anybody's to write
    ],
)
def test_only_a_kubelets_mirror_pods_are_left_out(variables: Object, judged: bool) -> None:  # noqa: FBT001 - a table
    assert is_judged(variables) is judged
    assert matches(webhooks(render())[MUTATE], variables) is judged


@pytest.mark.parametrize(
    ("old", "new", "judged"),
    [
        (pod("a:1"), pod("a:1", annotations={"x": "y"}), False),
        (pod("a:1"), pod("a:1", finalizers=[]), False),
        (pod("a:1", "b:1"), pod("a:1", "b:2"), True),
        (pod("a:1", init=("i:1",)), pod("a:1", init=("i:1",)), False),
        (pod("a:1", init=("i:1",)), pod("a:1", init=("i:2",)), True),
        (pod("a:1"), pod("a:1", init=("i:1",)), True),
        (pod("a:1"), pod("a:1", "b:1"), True),
        ({"metadata": {}, "spec": {"containers": [{"name": "c0"}]}}, pod("a:1"), True),
        # Any label may make a pod Airflow's: rows of the policy are added later.
        (pod("a:1"), pod("a:1", labels={"x": "y"}), True),
        (pod("a:1", labels={"x": "y"}), pod("a:1"), True),
        (pod("a:1", labels={"x": "y"}), pod("a:1", labels={"x": "z"}), True),
        (pod("a:1", labels={"x": "y", "z": "1"}), pod("a:1", labels={"x": "y"}), True),
        (pod("a:1", labels={"x": "y"}), pod("a:1", labels={"x": "y"}), False),
        # What Airflow's own code changes: adoption, revocation, cleaning up, and the operator's look at a pod.
        (pod("a:1", labels={"airflow-worker": "1"}), pod("a:1", labels={"airflow-worker": "2"}), False),
        (pod("a:1", labels={"airflow-worker": "1"}), pod("a:1", labels={}), False),
        (pod("a:1"), pod("a:1", labels={"airflow_executor_done": "True"}), False),
        (pod("a:1"), pod("a:1", labels={"airflow_pod_revoked": "True"}), False),
        (pod("a:1", labels={"x": "y"}), pod("a:1", labels={"x": "y", "already_checked": "True"}), False),
        (pod("a:1"), pod("a:1", labels={"already_checked": "True", "x": "y"}), True),
    ],
)
def test_an_update_is_judged_only_when_an_image_or_a_label_changes(old: Object, new: Object, judged: bool) -> None:  # noqa: FBT001 - same
    assert is_judged(review("alice", new, old)) is judged


@pytest.mark.parametrize("side", ["object", "oldObject"])
def test_a_pod_of_very_many_labels_is_judged_before_its_labels_could_exceed_the_budget(side: str) -> None:
    # A label costs under 60 of the budget on either side, a container under 30 in each of two lists and two objects.
    assert 2 * 1000 * 60 + 4 * 1000 * 30 < 1_000_000 / 4
    many = {f"k{n}": "" for n in range(1001)}
    pods = {"object": pod("a:1"), "oldObject": pod("a:1")} | {side: pod("a:1", labels=many)}
    variables = review("alice", pods["object"], pods["oldObject"])
    assert is_judged(variables)
    condition = next(
        one for one in webhooks(render())[REST]["matchConditions"] if one["name"] == "images-or-labels-change"
    )
    before, _, _ = condition["expression"].partition("object.spec.containers.map")
    assert matches({"matchConditions": [{"expression": before.rstrip().removesuffix("||")}]}, variables)


def test_a_pod_of_very_many_containers_is_judged_before_they_could_exceed_the_budget() -> None:
    many = pod(*(f"a:{n}" for n in range(1001)))
    assert is_judged(review("alice", many, copy.deepcopy(many)))
    init = pod("a:1", init=tuple(f"a:{n}" for n in range(1001)))
    assert is_judged(review("alice", init, copy.deepcopy(init)))


def test_ephemeral_containers_are_always_judged() -> None:
    same = pod("a:1")
    assert is_judged(review("alice", same, copy.deepcopy(same), subResource="ephemeralcontainers"))


def test_the_guard_is_asked_about_airlocks_documents_only() -> None:
    hook = webhooks(render())[GUARD]
    assert matches(hook, review(name="airlock-policy"))
    assert matches(hook, review(name="airlock-required-env"))
    assert matches(hook, review(name="airlock-release"))
    assert not matches(hook, review(name="kube-root-ca.crt"))
    assert not matches(hook, review())  # generateName


def test_no_condition_looks_at_a_label_of_a_new_pod() -> None:
    labels = {"airlock": "skip", "tier": "airflow", "airflow-worker": "1"}
    for name, hook in webhooks(render()).items():
        if name in (STRICT, REST, MUTATE):
            assert matches(hook, review(new=pod("a:1", labels=labels))) is matches(hook, review())


# Tasks, to which nothing is added

EXECUTORS = {"kubernetes_executor": "True", "tier": "airflow", "component": "worker"}
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "u", "controller": True}


@pytest.mark.parametrize(
    ("new", "mutated"),
    [
        (pod("a:1", labels=EXECUTORS), False),
        (pod("a:1", labels={"kubernetes_pod_operator": "True"}), False),
        (pod("a:1", labels={"spark_kubernetes_operator": "True"}, ownerReferences=[]), False),
        (pod("a:1", labels=EXECUTORS, ownerReferences=[OWNER | {"controller": False}]), False),
        (pod("a:1", labels=EXECUTORS, ownerReferences=[{k: v for k, v in OWNER.items() if k != "controller"}]), False),
        (pod("a:1", labels=EXECUTORS, ownerReferences=[OWNER]), True),  # a component's, which a mistake labels
        (pod("a:1", labels=EXECUTORS, ownerReferences=[OWNER | {"controller": False}] * 101), True),
        (pod("a:1", labels={"kubernetes_executor": "1"}), True),
        (pod("a:1", labels={"tier": "airflow", "component": "scheduler"}), True),
        (pod("a:1", labels={}), True),
        (pod("a:1"), True),
    ],
)
def test_mutate_is_asked_about_everything_but_tasks_that_no_controller_makes(new: Object, mutated: bool) -> None:  # noqa: FBT001 - a table
    assert matches(webhooks(render())[MUTATE], review(EXECUTOR, new)) is mutated
    assert is_judged(review(EXECUTOR, new))


def values(
    env: list[Object] | None = None, policy: Object | None = None, create: tuple[bool, bool] = (True, True)
) -> Object:
    documents = {"requiredEnv": {"document": {"env": env or []}}, "policy": {"document": policy or {}}}
    return {part: documents[part] | {"create": made} for part, made in zip(documents, create, strict=True)}


FOR_TASKS: Object = {"name": "A", "value": "b", "components": ["scheduler", "task"]}


@pytest.mark.parametrize(
    ("given", "kubernetes", "left_out"),
    [
        ({}, "1.28.0", True),
        ({}, "1.27.0", False),  # no matchConditions
        (values([{"name": "A", "value": "b"}]), "1.28.0", True),
        (values([{"name": "A", "value": "b"}, FOR_TASKS]), "1.28.0", False),
        (values(create=(False, True)), "1.28.0", False),  # nobody knows what the documents say
        (values(create=(True, False)), "1.28.0", False),
        (values(policy={"rules": {"pin-digest": {"mode": "enforce"}}}), "1.28.0", False),
        (values(policy={"rules": {"pin-digest": {"mode": "warn"}}}), "1.28.0", False),
        (values(policy={"rules": {"pin-digest": {"mode": "off"}}, "mode": "enforce"}), "1.28.0", True),
        (values(policy={"rules": {"pin-digest": {"mode": "audit"}}}), "1.28.0", True),  # which only says
        (values(policy={"namespaces": [{"names": ["a"], "rules": {"pin-digest": "warn"}}]}), "1.28.0", False),
        (values(policy={"namespaces": [{"names": ["a"], "mode": "enforce"}]}), "1.28.0", True),
    ],
)
def test_tasks_are_left_out_while_the_documents_add_nothing_to_them_and_the_replicas_know(
    given: Object,
    kubernetes: str,
    left_out: bool,  # noqa: FBT001 - a table
) -> None:
    objects = render(given, kubernetes=kubernetes)
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert ("--tasks-left-out" in container["args"]) is left_out
    assert matches(webhooks(objects)[MUTATE], review(EXECUTOR, pod("a:1", labels=EXECUTORS))) is not left_out


# What they cost


def expressions() -> dict[str, str]:
    hooks = webhooks(render())
    return {each["name"]: each["expression"] for hook in hooks.values() for each in hook.get("matchConditions", ())}


def largest(count: int, **metadata: Any) -> Object:
    """Return a pod with *count* of everything that a condition could look at, each of the greatest length."""
    labels = {f"{'p' * 253}/{n:063}": "v" * 63 for n in range(count)}
    owners = [OWNER | {"name": "n" * 253, "controller": False}] * count
    images = [f"{n}.example.com/{'i' * 200}:1" for n in range(count)]
    made = pod(*images, init=tuple(images), labels=labels, ownerReferences=owners, **metadata)
    for container in made["spec"]["containers"]:
        container["env"] = [{"name": "A", "value": "b"}]
    return made


def test_no_condition_looks_through_a_list_whose_size_is_not_bounded_before() -> None:
    for name, expression in expressions().items():
        for loop in re.finditer(r"\.(?:all|exists|exists_one|filter|map)\(", expression):
            looked_through = before(expression, loop.start())
            for path in re.findall(r"\b(?:object|oldObject|request)\.[\w.]+", looked_through):
                bound = rf"size\({re.escape(path)}\) > \d+"
                assert re.search(bound, expression[: loop.start()]), (name, path)


def before(expression: str, end: int) -> str:
    """Return the operand that ends at *end* of *expression*: a path, or what stands in brackets."""
    if expression[end - 1] not in ")]":
        return expression[:end].rpartition(" ")[2].rpartition("(")[2]
    depth = 0
    for start in range(end - 1, -1, -1):
        depth += (expression[start] in ")]") - (expression[start] in "([")
        if not depth:
            return expression[start:end]
    raise AssertionError(expression[:end])


@pytest.mark.parametrize(("old", "new"), [(1000, 1000), (1000, 0), (0, 1000)])
def test_the_most_that_a_condition_looks_through_takes_a_part_of_the_budget(old: int, new: int) -> None:
    groups = tuple(f"group-{n}" for n in range(1000))
    bounded = {1000: largest(1000), 0: largest(1)}
    asked = review("alice", bounded[new], bounded[old], groups=groups)
    took = {name: steps(expression, asked) for name, expression in expressions().items()}
    assert sum(took.values()) < BUDGET / 10, took
