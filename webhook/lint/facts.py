"""What is known besides the files that are read."""

import msgspec

from webhook.lint.environment import Environment
from webhook.lint.record import Given
from webhook.lint.versions import ANY, Versions, of_imports


class Facts(msgspec.Struct, frozen=True):
    """What is known besides the files."""

    asked: Versions | None = None  # what somebody said; it is believed
    image: Versions | None = None  # what a pod's image says
    executor: str = ""
    environment: Environment | None = None
    variables: frozenset[str] | None = None  # names of Airflow Variables

    def versions(self, given: Given) -> Versions:
        """Return the versions that *given* is written for."""
        if self.asked is not None:
            return self.asked
        told = of_imports(given.module.certain)
        if self.image is not None:
            told = told.meets(self.image) or told
        if told == ANY and (given.parameter in ("sla", "sla_miss_callback")):
            return Versions((2, 0, 0), (2, 999, 999))  # 3 has no SLAs: a file that has one was written for 2
        return told
