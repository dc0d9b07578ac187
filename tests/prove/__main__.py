"""`make prove`: experiments on a real control plane, each with a figure that has to be reached."""

import sys
from pathlib import Path

import click
from rich.console import Console

from tests.figures import figure
from tests.figures.figure import Run
from tests.figures.runner import run
from tests.harness.places import ROOT
from tests.prove.covered import shown
from tests.prove.page import page
from tests.prove.parts import COVERED, PARTS
from tests.prove.told import Told

PAGE, FIGURES = ROOT / "docs" / "reliability.md", ROOT / "docs" / "reliability.json"
TESTS = "tests"


@click.command()
@click.option("--quick", is_flag=True, help="The short form: small numbers, without the tests.")
@click.option(
    "--only", multiple=True, type=click.Choice([*(part.key for part in PARTS), TESTS]), help="Run this one only."
)
@click.option("--soak", default=2.0, help="Minutes of the soak.")
@click.option("--write", is_flag=True, help="Write docs/reliability.json and docs/reliability.md.")
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write what was measured to this file.")
def main(*, quick: bool, only: tuple[str, ...], soak: float, write: bool, json_: Path | None) -> None:
    """Run experiments, print each figure beside what is promised of it, and exit with 1 if one is not reached."""
    console = Console(highlight=False, soft_wrap=True)
    parts = [part for part in PARTS if not only or part.key in only]
    with Told(quick, soak) as told:
        made = run(parts, told, console)
    if TESTS in only or not (only or quick):
        made = Run(made.machine, (*made.sections, shown(COVERED, console)))
    missed = [section.title for section in made.sections if not section.kept]
    console.print(f"[bold red]not reached:[/] {'; '.join(missed)}" if missed else "[bold green]all reached[/]")
    if json_:
        figure.write(json_, made)
    if write:
        order = [*(part.key for part in PARTS), TESTS]
        whole = figure.merged(figure.read(FIGURES), made, order) if FIGURES.exists() and only else made
        figure.write(FIGURES, whole)
        PAGE.write_text(page(whole))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main(prog_name="python -m tests.prove")
