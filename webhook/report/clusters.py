"""A survey of several clusters, a row for each: what every format says of one cluster as a whole."""

import msgspec

from webhook.audit.survey import Basis, Survey

UNKNOWN = "not known"


class Row(msgspec.Struct, frozen=True):
    """One cluster."""

    name: str  # its context
    pods: str  # how many of Airflow run, in figures; `UNKNOWN` where nothing could be read, as the next two
    lost: str  # of them, those that would not come back
    findings: str
    complete: bool  # whether everything that was asked for could be seen
    airlock: str  # whether it is installed there, in words
    policy: str
    required_env: str


def rows(survey: Survey) -> tuple[Row, ...]:
    """Return a row for each cluster of *survey*, in the order of the options; none for a survey of one."""
    return tuple(
        Row(
            name,
            _figure(part, part.pods),
            _figure(part, part.lost),
            _figure(part, part.counts.total()),
            part.complete,
            installed(part.basis),
            part.basis.policy,
            part.basis.required_env,
        )
        for name, part in survey.clusters.items()
    )


def _figure(part: Survey, count: int) -> str:
    return UNKNOWN if part.is_blind else str(count)


def installed(basis: Basis) -> str:
    """Return in words whether airlock is installed where *basis* is."""
    if basis.left:
        return "not registered"
    return {True: "installed", False: "not installed", None: UNKNOWN}[basis.installed]
