"""The format `junit`: a suite for each file, a case for each Airflow workload, as CI servers show them."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from webhook.manifests.outcome import Judged, Outcome, Remark
from webhook.message import sentence
from webhook.report.wording import Options, plural, shown
from webhook.verdict import Mode, Violation


def render(outcome: Outcome, options: Options) -> str:
    """Return *outcome* as JUnit XML: findings that fail the check are failures, others output of their case."""
    root = ET.Element("testsuites", name="airlock check")
    remarks = [remark.place.file for remark in outcome.unusable]
    for file in dict.fromkeys([*remarks, *(workload.place.file for workload in outcome.workloads)]):
        suite = ET.SubElement(root, "testsuite", name=shown(file))
        for remark in outcome.unusable:
            if remark.place.file == file:
                _unusable(suite, remark)
        for workload in outcome.workloads:
            if workload.place.file == file:
                _case(suite, workload, options)
        for count, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            suite.set(count, str(len(suite.findall(tag))))
        suite.set("skipped", "0")
        suite.set("time", "0")
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _unusable(suite: ET.Element, remark: Remark) -> None:
    case = ET.SubElement(suite, "testcase", name="can be read", classname=shown(remark.place.file), time="0")
    error = ET.SubElement(case, "error", message=shown(remark.text), type="unusable")
    error.text = shown(remark)


def _case(suite: ET.Element, workload: Judged, options: Options) -> None:
    case = ET.SubElement(suite, "testcase", name=shown(workload.title), classname=shown(workload.place.file), time="0")
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
