"""The exported policies agree with the engine on real pods and at the edges; docs/backstop.md lists the differences."""

import json
import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from tests.harness import cel
from tests.harness.places import CASES, CORPUS
from tests.harness.reviews import EXECUTOR, REPLICASET, owned, review, scheduler, task
from tests.pods.test_image import cases
from webhook.admission.review import decode
from webhook.backstop.objects import Choice
from webhook.backstop.validating import validating
from webhook.documents.policy import Policy, read_policy
from webhook.judge.gate import Gate
from webhook.pods.image import default_pull_policy
from webhook.rules.finding import Mode

TODAY = date(2026, 11, 26)
ENFORCE = read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")


def defaulted(pod: dict[str, Any]) -> dict[str, Any]:
    """Return *pod* with the pull policies that the API server has set before any policy sees it."""
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in pod["spec"].get(field) or ():
            container.setdefault("imagePullPolicy", default_pull_policy(container["image"]))
    return pod


def exported(policy: Policy) -> list[Any]:
    return [one for one in validating(policy, Choice(TODAY)).objects if one["kind"].endswith("Policy")]


Found = dict[Mode, set[str]]


def both(policy: Policy, pod: dict[str, Any], user: str, namespace: str, old: Any = None) -> tuple[Found, Found]:
    """Return the containers that the engine finds by mutable-tag, by mode, and those that the policies find."""
    operation = "CREATE" if old is None else "UPDATE"
    pod = {**pod, "metadata": {key: value for key, value in pod["metadata"].items() if key != "namespace"}}
    asked = decode(review(pod, user=user, namespace=namespace, operation=operation, old=old))
    engine: Found = {}
    for one in Gate(policy).validate(asked, TODAY).verdict.violations:
        if one.rule == "mutable-tag":
            engine.setdefault(one.mode, set()).update(one.cause.containers)
    request = {"operation": operation, "namespace": namespace, "userInfo": {"username": user}}
    variables = {"request": request, "object": pod, "oldObject": old}
    server: Found = {}
    for each in exported(policy):
        for said in cel.judge(each, variables):
            server[Mode(each["metadata"]["name"].rpartition("-")[2])] = set(re.findall(r"container '([^']+)'", said))
    return engine, server


def of_images(make: Any, images: list[str], policy: str = "IfNotPresent") -> dict[str, Any]:
    """Return a pod with a container for each of *images*, called by its number."""
    pod: dict[str, Any] = make(images[0], policy)
    pod["spec"]["containers"] = [
        {"name": f"c{nth}", "image": image, "imagePullPolicy": policy} for nth, image in enumerate(images)
    ]
    return pod


def corpus() -> Iterator[Any]:
    for path in sorted(CORPUS.glob("*/*.workloads.yaml")):
        for nth, workload in enumerate(yaml.load_all(path.read_text(), yaml.CSafeLoader)):
            if workload:
                template = workload["spec"].get("jobTemplate", workload)["spec"]["template"]
                kind = {"Deployment": "ReplicaSet", "CronJob": "Job"}.get(workload["kind"], workload["kind"])
                pod = owned({"kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]}, kind)
                user = f"system:serviceaccount:kube-system:{kind.lower()}-controller"
                yield pytest.param(defaulted(pod), user, id=f"{path.parent.name}/{path.name.partition('.')[0]}/{nth}")
    for path in sorted(CORPUS.glob("provider-*/*.yaml")):
        pod = yaml.load(path.read_text(), yaml.CSafeLoader)
        if pod["kind"] == "Pod":
            yield pytest.param(defaulted(pod), EXECUTOR, id=f"{path.parent.name}/{path.stem}")


TELLING = {"tier", "app", "component", "kubernetes_executor", "kubernetes_pod_operator"}


def test_the_api_server_and_the_engine_agree_on_every_pod_of_the_corpus() -> None:
    differ, seen = [], set()
    for case in corpus():
        pod, user = case.values
        labels = {key: value for key, value in pod["metadata"].get("labels", {}).items() if key in TELLING}
        containers = (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ()))
        same = repr([labels, user, sorted({(one["image"], one["imagePullPolicy"]) for one in containers})])
        if same not in seen:
            seen.add(same)
            engine, server = both(ENFORCE, pod, user, "airflow")
            differ += [(case.id, engine, server)] if engine != server else []
    assert differ == []
    assert len(seen) > 50


# Lengths of parts are not looked at, and what no policy can pass on as text never reaches it.
UNLIKE = {
    "a_path_has_at_most_255_characters_and_the_implied_part_counts",
    "control_characters_and_a_mebibyte_are_refused",
}


@pytest.mark.parametrize("policy", ["IfNotPresent", "Always"])
def test_they_agree_on_every_image_of_the_edge_table(policy: str) -> None:
    known = [(case.id, case.values[0].input) for case in cases() if case.id.partition(":")[0] not in UNLIKE]
    images = [text for _, text in known if text]
    engine, server = both(ENFORCE, of_images(scheduler, images, policy), REPLICASET, "airflow")
    assert differing(engine, server, images) == []
    assert len(engine[Mode.ENFORCE]) > 20


def differing(engine: Found, server: Found, images: list[str]) -> list[tuple[str, str]]:
    """Return the images on which both do not agree, and who finds them in which mode."""
    return [
        (image, f"engine {sorted(map(str, mine))}, server {sorted(map(str, theirs))}")
        for nth, image in enumerate(images)
        if (mine := {mode for mode, names in engine.items() if f"c{nth}" in names})
        != (theirs := {mode for mode, names in server.items() if f"c{nth}" in names})
    ]


def test_they_agree_on_real_tags() -> None:
    real = yaml.safe_load((CASES / "tags" / "real.yaml").read_text())
    images = [f"{name}:{tag}" for names in real.values() for name, tags in names.items() for tag in tags.split()]
    engine, server = both(ENFORCE, of_images(scheduler, images), REPLICASET, "airflow")
    assert differing(engine, server, images) == []


POLICY = """
apiVersion: airlock/v1
kind: Policy
mode: warn
namespaces:
  - {names: ["airflow-prod*"], mode: enforce}
  - {names: ["sandbox-?"], rules: {mutable-tag: audit}}
  - {names: ["off-*"], rules: {mutable-tag: "off"}}
rules:
  mutable-tag:
    pullPolicies: [IfNotPresent]
    unrecognised: audit
    tags:
      - {match: "release-*", is: mutable}
      - {match: "re:build-[0-9]+", is: immutable}
      - {match: "*", images: ["harbor.example.com/immutable/*"], is: immutable}
      - {match: "latest", images: ["redis", "docker.io/team/**"], is: immutable}
components:
  - {component: scheduler, labels: {app: my-airflow, role: boss}, container: main}
exemptions:
  - {name: ended, reason: r, owner: o, expires: 2026-11-25, components: [scheduler]}
  - name: old
    reason: r
    owner: o
    expires: 2026-11-26
    namespaces: ["airflow-prod-old"]
    images: ["registry.example.com/legacy/*", "alpine:3"]
  - {name: tasks, reason: r, owner: o, expires: 2027-01-01, namespaces: ["airflow-prod-t"], components: [task]}
"""
IMAGES = [
    *("r.io/a:main", "r.io/a:release-7", "r.io/a:build-7", "r.io/a:build-x", "r.io/a:2.10.5", "r.io/a", "R.IO/a:main"),
    *("harbor.example.com/immutable/x:main", "harbor.example.com/immutable/x/y:main", "harbor.example.com/immutable/x"),
    *("redis", "redis:latest", "library/redis", "docker.io/redis", "docker.io/library/redis:latest", "redis-x:latest"),
    *("team/a/b", "docker.io/team/a:latest", "index.docker.io/team/a", "teams/a", "team/a:main", "team/a:etl"),
    *("registry.example.com/legacy/etl:main", "registry.example.com/legacy/etl/x:main", "alpine:3", "alpine:3.2"),
    *("bitnami/airflow:3.0.5", "docker.io/bitnami/airflow:3.0.5-debian-12-r0", "cgr.dev/chainguard/python:3.12.1"),
    *("quay.io/astronomer/astro-runtime:3.1-11", "localhost:5000/a", "localhost/a:dev", "[2001:db8::1]:5000/a:1"),
]


@pytest.mark.parametrize(
    "namespace", ["airflow", "airflow-prod-eu", "airflow-prod-old", "airflow-prod-t", "sandbox-1", "off-1"]
)
@pytest.mark.parametrize("make", [scheduler, task], ids=["scheduler", "task"])
def test_modes_entries_and_exemptions_of_a_policy_mean_the_same(namespace: str, make: Any) -> None:
    user = REPLICASET if make is scheduler else EXECUTOR
    for pull in ("IfNotPresent", "Never"):
        engine, server = both(read_policy(POLICY), of_images(make, IMAGES, pull), user, namespace)
        assert differing(engine, server, IMAGES) == []


@pytest.mark.parametrize(("make", "user"), [(scheduler, REPLICASET), (task, EXECUTOR)], ids=["scheduler", "task"])
def test_where_a_managed_service_lives_the_pods_that_are_not_its_own_keep_their_mode(make: Any, user: str) -> None:
    policy = read_policy(
        "{apiVersion: airlock/v1, kind: Policy, mode: enforce, namespaces: [{names: [airflow], managed: composer}]}"
    )
    engine, server = both(policy, make("r.io/a:main"), user, "airflow")
    assert engine == server
    assert list(server) == [Mode.ENFORCE]
    assert "Cloud Composer's own pods are not recognised" in "".join(validating(policy, Choice(TODAY)).left_out)


@pytest.mark.parametrize(
    "labels", [{"app": "my-airflow", "role": "boss"}, {"app": "my-airflow"}, {"app": "airflow"}, {}]
)
def test_the_rows_of_a_policy_make_a_pod_airflows(labels: dict[str, str]) -> None:
    pod = scheduler("r.io/a:main")
    pod["metadata"]["labels"] = labels
    engine, server = both(read_policy(POLICY), pod, REPLICASET, "airflow")
    assert engine == server
    assert (Mode.WARN in engine) is (labels not in ({"app": "my-airflow"}, {}))


SUPPORT = {"tier": "airflow", "component": "redis"}


@pytest.mark.parametrize("image", ["redis:7", "apache/airflow:main", "r.io/data/airflow", "r.io/airflow-extra:main"])
@pytest.mark.parametrize("user", [REPLICASET, EXECUTOR])
@pytest.mark.parametrize("owner", ["ReplicaSet", "Job", ""])
def test_support_is_believed_from_controllers_alone_and_never_for_airflows_own_image(
    image: str, user: str, owner: str
) -> None:
    pod = scheduler(image)
    pod["metadata"]["labels"] = SUPPORT
    del pod["metadata"]["ownerReferences"]
    engine, server = both(ENFORCE, owned(pod, owner) if owner else pod, user, "airflow")
    assert engine == server


def test_an_update_is_judged_by_the_images_that_change() -> None:
    old = scheduler("r.io/a@sha256:" + "0" * 64)
    changed, same = scheduler("r.io/a:latest"), scheduler("r.io/a:main")
    labelled = {**same, "metadata": {**same["metadata"], "labels": {**same["metadata"]["labels"], "x": "y"}}}
    denied = {Mode.ENFORCE: {"scheduler"}}
    assert both(ENFORCE, changed, EXECUTOR, "airflow", old) == (denied, denied)
    assert both(ENFORCE, labelled, EXECUTOR, "airflow", same) == ({}, {})


def test_a_policy_that_trusts_no_tag_asks_for_digests() -> None:
    policy = read_policy(
        "{apiVersion: airlock/v1, kind: Policy, mode: enforce, rules: {mutable-tag: {requireDigest: true}}}"
    )
    for image in ("r.io/a:2.10.5", "r.io/a:main", "r.io/a:1@sha256:" + "0" * 64):
        engine, server = both(policy, scheduler(image, "Always"), REPLICASET, "airflow")
        assert engine == server


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ("requireDigest: true", "fix: name its digest: repository@sha256:... (airlock's policy in the API server)"),
        ("pullPolicies: [Always]", "fix: name a full version or a digest (airlock's policy in the API server)"),
    ],
)
def test_it_does_not_say_to_set_always_where_that_does_not_help(options: str, fix: str) -> None:
    rules = f"{{mutable-tag: {{{options}}}}}"
    policy = read_policy(f"{{apiVersion: airlock/v1, kind: Policy, mode: enforce, rules: {rules}}}")
    request = {"operation": "CREATE", "namespace": "airflow", "userInfo": {"username": REPLICASET}}
    made = exported(policy)[0]
    (said,) = cel.judge(made, {"request": request, "object": scheduler("r.io/a:main", "Always"), "oldObject": None})
    (validation,) = made["spec"]["validations"]
    assert said.endswith(fix)
    assert validation["message"].endswith(fix)


def test_it_warns_unless_it_is_told_to_deny_and_says_what_to_change() -> None:
    objects = validating(ENFORCE, Choice(TODAY)).objects
    bindings = {one["spec"]["policyName"]: one["spec"] for one in objects if "policyName" in one["spec"]}
    assert bindings["airlock-mutable-tag-enforce"]["validationActions"] == ["Warn", "Audit"]
    strict = validating(ENFORCE, Choice(TODAY, deny=True)).objects
    denying = {one["metadata"]["name"]: one["spec"].get("validationActions") for one in strict}
    assert denying["airlock-mutable-tag-enforce"] in (["Deny", "Audit"], None)
    request = {"operation": "CREATE", "namespace": "airflow", "userInfo": {"username": REPLICASET}}
    pod = {**scheduler("r.io/a:main")}
    (said,) = cel.judge(objects[0], {"request": request, "object": pod, "oldObject": None})
    assert "mutable-tag" in said
    assert "'r.io/a:main' of container 'scheduler' (IfNotPresent)" in said
    assert "fix: name a full version or a digest" in said
    (validation,) = objects[0]["spec"]["validations"]  # what the API server says where that is too long for it
    assert "fix: name a full version or a digest" in validation["message"]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (["r.io/a:main"], "name a full version or a digest"),
        (["bitnami/airflow:2.10.5"], "name a full version with its revision (-rN) or a digest"),
        (["docker.io/bitnamilegacy/airflow:latest"], "name a full version with its revision (-rN) or a digest"),
        (["cgr.dev/chainguard/airflow:2.10.5"], "name a tag with a timestamp or a digest"),
        (
            ["cgr.dev/chainguard/airflow:latest", "r.io/a:main", "bitnami/airflow"],
            "name a full version, or a full version with its revision (-rN), or a tag with a timestamp or a digest",
        ),
    ],
)
def test_it_names_what_the_publisher_of_each_image_freezes(images: list[str], words: str) -> None:
    objects = validating(ENFORCE, Choice(TODAY)).objects
    request = {"operation": "CREATE", "namespace": "airflow", "userInfo": {"username": REPLICASET}}
    pod = of_images(scheduler, images)
    (said,) = cel.judge(objects[0], {"request": request, "object": pod, "oldObject": None})
    assert words in said


def test_a_pod_of_twenty_containers_costs_less_than_the_api_server_allows_for_one_expression() -> None:
    """What `matches` costs is all of it but a few hundred.

    The formula is cel-go's (interpreter/runtimecost.go, MatchesString), the limit the API server's PerCallLimit
    (k8s.io/apiserver/pkg/apis/cel/config.go).
    """
    name = "r" * 60 + ".example.com/data-platform/airflow:2026-11-27"
    for policy in (ENFORCE, read_policy(POLICY)):
        for each in exported(policy):
            (found,) = (one["expression"] for one in each["spec"]["variables"] if one["name"] == "found")
            patterns = re.findall(r'\.matches\(("(?:[^"\\]|\\.)*")\)', found)
            assert len(patterns) > 10
            each_time = (math.ceil((1 + len(name)) / 10) * math.ceil(len(json.loads(one)) / 4) for one in patterns)
            assert 20 * sum(each_time) < 1_000_000


def test_what_it_cannot_say_is_told() -> None:
    told = "\n".join(validating(read_policy(POLICY), Choice(TODAY)).left_out)
    assert "export again before 2026-11-26 is over (old, tasks)" in told
    assert "no Event" in told
