"""What airlock fix prints: each value with its reason."""

from webhook.report.patch import Change, Patch, values


def test_a_reason_stands_once_above_its_value_with_the_workloads_that_it_is_for() -> None:
    changes = [Change("images.airflow.pullPolicy", "Always", "tag 'main' is mutable", f"Deployment {n}") for n in "abb"]
    changes.append(Change("images.pod_template.pullPolicy", "Always", "tag 'main' is mutable", "task Pod c"))
    body = values(Patch(tuple(changes))).partition("images:\n")[2]
    assert body.splitlines() == [
        "  airflow:",
        "    # tag 'main' is mutable; for:",
        "    # - Deployment a",
        "    # - Deployment b",
        "    pullPolicy: Always",
        "  pod_template:",
        "    # task Pod c: tag 'main' is mutable",
        "    pullPolicy: Always",
    ]
