"""What the pod of a worker or a task is pinned to."""

from webhook.documents.policy import Policy
from webhook.judge.request import Request
from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.image import parse
from webhook.pods.observed import Observed
from webhook.pods.pin import Pin
from webhook.pods.sighting import airflow_in
from webhook.pods.workload import Workload
from webhook.rules import mutable_tag
from webhook.rules.tag_trust import MutableTagOptions

_PINNED = frozenset({Component.WORKER, Component.TASK})


def pin_of(role: Role, workload: Workload, request: Request, observed: Observed, policy: Policy) -> Pin | None:
    """Return what a worker or a task of the release that its labels name is pinned to, if that is a moving tag."""
    if role.component not in _PINNED or role.chart is Chart.OPERATOR or not observed.pins:
        return None
    pin = observed.pins.get(airflow_in(request.namespace, workload.template.labels or {}))
    options = policy.options(mutable_tag.RULE.name)
    assert isinstance(options, MutableTagOptions)  # noqa: S101 - as the catalogue has it
    return pin if pin is not None and options.is_mutable(parse(pin.image)) else None
