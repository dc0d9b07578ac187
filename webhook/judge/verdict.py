"""What the rules' findings come to: violations, what was exempted, and the verdict over both."""

from dataclasses import dataclass

from webhook.rules.finding import Finding, Mode


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding of *rule* that counts, and what it does."""

    rule: str
    mode: Mode
    finding: Finding
    note: str = ""  # said after the finding, such as an exemption that has expired


@dataclass(frozen=True, slots=True)
class Exempted:
    """A finding of *rule* that does not count because of the exemption named *exemption*."""

    rule: str
    exemption: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer to one request: violations in object order, and what was exempted."""

    violations: tuple[Violation, ...] = ()
    exempted: tuple[Exempted, ...] = ()

    @property
    def mode(self) -> Mode:
        """The strictest mode among the violations; `off` when there is none."""
        return max((violation.mode for violation in self.violations), key=lambda mode: mode.rank, default=Mode.OFF)

    @property
    def allowed(self) -> bool:
        """Whether the request is admitted."""
        return self.mode is not Mode.ENFORCE
