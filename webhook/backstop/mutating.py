"""required-env as a MutatingAdmissionPolicy: the literal variables of a manifest."""

from collections.abc import Mapping
from typing import Any

from webhook.backstop import cel, who
from webhook.backstop.objects import LABELS, Choice, Export, binding, constraints, left_out, made, roles
from webhook.documents.policy import Policy
from webhook.documents.required_env import RequiredEnv
from webhook.pods.charts import CHARTS
from webhook.rules import required_env
from webhook.variables.variable import Variable

CONTAINERS = 10  # of a pod that can get variables; an expression names them one by one
_MUTATING = (
    "only a container that a chart calls like the component, or the only one, is a component's own",
    f"a variable goes into the first {CONTAINERS} containers, and no init container",
    "a variable stands before the container's own, also where its value refers to one of them",
)


def mutating(policy: Policy, required: RequiredEnv, choice: Choice) -> Export:
    """Return a MutatingAdmissionPolicy for the literal variables of *required*, and its binding."""
    literal = [variable for variable in required.env if variable.value is not None]
    others = [variable.name for variable in required.env if variable.value is None]
    left = [*left_out(policy, required_env.RULE.name, choice), *_MUTATING]
    if others:
        left.insert(0, f"variables that are no literal are not injected: {', '.join(others)}")
    if overriding := [variable.name for variable in literal if variable.on_conflict != "keep"]:
        left.insert(0, f"a value that is there is kept, whatever onConflict says: {', '.join(overriding)}")
    if not literal:
        return Export((), tuple(left))
    name = "airlock-required-env"
    spec = {
        "failurePolicy": "Ignore",  # like /mutate: it is better to have the pod and say what it lacks
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": constraints(choice, ["CREATE"], ["pods"]),
        "matchConditions": [
            {"name": "airflow", "expression": who.is_airflow(LABELS, policy)},
            {"name": "injects", "expression": f'({who.mode(policy, required_env.RULE.name)}) in ["enforce", "warn"]'},
        ],
        "variables": [*roles(policy), {"name": "all", "expression": "object.spec.containers"}],
        # The last goes in first, so that each stands after those that its value refers to.
        "mutations": [_mutation(variable, policy, choice) for variable in reversed(literal)],
    }
    return Export((made("MutatingAdmissionPolicy", name, spec), binding("Mutating", name)), tuple(left))


def _mutation(variable: Variable, policy: Policy, choice: Choice) -> Mapping[str, Any]:
    """Return the mutation that puts *variable* before the container's own, where it is missing."""
    entry = f"Object.spec.containers.env{{name: {cel.text(variable.name)}, value: {cel.text(variable.value or '')}}}"
    exempted = who.exempted("", policy, required_env.RULE.name, choice.today)
    asked = (
        f"variables.component in {cel.texts(map(str, variable.components))} && !{exempted}"
        f" && {who.any_glob('request.namespace', variable.namespaces)}"
    )
    operations = []
    for index in range(CONTAINERS):
        here = f"variables.all[{index}]"
        lacks = f"!(has({here}.env) && {here}.env.exists(e, e.name == {cel.text(variable.name)}))"
        guard = f"size(variables.all) > {index} && {_is_meant(variable, here)} && {lacks}"
        path = f"/spec/containers/{index}/env"
        whole = f'JSONPatch{{op: "add", path: "{path}", value: [{entry}]}}'
        before = f'JSONPatch{{op: "add", path: "{path}/0", value: {entry}}}'
        add = f"(has({here}.env) && size({here}.env) > 0 ? [{before}] : [{whole}])"
        operations.append(f"({guard} ? {add} : [])")
    expression = f"({asked}) ? ({' + '.join(operations)}) : []"
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def _is_meant(variable: Variable, container: str) -> str:
    if variable.containers == "all":
        return "true"
    if isinstance(variable.containers, tuple):
        return f"{container}.name in {cel.texts(variable.containers)}"
    mains = {
        role.main
        for row in CHARTS
        for role in row.roles.values()
        if role.main and role.component in variable.components
    }
    named = f"{container}.name in {cel.texts(sorted(mains))}"
    return f"({named} || size(variables.all) == 1)"
