"""What is doubtful is said when it is read, once, and never with a value."""

import structlog.testing

from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.serving.cautions import Values, noted
from webhook.variables.known import Absence, ConfigMaps

SOURCE = "from: {configMap: {namespace: pipelines, name: callbacks, key: K}}, reason: r, namespaces: [airflow]"
MANIFEST = read_manifest(f"apiVersion: airlock/v1\nkind: RequiredEnv\nenv:\n- {{name: TOPIC, {SOURCE}}}\n")
PLACE = ("pipelines", "callbacks")


def test_a_document_that_is_read_is_told_with_its_cautions() -> None:
    with structlog.testing.capture_logs() as logs:
        noted("policy", read_policy)('apiVersion: airlock/v1\nkind: Policy\ntaskCreators: ["*"]\n')
    (told,) = logs
    assert told["log_level"] == "warning"
    assert told["text"].startswith("policy: line 3: taskCreators[0]: '*' means everybody")


def test_a_value_that_ends_with_a_line_break_is_told_once_as_long_as_it_does() -> None:
    values = Values()
    with structlog.testing.capture_logs() as logs:
        for value in ("hunter2\n", "hunter3\n", "hunter4", "hunter5\r\n"):
            values.look(MANIFEST, {PLACE: {"K": value}})
    line = "key 'K' of ConfigMap pipelines/callbacks ends with a line break, which becomes a part of TOPIC"
    assert [each["text"] for each in logs] == [line, line]


def test_what_cannot_be_had_has_no_line_break() -> None:
    with structlog.testing.capture_logs() as logs:
        nothing: tuple[ConfigMaps | None, ...] = (None, {}, {PLACE: Absence.MISSING}, {PLACE: {}})
        for known in nothing:
            Values().look(MANIFEST, known)
    assert logs == []
