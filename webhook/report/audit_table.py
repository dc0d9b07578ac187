"""The format `table` of an audit: first what would not come back, then the four layers, then what to mend."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from webhook.audit.findings import Excused
from webhook.audit.group import Found
from webhook.audit.layers import State, layers
from webhook.audit.preview import Change, Preview
from webhook.audit.survey import Callbacks, Drift, Survey
from webhook.judge.message import problem
from webhook.judge.verdict import Key
from webhook.pods.sighting import Sighting, short
from webhook.pods.text import plural
from webhook.report import clusters, listing, problems, view
from webhook.report.terminal import MOST, STYLES, Line, fitted, put, section, standing
from webhook.report.wording import Options, Tone, age, audit_summary, headline, instant, short_summary, shown, tone
from webhook.rules import image_drift

_SCREEN = 14  # workloads of a preview's summary
_NAMESPACES, _SHORT = 12, 2  # where pods would not come back; in a summary
_PROBLEMS = 8  # of a workload
_STATES = {State.FOUND: "bold red", State.CLEAR: "green", State.UNCHECKED: "yellow", State.INCOMPARABLE: "yellow"}
_TONES = {Tone.BAD: "red", Tone.DOUBTFUL: "yellow", Tone.GOOD: "green"}


def show(console: Console, survey: Survey, options: Options) -> None:
    """Print *survey* to *console*; a summary of it fits one screen."""
    if options.summary:
        _show_short(console, survey)
        return
    _basis(console, survey)
    _headline(console, survey)
    for line in _layers(survey):
        put(console, line)
    put(console, Text())
    listing.show(console, problems.of_survey(survey), options)
    _rest(console, survey, options)
    put(console, Text(audit_summary(survey), "bold"))


def _show_short(console: Console, survey: Survey) -> None:
    losses = view.losses(survey)
    where = "; ".join(_loss(loss) for loss in losses[:_SHORT])
    more = f"; {plural(len(losses) - _SHORT, 'more namespace')}" if len(losses) > _SHORT else ""
    lines = [
        Text(f"{shown(survey.basis.source)}, {instant(survey.taken)}"),
        *(_clusters(survey) if survey.clusters else [Text(f"policy: {shown(survey.basis.policy)}")]),
        Text(),
        _title(survey),
        *([Text(f"  {where}{more}")] if losses else []),
        Text(),
        *_layers(survey),
        Text(),
        *listing.headings(problems.of_survey(survey)),
        Text(),
        Text(short_summary(survey), "bold"),
    ]
    for line in lines:
        put(console, fitted(line, console.width))


def _rest(console: Console, survey: Survey, options: Options) -> None:
    if survey.callbacks is not None and survey.callbacks.faults:
        section(console, Text("Callbacks", "bold"), _faults(survey.callbacks, options), "fault")
    drifting = (one for one in survey.findings if one.violation.rule == image_drift.RULE.name)
    told = {(one.group.cluster, one.violation.cause.image) for one in drifting}
    if drifts := [drift for drift in survey.drifts if (drift.cluster, drift.image) not in told]:
        title = Text("One reference, several images, and no finding: the policy or an exemption says so", "bold")
        section(console, title, (_drift(drift, survey) for drift in drifts), "reference")
    if options.exempted and survey.exempted:
        lines = ([(2, _excused(one))] for one in survey.exempted)
        section(console, Text("Exempted", "bold"), lines, "finding")
    if survey.bypassed:
        title = Text("Outside admission: the API server never asks airlock about pods in these namespaces", "bold")
        outside = survey.bypassed.items()
        lines = ([(2, Text(f"{shown(name)}: {plural(pods, 'pod')} of Airflow"))] for name, pods in outside)
        section(console, title, lines, "namespace")
    if survey.inconclusive or survey.reach.across:
        section(console, Text("Not comparable", "bold"), _incomparable(survey), "image")
    if survey.unseen:
        title = Text("Not checked: some of what was asked for could not be seen" if not survey.complete else "Left out")
        title.stylize("bold")
        remarks = sorted(survey.unseen, key=lambda remark: (remark.usable, not remark.note))
        styles = ("yellow" if remark.note else "dim" if remark.usable else "red" for remark in remarks)
        lines = ([(2, Text(shown(remark), style))] for remark, style in zip(remarks, styles, strict=True))
        section(console, title, lines, "remark")


def _faults(callbacks: Callbacks, options: Options) -> Iterator[list[Line]]:
    for fault in callbacks.faults:
        mode = (fault.mode, STYLES[fault.mode])
        lines: list[Line] = [(2, Text.assemble(f"{shown(fault.place)}: ", mode, f" callback: {shown(fault.text)}"))]
        yield [*lines, (4, Text.assemble(("fix: ", "green"), shown(fault.fix)))] if options.fixes else lines


def _incomparable(survey: Survey) -> Iterator[list[Line]]:
    for image, count in survey.inconclusive:
        yield [
            (2, Text(f"{shown(image)}: no node reports a digest that can be compared ({plural(count, 'container')})"))
        ]
    for image in survey.reach.across:
        yield [(2, Text(f"{shown(image)}: runs on nodes of different kinds, whose digests cannot be compared"))]


def _excused(one: Excused) -> Text:
    titles = [shown(group.title) for group, _ in one.shown]
    more = f" and {plural(len(titles) - 1, 'more workload')}" if len(titles) > 1 else ""
    return Text(f"by {shown(one.exempted.exemption)}: {titles[0]}{more}: {problem(one.exempted)}", "dim")


def show_preview(console: Console, preview: Preview, options: Options) -> None:
    """Print *preview* to *console*."""
    put(console, Text(f"from {shown(preview.old)}"))
    put(console, Text(f"to   {shown(preview.new)}"))
    put(console, Text())
    if preview.changes:
        title = Text("What becomes different", "bold")
        changes = sorted(preview.changes, key=lambda change: -change.denied)
        section(console, title, (_change(change, options) for change in changes), "workload", most=_most(options))
    told = [
        f"{plural(preview.pods, 'running pod')} of Airflow",
        f"{preview.denied} newly denied",
        f"{preview.admitted} no longer denied",
        f"{plural(len(preview.changes), 'workload')} with other findings" if preview.changes else "no finding changes",
    ]
    put(console, Text(", ".join(told), "bold"))


def _most(options: Options) -> int:
    return _SCREEN if options.summary else MOST


def _basis(console: Console, survey: Survey) -> None:
    basis = survey.basis
    put(console, Text(f"{shown(basis.source)}, {instant(survey.taken)}"))
    if survey.clusters:
        put(console, Text())
        for line in _clusters(survey):
            put(console, line)
        put(console, Text())
        return
    put(console, Text(f"policy: {shown(basis.policy)}"))
    put(console, Text(f"required variables: {shown(basis.required_env)}"))
    put(console, standing(basis))
    put(console, Text())


def _clusters(survey: Survey) -> Iterator[Text]:
    """Yield a line for each cluster, and the columns' names first."""
    rows = clusters.rows(survey)
    widest = max(len("cluster"), *(len(shown(row.name)) for row in rows))
    yield Text(f"{'cluster':{widest}}  {'pods':>9}  {'lost':>9}  {'findings':>9}  airlock; policy", "dim")
    for row in rows:
        numbers = f"{row.pods:>9}  {row.lost:>9}  {row.findings:>9}"
        line = Text.assemble(
            (f"{shown(row.name):{widest}}", "bold"), (f"  {numbers}  ", "" if row.complete else "yellow")
        )
        line.append(f"{row.airlock}; {shown(row.policy)}")
        line.append("" if row.complete else "; not all could be seen", "yellow")
        yield line


def _headline(console: Console, survey: Survey) -> None:
    put(console, _title(survey))
    losses = view.losses(survey)
    if len(losses) == 1:
        put(console, Text(f"if recreated now, this policy denies {_loss(losses[0])}"), 2)
    elif losses:
        put(console, Text("if recreated now (after a drain, a crash, a rollout), this policy denies:"), 2)
    elif survey.enforced:
        put(console, Text("this policy only warns; --as enforce says what it would deny", "dim"), 2)
    for loss in losses[:_NAMESPACES] if len(losses) > 1 else ():
        put(console, Text(_loss(loss)), 4)
    if len(losses) > _NAMESPACES:
        put(console, Text(f"and {plural(len(losses) - _NAMESPACES, 'more namespace')}", "dim"), 4)
    put(console, Text())


def _title(survey: Survey) -> Text:
    return Text(headline(survey), f"bold {_TONES[tone(survey)]}")


def _loss(loss: view.Loss) -> str:
    return f"{loss.lost} of {plural(loss.pods, 'pod')} in {shown(loss.where)}, by {', '.join(loss.rules)}"


def _layers(survey: Survey) -> Iterator[Text]:
    for nth, layer in enumerate(layers(survey), 1):
        line = Text(f"{nth} {layer.name.lower()}: ")
        line.append(layer.state, _STATES[layer.state])
        line.append(f" ({'; '.join(shown(told) for told in layer.clauses)})")
        yield line


def _drift(drift: Drift, survey: Survey) -> list[Line]:
    count, where = len(drift.sightings), f"{drift.cluster}: " if drift.cluster else ""
    certain = f"runs as {count} images: its tag was pushed again, and some nodes serve the old one from their cache"
    doubt = (
        f"may run as {count} images: airlock cannot read nodes, and on nodes of two platforms these may be one image"
    )
    lines: list[Line] = [(2, Text(f"{shown(where + drift.image)} {certain if drift.certain else doubt}"))]
    return [*lines, *((4, _sighting(one, survey)) for one in drift.sightings)]


def _sighting(one: Sighting, survey: Survey) -> Text:
    whose = f"({', '.join(one.components)}) on {', '.join(shown(node) for node in one.nodes) or 'an unnamed node'}"
    if not one.pods:
        return Text.assemble((short(one.digest), "cyan"), f": ran until {instant(one.last)} {whose}")
    since = f"since {instant(one.first)}, {age(survey.taken - one.first)}"
    return Text.assemble((short(one.digest), "cyan"), f": {plural(one.pods, 'pod')} {whose}, {since}")


def _told(found: Found) -> Text:
    violation = found.violation
    line = Text.assemble((violation.mode, STYLES[violation.mode]), f": {problem(violation)}")
    if found.pods:
        line.append(f" ({plural(found.pods, 'pod')}, such as {shown(found.example)})", "dim")
    return line


def _change(change: Change, options: Options) -> list[Line]:
    heading = Text(shown(change.group.title), "bold")
    for count, words, style in ((change.denied, "newly denied", "red"), (change.admitted, "no longer denied", "green")):
        if count:
            heading.append(f", {plural(count, 'pod')} {words}", style)
    lines: list[Line] = [(2, heading)]
    if options.summary:
        return lines
    before = {_what(one): one.violation.mode for one in change.gone}
    for found in change.new[:_PROBLEMS]:
        was = before.pop(_what(found), None)
        now = "new " if was is None else f"{was}, now " if was is not found.violation.mode else "now "
        lines.append((4, Text.assemble((now, "yellow"), _told(found))))
        if options.fixes:
            lines.append((6, Text.assemble(("fix: ", "green"), found.violation.cause.fix)))
    if len(change.new) > _PROBLEMS:
        return [*lines, (4, Text(f"and {plural(len(change.new) - _PROBLEMS, 'more finding')}", "dim"))]
    gone = [one for one in change.gone if _what(one) in before][:_PROBLEMS]
    return lines + [(4, Text.assemble(("gone ", "green"), _told(found))) for found in gone]


def _what(found: Found) -> Key:
    return found.violation.rule, *found.violation.cause.key
