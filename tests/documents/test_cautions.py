"""What a document says and hardly means is told with its line, and nothing else is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.harness.places import ROOT
from webhook.__main__ import main
from webhook.documents.cautions import cautions
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest

HEAD = "apiVersion: airlock/v1\nkind: "


def of_policy(text: str) -> list[str]:
    whole = f"{HEAD}Policy\n{text}\n"
    return [str(caution) for caution in cautions(whole, read_policy(whole))]


def of_manifest(text: str) -> list[str]:
    whole = f"{HEAD}RequiredEnv\nenv:\n{text}\n"
    return [str(caution) for caution in cautions(whole, read_manifest(whole))]


@pytest.mark.parametrize(
    ("glob", "who"),
    [
        ("*", "everybody"),
        ("**", "everybody"),
        ("?*", "everybody"),
        ("system:serviceaccount:*", "the workloads of every namespace"),
        ("system:*", "the workloads of every namespace"),
        ("*@example.com", "every person"),
    ],
)
@pytest.mark.parametrize("field", ["trustedCreators", "taskCreators"])
def test_trust_in_everybody_is_doubtful(field: str, glob: str, who: str) -> None:
    (told,) = of_policy(f'{field}: ["system:serviceaccount:kube-system:*-controller", "{glob}"]')
    assert told.startswith(f"line 3: {field}[1]: '{glob}' means {who}: they ")


@pytest.mark.parametrize("glob", ["system:serviceaccount:airflow:*", "system:kube-controller-manager", "ci-*"])
def test_trust_in_somebody_is_not(glob: str) -> None:
    assert of_policy(f'trustedCreators: ["{glob}"]\ntaskCreators: ["{glob}"]') == []


@pytest.mark.parametrize(
    "labels",
    ["app.kubernetes.io/managed-by: Helm", "env: prod, team: data", "heritage: Helm", "pod-template-hash: 5d4f"],
)
def test_a_row_that_may_match_half_a_cluster_is_doubtful(labels: str) -> None:
    (told,) = of_policy(f"components:\n- {{component: scheduler, labels: {{{labels}}}}}")
    assert "components[0].labels" in told
    assert "may stand on pods that are not Airflow's, which are then judged as a scheduler" in told


@pytest.mark.parametrize(
    "labels", ["app: my-scheduler", "tier: airflow", "env: prod, role: scheduler", "release: my-airflow"]
)
def test_a_row_that_names_an_application_is_not(labels: str) -> None:
    assert of_policy(f"components:\n- {{component: scheduler, labels: {{{labels}}}}}") == []


@pytest.mark.parametrize(
    ("field", "effect"), [("pullPolicies", "no tag is ever found"), ("components", "no pod is ever judged")]
)
def test_an_empty_list_with_which_a_rule_finds_nothing_is_doubtful(field: str, effect: str) -> None:
    (told,) = of_policy(f"rules:\n  mutable-tag:\n    mode: enforce\n    {field}: []")
    assert told.startswith(f"line 6: rules.mutable-tag.{field}: is empty, so {effect}; say mode: off")


def test_without_pull_policies_a_policy_that_requires_digests_still_finds_something() -> None:
    assert of_policy("rules: {mutable-tag: {requireDigest: true, pullPolicies: []}}") == []


def test_an_empty_list_of_images_means_all_and_is_doubtful() -> None:
    (told,) = of_policy(
        "rules: {mutable-tag: {tags: [{match: a, is: mutable}, {match: b, images: [], is: immutable}]}}"
    )
    assert told.startswith("line 3: rules.mutable-tag.tags[1].images: is empty and means every image")


@pytest.mark.parametrize("first", ["*", "airflow-prod", "**", "airflow-p?od", "air*"])
def test_a_namespace_that_an_earlier_entry_matches_never_counts_and_is_told(first: str) -> None:
    told = of_policy(
        f"namespaces:\n- {{names: [b, '{first}'], mode: off}}\n- {{names: [a, airflow-prod], mode: enforce}}"
    )
    text = "'airflow-prod' never counts: namespaces[0] matches first; put this entry before it"
    assert f"line 5: namespaces[1].names[1]: {text}" in told


def test_a_namespace_that_only_a_part_of_an_earlier_glob_covers_counts() -> None:
    entries = "[{names: [airflow-prod, 'a-*'], mode: off}, {names: ['airflow-*', '*-a', a], mode: warn}]"
    assert of_policy(f"namespaces: {entries}\nrules: {{mutable-tag: {{tags: [{{match: a, is: mutable}}]}}}}") == []


def test_a_value_that_ends_with_a_line_break_is_doubtful_and_is_not_shown() -> None:
    told = of_manifest('- {name: A, value: x}\n- name: B\n  value: |\n    hunter2\n- {name: C, value: "a\\nb"}')
    wanted = "write it without, or with |- for |"
    assert told == [f"line 6: env[1].value: ends with a line break, which becomes a part of the variable; {wanted}"]


def test_the_lines_are_those_of_the_text_however_the_variables_are_sorted() -> None:
    told = of_manifest('- {name: A, value: "$(B)"}\n- {name: B, value: "x\\n"}')
    assert [line.split(":")[0] for line in told] == ["line 5"]


def test_a_bound_source_is_not_doubtful() -> None:
    source = "from: {configMap: {namespace: p, name: c, key: K}}, reason: r"
    assert of_manifest(f"- {{name: A, namespaces: [airflow, 'a*', 'x-?-*'], {source}}}") == []
    assert of_manifest("- {name: A, value: x, namespaces: ['*-prod']}") == []  # its value is not from elsewhere


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_beyond_doubt(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    read = read_policy if "kind: Policy" in text else read_manifest if "kind: RequiredEnv" in text else None
    if read is not None:
        assert cautions(text, read(text)) == ()


def test_policy_check_warns_and_exits_with_0(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f'{HEAD}Policy\ntrustedCreators:\n  - "*"\n')
    run = CliRunner().invoke(main, ["policy", "check", str(path)])
    assert run.exit_code == 0
    assert f"{path}:4: warning: trustedCreators[0]: '*' means everybody" in run.output
