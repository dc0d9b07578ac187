"""The format `markdown`: short enough for the comment on a pull request, details folded.

Text of others stands in code spans or is escaped, so that a name can neither mention anybody nor draw a heading.
"""

import re
from collections.abc import Iterable, Iterator

from webhook.audit.layers import layers
from webhook.audit.survey import Callbacks, Survey
from webhook.manifests.outcome import Outcome, Remark
from webhook.pods.text import plural
from webhook.report import clusters, listing, problems
from webhook.report.problems import Hit, Problem
from webhook.report.wording import Options, audit_summary, headline, instant, shown, summary

LONGEST = 60_000  # characters; GitHub refuses a comment of more than 65,536
_ROWS = 20  # causes in the table
_HITS = 20  # workloads of a fix

# What draws something within a line, and at the beginning of one.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~&$]")
_BLOCK = re.compile(r"\A(\d*)([-+#=.)])")
# GitHub and GitLab link these after Markdown has been read, so a backslash would not help.
_LINKED = re.compile(r"([@#!%])(?=\w)")


def render(outcome: Outcome, options: Options) -> str:
    """Return *outcome* as Markdown."""
    found = problems.of_outcome(outcome)
    title = plural(outcome.counts.total(), "finding") if found else "no findings"
    if not outcome.workloads:
        title = "nothing was checked"
    lines = [f"### airlock check: {title}", "", text(summary(outcome)), ""]
    if not outcome.workloads:
        lines += ["**No workload of Airflow was seen**, so nothing was checked.", ""]
    unusable = [*_remarks("could not be read: **not checked**", outcome.unusable)]
    unusable += _remarks("may be Airflow's: **not judged**", outcome.notes)
    skipped = [*_remarks("skipped", outcome.skipped)]
    return _bounded([*lines, *unusable], [*_causes(found, options)], skipped)


def render_audit(survey: Survey, options: Options) -> str:
    """Return *survey* as Markdown."""
    found = problems.of_survey(survey)
    basis = survey.basis
    first = headline(survey)
    lines = [f"### airlock audit: {first}", ""]
    if survey.clusters:
        lines += [*_clusters(survey), "", text(instant(survey.taken)), ""]
    else:
        lines += [f"{text(basis.source)}, {text(instant(survey.taken))}; policy: {text(basis.policy)}", ""]
    lines += ["| layer | | |", "| --- | --- | --- |"]
    lines += [
        f"| {nth} {text(layer.name)} | **{layer.state}** | {text('; '.join(layer.clauses))} |"
        for nth, layer in enumerate(layers(survey), 1)
    ]
    unseen = [remark for remark in survey.unseen if not remark.usable]
    lines += ["", text(audit_summary(survey)), "", *_remarks("could not be seen: **not checked**", unseen)]
    lines += _remarks("may be Airflow's: **not judged**", [remark for remark in survey.unseen if remark.note])
    left_out = [remark for remark in survey.unseen if remark.usable and not remark.note]
    skipped = [*_remarks("left out", left_out)]
    return _bounded(lines, [*_causes(found, options), *_faults(survey.callbacks)], skipped)


def _clusters(survey: Survey) -> Iterator[str]:
    yield "| cluster | pods | would not come back | findings | airlock | policy |"
    yield "| --- | ---: | ---: | ---: | --- | --- |"
    for row in clusters.rows(survey):
        seen = "" if row.complete else " (**not all could be seen**)"
        numbers = f"{row.pods} | {row.lost} | {row.findings}"
        yield f"| {text(row.name)}{seen} | {numbers} | {row.airlock} | {text(row.policy)} |"


def _faults(callbacks: Callbacks | None) -> Iterator[str]:
    for fault in callbacks.faults if callbacks is not None else ():
        heading = f"{fault.mode} callback: {_html(fault.place)}"
        told = f"{text(fault.text)}\n\n**Fix:** {text(fault.fix)}"
        yield f"<details><summary>{heading}</summary>\n\n{told}\n\n</details>\n"


def _causes(found: tuple[Problem, ...], options: Options) -> Iterator[str]:
    """Yield a table of what to mend, the most urgent first, then a folded part for each."""
    if not found:
        return
    rows = ["| | rule | cause | where |", "| --- | --- | --- | --- |"]
    rows += [
        f"| **{problem.mode}** | {text(problem.rule)} | {_subject(problem)} | {listing.size(problem)} |"
        for problem in found[:_ROWS]
    ]
    if len(found) > _ROWS:
        rows.append(f"| | | and {plural(len(found) - _ROWS, 'more cause')} | |")
    yield "\n".join([*rows, ""])
    for problem in found:
        yield "\n".join(_problem(problem, options))


def _problem(problem: Problem, options: Options) -> Iterator[str]:
    heading = f"{problem.mode} {problem.rule}: {_html(problem.subject)} ({listing.size(problem)})"
    yield f"<details><summary>{heading}</summary>"
    yield ""
    if problem.named:
        yield from (f"{text(why)}\n" for why in problem.texts[:3])
    for way in problem.ways:
        if options.fixes:
            yield f"**Fix:** {text(way.fix)}\n"
        yield from (f"- {_hit(hit, problem)}" for hit in way.hits[:_HITS])
        if len(way.hits) > _HITS:
            yield f"- and {plural(len(way.hits) - _HITS, 'more workload')}"
        yield ""
    yield "</details>"
    yield ""


def _subject(problem: Problem) -> str:
    return code(problem.subject) if problem.named else text(problem.subject)


def _hit(hit: Hit, problem: Problem) -> str:
    mode = f"**{hit.mode}** " if hit.mode is not problem.mode else ""
    place = f"{code(listing.lines_of(hit))}: " if hit.places else ""
    pods = f", {plural(hit.pods, 'pod')}" if hit.pods else ""
    notes = "".join(f"; {text(note)}" for note in (hit.where, hit.note, hit.aside) if note)
    return f"{mode}{place}{text(hit.title)}{pods}{notes}"


def _remarks(word: str, remarks: Iterable[Remark]) -> Iterator[str]:
    kept = list(remarks)
    if kept:
        yield f"<details><summary>{plural(len(kept), 'thing')} {word.replace('**', '')}</summary>\n"
        yield from (f"- {code(remark.place)}: {text(remark.text)}" for remark in kept[:_HITS])
        if len(kept) > _HITS:
            yield f"- and {len(kept) - _HITS} more"
        yield "\n</details>\n"


def _bounded(head: list[str], parts: list[str], rest: list[str]) -> str:
    """Return all of it, or as many whole *parts* as there is room for, and how many are left out."""
    end = "\n".join(rest)
    room = LONGEST - len("\n".join(head)) - len(end) - len("and 1000000 more causes, which -o json lists\n\n")
    kept: list[str] = []
    for part in parts:
        room -= len(part) + 1
        if room < 0:
            break
        kept.append(part)
    left = [f"and {plural(len(parts) - len(kept), 'more cause')}, which `-o json` lists", ""]
    return "\n".join([*head, *kept, *(left if len(kept) < len(parts) else []), *([end] if end else [])]).rstrip() + "\n"


def text(words: object) -> str:
    r"""Return *words* so that Markdown shows them as they are, on one line, and they name and link nobody.

    >>> text("- <b>*.yaml</b> of @team") == "\\- \\<b\\>\\*.yaml\\</b\\> of @\u200bteam"
    True
    """
    escaped = _BLOCK.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", shown(words)))
    return _LINKED.sub("\\1\u200b", escaped)


def code(words: object) -> str:
    """Return *words* as a code span that they cannot end, and that a table keeps in its cell.

    >>> code("apache/airflow:latest")
    '`apache/airflow:latest`'
    """
    inner = shown(words).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", inner)), default=0) + 1)
    space = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{space}{inner}{space}{fence}" if inner else ""


def _html(words: object) -> str:
    return f"<code>{re.sub(r'[<>&@#]', lambda found: f'&#{ord(found[0])};', shown(words))}</code>"
