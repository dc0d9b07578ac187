"""The policy: which rules apply where, how strictly, and what is exempt."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from webhook.documents.exemption import Exemption, RuleName
from webhook.grammar.model import Document, Flaw, Model, entries, read
from webhook.grammar.pattern import NamespaceGlob, UserGlob
from webhook.grammar.schema import schema_of
from webhook.grammar.unique import named_once
from webhook.grammar.words import ContainerName, KindName, LabelKey, LabelValue
from webhook.grammar.yamltext import dump
from webhook.pods.airflow import Component, Row, custom_row
from webhook.pods.charts import with_rows
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode
from webhook.rules.rule import RuleOptions


def _attribute(rule: str) -> str:
    return rule.replace("-", "_")


if TYPE_CHECKING:  # a type checker cannot follow `create_model`
    Rules = Model
else:
    Rules = create_model(
        "Rules",
        __base__=Model,
        __doc__="The rules and the options of each.",
        **{
            _attribute(name): (
                rule.options,
                Field(default_factory=rule.options, alias=name, description=(rule.options.__doc__ or name)),
            )
            for name, rule in RULES.items()
        },
    )


class NamespaceEntry(Model):
    """Modes for the namespaces that a glob matches."""

    names: Annotated[tuple[NamespaceGlob, ...], Field(min_length=1)]
    """Globs of the namespaces concerned."""

    mode: Mode | None = None
    """The mode of every rule there, except one that is itself off."""

    rules: Mapping[RuleName, Mode] = Field(default_factory=dict)
    """Modes of single rules there; they win over everything else."""

    managed: Literal["composer"] | None = None
    """A managed service whose own pods live there: they are never judged stricter than warn."""

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield a flaw when the entry changes nothing."""
        if not given.get("mode") and not given.get("rules") and not given.get("managed"):
            text = "says neither mode nor rules nor managed and so changes nothing; add one, or remove the entry"
            yield Flaw((), text)

    def matches(self, namespace: str) -> bool:
        """Return whether the entry speaks of *namespace*."""
        return any(glob.matches(namespace) for glob in self.names)


class ComponentRow(Model):
    """Labels that make a pod a component of an Airflow; such rows come before the built-in table of charts."""

    component: Component
    """What pods with the labels are."""

    labels: Annotated[Mapping[LabelKey, LabelValue], Field(min_length=1)]
    """The labels, all of which a pod must have."""

    container: ContainerName | None = None
    """The component's own container; absent: one named like the component, else the only one that is no sidecar."""

    kinds: Annotated[tuple[KindName, ...], Field(min_length=1)] | None = None
    """Kinds that may own such a pod; absent: those that fit the component."""

    @property
    def row(self) -> Row:
        """The row of the table of charts."""
        return custom_row(self.component, self.labels, self.container, self.kinds or ())


class Policy(Document):
    """Which rules apply where, how strictly, and what is exempted."""

    kind: Literal["Policy"] = "Policy"
    """What the document is."""

    mode: Mode = Mode.WARN
    """What findings do where nothing else is said: enforce, warn, audit or off."""

    trusted_creators: tuple[UserGlob, ...] = (
        UserGlob("system:serviceaccount:kube-system:*-controller"),
        UserGlob("system:kube-controller-manager"),
    )
    """Users whose pods' labels are believed: those of the controllers."""

    task_creators: tuple[UserGlob, ...] = ()
    """Users all of whose pods are tasks, whatever their labels say."""

    workloads: Literal[Mode.WARN, Mode.ENFORCE] = Mode.WARN
    """What findings on templates (Deployments and the like) do at most: warn or enforce."""

    namespaces: tuple[NamespaceEntry, ...] = ()
    """Other modes for some namespaces; the first entry that matches counts."""

    rules: Rules = Field(default_factory=Rules)
    """The rules and the options of each."""

    components: tuple[ComponentRow, ...] = ()
    """Labels of an installation's own charts, before the built-in ones."""

    exemptions: Annotated[tuple[Exemption, ...], entries(named_once("exemptions"))] = ()
    """Declared reasons, each with an end, not to apply rules."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table of charts, this policy's rows first, with all that count in some namespace."""
        return self._rows(managed=self.managed)

    @property
    def managed(self) -> bool:
        """Whether some namespace holds a managed service's own pods."""
        return any(entry.managed for entry in self.namespaces)

    def rows_in(self, namespace: str) -> tuple[Row, ...]:
        """Return the table of charts for *namespace*: a managed service's rows count only where the policy says so."""
        entry = self._entry(namespace)
        return self._rows(managed=entry is not None and entry.managed is not None)

    def _rows(self, *, managed: bool) -> tuple[Row, ...]:
        return with_rows((row.row for row in self.components), managed=managed)

    def _entry(self, namespace: str) -> NamespaceEntry | None:
        return next((entry for entry in self.namespaces if entry.matches(namespace)), None)

    def ended(self, today: date) -> Iterator[tuple[int, Exemption]]:
        """Yield each exemption that no longer holds on the day *today* (UTC), with its number."""
        return ((nth, one) for nth, one in enumerate(self.exemptions) if not one.in_force(today))

    def options(self, rule: str) -> RuleOptions:
        """Return the options of *rule*, one of `webhook.rules.RULES`."""
        options: RuleOptions = getattr(self.rules, _attribute(rule))
        return options

    def enforcing(self) -> "Policy":
        """Return this policy with `enforce` for every mode that is `warn` or `audit`; what is off stays off."""

        def strict(mode: Mode | None) -> Mode | None:
            return mode if mode is None or mode is Mode.OFF else Mode.ENFORCE

        rules = {
            attribute: options.model_copy(update={"mode": strict(options.mode)})
            for attribute in map(_attribute, RULES)
            if isinstance(options := getattr(self.rules, attribute), RuleOptions)
        }
        namespaces = tuple(
            entry.model_copy(
                update={
                    "mode": strict(entry.mode),
                    "rules": {rule: strict(mode) for rule, mode in entry.rules.items()},
                }
            )
            for entry in self.namespaces
        )
        changed = {"mode": strict(self.mode), "rules": self.rules.model_copy(update=rules), "namespaces": namespaces}
        return self.model_copy(update=changed)

    def mode_of(self, rule: str, namespace: str) -> Mode:
        """Return the mode of *rule* for a request in *namespace*.

        The namespace entry's word on the rule wins; then its own mode, unless the rule itself is off; then the rule's
        mode; then the policy's. The last two and the entry's own mode are `warn` at most for a new rule that the policy
        does not name: an upgrade denies nothing that passed before.
        """
        return self.mode_by(rule, self._entry(namespace))

    def mode_by(self, rule: str, entry: NamespaceEntry | None) -> Mode:
        """Return the mode of *rule* where *entry* is the first that matches; None where none does."""
        own = self.options(rule).mode
        if entry is not None and rule in entry.rules:
            return entry.rules[rule]
        if entry is not None and entry.mode is not None and own is not Mode.OFF:
            found = entry.mode
        else:
            found = self.mode if own is None else own
        return found.capped(Mode.WARN) if rule in self.unnamed else found

    @property
    def unnamed(self) -> frozenset[str]:
        """The new rules that stand nowhere under `rules`."""
        named = self.rules.model_fields_set
        return frozenset(name for name, rule in RULES.items() if rule.new and _attribute(name) not in named)


def read_policy(text: str | bytes) -> Policy:
    """Return the policy that *text* describes, or raise DocumentError."""
    return read(text, Policy)


def effective(policy: Policy) -> str:
    """Return *policy* as YAML with its defaults written out; it reads back as an equal policy.

    New rules that it does not name are comments: to name them would lift their limit.
    """
    written = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    unnamed = {name: written["rules"].pop(name) for name in sorted(policy.unnamed)}
    if not unnamed:
        return dump(written)
    head = "new rules, which are warn at most until rules names them:"
    return dump(written) + "".join(f"# {line}\n" for line in (head, *dump({"rules": unnamed}).splitlines()))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy (draft 2020-12)."""
    return schema_of(Policy, "urn:airlock:v1:policy")


def _default() -> Policy:
    """Return what `read_policy` makes of a document with nothing but `mode: warn`.

    Nothing is validated: where nobody reads a document, pydantic builds no validator, which takes longer than a check.
    """
    options = {_attribute(name): rule.options.model_construct() for name, rule in RULES.items()}
    return Policy.model_construct({"api_version", "kind", "mode"}, rules=Rules.model_construct(set(), **options))


DEFAULT = _default()
