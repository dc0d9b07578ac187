"""Where a pod's image came from, as far as files show: the chart, its place inside other charts, settings."""

import re
from collections.abc import Mapping

import msgspec

_SOURCE = re.compile(r"[^/]+(?P<charts>(?:/charts/[^/]+)*)/templates/")


class Provenance(msgspec.Struct, frozen=True):
    """What is known besides the pod itself; None and "": nothing."""

    under: str | None = None  # the key below which the chart's values stand: "" for the chart itself, "airflow", "a.b"
    composed: bool | None = None  # whether the image of a worker pod is that of the executor's settings
    variable: str = ""  # the variable that gives worker pods their tag
    scheduler: str = ""  # the image of the scheduler of the same Airflow
    chart: str = ""  # the chart that made that scheduler
    version: str = ""  # of the chart, by the labels of the object that the pod is made from
    astronomer: bool = False  # whether Astronomer's chart wraps it, whose pod template is its own


UNKNOWN = Provenance()
_LONGEST_LABEL = 63  # characters of a value that the API server takes; a forged review may have any number
_VERSION = re.compile(r"[\w.-]*?-v?(\d+\.\d+\.\d+\S*)")
_ASTRONOMER = re.compile(r"(?:^|/)airflow/charts/airflow/templates/")


def version(labels: Mapping[str, str]) -> str:
    """Return the version of the chart that *labels* name, "" when they name none.

    >>> version({"chart": "airflow-8.4.1"}), version({"helm.sh/chart": "etl-25.1.0"}), version({})
    ('8.4.1', '25.1.0', '')
    """
    named = (labels.get(key, "") for key in ("helm.sh/chart", "chart"))
    found = (_VERSION.fullmatch(name) for name in named if len(name) <= _LONGEST_LABEL)
    return next((match[1] for match in found if match is not None), "")


def under(template: str) -> str | None:
    """Return the key below which values stand for the chart of *template*, as helm's comment `# Source:` has it.

    >>> under("airflow/templates/scheduler.yaml"), under("platform/charts/etl/charts/airflow/templates/x.yaml")
    ('', 'etl.airflow')
    """
    match = _SOURCE.match(template)
    return ".".join(match["charts"].split("/charts/")[1:]) if match else None


def is_astronomers(template: str) -> bool:
    """Return whether *template* is one of the official chart inside of Astronomer's, which has the same name.

    >>> is_astronomers("airflow/charts/airflow/templates/scheduler.yaml"), is_astronomers("airflow/templates/x.yaml")
    (True, False)
    """
    return _ASTRONOMER.search(template) is not None
