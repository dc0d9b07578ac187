"""What labels say of the chart that made an object."""

from webhook.pods.provenance import version


def test_a_value_longer_than_a_label_can_be_names_no_version() -> None:
    assert version({"chart": "airflow-1.2.3" + "0" * 50}) == "1.2.3" + "0" * 50
    assert version({"chart": "airflow-1.2.3" + "0" * 51}) == ""


def test_a_forged_label_costs_no_more_than_an_ordinary_one() -> None:
    # The expression alone would begin again at each dash, which takes hours here.
    assert version({"chart": "-1.1.1" * 200_000 + " "}) == ""
