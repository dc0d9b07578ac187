"""Helm, the controller and tools that apply on the server's side write into one registration: whose field is whose."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.chart.release import HOME, KINDS, MANAGER, RELEASE, Release
from tests.harness.chart.rendering import Object, of_kind, render
from tests.harness.control_plane import ControlPlane
from tests.harness.waiting import until

CHANGED = {"webhooks": {"excludeNamespaces": ["elsewhere"]}, "certificates": {"leafLife": "90d"}}


def owners(release: Release, field: str) -> set[str]:
    """Return the field managers of *field* of any entry's clientConfig."""
    found = set()
    for kind in KINDS:
        for entry in release.get(kind, RELEASE, "--show-managed-fields")["metadata"]["managedFields"]:
            hooks = entry["fieldsV1"].get("f:webhooks", {})
            if any(field in hook.get("f:clientConfig", {}) for hook in hooks.values()):
                found.add(entry["manager"])
    return found


def bundles(release: Release) -> dict[str, Any]:
    return {hook["name"]: hook["clientConfig"].get("caBundle") for hook in release.hooks()}


def excluded(release: Release) -> set[bool]:
    """Return of each entry that judges whether it leaves out the namespace `elsewhere`."""
    return {"elsewhere" in str(hook["namespaceSelector"]) for hook in release.hooks() if "guard" not in hook["name"]}


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_an_upgrade_and_the_controller_do_not_fight_over_the_ca_bundle(
    home: ControlPlane, tmp_path: Path, server_side: str
) -> None:
    release = Release(home)
    how = f"--server-side={server_side}"
    release.helm("install", how)
    try:
        with release.controlled(tmp_path):
            before = bundles(release)
            assert owners(release, "f:caBundle") == {MANAGER}
            release.helm("upgrade", how, values=CHANGED)
            assert excluded(release) == {True}
            assert bundles(release) == before
            release.helm("rollback", "1")
            assert excluded(release) == {False}
            assert bundles(release) == before
            assert owners(release, "f:caBundle") == {MANAGER}
            assert MANAGER not in owners(release, "f:service")
    finally:
        release.helm("uninstall")


def test_an_entry_that_an_upgrade_brings_is_completed_and_the_others_keep_what_they_have(
    release: Release, tmp_path: Path
) -> None:
    with release.controlled(tmp_path):
        before = bundles(release)
        gone = json.dumps([{"op": "remove", "path": "/webhooks/0"}])
        release.plane.kubectl("patch", KINDS[1], RELEASE, "--type=json", "-p", gone)
        left = bundles(release)
        assert len(left) == len(before) - 1
        release.helm("upgrade", values=CHANGED)
        assert left.items() <= bundles(release).items()
        until(lambda: bundles(release) == before, "the entry to be completed")


def test_a_tool_that_applies_on_the_servers_side_meets_no_conflict(release: Release, tmp_path: Path) -> None:
    def applied(values: Object) -> None:
        rendered = of_kind(
            render(values, kubernetes=release.plane.kubernetes, namespace=HOME),
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        )
        how = ("--server-side", "--field-manager=argocd-controller")
        release.plane.kubectl("apply", *how, "-f", "-", input=yaml.safe_dump_all(rendered))

    with release.controlled(tmp_path):
        before = bundles(release)
        applied({})
        assert bundles(release) == before
        assert owners(release, "f:caBundle") == {MANAGER}
        for kind in KINDS:
            count = len(release.get(kind, RELEASE)["webhooks"])
            wipe = [{"op": "remove", "path": f"/webhooks/{index}/clientConfig/caBundle"} for index in range(count)]
            release.plane.kubectl("patch", kind, RELEASE, "--type=json", "-p", json.dumps(wipe))
        until(lambda: bundles(release) == before, "the caBundles to be healed")
        assert owners(release, "f:caBundle") == {MANAGER}
