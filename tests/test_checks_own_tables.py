"""Traps in a table of one's own are found before training, and right tables are left alone."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from keras_recipes import checks
from keras_recipes.checks.rules import tables
from keras_recipes.data import own_table, splits
from keras_recipes.errors import InputError

ROWS = 300
DICE = np.random.default_rng(0)
X = DICE.normal(size=ROWS)
NUMBER = (X * 3 + DICE.normal(size=ROWS)).round(2)
Z, YEARS = DICE.random(ROWS), DICE.integers(1, 45, ROWS)
COUNT = DICE.integers(-50, 50, ROWS)
MANY = np.linspace(-9, 9, ROWS)[DICE.permutation(ROWS)]
CLASS = np.where(X + DICE.normal(size=ROWS) > 0, "yes", "no")
DAYS = pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d").to_numpy()


def read(y=CLASS, **named):
    """A table of x, y and the columns named, through a file."""
    pd.DataFrame({"x": X, **named, "y": y}).to_csv("table.csv", index=False)
    return own_table.read("table.csv", "y")


def found(table, **changes):
    """What the rules find in its parts, the test part included."""
    parts = dataclasses.replace(table.split(0), **changes)
    facts = tables.Table.gather(parts, with_test=True)
    return [finding for rule in tables.RULES for finding in rule.find(facts)]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def few(count):
    return np.where(np.arange(ROWS) < count, "maybe", CLASS)


# The table, the rule, and words of the finding.
TRAPS = {
    "equal": (lambda: read(alive=CLASS), "D16", "column 'alive'"),
    "other words": (lambda: read(state=np.where(CLASS == "yes", "open", "shut")), "D16", "'state'"),
    "numbers for the classes": (lambda: read(z=np.where(CLASS == "yes", 0.5, -2)), "D16", "'z'"),
    "beyond a threshold": (lambda: read(z=np.where(CLASS == "yes", 5, 0) + X / 10), "D16", "'z'"),
    "gaps": (lambda: read(boat=np.where(CLASS == "yes", DICE.random(ROWS), np.nan)), "D16", "boat"),
    "part of the classes": (
        lambda: read(np.array(["a", "b", "c"])[np.arange(ROWS) % 3], z=np.arange(ROWS) % 3 * 1.5),
        "D16",
        "'z'",
    ),
    "target twice": (lambda: read(NUMBER, price=NUMBER), "D16", "'price'"),
    "other currency": (lambda: read(NUMBER, price=NUMBER * 1.1 + 7), "D16", "--drop price"),
    "other scale": (lambda: read(NUMBER, price=np.exp(-NUMBER)), "D16", "'price'"),
    "group": (
        lambda: read(np.arange(ROWS) % 30 / 7, z=np.arange(ROWS) % 30 * 7 % 30 + 0.5),
        "D16",
        "'z'",
    ),
    "one class is one number": (
        lambda: read(z=np.where(CLASS == "yes", 0, DICE.exponential(100, ROWS))),
        "D16",
        "'z'",
    ),
    "rounded": (lambda: read(NUMBER, price=(NUMBER * 9).round()), "D16", "'price'"),
    "target is rounded": (lambda: read((MANY * 4).round(), price=MANY), "D16", "'price'"),
    "both are rounded": (
        lambda: read((MANY * 20).round(), price=(MANY * 44).round()),
        "D16",
        "'price'",
    ),
    "two columns": (lambda: read(**{"a b": CLASS, "c": CLASS}), "D16", "--drop 'a b' c"),
    "numbered rows": (lambda: read(row=np.arange(ROWS) * 3 + 7), "D17", "column 'row'"),
    "numbered from the end": (lambda: read(row=9000 - np.arange(ROWS) * 3), "D17", "'row'"),
    "in order of time": (lambda: read(day=DAYS), "D18", "--time day"),
    "change with time": (
        lambda: read(NUMBER + (order := DICE.permutation(ROWS)) / 30, day=DAYS[order]),
        "D18",
        "a target that changes with column 'day'",
    ),
    "class of 4 rows": (lambda: read(few(4)), "D19", "4 of 'maybe' among 300 rows"),
    "more columns than rows": (
        lambda: read(**{f"z{n}": DICE.normal(size=ROWS) for n in range(200)}),
        "D20",
        "180 training rows with 201 columns",
    ),
}


@pytest.mark.parametrize("case", TRAPS)
def test_trap_is_found(case):
    make, rule, said = TRAPS[case]
    (finding,) = found(make())
    assert (finding.id, finding.level) == (rule, "warning")
    assert said in str(finding)


RIGHT = {
    "classes": lambda: read(z=DICE.normal(size=ROWS)),
    "numbers": lambda: read(NUMBER, z=DICE.normal(size=ROWS)),
    "strong column": lambda: read(NUMBER, z=NUMBER + DICE.normal(size=ROWS) / 3),
    "threshold": lambda: read(np.where(Z > 0.3, "yes", "no"), z=Z),
    "threshold of whole numbers": lambda: read(np.where(YEARS >= 18, "yes", "no"), z=YEARS),
    "two clusters, one wide": lambda: read(
        z=np.where(CLASS == "yes", 6 + DICE.random(ROWS), 5 * Z)
    ),
    "quantity and amount": lambda: read(
        (COUNT * 123.4 + DICE.normal(size=ROWS)).round(2), quantity=COUNT
    ),
    "words": lambda: read(z=DICE.choice(["a", "b", "c"], ROWS), w=DICE.choice(list("def"), ROWS)),
    "gaps": lambda: read(z=np.where(DICE.random(ROWS) < 0.5, DICE.random(ROWS), np.nan)),
    "many words": lambda: read(z=[f"w{n}" for n in DICE.integers(0, 100, ROWS)]),
    "days of birth": lambda: read(day=DICE.permutation(DAYS)),
    "rare class": lambda: read(few(12)),
    "years": lambda: read(year=DICE.integers(1990, 2020, ROWS)),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_table_is_left_alone(case):
    assert found(RIGHT[case]()) == []


def test_split_by_time_is_what_the_rule_asks_for():
    read(day=DAYS)
    assert found(own_table.read("table.csv", "y", time="day")) == []


def test_constant_columns_and_identifiers_have_been_left_out():
    table = read(one=1, key=[f"k{n}" for n in range(ROWS)], number=np.arange(ROWS))
    assert list(table.x) == ["x"]
    assert found(table) == []


def test_test_rows_stay_closed_in_a_search():
    parts = read(few(4)).split(0)
    assert len(tables.Table.gather(parts, with_test=False).y) == 2
    assert len(tables.Table.gather(parts, with_test=True).y) == 3


def test_other_data_are_not_looked_at():
    parts = splits.split(X[:, None], NUMBER, splits.Source("", "real", "", ""), 0)
    assert tables.Table.gather(parts, with_test=True) is None


def test_the_check_before_training_tells_of_them(caplog):
    from keras_recipes import training
    from recipes import tabular

    read(alive=CLASS)
    config = tabular.Config(csv="table.csv", target="y", batch_size=32, hidden_units=(8,))
    ignore = tabular.IGNORED_CHECKS
    training.prepare(tabular, config, tabular.load_data(config), check=checks.PreFlight(ignore))
    told = [record.getMessage().partition(": ")[0] for record in caplog.records]
    assert told == ["tables/column-reveals-target (D16)"], "and D12 does not tell of it again"
    check, data = checks.PreFlight(ignore, strict=True), tabular.load_data(config)
    with pytest.raises(InputError, match="D16"):
        training.prepare(tabular, config, data, check=check)


def test_columns_of_any_scale_are_left_to_the_layer_that_is_adapted_later(caplog):
    from keras_recipes import training
    from recipes import tabular

    pd.DataFrame({"a": X * 0.047, "b": DICE.normal(size=ROWS) / 21, "y": CLASS}).to_csv("table.csv")
    config = tabular.Config(csv="table.csv", target="y", batch_size=32, hidden_units=(8,))
    check = checks.PreFlight(tabular.IGNORED_CHECKS, strict=True)
    training.prepare(tabular, config, tabular.load_data(config), check=check)
    assert not caplog.records


def test_rules_are_registered():
    assert {rule.id for rule in tables.RULES} <= {rule.id for rule in checks.RULES}
