"""The corpus through check: every finding on real charts and pods stands, with its reason, in a file.

`REWRITE=1` writes that file again; read it before the commit.
"""

import os
import re
from collections.abc import Callable
from datetime import date

import pytest

from tests.harness import places
from tests.harness.cost import LINEAR, growth
from tests.harness.places import CORPUS
from tests.judge.test_corpus import DEFAULTS
from tests.manifests.test_worker import config
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.required_env import EMPTY
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome

EXPECTED = places.CASES / "check" / "corpus.txt"
ENFORCE = read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")
FILES = sorted(
    path
    for path in CORPUS.glob("*/*.yaml")
    if not path.name.endswith((".values.yaml", ".pod_template_file.yaml"))
    and not (CORPUS / path.parent.name / f"{path.stem}.workloads.yaml").exists()  # the same pods once more
)
WORKERS = sorted(
    f"official-1.22.0/{path.name.partition('.')[0]}"
    for path in (CORPUS / "official-1.22.0").glob("*.pod_template_file.yaml")
)


def checked(contents: dict[str, str]) -> Outcome:
    check = Check(Asked(ENFORCE, EMPTY, date(2026, 11, 23), "airflow"))
    for file, content in contents.items():
        check.take(file, content.encode())
    return check.outcome()


def explained(seen: Outcome, contents: dict[str, str]) -> list[str]:
    """Return a line for each finding: where, whose, which container, mode, image, class of the tag, pull policy."""
    told = []
    for workload in seen.workloads:
        for one in workload.reported:
            cause = one.violation.cause
            why = re.sub(r"^'[^']*': (no tag is|tag '[^']*' is) ", "", cause.text)
            why = why.removesuffix(" lets the node run its cached copy")
            for where, place in zip(cause.places, one.places, strict=True):
                line = contents[place.file].splitlines()[place.line - 1]
                assert re.split("[:/]", cause.image)[-1] in line, "the line is not that of the image"
                ref = f"{workload.component} {workload.kind} {where.container}"
                detail = f" ({where.detail})" if where.detail else ""
                told.append(f"{place} {one.violation.mode} {ref} {cause.image}: {why}{detail}")
    return told


def test_every_finding_on_real_charts_and_pods_is_one_that_a_file_explains() -> None:
    contents = {path.relative_to(CORPUS).as_posix(): path.read_text() for path in FILES}
    contents |= {f"{render}.config": config(render) for render in WORKERS}
    seen = checked(contents)
    assert seen.unusable == []
    told = explained(seen, contents)
    if os.environ.get("REWRITE"):
        EXPECTED.write_text("\n".join(told) + "\n")
    assert told == EXPECTED.read_text().splitlines()


@pytest.mark.parametrize("render", DEFAULTS)
def test_a_default_install_has_no_finding_under_enforce(render: str) -> None:
    contents = {"workloads.yaml": (CORPUS / f"{render}.workloads.yaml").read_text()}
    if render in WORKERS:
        contents["config.yaml"] = config(render)
    seen = checked(contents)
    assert explained(seen, contents) == []
    assert len([one for one in seen.workloads if one.key]) == (render in WORKERS)


def test_the_cost_grows_with_the_number_of_manifests() -> None:
    chart = (CORPUS / "official-1.22.0/k8s-image-latest.workloads.yaml").read_bytes()

    def work(copies: int) -> Callable[[], None]:
        def check_all() -> None:
            check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23)))
            check.take("chart.yaml", chart * copies)
            assert len(check.outcome().workloads) > 5 * copies

        return check_all

    assert growth(work, 2) < LINEAR
