"""Checks a finding against the exemptions: it counts, or one of them covers it."""

from dataclasses import dataclass
from datetime import date

from webhook.documents.exemption import Exemption
from webhook.judge.verdict import Exempted, Violation, cause_of
from webhook.pods.airflow import Component
from webhook.pods.image import parse
from webhook.rules.finding import Finding, Mode


@dataclass(frozen=True, slots=True)
class Covering:
    """The exemptions as they stand on the day *today* (UTC), and the workload that is judged."""

    exemptions: tuple[Exemption, ...]
    namespace: str
    component: Component
    today: date

    def judge(self, rule: str, mode: Mode, finding: Finding, pods: Mode | None) -> Violation | Exempted:
        """Return what *finding* of *rule* comes to under *mode*; one that has expired is noted.

        *pods* is the mode that Pods of a template meet.
        """
        image = parse(finding.image) if finding.image else None
        covering = [e for e in self.exemptions if e.covers(rule, self.namespace, self.component, image)]
        for exemption in covering:
            if exemption.in_force(self.today):
                return Exempted(rule, exemption.name, cause_of(finding))
        return Violation(rule, mode, cause_of(finding), "; ".join(one.ended for one in covering), pods)
