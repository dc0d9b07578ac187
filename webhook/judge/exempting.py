"""Checks a finding against the exemptions: it counts, or one of them covers it."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache

import msgspec

from webhook.documents.exemption import Exemption
from webhook.judge.trust import REMEMBERED
from webhook.judge.verdict import Exempted, Violation, cause_of
from webhook.pods.airflow import Component
from webhook.pods.image import parse
from webhook.rules.finding import Finding, Mode

# The exemptions from a rule in a namespace for a component and an image ("" for none), in force or ended.
Covers = Callable[[str, str, Component, str], tuple[Exemption, ...]]


def covers(exemptions: tuple[Exemption, ...]) -> Covers:
    """Return what tells which of *exemptions* concern a finding; asked again, it remembers."""

    @lru_cache(REMEMBERED)
    def covering(rule: str, namespace: str, component: Component, image: str) -> tuple[Exemption, ...]:
        parsed = parse(image) if image else None
        return tuple(one for one in exemptions if one.covers(rule, namespace, component, parsed))

    return covering


class Covering(msgspec.Struct, frozen=True):
    """The exemptions as they stand on the day *today* (UTC), and the workload that is judged."""

    covers: Covers
    namespace: str
    component: Component
    today: date

    def judge(self, rule: str, mode: Mode, finding: Finding, pods: Mode | None) -> Violation | Exempted:
        """Return what *finding* of *rule* comes to under *mode*; one that has expired is noted.

        *pods* is the mode that Pods of a template meet.
        """
        covering = self.covers(rule, self.namespace, self.component, finding.image)
        for exemption in covering:
            if exemption.in_force(self.today):
                return Exempted(rule, exemption.name, cause_of(finding))
        return Violation(rule, mode, cause_of(finding), "; ".join(one.ended for one in covering), pods)
