"""Rows that belong together: groups stay in one split, and copies of a row are taken once."""

import json
import pathlib

import numpy as np
import pandas as pd
import pytest
from test_tabular import configured, start

from keras_recipes import checks
from keras_recipes.checks.rules import tables
from keras_recipes.commands import copy
from keras_recipes.data import own_table, splits
from keras_recipes.errors import InputError
from keras_recipes.features import own_tables
from keras_recipes.runs import run
from recipes import tabular
from tuning.options import Options

SOURCE = splits.Source("rows", "real", "made here", "none")
RNG = np.random.default_rng(0)
ROWS = 600


def groups_of(*parts):
    return [set(part.groups.tolist()) for part in parts]


def parts_of(data):
    return data.train, data.validation, data.test


def visits(num_patients=60, num_visits=10, **named):
    """Rows of patients, each of whom is sick in every row or in none."""
    patient = np.repeat(np.arange(num_patients), num_visits)
    rng = np.random.default_rng(1)
    own = {"x": rng.normal(size=(num_patients, 1)), "z": rng.normal(size=(num_patients, 1))}
    noise = rng.normal(size=(num_patients, num_visits)) / 10
    values = {name: (mean + noise).ravel().round(3) for name, mean in own.items()}
    sick = np.where(patient % 5 < 2, "yes", "no")
    names = [f"P{number:03}" for number in patient]
    return pd.DataFrame({"patient": names, **values, "sick": sick, **named})


# --- splits by groups ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["names", "numbers", "a Series"])
def test_rows_of_one_group_stay_in_one_split(kind):
    numbers = np.repeat(np.arange(50), 6)
    groups = {"names": numbers.astype(str), "numbers": numbers, "a Series": pd.Series(numbers)}
    y = (numbers % 4 == 0).astype(int)
    data = splits.split(np.arange(300), y, SOURCE, 0, groups=groups[kind])
    assert [len(part) for part in parts_of(data)] == [180, 60, 60]
    train, validation, test = groups_of(*parts_of(data))
    assert not train & validation | train & test | validation & test
    assert sorted(np.concatenate([part.x for part in parts_of(data)])) == list(range(300))
    for part in parts_of(data):
        assert np.array_equal(part.groups.astype(int), part.x // 6), "rows keep their group"
        assert part.y.mean() == pytest.approx(y.mean(), abs=0.1), "classes as far as groups allow"


def test_fractions_are_met_with_groups_of_any_size():
    sizes = RNG.integers(1, 40, 200)
    groups = np.repeat(np.arange(200), sizes)
    y = RNG.normal(size=len(groups))
    data = splits.split(y, y, SOURCE, 3, 0.1, 0.3, groups=groups)
    found = [len(part) / len(y) for part in parts_of(data)]
    assert found == pytest.approx([0.6, 0.1, 0.3], abs=0.01)


def test_seeds_draw_other_groups_and_the_same_seed_the_same():
    groups = np.repeat(np.arange(40), RNG.integers(3, 9, 40))
    x = np.arange(len(groups))
    tests = [splits.split(x, x, SOURCE, seed, groups=groups).test for seed in (0, 0, 1)]
    assert np.array_equal(tests[0].x, tests[1].x)
    assert groups_of(tests[0]) != groups_of(tests[2])


def test_folds_keep_groups_together_and_test_each_row_once():
    groups = np.repeat(np.arange(30), 5)
    data = splits.split(np.arange(150), groups % 3, SOURCE, 0, groups=groups)
    tested = []
    for fold in data.folds(5, 0):
        train, validation, test = groups_of(*parts_of(fold))
        assert not train & validation | train & test | validation & test
        assert np.bincount(fold.test.y).tolist() == [10, 10, 10]
        tested += fold.test.x.tolist()
    assert sorted(tested) == list(range(150))
    for fold in data.validation_folds(4, 0):
        train, validation, test = groups_of(*parts_of(fold))
        assert not train & validation | train & test | validation & test
        assert groups_of(fold.merge_validation().train) == [train | validation]


def test_one_huge_group_leaves_no_split_empty():
    groups = np.array([0] * 94 + [1, 2, 3, 4, 5, 6])
    data = splits.split(np.arange(100), np.zeros(100, int), SOURCE, 0, groups=groups)
    assert [len(part) > 0 for part in parts_of(data)] == [True] * 3
    assert 0 in groups_of(data.train)[0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1] * 10, "received 2 groups of rows, expected at least 3"),
        (range(19), r"received shape \(19,\) for 20 rows"),
        ([None, "a", "b", "c"] * 5, "received 5 missing values"),
    ],
)
def test_groups_that_cannot_be_split_by_are_refused(groups, message):
    with pytest.raises(InputError, match=message):
        splits.split(np.arange(20), np.arange(20), SOURCE, 0, groups=np.array(groups))


def test_more_folds_than_groups_are_refused():
    groups = np.repeat(np.arange(6), 5)
    data = splits.split(np.arange(30), np.arange(30), SOURCE, 0, groups=groups)
    with pytest.raises(InputError, match="received 6 groups of rows, expected at least 7"):
        data.folds(7, 0)
    without = splits.Split(data.test.x, data.test.y)
    mixed = splits.Splits(data.train, data.validation, without, SOURCE)
    with pytest.raises(InputError, match="known for all parts or none"):
        mixed.folds(3, 0)


# --- a table of the user's ----------------------------------------------------------------------


def test_a_table_is_split_by_its_groups_and_does_not_learn_from_them():
    table = own_table.read(visits(), "sick", group="patient")
    assert list(table.x) == ["x", "z"]
    assert (table.source.group, table.source.num_groups) == ("patient", 60)
    train, validation, test = groups_of(*parts_of(table.split(0)))
    assert not train & validation | train & test | validation & test
    assert list(map(len, (train, validation, test))) == [36, 12, 12]


def test_a_row_without_a_group_stands_alone(caplog):
    rows = visits()
    rows.loc[:4, "patient"] = None
    table = own_table.read(rows, "sick", group="patient")
    assert "5 rows without a value of 'patient'" in caplog.text
    assert table.source.num_groups == 65


def test_groups_of_one_row_each_are_said(caplog):
    own_table.read(visits(x=range(ROWS)).assign(row=RNG.random(ROWS)), "sick", group="row")
    assert "no value of 'row' comes twice" in caplog.text


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"group": "Patient"}, "no column 'Patient' to keep rows together by; did you mean"),
        ({"group": "patient", "time": "x"}, "received both, expected one of the two"),
        ({"group": "sick"}, "is the target"),
        ({"group": "patient", "categorical": ("patient",)}, "named by --group"),
        ({"group": "clinic"}, "one value in all rows"),
    ],
)
def test_a_group_that_cannot_be_is_refused_in_one_line(wishes, message):
    with pytest.raises(InputError, match=message) as refused:
        own_table.read(visits(clinic="north"), "sick", **wishes)
    assert "\n" not in str(refused.value)


def test_groups_are_recorded_and_new_rows_need_none(tmp_path, capsys):
    table = own_table.read(visits(), "sick", group="patient")
    recorded = run.describe_data(table.split(0))
    assert recorded["groups"] == {"train": 36, "validation": 12, "test": 12}
    assert (recorded["group"], recorded["num_groups"]) == ("patient", 60)
    new = tmp_path / "new.csv"
    visits().drop(columns=["patient", "sick"]).to_csv(new, index=False)
    assert len(own_table.read_rows(new, table.source).x) == ROWS
    *_, last = own_tables.OwnTables(table.source).describe()
    assert last == "60 groups of rows by patient; each group is in one split"


@pytest.mark.second_tier
def test_a_run_by_groups_writes_them_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    visits().to_csv("visits.csv", index=False)
    metrics = start(pathlib.Path("run"), "visits.csv", "sick", group="patient", epochs=1)
    assert metrics["data"]["groups"] == {"train": 36, "validation": 12, "test": 12}
    assert json.loads(pathlib.Path("run/config.json").read_text())["group"] == "patient"
    schema = json.loads(pathlib.Path("run/schema.json").read_text())
    assert schema["inputs"]["table"]["group"] == "patient"


def test_a_copied_project_and_a_search_keep_the_column(tmp_path):
    path = tmp_path / "visits.csv"
    visits().to_csv(path, index=False)
    config = configured(path, "sick", group="patient")
    source = copy.project("tabular", "mine", config)["recipes/mine.py"].decode()
    assert "    group: str | None = 'patient'\n" in source
    options = Options(recipe="tabular", csv=path, target="sick", group="patient")
    assert options.fixed(0)["group"] == "patient"


# --- what tells of groups -----------------------------------------------------------------------


def found(table):
    facts = tables.Table.gather(table.split(0), with_test=True)
    return [(one.id, one.fix) for rule in tables.RULES for one in rule.find(facts)]


def many(num_patients=1200):
    """Patients by so many numbers that the column counts as an identifier."""
    rows = visits(num_patients, 2)
    return rows.assign(patient=np.repeat(RNG.permutation(90000)[:num_patients], 2)).rename(
        columns={"patient": "patient_id"}
    )


def with_values(num_patients=60):
    rows = visits(num_patients)
    return rows.assign(sick=rows.groupby("patient")["x"].transform("first") * 7)


TELLING = {
    "names": (visits, "patient"),
    "few patients of many rows": (lambda: visits(30, 20), "patient"),
    "numbers of many patients": (many, "patient_id"),
    "a value for each patient": (with_values, "patient"),
    "two columns": (lambda: visits(city=np.repeat([f"c{n}" for n in range(30)], 20)), "patient"),
    "a visit inside": (
        lambda: visits(visit=[f"v{n}" for n in np.repeat(np.arange(300), 2)]),
        "patient",
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        case
        if case in ("names", "numbers of many patients")
        else pytest.param(case, marks=pytest.mark.second_tier)
        for case in TELLING
    ],
)
def test_a_column_of_groups_is_named(case):
    make, name = TELLING[case]
    rows = make()
    assert ("D26", f"--group {name}") in (told := found(own_table.read(rows, "sick")))
    assert len(told) == 1, "no other rule advises to drop it"
    assert found(own_table.read(rows, "sick", group=name)) == []


def test_a_column_is_named_where_another_is_grouped_by():
    rows = visits(other=[f"o{n}" for n in RNG.integers(0, 50, ROWS)])
    assert found(own_table.read(rows, "sick", group="other")) == [("D26", "--group patient")]


def codes(num_values, rows=ROWS):
    return np.array([f"c{n}" for n in RNG.integers(0, num_values, rows)])


def effect(values, size=1.0):
    """The mean of each value, and noise."""
    _, numbers = np.unique(values, return_inverse=True)
    return RNG.normal(size=numbers.max() + 1)[numbers] * size + RNG.normal(size=len(values))


def of(values, y):
    return pd.DataFrame({"x": RNG.normal(size=ROWS), "z": values, "sick": y})


NOT_TELLING = {
    "strong categories": lambda: of(z := codes(60), np.where(effect(z, 2) > 0, "yes", "no")),
    "prices of districts": lambda: of(z := codes(40), effect(z, 3)),
    "few categories": lambda: of(z := codes(5), np.where(np.isin(z, ["c1", "c2"]), "yes", "no")),
    "an age that decides": lambda: of(
        z := RNG.integers(18, 90, ROWS), np.where(z + RNG.normal(size=ROWS) > 64, "yes", "no")
    ),
    "a number that decides": lambda: of(z := RNG.integers(0, 99, ROWS), z * 3.5 + effect(z, 0)),
    "pairs by chance": lambda: of(codes(250), np.where(RNG.random(ROWS) < 0.5, "yes", "no")),
    "a rare class": lambda: of(codes(60), np.where(np.arange(ROWS) < 12, "yes", "no")),
    "patients who change": lambda: of(codes(60), np.where(RNG.random(ROWS) < 0.3, "yes", "no")),
}


@pytest.mark.second_tier
@pytest.mark.parametrize("case", NOT_TELLING)
def test_an_ordinary_column_is_not(case):
    assert "D26" not in [rule for rule, _ in found(own_table.read(NOT_TELLING[case](), "sick"))]


def test_a_class_in_too_few_groups_is_named_and_no_shuffling_advised(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    rows = visits()
    rows["sick"] = np.where(rows["patient"] < "P002", "yes", "no")
    rows.to_csv("visits.csv", index=False)
    config = configured("visits.csv", "sick", group="patient")
    data = tabular.load_data(config)
    model = tabular.build_model(config, data)
    checks.PreFlight(tabular.IGNORED_CHECKS).look_at_data(model, data, config=config)
    assert "groups of rows with a class: 2 of 'yes'" in caplog.text
    assert "S1" not in caplog.text


# --- copies -------------------------------------------------------------------------------------


def answers(rows=400, questions=12):
    """A questionnaire: columns that go together, of five values each."""
    rng = np.random.default_rng(2)
    general = rng.normal(size=(rows, 1))
    cells = np.clip(np.round(3 + general + rng.normal(size=(rows, questions)) * 0.7), 1, 5)
    named = {f"q{n}": cells[:, n].astype(int) for n in range(questions)}
    return pd.DataFrame({**named, "sick": np.where(rng.random(rows) < 0.5, "yes", "no")})


def numbered(rows=400):
    cells = {f"c{n}": RNG.integers(0, 3, rows) for n in range(4)}
    names = [f"name {n}" for n in range(rows)]
    return pd.DataFrame({"name": names, **cells, "sick": np.where(cells["c0"] > 1, "yes", "no")})


def again(rows, fraction):
    return pd.concat([rows, rows.sample(frac=fraction, random_state=0)], ignore_index=True)


@pytest.mark.parametrize("fraction", [0.05, pytest.param(1.0, marks=pytest.mark.second_tier)])
@pytest.mark.parametrize("make", [answers, numbered])
def test_copies_of_whole_rows_are_taken_once(make, fraction, caplog):
    rows = make()
    num_alike = int(rows.duplicated().sum())
    table = own_table.read(again(rows, fraction), "sick")
    count = int(len(rows) * fraction) + num_alike
    assert f"{count} rows are copies of others in every column; each" in caplog.text
    assert table.source.num_copies == count
    kinds = {one.name: one.kind for one in table.source.columns}
    assert kinds.get("name", "left out") == "left out", "a name stays one where rows come twice"


def test_copies_under_new_names_are_taken_once_too(caplog):
    rows = again(answers(), 0.5)
    table = own_table.read(rows.assign(name=[f"name {n}" for n in range(len(rows))]), "sick")
    assert table.source.num_copies >= 200
    assert "copies of others in every column that is used" in caplog.text


BY_NATURE = {
    "few columns of two values": lambda: {f"b{n}": RNG.integers(0, 2, ROWS) for n in range(5)},
    "many columns of two values": lambda: {f"b{n}": RNG.integers(0, 2, ROWS) for n in range(12)},
    "rare ones": lambda: {f"b{n}": (RNG.random(ROWS) < 0.05) * 1 for n in range(30)},
    "a town and its region": lambda: {"t": (t := RNG.integers(0, 40, ROWS)), "r": t // 4},
    "rounded": lambda: {f"r{n}": RNG.normal(size=ROWS).round(1) for n in range(2)},
}


@pytest.mark.parametrize("case", BY_NATURE)
def test_rows_alike_by_nature_are_kept(case, caplog):
    rows = pd.DataFrame(BY_NATURE[case]()).assign(sick=np.where(np.arange(ROWS) % 2, "yes", "no"))
    assert rows.duplicated().any()
    assert own_table.read(rows, "sick").source.num_copies == 0
    assert "copies" not in caplog.text
