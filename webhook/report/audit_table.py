"""The format `table` of an audit: first what would not come back, then what runs as what, then each finding."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from webhook.audit.findings import Excused, Told
from webhook.audit.group import Found, Group
from webhook.audit.preview import Change, Preview
from webhook.audit.survey import Basis, Drift, Skew, Survey
from webhook.judge.message import problem
from webhook.judge.verdict import Key
from webhook.pods.sighting import Part, Sighting, short
from webhook.pods.text import plural
from webhook.report.terminal import STYLES, Line, put, section
from webhook.report.wording import Options, Tone, age, audit_summary, headline, instant, release, shown, tone
from webhook.rules.finding import Mode

_WORKLOADS = 5  # of a namespace, where pods would not come back
_PROBLEMS = 8  # of a workload
_TONES = {Tone.BAD: "red", Tone.DOUBTFUL: "yellow", Tone.GOOD: "green"}


def show(console: Console, survey: Survey, options: Options) -> None:
    """Print *survey* to *console*."""
    _basis(console, survey)
    _headline(console, survey)
    if survey.drifts:
        title = Text("One reference, several images: the same tag runs as different digests", "bold")
        section(console, title, (_drift(drift, survey) for drift in survey.drifts), "reference")
    if survey.skews:
        title = Text("Parts of one Airflow on different images", "bold")
        section(console, title, (_skew(skew, survey) for skew in survey.skews), "Airflow")
    told = _by_group(survey, options)
    if told:
        lines = (_findings(group, found, spared, options) for group, found, spared in told)
        section(console, Text("Findings", "bold"), lines, "workload")
    if survey.outside and survey.basis.installed:
        title = Text("Outside admission: airlock is never asked about pods of these namespaces", "bold")
        outside = survey.outside.items()
        lines = ([(2, Text(f"{shown(name)}: {plural(pods, 'pod')} of Airflow"))] for name, pods in outside)
        section(console, title, lines, "namespace")
    if survey.inconclusive:
        title = Text("Not compared: the node says no digest that can be compared", "bold")
        images = survey.inconclusive
        lines = ([(2, Text(f"{shown(image)}: {plural(count, 'container')}"))] for image, count in images)
        section(console, title, lines, "image")
    if survey.remarks:
        title = Text("Not seen" if not survey.complete else "Left out", "bold")
        remarks = sorted(survey.remarks, key=lambda remark: remark.usable)
        styles = ("dim" if remark.usable else "red" for remark in remarks)
        lines = ([(2, Text(shown(remark), style))] for remark, style in zip(remarks, styles, strict=True))
        section(console, title, lines, "remark")
    put(console, Text(audit_summary(survey), "bold"))


def show_preview(console: Console, preview: Preview, options: Options) -> None:
    """Print *preview* to *console*."""
    put(console, Text(f"from {shown(preview.old)}"))
    put(console, Text(f"to   {shown(preview.new)}"))
    put(console, Text())
    if preview.changes:
        title = Text("What becomes different", "bold")
        changes = sorted(preview.changes, key=lambda change: -change.denied)
        section(console, title, (_change(change, options) for change in changes), "workload")
    told = [
        f"{plural(preview.pods, 'running pod')} of Airflow",
        f"{preview.denied} newly denied",
        f"{preview.admitted} no longer denied",
        f"{plural(len(preview.changes), 'workload')} told otherwise" if preview.changes else "no finding changes",
    ]
    put(console, Text(", ".join(told), "bold"))


def _basis(console: Console, survey: Survey) -> None:
    basis = survey.basis
    put(console, Text(f"{shown(basis.source)}, {instant(survey.taken)}"))
    put(console, Text(f"policy: {shown(basis.policy)}"))
    put(console, Text(f"required variables: {shown(basis.required_env)}"))
    put(console, _installed(basis))
    put(console, Text())


def _installed(basis: Basis) -> Text:
    if basis.installed is None:
        return Text("whether airlock is installed here could not be seen", "dim")
    if basis.installed:
        return Text("airlock is installed here", "dim")
    return Text("airlock is not installed here: this is what it would do, were it installed with this policy", "yellow")


def _headline(console: Console, survey: Survey) -> None:
    lost = [group for group in survey.groups if survey.loss(group)]
    title = Text(headline(survey), f"bold {_TONES[tone(survey)]}")
    if not lost:
        put(console, title)
        put(console, Text())
        return
    why = Text("  Made again now (after a drain, a crash, a rollout) they would be denied, by this policy:", "dim")
    section(console, Text("\n").join((title, why)), _losses(lost, survey), "namespace")


def _losses(lost: list[Group], survey: Survey) -> Iterator[list[Line]]:
    """Yield the namespaces, most lost pods first, each with its first workloads."""
    by_namespace: dict[str, list[Group]] = {}
    for group in lost:
        by_namespace.setdefault(group.namespace, []).append(group)

    def pods(groups: list[Group]) -> int:
        return sum(survey.loss(group) for group in groups)

    for namespace, groups in sorted(by_namespace.items(), key=lambda item: -pods(item[1])):
        lines: list[Line] = [(2, Text(f"{shown(namespace)}: {plural(pods(groups), 'pod')}", "bold"))]
        # One more takes no more lines than to say that there is one more.
        told = len(groups) if len(groups) == _WORKLOADS + 1 else _WORKLOADS
        for group in sorted(groups, key=lambda group: -survey.loss(group))[:told]:
            enforced = (one.violation for one in group.found if one.violation.mode is Mode.ENFORCE)
            rules = sorted({violation.rule for violation in enforced})
            share = f"{survey.loss(group)} of {plural(group.pods, 'pod')}"
            lines.append(
                (4, Text(f"{group.component} {group.kind} {shown(group.name)}: {share}, by {', '.join(rules)}"))
            )
        if len(groups) > told:
            lines.append((4, Text(f"and {plural(len(groups) - told, 'more workload')}", "dim")))
        yield lines


def _drift(drift: Drift, survey: Survey) -> list[Line]:
    count = len(drift.sightings)
    certain = f"runs as {count} images: its tag was pushed again, and some nodes serve the old one from their cache"
    doubt = f"may run as {count} images: nodes may not be read, and on nodes of two platforms these may be one image"
    lines: list[Line] = [(2, Text(f"{shown(drift.image)} {certain if drift.certain else doubt}"))]
    return [*lines, *((4, _sighting(one, survey)) for one in drift.sightings)]


def _sighting(one: Sighting, survey: Survey) -> Text:
    whose = f"({', '.join(one.components)}) on {', '.join(shown(node) for node in one.nodes) or 'an unnamed node'}"
    if not one.pods:
        return Text.assemble((short(one.digest), "cyan"), f": ran until {instant(one.last)} {whose}")
    since = f"since {instant(one.first)}, {age(survey.taken - one.first)}"
    return Text.assemble((short(one.digest), "cyan"), f": {plural(one.pods, 'pod')} {whose}, {since}")


def _skew(skew: Skew, survey: Survey) -> list[Line]:
    lines: list[Line] = [(2, Text(release(skew.airflow), "bold"))]
    lines += [(4, _part(part, survey)) for part in skew.leader]
    return lines + [(4, Text.assemble(("behind: ", "yellow"), _part(part, survey))) for part in skew.behind]


def _part(part: Part, survey: Survey) -> Text:
    digest = f" ({short(part.digest)})" if part.digest else ""
    since = f"since {instant(part.first)}, {age(survey.taken - part.first)}"
    return Text(f"{part.component} runs {shown(part.image)}{digest} in {plural(part.pods, 'pod')} {since}")


def _by_group(survey: Survey, options: Options) -> list[tuple[Group, list[Told], list[Excused]]]:
    """Return the workloads that findings count for, strictest first, each with these."""
    told: dict[int, tuple[Group, list[Told], list[Excused]]] = {}
    for one in survey.findings:
        told.setdefault(id(one.group), (one.group, [], []))[1].append(one)
    for lifted in survey.exempted if options.exempted else ():
        told.setdefault(id(lifted.group), (lifted.group, [], []))[2].append(lifted)
    return sorted(told.values(), key=lambda ones: -max((one.violation.mode.rank for one in ones[1]), default=0))


def _findings(group: Group, told: list[Told], spared: list[Excused], options: Options) -> list[Line]:
    lines: list[Line] = [(2, _heading(group))]
    for one in told[:_PROBLEMS]:
        (_, found), *others = one.shown
        lines.append((4, _told(found)))
        if others:
            named = ", ".join(shown(other.title) for other, _ in others[:_WORKLOADS])
            more = f" and {len(others) - _WORKLOADS} more" if len(others) > _WORKLOADS else ""
            lines.append((6, Text(f"also in {named}{more}", "dim")))
        if options.fix_hints:
            lines.append((6, Text.assemble(("fix: ", "green"), one.violation.cause.fix)))
    if len(told) > _PROBLEMS:
        lines.append((4, Text(f"and {plural(len(told) - _PROBLEMS, 'more finding')}", "dim")))
    for lifted in spared[:_PROBLEMS]:
        exempted = lifted.exempted
        lines.append((4, Text(f"exempted by {shown(exempted.exemption)}: {problem(exempted)}", "dim")))
    return lines


def _heading(group: Group) -> Text:
    pods = plural(group.pods, "pod") if group.pods else "makes pods"
    heading = Text.assemble((shown(group.title), "bold"), f", {pods}")
    if group.distrusted is not None:
        heading.append(f" (their labels say {group.distrusted}, which no controller vouches for)", "dim")
    return heading


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
    before = {_what(one): one.violation.mode for one in change.gone}
    for found in change.new[:_PROBLEMS]:
        was = before.pop(_what(found), None)
        now = "new " if was is None else f"{was}, now " if was is not found.violation.mode else "now "
        lines.append((4, Text.assemble((now, "yellow"), _told(found))))
        if options.fix_hints:
            lines.append((6, Text.assemble(("fix: ", "green"), found.violation.cause.fix)))
    if len(change.new) > _PROBLEMS:
        return [*lines, (4, Text(f"and {plural(len(change.new) - _PROBLEMS, 'more finding')}", "dim"))]
    gone = [one for one in change.gone if _what(one) in before][:_PROBLEMS]
    return lines + [(4, Text.assemble(("gone ", "green"), _told(found))) for found in gone]


def _what(found: Found) -> Key:
    return found.violation.rule, *found.violation.cause.key
