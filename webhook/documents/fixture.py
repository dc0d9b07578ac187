"""Tests of a policy: what a team expects its policy to say about objects that matter to it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from webhook.documents.exemption import RuleName
from webhook.grammar.model import Document, Flaw, Model, entries, read
from webhook.grammar.schema import schema_of
from webhook.grammar.unique import named_once
from webhook.grammar.words import Day, NamespaceName, VariableName, Words
from webhook.rules.finding import Mode

CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


class Expected(Model):
    """One finding that is expected."""

    rule: RuleName
    """The rule that finds it."""

    mode: Mode
    """What the finding does: enforce denies, warn and audit admit."""

    reason: Words = ""
    """Words of the finding's sentence; "" for any."""


class Case(Model):
    """One question to the policy, and the answer that is expected."""

    name: Words
    """The sentence that the case proves; each is given once."""

    object: Annotated[Mapping[str, Any] | None, Field(repr=False)] = None
    """The object, as in a manifest."""

    file: Words = ""
    """A file with the object, its place relative to the tests."""

    old: Annotated[Mapping[str, Any] | None, Field(repr=False)] = None
    """The object before an update; absent: it is created."""

    namespace: NamespaceName | None = None
    """Where; absent: the object's own namespace, else default."""

    user: Words = CONTROLLER
    """Who asks; absent: the controller of ReplicaSets, whose pods' labels are believed."""

    expect: tuple[Expected, ...]
    """The findings, all of them; [] when the object passes without a word."""

    exempted: tuple[Words, ...] = ()
    """The names of the exemptions that cover a finding."""

    injected: tuple[VariableName, ...] = ()
    """The variables that are added to the pod."""

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield a flaw for a case without an object, and for one with two."""
        if ("object" in given) == ("file" in given):
            yield Flaw((), "give exactly one of object and file")


class PolicyTest(Document):
    """Tests of a policy, and of a required-env manifest where one is named."""

    kind: Literal["PolicyTest"] = "PolicyTest"
    """What the document is."""

    policy: Words = ""
    """The policy's file, its place relative to this one; absent: the built-in policy."""

    required_env: Words = ""
    """The required-env manifest's file, its place relative to this one; absent: no variable is required."""

    today: Day | None = None
    """The day on which exemptions are judged, in UTC; absent: today."""

    tests: Annotated[tuple[Case, ...], entries(named_once("tests")), Field(min_length=1)]
    """The cases."""


def read_policy_test(text: str | bytes) -> PolicyTest:
    """Return the tests that *text* describes, or raise DocumentError."""
    return read(text, PolicyTest)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of tests (draft 2020-12)."""
    return schema_of(PolicyTest, "urn:airlock:v1:policy-test")
