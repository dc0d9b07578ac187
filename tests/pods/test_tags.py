"""Classes of tags: the table by example, the corpus of real pods, and laws."""

from pathlib import Path
from typing import Any

import pytest
import re2
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.places import CASES, CORPUS
from webhook.pods.image import parse
from webhook.pods.tags import KINDS, UNKNOWN, Kind, TagClass, classify

law = settings(max_examples=200)

# What each kind of tag looks like.
EXAMPLES = {
    ("latest", TagClass.MUTABLE): "latest Latest LATEST",
    ("latest of a line", TagClass.MUTABLE): """
        v1.31-latest 2.10-latest slim-latest 3.2.2-latest 3.0.5-etl-latest 4f2c9d1-latest 2022-latest
        latest-python3.12 slim-latest-python3.12
    """,
    ("snapshot", TagClass.MUTABLE): """
        SNAPSHOT 1.4.2-SNAPSHOT 4f2c9d1-SNAPSHOT 20261122-snapshot 1.4.2-SNAPSHOT-jdk17
        2.11.0.dev0 3.3.0.dev0-python3.12 2.11.0dev0 1.4.2-dev
    """,
    ("uncommitted build", TagClass.MUTABLE): "v1.4.2-14-g4f2c9d1-dirty 4f2c9d1-dirty dirty",
    ("pull request", TagClass.MUTABLE): "pr-123 PR-123 pr123 mr-45-python3.12 pull-1234567",
    ("topic branch", TagClass.MUTABLE): """
        feature-x feature-1234567 fix_12 dependabot-pip-flask-3.1 renovate-python hotfix-login pr-123-etl
    """,
    ("commit id", TagClass.IMMUTABLE): """
        4f2c9d1 sha-4f2c9d1 9f86d081884c 2026.11.22-4f2c9d1 main-4f2c9d1 prod-4f2c9d1 pr-123-4f2c9d1 feature-x-4f2c9d1
        4f2c9d1-python3.12 4F2C9D1 befacaad deadbeef v1.4.2-14-g4f2c9d1 git4f2c9d1 1.4.2-SNAPSHOT-4f2c9d1
        4f2c9d1b0c9ae4e3f7e1a5d2b8c6f0a9d3e7b1c5 550e8400-e29b-41d4-a716-446655440000
    """,
    ("dated build", TagClass.IMMUTABLE): """
        20261122 2026.11.22 2026-11-22 nightly-2026-11-22 main-20261122 20261122-1 20261122T103000Z 20261122103000
        1.4.2-20261122.103000-1 airflow-pgbouncer-2025.03.05-1.23.1 airflow-pgbouncer-exporter-2025.03.05-0.18.0
    """,
    ("build number", TagClass.IMMUTABLE): "1234567 main-1234567 1.4.2-1234567 99999999 1700000000",
    ("full version", TagClass.IMMUTABLE): """
        2.10.5 v3.2.2-python3.12 3.0.5-debian-12-r0 2.8.4-python3.9 1.22.1-patch.0 v0.30.0 16.1.0-debian-11-r15 2.1.3.4
        slim-3.2.2-python3.12 slim-3.2.2 release-1.4.2 1.4.2-release 1.4.2.Final 2.426.1-lts-jdk17 V1.4.2 2026.11.5
        3.2.0rc1 3.2.0b2 1.4.2-rc.1 v1.4.2-alpha.0.5 1.4.2-rc1-alpine 3.2.2.post1 1.4.2-1 2.10.5-1.4 2.10.5-1.4.2
        1.4.2-linux-amd64 8.0.404-jammy v1.28.3-k3s1 1.28.3-eksbuild.1 1.4.2-1.el9
        etl-1.4.2 airflow-pgbouncer-1.23.1 hotfix-1.4.2 2.10-etl-1.4.2 3.0.5-etl-1.4.2
    """,
    ("numbered pre-release", TagClass.UNRECOGNISED): "rc1 rc-2 3.2rc1 3.13-rc.1 17beta1 3.2-b2",
    ("numbered branch or stage", TagClass.UNRECOGNISED): "main-1234 prod-2024 main-build-123",
    ("branch or stage name", TagClass.MUTABLE): """
        main master Main develop dev dev2 nightly trunk main-python3.12 main.2 3.2-main main-1.4.2 1.4.2-nightly
        dev-alice stable staging stage prod production prod-eu eu-prod2 nonprod pre-prod prod-42 test qa uat-1 edge
        canary current head next release rc 3.13-rc release-3.2 v2-10-stable lts-alpine team1-dev
    """,
    ("stage name with a version", TagClass.UNRECOGNISED): """
        prod-1.4.2 1.4.2-prod 1.4.2-rc 1.4.2-beta stable-2.10.5-python3.12 2.10.5-etl-staging edge-proxy-1.4.2
    """,
    ("build of a version", TagClass.IMMUTABLE): "11.22-patch.0 16.1-debian-12-r5 16-r3 postgresql-11.22-patch.0-slim",
    ("version with an addition", TagClass.UNRECOGNISED): """
        3.0.5-etl-1.4 2.10.5-etl 2.10.5-etl-3.2 3.0.2-etl 2.10.5-data-team-3 etl-2.10.5-blue 3.1-11 3.1-11-python-3.12
        3.2-1 1.4.2.dev45
    """,
    ("floating version", TagClass.MUTABLE): """
        3 v3 17 3.2 v1.15 22.04 2026.11 3.2-python3.12 3-slim 7.2-bookworm 16-debian-12 slim-3.2-python3.12 slim-3
        3.x 3.2.x 1.x.x-alpine airflow-3 etl-3.2 3.12-python-3 22.04-3.12
    """,
    (
        "variant without a version",
        TagClass.MUTABLE,
    ): """
        slim alpine bookworm-slim python3.12 py312 jdk17-alpine arm64 ltsc2022
    """,
    ("no known form", TagClass.UNRECOGNISED): """
        etl custom facade decade 4f2c9d build-17 1234 5000 data-123 v2-10-5 -x
    """,
}
ROWS = [(tag, name, class_) for (name, class_), tags in EXAMPLES.items() for tag in tags.split()]

REAL = [
    (repository, tag, class_)
    for class_, repositories in yaml.safe_load((CASES / "tags" / "real.yaml").read_text()).items()
    for repository, tags in repositories.items()
    for tag in str(tags).split()
]

# Every image of the corpus that has a tag or, having neither tag nor digest, is `latest`.
PINNED = {
    "docker.io/apache/airflow": "2.9.3 2.11.0 2.8.4-python3.9 3.2.2 airflow-pgbouncer-2025.03.05-1.23.1"
    " airflow-pgbouncer-exporter-2025.03.05-0.18.0",
    "docker.io/bitnami/redis": "6.2.14-debian-12-r17",
    "docker.io/bitnamilegacy/postgresql": "16.1.0-debian-11-r15",
    "docker.io/library/alpine": "3.24.2",
    "docker.io/otel/opentelemetry-collector-contrib": "0.70.0",
    "gcr.io/cloud-sql-connectors/cloud-sql-proxy": "2.8.0",
    "ghcr.io/airflow-helm/pgbouncer": "1.22.1-patch.0",
    "ghcr.io/airflow-helm/postgresql-bitnami": "11.22-patch.0",
    "quay.io/prometheus/statsd-exporter": "v0.30.0",
    "registry.example.com/data/airflow": "2026.11.22-4f2c9d1 3.2.2 sha-4f2c9d1",
    "registry.example.com/team/job": "1.4.2 9f86d081884c",
    "registry.k8s.io/git-sync/git-sync": "v3.6.3 v3.6.9 v4.1.0 v4.4.2",
}
MOVING = {
    "docker.io/envoyproxy/envoy": "v1.31-latest",
    "docker.io/hashicorp/vault": "1.15",
    "docker.io/library/airflow-custom": "dev",
    "docker.io/library/alpine": "latest",
    "docker.io/library/busybox": "latest",
    "docker.io/library/nginx": "latest",
    "docker.io/library/placeholder-name-dont-delete": "latest",
    "docker.io/library/python": "latest",
    "docker.io/library/redis": "7.2-bookworm",
    "registry.example.com/data/airflow": "3.2 latest stable",
    "registry.example.com/team/heavy": "latest",
    "registry.example.com/team/job": "dev latest main stable",
    "registry.example.com:5000/data/airflow": "main",
    "registry.example.com:5000/team/job": "latest",
}


def images(file: Path) -> set[tuple[str, str, str]]:
    """Return component label, repository and tag of every image without a digest in the pods of *file*."""
    return {
        (pod["metadata"]["labels"].get("component", ""), image.repository, image.effective_tag)
        for pod in yaml.load_all(file.read_text(), yaml.CSafeLoader)
        for image in map(parse, _written(pod["spec"].get("template", pod)["spec"]))  # or the template of a Job
        if image.digest is None
    }


def _written(spec: dict[str, Any]) -> list[str]:
    containers = (spec.get("initContainers") or []) + spec["containers"]
    return [container["image"] for container in containers if "image" in container]


PODS = sorted(
    path
    for path in CORPUS.glob("*/*.yaml")
    if not path.name.endswith((".values.yaml", ".workloads.yaml", ".pod_template_file.yaml"))
)


@pytest.mark.parametrize(("tag", "name", "class_"), ROWS)
def test_a_tag_is_of_the_kind_that_its_example_says(tag: str, name: str, class_: TagClass) -> None:
    assert (classify(tag).name, classify(tag).is_) == (name, class_)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_row_of_the_table_has_an_example_that_reaches_it(kind: Kind) -> None:
    anywhere = {classify(tag) for tag, _, _ in ROWS}
    assert kind in (anywhere | {classify(tag, repository) for repository, tag, _ in REAL} if kind.images else anywhere)


def test_real_tags_keep_their_class() -> None:
    told = [f"{repository}:{tag} {classify(tag, repository).is_}" for repository, tag, _ in REAL]
    assert told == [f"{repository}:{tag} {class_}" for repository, tag, class_ in REAL]
    assert len(told) >= 400


@pytest.mark.parametrize(
    ("tag", "repository", "class_"),
    [
        ("3.0.5", "docker.io/bitnami/airflow", TagClass.MUTABLE),
        ("3.0.5", "registry.example.com/bitnamish/airflow", TagClass.IMMUTABLE),
        ("3.0.5", "registry.example.com/bitnami", TagClass.IMMUTABLE),  # somebody's image of that name
        ("3.0.5-sha-4f2c9d1", "docker.io/bitnami/airflow", TagClass.IMMUTABLE),
        ("3.0.5-debian-12-r0", "registry.example.com/proxy/bitnamilegacy/airflow", TagClass.IMMUTABLE),
        ("3.1-11", "docker.io/library/postgres", TagClass.UNRECOGNISED),
        ("3.12.1-r0", "registry.example.com/python", TagClass.IMMUTABLE),
    ],
)
def test_a_publishers_policy_counts_for_its_own_images_and_their_mirrors(
    tag: str, repository: str, class_: TagClass
) -> None:
    assert classify(tag, repository).is_ is class_


@law
@given(
    st.sampled_from(["2.10.5", "v3.0.1", "1.2.3.4", "3.1-11"]),
    st.lists(
        st.sampled_from(["-etl", "-1.4", "-3", "-python3.12", "_data", "-3.x", "-slim", "-16", "-x.2"]), max_size=5
    ),
)
def test_what_follows_a_full_version_never_makes_it_a_floating_version(version: str, rest: list[str]) -> None:
    assert classify("".join([version, *rest])).name != "floating version"
    assert classify("".join([version, *rest, "-latest"])).is_ is TagClass.MUTABLE


def test_the_corpus_holds_the_images_that_are_listed_here() -> None:
    listed = {(repo, tag) for table in (PINNED, MOVING) for repo, tags in table.items() for tag in tags.split()}
    assert {(repo, tag) for path in PODS for _, repo, tag in images(path)} == listed


@pytest.mark.parametrize(("repo", "tags"), PINNED.items())
def test_a_pinned_image_of_the_corpus_is_immutable(repo: str, tags: str) -> None:
    assert {tag: classify(tag).is_ for tag in tags.split()} == dict.fromkeys(tags.split(), TagClass.IMMUTABLE), repo


@pytest.mark.parametrize(("repo", "tags"), MOVING.items())
def test_a_moving_image_of_the_corpus_is_mutable(repo: str, tags: str) -> None:
    assert {tag: classify(tag).is_ for tag in tags.split()} == dict.fromkeys(tags.split(), TagClass.MUTABLE), repo


@pytest.mark.parametrize(
    "path",
    [path for path in PODS if path.stem.startswith(("default", "celery", "kubernetes-", "local-", "multi-"))],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_default_installation_has_immutable_tags_everywhere_but_in_redis(path: Path) -> None:
    found = images(path)
    assert found
    assert {part for part, _, tag in found if classify(tag).is_ is not TagClass.IMMUTABLE} <= {"redis"}


_BEGINNINGS = ("main", "prod", "1", "v3", "1.4.2", "4f2c9d1", "20261122", "latest", "etl", "slim", "rc1", "deadbee")
_CONTINUED = (
    *"-_.aA0",
    "-latest",
    "-SNAPSHOT",
    ".2",
    "-prod",
    "-1.4.2",
    "-python3.12",
    "-r0",
    "-rc1",
    "-dirty",
    "-g4f2",
)
_TAGS = st.builds(
    lambda first, rest: (first + "".join(rest))[:128],
    st.sampled_from(_BEGINNINGS),
    st.lists(st.sampled_from(_CONTINUED), max_size=12),
)


@law
@given(st.text(st.characters()) | _TAGS)
def test_any_text_has_a_kind(tag: str) -> None:
    assert classify(tag) in {*KINDS, UNKNOWN}


@law
@given(_TAGS)
def test_capitals_make_no_difference(tag: str) -> None:
    assert classify(tag.upper()) is classify(tag) is classify(tag.swapcase())


@law
@given(_TAGS)
def test_a_tag_is_of_the_first_row_that_matches_it(tag: str) -> None:
    rows = [kind for kind in KINDS if not kind.images]
    first = next((kind for kind in rows if re2.fullmatch(kind.pattern, tag.lower())), UNKNOWN)
    assert classify(tag) is first


@law
@given(_TAGS)
def test_what_ends_in_latest_or_snapshot_moves(tag: str) -> None:
    assert classify(f"{tag[:100]}-latest").is_ is TagClass.MUTABLE
    assert classify(f"{tag[:100]}-SNAPSHOT").is_ is TagClass.MUTABLE


@law
@given(st.text("0123456789abcdef", min_size=7, max_size=40), st.sampled_from(["", "sha-", "main-", "1.4.2-", "etl-"]))
def test_a_commit_id_is_immutable_whatever_stands_before_it(commit: str, before: str) -> None:
    assert classify(before + commit).is_ is TagClass.IMMUTABLE


@law
@given(st.lists(st.integers(0, 10_000), min_size=3, max_size=4))
def test_a_version_of_three_numbers_is_immutable_and_one_of_two_is_not(numbers: list[int]) -> None:
    assert classify(".".join(map(str, numbers))).is_ is TagClass.IMMUTABLE
    assert classify(".".join(map(str, numbers[:2]))).is_ is TagClass.MUTABLE


def test_what_is_longer_than_a_tag_is_unrecognised() -> None:
    assert classify("1.4.2" + "0" * 124) is UNKNOWN
