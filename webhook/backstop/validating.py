"""mutable-tag as ValidatingAdmissionPolicies: one for each mode that the policy gives it somewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.backstop import cel, who
from webhook.backstop.images import BAD, UNKNOWN, classed, frozen, normalised
from webhook.backstop.objects import LABELS, Choice, Export, binding, constraints, left_out, made, roles
from webhook.documents.policy import Policy
from webhook.pods.airflow import Component
from webhook.pods.charts import AIRFLOW_IMAGES
from webhook.pods.tags import FULL_VERSION
from webhook.rules import mutable_tag
from webhook.rules.finding import Mode
from webhook.rules.tag_trust import MutableTagOptions

_LISTS = ("containers", "initContainers", "ephemeralContainers")
_SAID = "mutable-tag: an image that the node may serve from its cache"
_UNDIGESTED = "mutable-tag: an image without a digest, and airlock's policy trusts no tag"
_DIGEST = "its digest: repository@sha256:..."
_BY = " (airlock's policy in the API server)"
_VALIDATING = (
    "no Event follows a denial or a warning, and only the first policy that denies is shown",
    "image-drift, image-skew, required-env and templates (Deployments and the like) are not judged",
    "a chart's pods under nameOverride are not recognised, nor databases by their images alone",
    "a pod that becomes Airflow's by an update is judged by the images that change",
)


def validating(policy: Policy, choice: Choice) -> Export:
    """Return ValidatingAdmissionPolicies, one for each mode that *policy* gives mutable-tag somewhere, and bindings."""
    rule = mutable_tag.RULE.name
    options = policy.options(rule)
    if not isinstance(options, MutableTagOptions):  # the catalogue and the policy speak of one class
        raise TypeError(f"the options of {rule} are of class {type(options).__name__}")
    modes = {policy.mode_by(rule, entry) for entry in (*policy.namespaces, None)}
    modes |= {mode.capped(options.unrecognised) for mode in modes}
    levels = [level for level in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT) if level in modes]
    objects = [each for level in levels for each in _mutable_tag(policy, options, level, choice)]
    return Export(tuple(objects), (*left_out(policy, rule, choice), *_VALIDATING))


def _mutable_tag(
    policy: Policy, options: MutableTagOptions, level: Mode, choice: Choice
) -> Iterator[Mapping[str, Any]]:
    name = f"airlock-mutable-tag-{level}"
    reference, rule = "c.reference", mutable_tag.RULE.name
    trusting = f"(c.policy in {cel.texts(options.pull_policies)})"
    is_bad = f"({classed(reference, trusting, options)}) in variables.counting"
    exempted = who.exempted(reference, policy, rule, choice.today)
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": constraints(choice, ["CREATE", "UPDATE"], ["pods", "pods/ephemeralcontainers"]),
        "matchConditions": [
            {"name": "airflow", "expression": who.is_airflow(LABELS, policy)},
            {"name": "new-images", "expression": f"!({who.UPDATE}) || {_images_change()}"},
        ],
        "variables": [
            *roles(policy),
            {"name": "mode", "expression": who.mode(policy, rule)},
            {"name": "counting", "expression": _counting(level, options)},
            {"name": "images", "expression": _images()},
            {
                "name": "found",
                "expression": f"variables.images.filter(c, {_is_judged(options)} && !{exempted} && {is_bad})",
            },
        ],
        "validations": [
            {
                "expression": "size(variables.found) == 0",
                "reason": "Invalid",
                "message": _message(options),  # where the other becomes longer than 5 KiB
                "messageExpression": _message_expression(options),
            }
        ],
    }
    yield made("ValidatingAdmissionPolicy", name, spec)
    strict = level is Mode.ENFORCE and choice.deny
    actions = ["Deny", "Audit"] if strict else ["Audit"] if level is Mode.AUDIT else ["Warn", "Audit"]
    yield binding("Validating", name, validationActions=actions)


def _counting(level: Mode, options: MutableTagOptions) -> str:
    """Return the classes of images that count at *level*, by the mode in force."""
    bad = f"(variables.mode == {cel.text(level)} ? [{BAD}] : [])"
    modes = [mode for mode in Mode if mode is not Mode.OFF and mode.capped(options.unrecognised) is level]
    unknown = f"(variables.mode in {cel.texts(map(str, modes))} ? [{UNKNOWN}] : [])" if modes else "[]"
    return f"{bad} + {unknown}"


def _images() -> str:
    """Return the images to judge, as maps of name, policy and normalised reference: on an update those that changed."""
    parts = []
    for field in _LISTS:
        here, before = f"object.spec.{field}", f"oldObject.spec.{field}"
        same = f"(has({before}) && {before}.exists(o, o.name == c.name && o.image == c.image))"
        judged = f'has(c.image) && c.image != "" && (!({who.UPDATE}) || !{same})'
        item = f'{{"name": c.name, "policy": c.imagePullPolicy, "reference": {normalised("c.image")}}}'
        parts.append(f"(has({here}) ? {here}.filter(c, {judged}).map(c, {item}) : [])")
    volumes = (
        "(has(object.spec.volumes) && !(" + who.UPDATE + ") ? object.spec.volumes.filter(c, has(c.image) &&"
        ' has(c.image.reference) && c.image.reference != "").map(c, {"name": c.name,'
        f' "policy": c.image.pullPolicy, "reference": {normalised("c.image.reference")}}}) : [])'
    )
    return " + ".join((*parts, volumes))


def _images_change() -> str:
    changes = []
    for field in _LISTS:
        now, before = (f"(has({which}.spec.{field}) ? {which}.spec.{field} : [])" for which in ("object", "oldObject"))
        changes.append(f"{now}.map(c, c.image) != {before}.map(c, c.image)")
    return cel.any_of(changes)


def _is_judged(options: MutableTagOptions) -> str:
    """Return whether the image *c* is judged: of `support`, only those that are Airflow's own."""
    ways = [who.UPDATE, f"variables.component in {cel.texts(map(str, options.components))}"]
    if Component.OTHER in options.components:
        own = cel.matches("c.reference", f"(?:.*/)?(?:{'|'.join(sorted(AIRFLOW_IMAGES))})(?:[:@].*)?")
        ways.append(f'(variables.component == "support" && {own})')
    return cel.any_of(ways)


def _message(options: MutableTagOptions) -> str:
    if options.require_digest:
        return f"{_UNDIGESTED}; fix: name {_DIGEST}{_BY}"
    return f"{_SAID}; fix: name {FULL_VERSION}{_ways(options)}"


def _ways(options: MutableTagOptions) -> str:
    """Return what else than a full version would pass."""
    always = "" if "Always" in options.pull_policies else ", or set imagePullPolicy: Always"
    return f" or a digest{always}{_BY}"


def _message_expression(options: MutableTagOptions) -> str:
    one = '"\'" + c.reference + "\' of container \'" + c.name + "\' (" + c.policy + ")"'
    listed = f'variables.found.map(c, {one}).join(", ")'
    if options.require_digest:
        return f"{cel.text(f'{_UNDIGESTED}: ')} + {listed} + {cel.text(f'; fix: name {_DIGEST}{_BY}')}"
    named = f'({frozen("variables.found")}).join(", or ")'
    return f'{cel.text(f"{_SAID}: ")} + {listed} + "; fix: name " + {named} + {cel.text(_ways(options))}'
