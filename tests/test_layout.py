"""The folder listing shows the way: what lies where, and what an import costs."""

import re
import subprocess
import sys

import pytest

from tests.harness.places import ROOT

CODE = ("webhook", "certs")
MAP = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def modules() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for folder in CODE for path in (ROOT / folder).rglob("*.py"))


def test_only_packages_and_the_command_line_stand_at_the_top_of_webhook() -> None:
    top = ROOT / "webhook"

    assert {path.name for path in top.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_every_folder_with_code_is_a_package_or_the_linter_would_not_see_it() -> None:
    folders = {(ROOT / module).parent for module in modules()}

    assert not [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()]


# cluster loads `kubernetes` on purpose, in one place.
PACKAGES = [name for name in modules() if name.endswith("__init__.py") and name != "webhook/cluster/__init__.py"]


@pytest.mark.parametrize("module", PACKAGES)
def test_a_package_does_no_work_when_it_is_imported(module: str) -> None:
    lines = (ROOT / module).read_text(encoding="utf-8").splitlines()

    assert not [line for line in lines if line.startswith(("import ", "from "))]


def test_the_map_for_newcomers_names_every_package() -> None:
    packages = {path.parent.name for path in (ROOT / "webhook").glob("*/__init__.py")}

    assert packages == set(re.findall(r"^\| `(\w+)/` \|", MAP, re.MULTILINE))


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`((?:webhook|tests|charts|release)/[\w/.]*)`", MAP))))
def test_what_the_map_names_is_there(named: str) -> None:
    assert (ROOT / named).exists()


def test_the_tests_have_a_folder_for_each_package_and_the_map_names_the_others() -> None:
    packages = {path.parent.name for path in (ROOT / "webhook").glob("*/__init__.py")} | {"certs"}
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}

    assert packages <= folders
    assert folders - packages <= set(re.findall(r"`tests/(\w+)/`", MAP))


@pytest.mark.parametrize("module", modules())
def test_a_module_fits_in_the_head(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize(
    ("light", "heavy"),
    [
        ("webhook.observe.log", "pydantic"),
        ("webhook.judge.decision", "pydantic"),
        ("webhook.pods.airflow", "pydantic"),
        ("webhook.serving.service", "kubernetes"),
    ],
)
def test_what_is_light_stays_light(light: str, heavy: str) -> None:
    program = f"import sys, {light}; sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
