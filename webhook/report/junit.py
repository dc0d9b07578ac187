"""The format `junit`: a suite for each file or namespace, as CI servers show them.

Each finding is a case, which fails when its mode is as strict as asked; a workload without findings is one that passes.
"""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from webhook.judge.message import brief, sentence
from webhook.manifests.outcome import Judged, Outcome, Remark, Reported
from webhook.manifests.place import Place
from webhook.report.wording import Options, shown


def render(outcome: Outcome, options: Options) -> str:
    """Return *outcome* as JUnit XML: what fails the check are failures, other findings are output."""
    suites = Suites("airlock check")
    add(suites, outcome, options)
    return suites.finished()


class Suites:
    """The suites of one run, each made when its first case comes."""

    def __init__(self, name: str) -> None:
        self.root = ET.Element("testsuites", name=name)
        self._suites: dict[str, ET.Element] = {}

    def of(self, key: str) -> ET.Element:
        """Return the suite of *key*, a file or a namespace."""
        if key not in self._suites:
            self._suites[key] = ET.SubElement(self.root, "testsuite", name=shown(key))
        return self._suites[key]

    def finished(self) -> str:
        """Return the suites with their cases as text, after counting them."""
        for suite in self.root:
            for count, tag in (
                ("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error"),
                ("skipped", "testcase/skipped"),
            ):  # fmt: skip
                suite.set(count, str(len(suite.findall(tag))))
            suite.set("time", "0")
        for count in ("tests", "failures", "errors"):
            self.root.set(count, str(sum(int(suite.get(count, "0")) for suite in self.root)))
        ET.indent(self.root)
        text: str = ET.tostring(self.root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def add(suites: Suites, outcome: Outcome, options: Options) -> None:
    """Add the cases of *outcome* to *suites*."""
    for remark in outcome.unusable:
        _unusable(suites.of(_file(remark.place)), remark, "can be seen" if outcome.cluster else "can be read")
    for workload in outcome.workloads:
        key = _namespace(workload) if outcome.cluster else workload.place.file
        _cases(suites.of(key), workload, options, key)
    for remark in outcome.notes:
        _note(suites.of(_file(remark.place)), remark)


def _file(place: Place) -> str:
    return f"{place.cluster}: {place.file}" if place.cluster else place.file


def _namespace(workload: Judged) -> str:
    """Return the namespace of *workload*; behind its cluster in a survey of several."""
    return f"{workload.place.cluster}/{workload.namespace}" if workload.place.cluster else workload.namespace


def _unusable(suite: ET.Element, remark: Remark, name: str) -> None:
    case = ET.SubElement(suite, "testcase", name=name, classname=shown(_file(remark.place)), time="0")
    error = ET.SubElement(case, "error", message=shown(remark.text), type="unusable")
    error.text = shown(remark)


def _note(suite: ET.Element, remark: Remark) -> None:
    case = ET.SubElement(suite, "testcase", name="not judged", classname=shown(_file(remark.place)), time="0")
    ET.SubElement(case, "skipped", message=shown(remark))


def _cases(suite: ET.Element, workload: Judged, options: Options, key: str) -> None:
    """Add a case for each finding of *workload*, so that the counts are those of every format; else one that passes."""
    for one in workload.reported:
        case = _case(suite, f"{brief(one.violation)}: {workload.title}", key)
        text = "\n".join((f"{shown(one.place)}: {sentence(one.violation)}", *_related(one)))
        if one.violation.mode.rank >= options.fail_on.rank:
            kind = one.violation.mode
            ET.SubElement(case, "failure", message=brief(one.violation), type=kind).text = text
        else:
            ET.SubElement(case, "system-out").text = text
    spared = workload.spared if options.exempted else ()
    for lifted in spared:
        case = _case(suite, f"{brief(lifted.exempted)}: {workload.title}", key)
        by = f"exempted by {shown(lifted.exempted.exemption)}"
        ET.SubElement(case, "system-out").text = f"{shown(lifted.place)}: {by}: {sentence(lifted.exempted)}"
    if not workload.reported and not spared:
        _case(suite, workload.title, key)


def _case(suite: ET.Element, name: str, key: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=shown(name), classname=shown(key), time="0")


def _related(one: Reported) -> Iterator[str]:
    yield from (f"  {shown(related.place)}: {shown(related.text)}" for related in one.related)
