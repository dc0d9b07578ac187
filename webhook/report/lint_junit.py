"""The format `junit` of `airlock lint`: a suite for each file, a case for each finding."""

from xml.etree import ElementTree as ET

from webhook.lint.finding import RULE, Finding
from webhook.lint.linted import Linted
from webhook.report.junit import Suites
from webhook.report.lint_wording import elsewhere, sentence
from webhook.report.wording import Options, shown


def render(linted: Linted, options: Options) -> str:
    """Return *linted* as JUnit XML: what fails the run are failures, other findings are output."""
    suites = Suites("airlock lint")
    add(suites, linted, options)
    if not len(suites.root):
        _case(suites.of("airlock lint"), "airlock lint", f"{linted.files} files")
    return suites.finished()


def add(suites: Suites, linted: Linted, options: Options) -> None:
    """Add the cases of *linted* to *suites*."""
    for remark in linted.unusable:
        case = _case(suites.of(remark.place.file), remark.place.file, "can be read")
        error = ET.SubElement(case, "error", message=shown(remark.text), type="unusable")
        error.text = f"{shown(remark.place)}: {shown(remark.text)}"
    for one in linted.findings:
        case = _case(suites.of(one.place.file), one.place.file, f"{RULE}: {one.fault}: {one.callback or one.what}")
        if one.mode.rank >= options.fail_on.rank:
            ET.SubElement(case, "failure", message=shown(one.text), type=one.mode).text = _text(one)
        else:
            ET.SubElement(case, "system-out").text = _text(one)
    for spared in linted.spared if options.exempted else ():
        finding = spared.finding
        case = _case(suites.of(finding.place.file), finding.place.file, f"{RULE}: {finding.fault}: {finding.callback}")
        told = f"exempted by a comment ({shown(spared.reason)}): {_text(finding)}"
        ET.SubElement(case, "system-out").text = told


def _case(suite: ET.Element, file: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=shown(name), classname=shown(file), time="0")


def _text(finding: Finding) -> str:
    lines = [f"{shown(finding.place)}: {sentence(finding)}", elsewhere(finding)]
    lines += [f"  {shown(also.place)}: {shown(also.text)}" for also in finding.also]
    return "\n".join(line for line in (*lines, f"fix: {shown(finding.fix)}") if line)
