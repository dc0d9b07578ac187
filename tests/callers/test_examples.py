"""The example DAGs of Airflow and its providers have no wrong callback, and lint finds none in them."""

import subprocess
from pathlib import Path

import pytest

from tests.callers.test_callers import AIRFLOWS, installed
from tests.harness import registry
from webhook.commands.dag_files import found
from webhook.lint.facts import Facts
from webhook.lint.folder import Folder
from webhook.lint.lint import lint
from webhook.lint.linted import Linted
from webhook.lint.versions import versions

pytestmark = pytest.mark.callers

# Those with the most files below tests/system.
PROVIDERS = {
    "google": "22.8.0",
    "amazon": "9.39.0",
    "openlineage": "2.20.3",
    "microsoft-azure": "15.2.1",
    "teradata": "3.7.1",
    "apache-beam": "6.3.1",
    "cncf-kubernetes": "10.25.0",
    "common-sql": "2.4.0",
    "weaviate": "3.5.1",
    "snowflake": "6.20.0",
    "common-ai": "1.0.0",
    "databricks": "7.23.0",
    "slack": "9.11.1",
}
# The one of 2 that shows SLAs is wrong in 3, and says so of itself.
SLAS = "example_sla_dag.py"


def linted(folders: list[Path], facts: Facts) -> Linted:
    files = found(tuple(map(str, folders)))
    return lint(Folder(files.read, files.roots), files.names, facts)


def told(outcome: Linted) -> list[str]:
    return [f"{one.place}: {one.sentence}" for one in outcome.findings]


@pytest.mark.parametrize("asked", [None, "2", "3"])
@pytest.mark.parametrize("major", AIRFLOWS)
def test_the_examples_in_airflows_wheels_have_no_finding(major: int, asked: str | None) -> None:
    code = "import airflow, sys; sys.stdout.write(airflow.__path__[0])"
    where = subprocess.run([installed(major), "-c", code], capture_output=True, check=True, text=True).stdout
    folders = [path for path in Path(where.splitlines()[-1]).rglob("example_dags") if path.is_dir()]
    outcome = linted(folders, Facts(versions(asked) if asked else None))
    assert outcome.files > 50
    assert outcome.unusable == ()
    assert [one for one in told(outcome) if asked != "3" or SLAS not in one] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_system_tests_of_a_provider_have_no_finding(provider: str) -> None:
    source = registry.sdist((f"apache-airflow-providers-{provider}", PROVIDERS[provider]))
    outcome = linted(list(source.glob("tests/system")), Facts())
    assert outcome.files > 5
    assert (told(outcome), outcome.unusable) == ([], ())
