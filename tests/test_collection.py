"""What holds for the collection as a whole: its range, its records, README."""

import dataclasses
import importlib
import json
import pathlib

import pytest

from recipes.common import shelf

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()


def test_there_are_recipes_of_three_problem_types():
    kinds = {importlib.import_module(f"recipes.{name}").PROBLEM.rule.kind for name in NAMES}
    assert kinds >= {"binary", "multiclass", "regression"}


@pytest.mark.parametrize("name", NAMES)
def test_result_is_on_record_and_told_truly(name):
    recipe = importlib.import_module(f"recipes.{name}")
    record = shelf.record(name)
    if record is None:
        assert "Result: not measured" in recipe.__doc__
        return
    assert shelf.describe_result(name) in recipe.__doc__
    assert shelf.readme_row(name) in (ROOT / "README.md").read_text(encoding="utf-8")
    assert json.loads(json.dumps(record["config"])) == json.loads(
        json.dumps(dataclasses.asdict(recipe.Config()), default=str)
    ), "the record was made with other defaults: measure again"


def test_readmes_table_is_that_of_the_records():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start, end = shelf.MARKS
    assert readme.partition(start)[2].partition(end)[0].strip() == shelf.readme_table()
