"""The required-env manifest: references as the kubelet reads them, order, names not to be set lightly."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.documents.required_env import EMPTY, RequiredEnv, read_manifest, schema
from webhook.grammar.model import DocumentError
from webhook.grammar.yamltext import dump
from webhook.pods.airflow import Component
from webhook.variables.danger import holds_secret, runs_code
from webhook.variables.variable import Variable, escape, references

law = settings(max_examples=300)
VALUES = st.text(st.sampled_from("$()AB é"), max_size=14)
FROM = {"configMap": {"namespace": "pipelines", "name": "callbacks", "key": "K"}}


def manifest(*env: dict[str, Any]) -> RequiredEnv:
    return read_manifest(dump({"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": list(env)}))


def expand(value: str, known: dict[str, str]) -> tuple[str, list[str]]:
    """Return *value* as the kubelet expands it, and the names it looked up: character by character, as Go does it."""
    out, names, cursor = "", [], 0
    while cursor < len(value):
        if value[cursor] != "$" or cursor + 1 == len(value):
            out += value[cursor]
            cursor += 1
        elif value[cursor + 1] == "$":
            out += "$"
            cursor += 2
        elif value[cursor + 1] == "(" and ")" in value[cursor + 2 :]:
            end = value.index(")", cursor + 2)
            name = value[cursor + 2 : end]
            names.append(name)
            out += known.get(name, f"$({name})")
            cursor = end + 1
        else:
            out += value[cursor : cursor + 2]
            cursor += 2
    return out, names


@law
@given(VALUES)
def test_references_are_those_that_the_kubelet_looks_up(value: str) -> None:
    assert list(references(value)) == expand(value, {})[1]


@law
@given(VALUES | st.text())
def test_an_escaped_value_refers_to_nothing_and_expands_to_itself(value: str) -> None:
    assert references(escape(value)) == ()
    assert expand(escape(value), {"A": "x", "": "y"})[0] == value


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("$(A)", ("A",)),
        ("$(A)$(B)", ("A", "B")),
        ("$$(A)", ()),
        ("$$$(A)", ("A",)),
        ("$(A", ()),
        ("$(A$(B)", ("A$(B",)),
        ("$A", ()),
        ("${A}", ()),
        ("$()", ("",)),
        ("$", ()),
        ("$x$(A)", ("A",)),
        ("$" * 7 + "(A)", ("A",)),
    ],
)
def test_a_reference_is_written_as_in_kubernetes(value: str, names: tuple[str, ...]) -> None:
    assert references(value) == names


def test_a_long_value_without_an_end_is_read_in_one_pass() -> None:
    assert references("$(" * 120_000) == ()
    assert references("$(" * 120_000 + ")") == ("$(" * 119_999,)


GRAPHS = st.dictionaries(
    st.sampled_from("ABCDEFGH"), st.lists(st.sampled_from("ABCDEFGHXY"), max_size=3), min_size=1, max_size=8
)


@law
@given(GRAPHS)
def test_variables_stand_after_those_they_refer_to_or_a_cycle_is_named(graph: dict[str, list[str]]) -> None:
    env = [{"name": name, "value": "".join(f"$({to})" for to in targets)} for name, targets in graph.items()]
    if cyclic(graph):
        with pytest.raises(DocumentError, match="itself"):
            manifest(*env)
        return
    order = [variable.name for variable in manifest(*env).env]
    assert sorted(order) == sorted(graph)
    assert all(order.index(to) < order.index(name) for name in graph for to in graph[name] if to in graph)


def cyclic(graph: dict[str, list[str]]) -> bool:
    left = dict(graph)
    while free := [name for name, targets in left.items() if not any(target in left for target in targets)]:
        for name in free:
            del left[name]
    return bool(left)


def test_variables_without_references_keep_their_order() -> None:
    names = ["Z", "B", "A", "Y"]
    assert [variable.name for variable in manifest(*({"name": name, "value": "x"} for name in names)).env] == names


def test_a_variable_says_what_it_is_and_where_it_applies() -> None:
    (one,) = manifest(
        {
            "name": "ENDPOINT",
            "components": ["scheduler", "dag-processor"],
            "namespaces": ["airflow", "airflow-*"],
            "from": FROM,
            "onConflict": "deny",
            "onMissing": "deny",
            "reason": "SLA callbacks run\ninside the scheduler",
        }
    ).env
    assert one.source is not None
    assert (one.source.namespace, one.source.name, one.source.key) == ("pipelines", "callbacks", "K")
    assert hash(one.source) == hash(one.source.model_copy())
    assert (one.value, one.value_from, one.on_conflict, one.on_missing) == (None, None, "deny", "deny")
    assert one.reason == "SLA callbacks run inside the scheduler"
    assert one.applies(Component.DAG_PROCESSOR, "airflow-prod")
    assert not one.applies(Component.WORKER, "airflow")
    assert not one.applies(Component.SCHEDULER, "pipelines")


def test_a_variable_is_for_every_scheduler_by_default() -> None:
    (one,) = manifest({"name": "A", "value": ""}).env
    assert (one.value, one.containers, one.on_conflict, one.reason) == ("", "main", "keep", "")
    assert one.applies(Component.SCHEDULER, "anywhere")
    assert not one.applies(Component.TASK, "anywhere")


def test_a_reference_is_copied_as_it_is() -> None:
    reference = {"secretKeyRef": {"name": "slack", "key": "token", "optional": True}}
    (one,) = manifest({"name": "SLACK_TOKEN", "valueFrom": reference, "containers": ["base", "main"]}).env
    assert one.value_from == reference
    assert one.containers == ("base", "main")


def test_sources_are_the_config_maps_to_watch() -> None:
    both = {"from": FROM, "namespaces": ["a"], "reason": "r"}
    assert manifest({"name": "A", **both}, {"name": "B", **both}, {"name": "C", "value": "x"}).sources == {
        ("pipelines", "callbacks")
    }
    assert EMPTY.sources == frozenset()
    assert EMPTY.env == ()


def test_a_value_is_never_printed() -> None:
    (one,) = manifest({"name": "A", "value": "hunter2"}).env
    assert "hunter2" not in repr(one) + str(one)


@law
@given(st.lists(st.sampled_from([*"!*&@%{}[]|>'\"?:,#-", " ", "!!", ": ", "hunter2"]), max_size=6).map("".join))
def test_a_value_that_lacks_its_quotes_is_not_repeated(text: str) -> None:
    document = f"apiVersion: airlock/v1\nkind: RequiredEnv\nenv:\n  - name: A\n    value: {text}hunter2\n    bad: x\n"
    with pytest.raises(DocumentError) as error:
        read_manifest(document)
    assert "hunter2" not in str(error.value)


def test_many_entries_of_one_name_are_compared_in_bounded_time() -> None:
    many = [{"name": "A", "value": "x", "namespaces": [f"a{n}x*", f"b{n}x*", f"c{n}x*"]} for n in range(300)]
    with pytest.raises(DocumentError, match="keep one, or part their namespaces"):
        manifest(*many)


def test_a_name_for_each_of_many_namespaces_is_taken() -> None:
    assert len(manifest(*({"name": "A", "value": "x", "namespaces": [f"team-{n}"]} for n in range(400))).env) == 400


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "BASH_ENV", "ENV"),
        *(
            "PATH",
            "AIRFLOW_CONFIG",
            "AIRFLOW_HOME",
            "AIRFLOW__CORE__SQL_ALCHEMY_CONN_CMD",
            "AIRFLOW__CORE__DAGS_FOLDER",
        ),
        *("AIRFLOW__CORE__PLUGINS_FOLDER", "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__CORE__HOSTNAME_CALLABLE"),
        *("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"),
    ],
)
def test_a_name_that_runs_code_is_known(name: str) -> None:
    assert runs_code(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "MESSAGE_CALLBACK_ENDPOINT",
            "DEPLOY_ENV",
            "TZ",
            "HTTPS_PROXY",
            "PYTHONUNBUFFERED",
            "PYTHONDONTWRITEBYTECODE",
        ),
        *("AIRFLOW__CORE__PARALLELISM", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AIRFLOW__LOGGING__REMOTE_LOGGING"),
        *("AIRFLOW_VAR_REGION", "TOKEN_URL", "PASSWORD_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "KEY", "MY_PATH"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET",
    ],
)
def test_an_ordinary_name_is_neither_code_nor_secret(name: str) -> None:
    assert not runs_code(name)
    assert not holds_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "SLACK_TOKEN",
            "token",
            "DB_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "AIRFLOW__CORE__FERNET_KEY",
            "AIRFLOW_CONN_PG",
        ),
        *("AIRFLOW__WEBSERVER__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"),
        *("AIRFLOW__CELERY__BROKER_URL", "SENTRY_DSN", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
    ],
)
def test_a_name_that_holds_a_secret_is_known(name: str) -> None:
    assert holds_secret(name)


def test_the_schema_describes_every_field() -> None:
    definitions = schema()["$defs"]
    fields = definitions["Variable"]["properties"]
    assert {field.alias for field in Variable.model_fields.values()} == set(fields)
    assert all("description" in field for field in fields.values())
    assert schema()["required"] == ["apiVersion", "kind", "env"]
    assert "null" not in str(schema())
