"""The policy: modes, exemptions, defaults, and the text that says all of it."""

from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.documents.exemption import Exemption
from webhook.documents.policy import (
    DEFAULT,
    NamespaceEntry,
    Policy,
    effective,
    read_policy,
    schema,
)
from webhook.grammar.model import DocumentError
from webhook.grammar.yamltext import dump
from webhook.pods.airflow import Component
from webhook.pods.image import parse
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode

law = settings(max_examples=150)
MODES = st.sampled_from([mode.value for mode in Mode])
RULE_NAMES = st.sampled_from(sorted(RULES))
NAMES = st.text(st.sampled_from("abc-"), min_size=1, max_size=4)
GLOBS = st.text(st.sampled_from("abc-*?"), min_size=1, max_size=4)
WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
COMPONENTS = st.lists(st.sampled_from([component.value for component in Component]), min_size=1, max_size=3)


def policy(**fields: Any) -> Policy:
    return read_policy(dump({"apiVersion": "airlock/v1", "kind": "Policy"} | fields))


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


NAMESPACES = st.lists(
    some(
        {"names": st.lists(GLOBS, min_size=1, max_size=2), "mode": MODES}, {"rules": st.dictionaries(RULE_NAMES, MODES)}
    ),
    max_size=3,
)
TAGS = st.lists(
    some(
        {"match": GLOBS | st.just("re:build-[0-9]+"), "is": st.sampled_from(["mutable", "immutable"])},
        {"images": st.lists(st.sampled_from(["redis", "apache/*", "r.example.com/**:v*"]), max_size=2)},
    ),
    max_size=3,
)
EXEMPTIONS = st.lists(
    some(
        {
            "name": WORDS,
            "reason": WORDS,
            "owner": WORDS,
            "expires": st.dates().map(str),
            "components": COMPONENTS,
        },
        {"rules": st.lists(RULE_NAMES, min_size=1), "namespaces": st.lists(GLOBS, min_size=1, max_size=2)},
    ),
    max_size=3,
    unique_by=lambda exemption: exemption["name"],
)
FIELDS = some(
    {},
    {
        "mode": MODES,
        "workloads": st.sampled_from(["warn", "enforce"]),
        "trustedCreators": st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
        ),
        "namespaces": NAMESPACES,
        "rules": some(
            {},
            {
                "mutable-tag": some({}, {"mode": MODES, "tags": TAGS, "unrecognised": MODES}),
                "required-env": some({}, {"mode": MODES}),
            },
        ),
        "components": st.lists(
            some(
                {"component": st.sampled_from(["scheduler", "task"]), "labels": st.just({"a.b/c": "off", "d": "1"})},
                {"container": st.just("main"), "kinds": st.just(["Deployment", "Rollout"])},
            ),
            max_size=2,
        ),
        "exemptions": EXEMPTIONS,
    },
)
POLICIES = FIELDS.map(lambda fields: policy(**fields))


@law
@given(POLICIES)
def test_the_effective_policy_reads_back_as_an_equal_one(one: Policy) -> None:
    text = effective(one)
    assert read_policy(text) == one
    assert effective(read_policy(text)) == text


def test_the_effective_policy_writes_every_default_out() -> None:
    shown = yaml.safe_load(effective(DEFAULT))
    assert set(shown) == set(schema()["properties"])
    assert shown["mode"] == "warn"
    assert shown["trustedCreators"] == [
        "system:serviceaccount:kube-system:*-controller",
        "system:kube-controller-manager",
    ]
    assert shown["rules"]["mutable-tag"]["pullPolicies"] == ["IfNotPresent", "Never"]


def test_the_default_policy_blocks_nothing() -> None:
    written = read_policy("apiVersion: airlock/v1\nkind: Policy\nmode: warn\n")
    assert written == DEFAULT == Policy()
    assert written.model_fields_set == DEFAULT.model_fields_set
    assert written.unnamed == DEFAULT.unnamed
    assert {DEFAULT.mode_of(rule, "anywhere") for rule in RULES if rule != "pin-digest"} == {Mode.WARN}
    assert DEFAULT.mode_of("pin-digest", "anywhere") is Mode.OFF


@pytest.mark.parametrize("mode", list(Mode))
def test_only_rules_pin_digest_switches_pin_digest_on(mode: Mode) -> None:
    word = mode.value
    everywhere = policy(mode=word, namespaces=[{"names": ["*"], "mode": word}], rules={"pin-digest": {}})
    assert everywhere.mode_of("pin-digest", "airflow") is Mode.OFF
    assert policy(rules={"pin-digest": {"mode": word}}).mode_of("pin-digest", "airflow") is mode
    own = policy(namespaces=[{"names": ["*"], "rules": {"pin-digest": word}}])
    assert own.mode_of("pin-digest", "airflow") is mode
    assert DEFAULT.workloads is Mode.WARN


def test_every_rule_has_its_options_in_the_policy() -> None:
    for name, rule in RULES.items():
        assert type(DEFAULT.options(name)) is rule.options
        assert policy(rules={name: {"mode": "audit"}}).mode_of(name, "a") is Mode.AUDIT


@law
@given(POLICIES, RULE_NAMES, NAMES, st.sampled_from(list(Mode)))
def test_a_namespaces_word_on_a_rule_wins(one: Policy, rule: str, namespace: str, mode: Mode) -> None:
    entry = {"names": [namespace], "mode": "enforce", "rules": {rule: mode.value}}
    assert prepended(one, entry).mode_of(rule, namespace) is mode


@law
@given(POLICIES, RULE_NAMES, NAMES, st.sampled_from(list(Mode)))
def test_a_namespaces_mode_wins_over_all_but_a_rule_that_is_off(
    one: Policy, rule: str, namespace: str, mode: Mode
) -> None:
    off = one.options(rule).mode is Mode.OFF
    judged = prepended(one, {"names": [namespace], "mode": mode.value}).mode_of(rule, namespace)
    assert judged is (Mode.OFF if off else limited(one, rule, mode))


@law
@given(POLICIES, RULE_NAMES, NAMES)
def test_only_the_first_entry_that_matches_counts(one: Policy, rule: str, namespace: str) -> None:
    other = next(name for name in RULES if name != rule)
    shadowed = prepended(one, {"names": [namespace], "rules": {other: "off"}})
    assert shadowed.mode_of(rule, namespace) is limited(one, rule, one.options(rule).mode or one.mode)


@law
@given(POLICIES, RULE_NAMES)
def test_elsewhere_a_rules_mode_wins_over_the_policys(one: Policy, rule: str) -> None:
    plain = one.model_copy(update={"namespaces": ()})
    assert plain.mode_of(rule, "a") is limited(one, rule, one.options(rule).mode or one.mode)


NEW = sorted(name for name, rule in RULES.items() if rule.new)


def limited(one: Policy, rule: str, mode: Mode) -> Mode:
    """Return *mode* as a rule meets it that may be new, and that the policy may not name."""
    return mode.capped(Mode.WARN) if rule in NEW and rule in one.unnamed else mode


@pytest.mark.parametrize("rule", NEW)
def test_a_new_rule_never_denies_until_the_policy_names_it(rule: str) -> None:
    everywhere = [{"names": ["*"], "mode": "enforce"}]
    for unnamed in (policy(mode="enforce"), policy(mode="enforce", namespaces=everywhere, rules={"mutable-tag": {}})):
        assert unnamed.mode_of(rule, "airflow").rank <= Mode.WARN.rank
        assert unnamed.mode_of("mutable-tag", "airflow") is Mode.ENFORCE
    assert policy(rules={rule: {"mode": "enforce"}}).mode_of(rule, "airflow") is Mode.ENFORCE
    own = [{"names": ["*"], "rules": {rule: "enforce"}}]
    assert policy(namespaces=own).mode_of(rule, "airflow") is Mode.ENFORCE


@pytest.mark.parametrize("rule", [rule for rule in NEW if DEFAULT.options(rule).mode is None])
def test_a_new_rule_follows_the_policys_mode_once_it_is_named(rule: str) -> None:
    assert policy(mode="enforce", rules={rule: {}}).mode_of(rule, "airflow") is Mode.ENFORCE
    assert policy(mode="audit").mode_of(rule, "airflow") is Mode.AUDIT


def test_the_effective_policy_names_no_new_rule_that_was_not_named() -> None:
    for one in (policy(mode="enforce"), policy(mode="enforce", rules={NEW[0]: {}})):
        again = read_policy(effective(one))
        assert again.unnamed == one.unnamed
        assert {rule: again.mode_of(rule, "a") for rule in RULES} == {rule: one.mode_of(rule, "a") for rule in RULES}
    assert f"#   {NEW[0]}:" in effective(DEFAULT)


def prepended(one: Policy, entry: dict[str, Any]) -> Policy:
    return one.model_copy(update={"namespaces": (NamespaceEntry.model_validate(entry), *one.namespaces)})


def exemption(**fields: Any) -> Exemption:
    return Exemption.model_validate(
        {"name": "a", "reason": "r", "owner": "o", "expires": "2027-03-31"} | fields, by_name=False
    )


def test_an_exemption_holds_until_the_end_of_its_last_day() -> None:
    one = exemption(components=["task"])
    last = date(2027, 3, 31)
    assert one.in_force(last)
    assert not one.in_force(last + timedelta(days=1))


def test_an_exemption_covers_what_all_its_selectors_match() -> None:
    one = exemption(namespaces=["legacy-*"], components=["task", "job"], images=["apache/*"], rules=["mutable-tag"])
    airflow = parse("apache/airflow:2")
    assert one.covers("mutable-tag", "legacy-etl", Component.TASK, airflow)
    assert not one.covers("required-env", "legacy-etl", Component.TASK, airflow)
    assert not one.covers("mutable-tag", "etl", Component.TASK, airflow)
    assert not one.covers("mutable-tag", "legacy-etl", Component.WORKER, airflow)
    assert not one.covers("mutable-tag", "legacy-etl", Component.TASK, parse("redis"))
    assert not one.covers("mutable-tag", "legacy-etl", Component.TASK, None)


def test_an_exemption_without_images_covers_findings_without_an_image() -> None:
    assert exemption(namespaces=["legacy-*"]).covers("required-env", "legacy-etl", Component.SCHEDULER, None)


def described(node: Any, path: str = "") -> list[str]:
    """Return the paths of all fields in the JSON Schema *node* that nothing describes."""
    if not isinstance(node, dict):
        return []
    missing = [
        f"{path}.{name}"
        for name, field in node.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    inner = [*node.get("properties", {}).items(), *node.get("$defs", {}).items()]
    return missing + [line for name, field in inner for line in described(field, f"{path}.{name}")]


def test_the_schema_describes_every_field() -> None:
    assert described(schema()) == []
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["required"] == ["apiVersion", "kind"]


def test_the_schema_knows_no_null_as_documents_hold_none() -> None:
    assert "null" not in str(schema())
    with pytest.raises(DocumentError, match="mode: is empty"):
        policy(mode=None)
