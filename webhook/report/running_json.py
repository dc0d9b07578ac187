"""What only running pods show, in the format `json` of an audit: drift, skew, and whose they are."""

from datetime import datetime
from typing import Any

from webhook.audit.survey import Drift, Skew
from webhook.pods.sighting import Part, Sighting


def whose(cluster: str) -> dict[str, str]:
    """Return the field that names *cluster*, which only a report on several has."""
    return {"cluster": cluster} if cluster else {}


def drift_of(drift: Drift) -> dict[str, Any]:
    """Return one reference that runs as several images."""
    return {
        **whose(drift.cluster),
        "image": drift.image,
        "certain": drift.certain,
        "sightings": [_sighting(one) for one in drift.sightings],
    }


def _sighting(one: Sighting) -> dict[str, Any]:
    return {
        "digest": one.digest,
        "group": one.group,
        "first": time_of(one.first),
        "last": time_of(one.last),
        "pods": one.pods,
        "nodes": list(one.nodes),
        "components": list(one.components),
    }


def skew_of(skew: Skew) -> dict[str, Any]:
    """Return one Airflow whose components run different images."""
    return {
        **whose(skew.airflow.cluster),
        "namespace": skew.airflow.namespace,
        "release": skew.airflow.release,
        "leader": [_part(part) for part in skew.leader],
        "behind": [_part(part) for part in skew.behind],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "component": part.component,
        "image": part.image,
        "digest": part.digest,
        "group": part.group,
        "first": time_of(part.first),
        "last": time_of(part.last),
        "pods": part.pods,
    }


def time_of(moment: datetime) -> str:
    """Return *moment*, in UTC, as the API server writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
