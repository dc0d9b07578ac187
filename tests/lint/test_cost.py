"""What lint costs, compared with what nobody can do without: parsing the files."""

import ast
from functools import partial

from tests.harness.cost import LINEAR, growth, ratio
from tests.lint.cases import FOLDER, linted, load


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
    assert linted({"dags/a.py": text}).findings == ()
