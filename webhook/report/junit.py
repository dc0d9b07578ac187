"""The format `junit`: a suite for each file or namespace, a case for each Airflow workload, as CI servers show them."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from webhook.judge.message import sentence
from webhook.judge.verdict import Violation
from webhook.manifests.outcome import Judged, Outcome, Remark
from webhook.pods.text import plural
from webhook.report.wording import Options, shown
from webhook.rules.finding import Mode


def render(outcome: Outcome, options: Options, name: str = "airlock check") -> str:
    """Return *outcome* as JUnit XML called *name*: what fails the check are failures, other findings are output."""
    root = ET.Element("testsuites", name=name)
    suites: dict[str, ET.Element] = {}

    def suite_of(key: str) -> ET.Element:
        if key not in suites:
            suites[key] = ET.SubElement(root, "testsuite", name=shown(key))
        return suites[key]

    for remark in outcome.unusable:
        _unusable(suite_of(remark.place.file), remark, "can be seen" if outcome.cluster else "can be read")
    for workload in outcome.workloads:
        key = workload.namespace if outcome.cluster else workload.place.file
        _case(suite_of(key), workload, options, key)
    return finished(root)


def finished(root: ET.Element) -> str:
    """Return *root*, suites with their cases, as text, after counting them."""
    for suite in root:
        for count, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            suite.set(count, str(len(suite.findall(tag))))
        suite.set("skipped", "0")
        suite.set("time", "0")
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _unusable(suite: ET.Element, remark: Remark, name: str) -> None:
    case = ET.SubElement(suite, "testcase", name=name, classname=shown(remark.place.file), time="0")
    error = ET.SubElement(case, "error", message=shown(remark.text), type="unusable")
    error.text = shown(remark)


def _case(suite: ET.Element, workload: Judged, options: Options, key: str) -> None:
    case = ET.SubElement(suite, "testcase", name=shown(workload.title), classname=shown(key), time="0")
    failing = [one for one in workload.reported if one.violation.mode.rank >= options.fail_on.rank]
    if failing:
        message = plural(len(failing), "problem")
        kind = max((one.violation.mode for one in failing), key=lambda mode: mode.rank)
        failure = ET.SubElement(case, "failure", message=message, type=kind)
        failure.text = _lines(f"{shown(one.place)}: {sentence(one.violation)}" for one in failing)
    rest = [f"{shown(one.place)}: {sentence(one.violation)}" for one in workload.reported if one not in failing]
    if options.exempted:
        for one in workload.spared:
            spared = Violation(one.exempted.rule, Mode.OFF, one.exempted.finding)
            rest.append(f"{shown(one.place)}: exempted by {shown(one.exempted.exemption)}: {sentence(spared)}")
    if rest:
        ET.SubElement(case, "system-out").text = _lines(rest)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
