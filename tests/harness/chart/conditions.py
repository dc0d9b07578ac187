"""A registration's matchConditions, as the API server would evaluate them, and how much of its budget they take."""

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import celpy
from celpy.adapter import json_to_cel
from celpy.evaluation import Activation, Evaluator

from tests.harness.chart.rendering import Object

if TYPE_CHECKING:
    import lark

REPLICASET = "system:serviceaccount:kube-system:replicaset-controller"
BUDGET = 1_000_000  # of one expression (PerCallLimit of apiserver/pkg/apis/cel); one that exceeds it skips the webhook

_ENVIRONMENT = celpy.Environment()


def pod(*images: str, init: tuple[str, ...] = (), **metadata: Any) -> Object:
    """Return a pod whose containers run *images*."""
    spec: Object = {"containers": [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]}
    if init:
        spec["initContainers"] = [{"name": f"i{n}", "image": image} for n, image in enumerate(init)]
    return {"metadata": {"name": "x", **metadata}, "spec": spec}


def review(
    user: str = REPLICASET,
    new: Object | None = None,
    old: Object | None = None,
    *,
    namespace: str = "airflow",
    groups: tuple[str, ...] = ("system:authenticated",),
    **request: str,
) -> Object:
    """Return what a CEL expression may look at; what is empty is absent, as in the API server."""
    info = {"username": user} | ({"groups": list(groups)} if groups else {})
    asked = {"operation": "UPDATE" if old else "CREATE", "namespace": namespace, "userInfo": info, **request}
    return {"request": asked, "object": new or pod("a:1"), "oldObject": old}


def matches(hook: Object, variables: Object) -> bool:
    """Return whether the API server would ask *hook*; raises what an expression does."""
    activation = _activation(variables)
    programs = [_program(each["expression"]) for each in hook.get("matchConditions", ())]
    return all([bool(program.evaluate(activation)) for program in programs])  # noqa: C419 - each must be evaluated


def steps(expression: str, variables: Object) -> int:
    """Return how many nodes of *expression* are visited to evaluate it: about what the API server counts as its cost.

    More than the server visits, since both sides of `||` are. It counts more for some of them: two for each item of a
    list, and a tenth of the length of strings that are compared (cel-go, interpreter/runtimecost.go).
    """
    visited = Counter[str]()
    tree = _ENVIRONMENT.compile(expression)
    _Counting(tree, Activation().nested_activation(vars=_activation(variables)), visited).evaluate()
    return visited.total()


class _Counting(Evaluator):
    """Counts the nodes that it visits, also for each item of a list."""

    def __init__(self, ast: "lark.Tree[Any]", activation: Activation, visited: Counter[str]) -> None:
        super().__init__(ast, activation)
        self._visited = visited

    def visit(self, tree: "lark.Tree[Any]") -> Any:
        self._visited[str(tree.data)] += 1
        return super().visit(tree)

    def sub_evaluator(self, ast: "lark.Tree[Any]") -> Evaluator:
        return _Counting(ast, self.activation, self._visited)


def _activation(variables: Object) -> dict[str, Any]:
    return {name: json_to_cel(value) for name, value in variables.items()}


@lru_cache
def _program(expression: str) -> celpy.Runner:
    return _ENVIRONMENT.program(_ENVIRONMENT.compile(expression))
