"""`make bench`: what airlock costs, as ratios measured in one run; absolute times depend on the machine."""

import sys
from pathlib import Path

import click
from rich.console import Console

from tests.bench import baseline, commands, creation, decision, lanes, life
from tests.bench.page import page
from tests.bench.told import Told
from tests.figures import figure
from tests.figures.runner import Part, run
from tests.harness.places import ROOT

PAGE, FIGURES = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.json"
TRIES = 3  # the check fails only if a ratio is worse in each of these runs

PARTS = (
    Part(
        "decision",
        "A decision",
        "Processor time from the bytes of a review to the bytes of its answer, without any network, beside `json.loads`"
        " of the same bytes. All in turns, so that what disturbs one disturbs the other; ratios are of the same turn.",
        decision.measure,
    ),
    Part(
        "paths",
        "Both paths over TLS",
        "A review of 10 KB over kept TLS connections, a request at a time on each, from up to two processes on the same"
        " machine. The constant Flask route and the bare WSGI application run under gunicorn's own gthread worker with"
        " as many threads (16) and answer with eight bytes. Requests a second of one core are by the server's processor"
        " time, so the clients' does not count.",
        lanes.paths,
    ),
    Part(
        "handshakes",
        "New TLS connections",
        "A new connection for each request, without resumption, from two processes one after the other.",
        lanes.handshakes,
    ),
    Part(
        "creation",
        "Creating a pod",
        "A scheduler of three containers, created as a dry run through a real kube-apiserver by one client, in turns"
        " whose order changes: without a webhook, with a bare pair of webhooks in Go that adds the same variable and"
        " allows everything, with airlock's pair, which adds it and judges.",
        creation.measure,
    ),
    Part(
        "life",
        "A replica",
        "`airlock serve` on files. Memory is that of master and worker, what they share counted once.",
        life.measure,
    ),
    Part(
        "commands",
        "The commands",
        "Each in a process of its own, from its start to its end. Charts are those of tests/corpus, the pods lie on a"
        " real API server, and each DAG file has four callbacks that lint follows into another file.",
        commands.measure,
    ),
)


@click.command()
@click.option("--quick", is_flag=True, help="The short form: a minute or two.")
@click.option("--only", multiple=True, type=click.Choice([part.key for part in PARTS]), help="Measure this part only.")
@click.option("--write", is_flag=True, help="Write docs/performance.json and docs/performance.md.")
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write what was measured to this file.")
@click.option("--check", is_flag=True, help="Fail if a ratio is worse than the baseline's by more than its noise.")
@click.option("--baseline", "runs", type=int, help="Measure so many times, and replace the baseline of --check.")
@click.option("--add", is_flag=True, help="Add to the baseline instead: runs beside other load belong to its noise.")
def main(
    *, quick: bool, only: tuple[str, ...], write: bool, json_: Path | None, check: bool, runs: int | None, add: bool
) -> None:
    """Measure, print each figure beside what is promised of it, and exit with 1 if a promise is not kept."""
    console = Console(highlight=False, soft_wrap=True)
    parts = [part for part in PARTS if not only or part.key in only]

    def measured() -> figure.Run:
        return run(parts, Told(quick), console)

    if check:
        told = baseline.settled(measured, baseline.read(), TRIES)
        for text in told:
            console.print(f"worse than noise: {text}", style="bold red")
        sys.exit(bool(told))
    if runs:
        new = baseline.gathered(measured() for _ in range(runs))
        baseline.write(baseline.joined(baseline.read(), new) if add else new)
        if FIGURES.exists():
            PAGE.write_text(page(figure.read(FIGURES), baseline.read()))
        return
    made = measured()
    if json_:
        figure.write(json_, made)
    if write:
        whole = (
            figure.merged(figure.read(FIGURES), made, [part.key for part in PARTS])
            if FIGURES.exists() and only
            else made
        )
        figure.write(FIGURES, whole)
        PAGE.write_text(page(whole, baseline.read()))
    sys.exit(not made.kept)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench")
