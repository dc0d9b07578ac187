"""What lint costs, compared with what nobody can do without: parsing the files."""

import ast
from collections.abc import Callable
from functools import partial

import pytest

from tests.harness.cost import LINEAR, growth, ratio
from tests.lint.cases import FOLDER, linted, load
from webhook.lint.linted import Linted


def files(number: int) -> dict[str, str]:
    case = load(FOLDER / "text_goes_through_helpers_and_imports_of_the_same_folder.yaml").files
    dag = case.pop("dags/etl.py") + "\n\ndef more(x):\n    return [x + 1, {'a': x}, f'{x}']\n" * 40
    return {**case, **{f"dags/etl{at}.py": dag for at in range(number)}}


def test_a_folder_where_every_file_gives_a_callback_costs_a_few_times_its_parsing() -> None:
    content = files(60)
    assert ratio(lambda: linted(content), lambda: [ast.parse(text) for text in content.values()]) < 12


def test_the_cost_grows_with_the_number_of_files() -> None:
    assert growth(lambda number: partial(linted, files(number)), 6) < LINEAR


def test_calls_that_double_with_each_function_end_all_the_same() -> None:
    body = "".join(f"def f{at}(x):\n    f{at + 1}(x)\n    f{at + 1}(x)\n" for at in range(40))
    text = f"from airflow import DAG\ndef f40(x):\n    pass\n{body}DAG('x', on_failure_callback=lambda c: f0(c))\n"
    outcome = linted({"dags/a.py": text})
    assert outcome.findings == ()
    assert [str(one.place) for one in outcome.skipped] == ["dags/a.py"]


def test_a_file_that_is_cut_short_is_named_and_a_long_one_is_read_to_its_end() -> None:
    bad = "def bad(): pass\nDAG('x', on_failure_callback=bad)\n"
    calls = "def f40(x):\n    pass\n" + "".join(
        f"def f{at}(x):\n    f{at + 1}(x)\n    f{at + 1}(x)\n" for at in range(40)
    )
    outcome = linted({"dags/a.py": f"from airflow import DAG\n{calls}f0(1)\n{bad}"})
    assert [f"{one.place}: {one.text}" for one in outcome.skipped] == [
        "dags/a.py: was read only in part: its calls lead to more code than lint follows"
    ]
    items = "".join(f"    {{'a': {at}, 'b': [1, 2, 3]}},\n" for at in range(30_000))
    outcome = linted({"dags/a.py": f"from airflow import DAG\nx = [\n{items}]\n{bad}"})
    assert ([str(one.fault) for one in outcome.findings], outcome.skipped) == (["signature"], ())


@pytest.mark.parametrize(
    "line", ["a = a + a", "a += a", "a = [*a, *a]", "a.extend(a)", "a = same(*a, *a)", "a = (*a, *a)"]
)
def test_a_list_that_doubles_with_each_line_ends_all_the_same(line: str) -> None:
    text = "from airflow import DAG\ndef same(*a):\n    return a\na = [print]\n" + f"{line}\n" * 60
    assert linted({"dags/a.py": f"{text}DAG('x', on_failure_callback=a)\n"}).unusable == ()


def test_classes_whose_ancestors_double_with_each_level_end_all_the_same() -> None:
    levels = "".join(f"class A{at}(A{at - 1}, B{at - 1}): pass\nclass B{at}(B{at - 1}): pass\n" for at in range(1, 60))
    text = f"from airflow import DAG\nclass A0: pass\nclass B0: pass\n{levels}DAG('x', on_failure_callback=A59())\n"
    assert [str(one.fault) for one in linted({"dags/a.py": text}).findings] == ["not-callable"]


@pytest.mark.parametrize("entry", ["{{'a': {at}}},", "['{at}'],"], ids=["dicts", "lists"])
def test_the_cost_grows_with_the_items_of_a_list(entry: str) -> None:
    def work(number: int) -> Callable[[], object]:
        items = "\n".join(entry.format(at=at) for at in range(number))
        text = f"from airflow import DAG\nx = [\n{items}\n]\nfor one in x:\n    DAG('y', on_failure_callback=one)\n"
        return lambda: linted({"dags/a.py": text})

    assert growth(work, 400) < LINEAR


def test_the_cost_grows_with_the_keys_of_a_dict() -> None:
    def work(number: int) -> Callable[[], object]:
        items = "\n".join(f"'{at}': {at}," for at in range(number))
        text = f"from airflow import DAG\nx = {{\n{items}\n}}\nDAG('y', on_failure_callback=x['1'])\n"
        return lambda: linted({"dags/a.py": text})

    assert growth(work, 2000) < LINEAR


def test_a_callback_that_many_dags_have_is_followed_once() -> None:
    def work(number: int) -> Callable[[], object]:
        body = "    print(context['a'])\n" * number
        dags = "DAG('x', on_failure_callback=notify)\n" * number
        text = f"from airflow import DAG\ndef notify(context):\n{body}{dags}"
        return lambda: linted({"dags/a.py": text})

    assert growth(work, 60) < LINEAR


def test_partials_of_partials_end_with_a_sentence() -> None:
    text = "from functools import partial\nfrom airflow import DAG\na = print\n" + "a = partial(a, 1)\n" * 5000
    outcome = linted({"dags/a.py": f"{text}DAG('x', on_failure_callback=a)\n"})
    assert [one.text for one in outcome.unusable] == ["is nested too deeply to be followed"]


def test_branches_in_a_file_of_many_names_count_by_the_names_that_they_copy() -> None:
    def outcome(number: int) -> Linted:
        lines = "".join(f"v{at} = {at}\nif v{at}:\n    w = 1\n" for at in range(number))
        return linted({"dags/a.py": f"from airflow import DAG\n{lines}DAG('x', on_failure_callback=len)\n"})

    assert outcome(500).skipped == ()
    assert [str(one.place) for one in outcome(8000).skipped] == ["dags/a.py"]
