"""Charts for Airflow with values that people set: helm renders them, airlock checks them, and its fixes mend them."""

import json
import os
import re
import shutil
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tests.harness.chart.rendering import helm
from tests.harness.places import CASES
from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome

FOLDER = Path(os.environ.get("CHARTS") or CASES / "charts")
GOOD = "9.9.9-debian-12-r0"  # a tag that never moves, by any publisher's policy
EDGE = "registry.example.com/team/sidecar:latest"
Values = dict[str, Any]

_SET = re.compile(
    r"set (\S+)(?: under (\S+))? to a full version(?: with its revision \(-rN\))?"
    r"(?:, or ([\w.]+))??(?:, or (\S+): Always)?(?:;| \(|$)"
)
_LISTED = re.compile(r"where your values list this container \((.+?)\)")


@dataclass(frozen=True)
class Chart:
    """A chart in a folder; its values stand *under* a key when it is part of another."""

    path: Path
    family: str
    under: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}{f' under {self.under}' if self.under else ''}"


def charts() -> list[Chart]:
    """Return the charts in FOLDER."""
    return [chart for path in sorted(FOLDER.iterdir()) if (path / "Chart.yaml").is_file() for chart in _known(path)]


def _known(path: Path) -> list[Chart]:
    inner = path / "charts" / "airflow"
    if inner.is_dir():
        return [Chart(path, _family(inner), "airflow", _version(inner))]
    return [Chart(path, _family(path), "", _version(path))]


def _version(path: Path) -> str:
    return str(yaml.safe_load((path / "Chart.yaml").read_text(encoding="utf-8"))["version"])


def _family(path: Path) -> str:
    values = yaml.safe_load((path / "values.yaml").read_text(encoding="utf-8"))
    if "defaultAirflowTag" in values:
        return "official"
    return "community" if "airflow" in values else "bitnami"


def inside(chart: Chart, folder: Path, alias: str = "") -> Chart:
    """Return *chart* as part of another one in *folder*, by its own name or by *alias*."""
    name = str(yaml.safe_load((chart.path / "Chart.yaml").read_text(encoding="utf-8"))["name"])
    dependency = {"name": name, "version": _version(chart.path), **({"alias": alias} if alias else {})}
    parent = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [dependency]}
    (folder / "charts").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump(parent), encoding="utf-8")
    shutil.copytree(chart.path, folder / "charts" / name)
    under = ".".join(part for part in (alias or name, chart.under) if part)
    return Chart(folder, chart.family, under, chart.version)


LISTED = [{"name": "helper", "image": EDGE, "imagePullPolicy": "IfNotPresent"}]
OWN = {"repository": "registry.example.com/data/airflow", "tag": "latest"}
KUBERNETES: Values = {"executor": "KubernetesExecutor"}
TAG = "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG"
OFF = {"enabled": False}


def scenarios(chart: Chart) -> dict[str, Values]:
    """Return what people set, by name; every one of these has findings."""
    return {"official": _official, "community": _community, "bitnami": _bitnami}[chart.family](chart)


def _defaults(chart: Chart) -> Values:
    path = chart.path.joinpath(*(part for name in chart.under.split(".") if name for part in ("charts", name)))
    values: Values = yaml.safe_load((path / "values.yaml").read_text(encoding="utf-8"))
    return values


def _official(chart: Chart) -> dict[str, Values]:
    own = _defaults(chart)
    good = {"airflow": {**OWN, "tag": GOOD}}
    lists = {"extraContainers": LISTED, "extraInitContainers": LISTED}
    found: dict[str, Values] = {
        "latest": {**KUBERNETES, "images": {"airflow": OWN}},
        "celery": {"executor": "CeleryExecutor", "images": {"airflow": OWN}},
        "default image for migrations": {
            **KUBERNETES, "defaultAirflowTag": "latest", "images": {**good, "useDefaultImageForMigration": True},
        },
        "tag of workers": {
            **KUBERNETES, "images": good, "config": {"kubernetes_executor": {"worker_container_tag": "latest"}},
        },
        "tag of workers by variable": {**KUBERNETES, "images": good, "env": [{"name": TAG, "value": "latest"}]},
        "containers of their own": {**KUBERNETES, "images": good, "scheduler": lists, "workers": lists},
        "git-sync": {
            **KUBERNETES, "images": {**good, "gitSync": {"tag": "latest"}}, "dags": {"gitSync": {"enabled": True}},
        },
        "flower": {
            "executor": "CeleryExecutor", "images": {**good, "flower": {"tag": "latest"}}, "flower": {"enabled": True},
        },
    }  # fmt: skip
    if not chart.under:  # Astronomer's template has the policy of the other components
        found["latest, always pulled"] = {**KUBERNETES, "images": {"airflow": {**OWN, "pullPolicy": "Always"}}}
    if "extraContainers" in own["workers"].get("kubernetes", {}):
        found["containers of one kind of workers"] = {
            "executor": "CeleryExecutor,KubernetesExecutor", "images": good,
            "workers": {"kubernetes": lists, "celery": lists},
        }  # fmt: skip
    return found


def _community(chart: Chart) -> dict[str, Values]:
    own = _defaults(chart)
    is_airflow_3 = "executors" in own["airflow"]  # the forks; they read Airflow's version from the tag
    needed: Values = KUBERNETES
    parts: Values = dict.fromkeys(("postgresql", "redis", "workers", "flower"), OFF)
    moving = "latest"
    if is_airflow_3:
        needed = {"executors": ["KubernetesExecutor"], "jwtSecret": "x", "apiSecretKey": "x", "webserverSecretKey": ""}
        parts |= {"apiServer": {"replicas": 1}, "dagProcessor": {"enabled": True, "replicas": 1}}
        moving = "3.3.1-latest"

    def values(tag: str = GOOD, **more: Any) -> Values:
        return {"airflow": {**needed, "image": {**OWN, "tag": tag}, **more}, **parts}

    found = {"latest": values(moving), "tag of workers by variable": values(config={TAG: "latest"})}
    # Lists that the chart has: older ones have the second alone, and Airflow 2 no processor of DAGs.
    hosts = [name for name in ("scheduler", "dagProcessor", "apiServer") if name in own]
    lists = {name: LISTED for name in ("extraContainers", "extraInitContainers") if name in own["scheduler"]}
    listed = {name: parts.get(name, {}) | lists for name in hosts}
    return found | {"containers of their own": values() | listed}


def _bitnami(chart: Chart) -> dict[str, Values]:
    base: Values = {**KUBERNETES, "postgresql": OFF, "redis": OFF}
    lists = {"scheduler": {"sidecars": LISTED, "initContainers": LISTED}, "worker": {"initContainers": LISTED}}
    latest = {"image": {"tag": "latest"}}
    by_component = int(chart.version.partition(".")[0]) < 21
    images: Values = dict.fromkeys(("web", "scheduler", "worker"), latest) if by_component else latest
    return {"latest": base | images, "containers of their own": base | lists}


def rendered(chart: Chart, values: Values) -> str:
    """Return what helm makes of *chart* with *values*."""
    for key in reversed(chart.under.split(".") if chart.under else []):
        values = {key: values}
    return helm("template", "rel", str(chart.path), "-n", "airflow", "--values", "-", stdin=json.dumps(values))


def checked(text: str) -> Outcome:
    """Return what airlock says of the manifests in *text*."""
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23), "airflow"))
    check.take("rendered.yaml", text.encode())
    return check.outcome()


def fixes(outcome: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    """Return what airlock says to change, each with the containers concerned."""
    return [
        (one.violation.cause.fix, one.violation.cause.containers) for work in outcome.workloads for one in work.reported
    ]


def followed(fix: str, containers: tuple[str, ...], values: Values, way: str, under: str) -> Values:
    """Return *values* after doing what *fix* says: by a full version, or (*way* `policy`) by the pull policy."""
    values = deepcopy(values)
    if listed := _LISTED.search(fix):
        for path in listed[1].split(" or "):
            for entry in _at(values, _own(path, under)) or []:
                if entry["name"] in containers:
                    good = {"image": EDGE.replace("latest", GOOD)} if way == "tag" else {"imagePullPolicy": "Always"}
                    entry.update(good)
        return values
    match = _SET.search(fix)
    assert match is not None, f"nobody can follow {fix!r}"
    tag, env, _digest, policy = match.groups()
    if way == "tag" and env:
        next(one for one in _at(values, _own(env, under)) if one["name"] == tag)["value"] = GOOD
    elif way == "tag":
        _put(values, _own(tag, under), GOOD)
    elif policy:
        _put(values, _own(policy, under), "Always")
    return values


def merged(values: Values, printed: Values | None, under: str) -> Values:
    """Return *values* with those that were *printed*, below the key *under*, as helm puts one file over another."""
    for key in under.split(".") if under else []:
        printed = (printed or {}).get(key)
    return _over(values, printed or {})


def _over(values: Values, printed: Values) -> Values:
    both = {key: _over(values[key], one) if isinstance(one, dict) and isinstance(values.get(key), dict) else one
            for key, one in printed.items()}  # fmt: skip
    return values | both


def _own(path: str, under: str) -> str:
    assert not under or path.startswith(f"{under}."), f"{path} does not stand under {under}"
    return path.removeprefix(f"{under}.") if under else path


def _at(values: Values, path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _put(values: Values, path: str, value: str) -> None:
    *keys, last = path.split(".")
    for key in keys:
        values = values.setdefault(key, {})
    values[last] = value
