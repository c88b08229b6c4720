"""A cell is a value and a unit, for learning, for the target, for flags and for new rows alike."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from keras_recipes import reading
from keras_recipes.data import own_table
from keras_recipes.errors import InputError

ROWS = 60
X = [f"{row * 37 % 101 / 10}" for row in range(ROWS)]
Y = ["yes" if row % 3 else "no" for row in range(ROWS)]


def text(**named):
    """A file of 60 rows: x with numbers, y with yes and no, and the columns named, cells quoted."""
    named = {"x": X, "y": Y, **named}
    columns = [[name, *(list(cells) * ROWS)[:ROWS]] for name, cells in named.items()]
    return "\n".join(
        ",".join(f'"{double(cell)}"' for cell in row) for row in zip(*columns, strict=True)
    )


def double(cell):
    return str(cell).replace('"', '""')


def load(content, target="y", **wishes):
    with open("table.csv", "w") as file:
        file.write(content + "\n")
    return own_table.read("table.csv", target, **wishes)


def column(table, name="z"):
    (found,) = (one for one in table.source.columns if one.name == name)
    return found


def kept(source):
    """The source as schema.json keeps it."""
    values = json.loads(json.dumps(dataclasses.asdict(source)))
    return reading.checked(values, own_table.Source, "table")


def predict(table, *cells, name="z"):
    """New rows with these cells, in the notation that stands in schema.json."""
    with open("new.csv", "w") as file:
        file.write(f'x,"{name}"\n' + "".join(f'1,"{double(cell)}"\n' for cell in cells))
    return own_table.read_rows("new.csv", kept(table.source)).x.get(name, pd.Series()).tolist()


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# Cells of a column, the unit that its numbers are in, and these numbers.
UNITS = {
    "lakh and crore": (["40 Lac", "1.07 Cr"], "", [4e6, 1.07e7]),
    "K and M of a currency": (["€468K", "€0.8M"], "€", [468e3, 8e5]),
    "German magnitudes": (["1.2 Mio. €", "900 Tsd. €"], "€", [1.2e6, 9e5]),
    "English words": (["1.5 million", "200 thousand"], "", [1.5e6, 2e5]),
    "Korean money": (["3억 5,000만원", "8,000만원", "5억"], "₩", [3.5e8, 8e7, 5e8]),
    "Chinese and Japanese": (["2.4万", "1.3亿", "2億"], "", [24e3, 1.3e8, 2e8]),
    "a million or a metre": (["1.2m", "987k"], "", [1.2e6, 987e3]),
    "a metre or a million": (["1.80 m", "175 cm", "170 cm"], "cm", [180, 175, 170]),
    "a minute or a metre": (["30 m", "2 h", "3 h"], "h", [0.5, 2, 3]),
    "kilograms": (["70 kg", "75 kg", "155 lb"], "kg", [70, 75, 70.30681735]),
    "feet and inches": (["5'11\"", "6'", "5 ft 10 in"], "ft", [71 / 12, 6, 70 / 12]),
    "French heights": (["1m80", "1m75"], "m", [1.8, 1.75]),
    "durations": (["2h 50m", "15h", "1:30"], "h", [17 / 6, 15, 1.5]),
    "degrees": (["20 °C", "25 °C", "-4 °F"], "°C", [20, 25, -20]),
    "areas": (["84 m²", "59 m2", "25평"], "m²", [84, 59, 25 * 400 / 121]),
    "files": (["1 GB", "2 GB", "512MB"], "GB", [1, 2, 0.512]),
    "per cent and shares": (["12 %", "35 %", "40 %", "0.12"], "%", [12, 35, 40, 12]),
    "per cent and bare": (["12 %", "3.5 %", "15"], "%", [12, 3.5, 15]),
    "rates": (["4.1/5", "3.9/5", "8/10"], "/5", [4.1, 3.9, 4]),
    "rupees": (["Rs. 1.2 Lakh", "₹ 80,000"], "₹", [120e3, 80e3]),
    "even amounts": (["1,200/-", "300/-"], "", [1200, 300]),
    "rooms": (["1 room", "2 rooms"], "room", [1, 2]),
    "minus behind": (["12-", "7.5", "1,200.50-"], "", [-12, 7.5, -1200.5]),
    "below a limit": (["<0.2", "1.25", "~3", "10+"], "", [0.2, 1.25, 3, 10]),
}


# Every third in the quick tier.
IN_TIERS = [
    pytest.param(case, marks=pytest.mark.second_tier if place % 3 else ())
    for place, case in enumerate(UNITS)
]


@pytest.mark.parametrize("case", IN_TIERS)
def test_a_column_is_read_in_one_unit_as_column_as_target_and_as_new_row(case):
    cells, unit, values = UNITS[case]
    table = load(text(z=cells))
    assert (column(table).kind, column(table).notation.unit) == ("number", unit)
    assert table.x["z"].tolist()[: len(cells)] == pytest.approx(values)
    assert predict(table, *cells) == pytest.approx(values)
    asked = load(text(z=cells), numeric=["z"])
    assert asked.x["z"].tolist() == table.x["z"].tolist()
    goal = load(text(z=cells), "z", problem="regression")
    assert goal.y.tolist()[: len(cells)] == pytest.approx(values)
    assert goal.source.target_notation.unit == unit


def test_points_that_part_thousands_are_told_from_decimals():
    rows = "".join(f"{1000 + row * 37:,};{row}\n".replace(",", ".") for row in range(40))
    table = load("z;y\n733;1\n" + rows, problem="regression")
    assert table.x["z"].tolist()[:3] == [733, 1000, 1037]
    assert "'733' is" not in column(table).reason
    assert "is 1000" in column(table).reason
    decimals = load("z;y\n" + "".join(f"{row}.{row}1;{row}\n" for row in range(10, 50)))
    assert decimals.x["z"].iloc[0] == 10.101


def test_a_unit_in_one_of_a_thousand_cells_is_not_thrown_away():
    rows = "".join(f"{60 + row % 30} kg,{row % 2}\n" for row in range(1999))
    table = load("z,y\n220 lb,1\n" + rows)
    assert table.x["z"].iloc[0] == pytest.approx(99.790321)
    assert "1 in lb brought to kg" in column(table).reason


def test_a_unit_among_numbers_without_one_is_not_guessed():
    bare = [f"{weight}.5" for weight in range(60, 119)]
    table = load(text(z=[*bare, "255 lb"]))
    assert np.isnan(table.x["z"].iloc[-1])
    assert "1 in a unit without a known factor, such as '255 lb'" in column(table).reason
    named = load(text(**{"z (kg)": [*bare, "255 lb"]}))
    assert named.x["z (kg)"].iloc[-1] == pytest.approx(115.666054), "by the column's name"


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (["$5.5", "€6"], r"\$ in 30 rows, € in 30 rows"),
        (["5.5 kg", "6 m"], "kg in 30 rows, m in 30 rows"),
        (["$5", "€6", "12%"], "% in 20 rows"),
    ],
)
def test_units_without_a_factor_between_them_are_refused_by_name(cells, named, caplog):
    many = [cell.replace("5", str(row), 1) for row in range(10, 40) for cell in cells][:ROWS]
    for how in ({"target": "z"}, {"target": "z", "problem": "regression"}, {"numeric": ["z"]}):
        with pytest.raises(InputError, match=named):
            load(text(z=many), **how)
    assert column(load(text(z=many))).kind != "number"
    assert "column 'z' holds units without a known factor" in caplog.text


def test_another_unit_in_new_rows_is_converted_or_named(caplog):
    table = load(text(z=["70 kg", "75 kg"]))
    new = predict(table, "154 lb", "80", "5 m", "80 kg", "heavy")
    assert new[:2] == pytest.approx([69.85322498, 80])
    assert new[3] == 80
    assert np.isnan([new[2], new[4]]).all()
    for said in (
        "column 'z': 1 of 5 rows are in lb, such as '154 lb'; brought to kg",
        "column 'z': 1 of 5 rows have no unit, as no row had in training, such as '80'; they are",
        "column 'z': 1 of 5 rows have a unit, such as '5 m'; the training had kg, and no factor is",
        "column 'z': 1 of 5 rows hold no number, such as 'heavy'; they count as missing",
    ):
        assert said in caplog.text
    caplog.clear()
    assert predict(table, "70 kg", "") == [70, pytest.approx(np.nan, nan_ok=True)]
    assert not caplog.records


def test_a_magnitude_of_another_size_means_the_same():
    wages = load(text(z=["€468K", "€97K", "€1.2M"]))
    thousands, millions = predict(wages, "€800K", "€0.8M")
    assert thousands == millions == 8e5


def test_new_numbers_where_training_had_no_unit(caplog):
    table = load(text(z=["0.12", "0.5", "0.75"]))
    assert predict(table, "12 %", "0.3") == [0.12, 0.3]
    assert "have a unit, as no row had in training, such as '12 %'" in caplog.text
    assert np.isnan(predict(load(text(z=["12.5", "50"])), "12 %", "3")[0]), "12 or 0.12?"


@pytest.mark.parametrize("cells", [["<=50K", ">50K"], ["2+", "2-", "2", "1+", "1"], ["A-", "B+"]])
def test_marks_that_make_the_meaning_are_words(cells):
    table = load(text(z=cells))
    assert column(table).kind == "category"
    assert table.x["z"].iloc[0] == cells[0]


@pytest.mark.parametrize(
    ("learned", "new", "said"),
    [
        (["31/12/2020", "01/02/2020"], ["12/31/2021", "01/02/2021"], "has the month first"),
        (["12/31/2020", "01/02/2020"], ["31/12/2021"], "has the day first"),
        (["2020-12-31", "2020-02-01"], ["01/02/2021"], "day or month may come first"),
    ],
)
def test_new_dates_in_another_order_are_refused(learned, new, said):
    table = load(text(z=learned))
    with pytest.raises(InputError, match=said):
        predict(table, *new)


def counted(code, others=range(7)):
    """A column of numbers and a code in each fourth row."""
    others = list(others)
    return [code if row % 4 == 0 else others[row % len(others)] for row in range(ROWS)]


def test_clear_codes_for_gaps_count_as_missing_in_columns_and_target(caplog):
    table = load(text(z=counted(999), w=counted(-200, [n / 7 for n in range(30)])))
    for name, code in (("z", "999"), ("w", "-200")):
        assert (column(table, name).num_missing, column(table, name).notation.missing) == (
            15,
            (code,),
        )
        assert f"column '{name}': {code} in 15 rows" in caplog.text
    assert "--missing 'z=' keeps it" in caplog.text
    goal = load(text(z=counted(-200, [n / 7 for n in range(30)])), "z")
    assert goal.source.num_without_target == 15
    assert goal.y.min() >= 0
    assert np.isnan(predict(load(text(z=counted(999))), "999")[0])


def test_a_code_of_one_column_is_one_in_others():
    far, near = [n / 7 for n in range(30)], [n * 20 - 10 for n in range(30)]
    table = load(text(z=counted(-200, far), w=counted(-200, near)))
    assert [column(table, name).num_missing for name in "zw"] == [15, 15]


def test_doubtful_codes_are_named_with_the_flag_that_decides(caplog):
    content = text(z=counted(0, range(101, 131)))
    assert column(load(content)).num_missing == 0
    assert "column 'z': 0 in 15 rows, all others are from 101 to 130" in caplog.text
    assert "say --missing 'z=0'" in caplog.text
    assert column(load(content, missing=["z=0"])).num_missing == 15
    assert column(load(content, missing=["0"])).num_missing == 15
    assert column(load(text(z=counted(999)), missing=["z="])).num_missing == 0


@pytest.mark.parametrize(
    "numbers",
    [
        [9, 19, 29, 49, 99, 999, 5, 15],  # prices
        [0, 0, 0, 1, 2, 3, 15, 40],
        [7.25, 8.05, 13, 26, 31.3, 512.3292, 30, 9, 10.5, 11.1, 12.2],  # fares
        [-1, 0, 1],
        [17, 25, 38, 99, 52, 61, 44, 80, 71, 33, 29, 90],  # ages
    ],
)
def test_extremes_are_no_codes(numbers, caplog):
    assert column(load(text(z=numbers))).num_missing == 0
    assert not caplog.records


# Lines to put into a table, where, and what they are called.
STRAYS = {
    "a total": ("Total,300,4", -1, "a total"),
    "a Korean total": ("합계,300,4", -1, "a total"),
    "a header": ("w,x,y", 30, "the header again"),
    "units": ("-,kg,cm", 0, "units or names"),
    "dashes": ("---,---,---", 30, "a separator"),
    "a line": ("======,,", 30, "a separator"),
    "a source": ("Source: office of statistics,,", -1, "a note"),
    "a title of rows": ("Region North,,", 10, "a note"),
}


@pytest.mark.second_tier
@pytest.mark.parametrize("case", STRAYS)
def test_rows_that_hold_no_data_are_left_out_and_said(case, caplog):
    line, place, what = STRAYS[case]
    rows = [f"g{row % 7},{X[row]},{row * 13 % 50 / 4}" for row in range(ROWS)]
    plain = load("\n".join(["w,x,y", *rows]))
    rows.insert(len(rows) if place < 0 else place, line)
    table = load("\n".join(["w,x,y", *rows]))
    assert table.x.equals(plain.x)
    assert (table.y == plain.y).all()
    assert what in caplog.text
    assert f"row {(len(rows) - 1 if place < 0 else place) + 1}" in caplog.text


def test_points_part_thousands_in_one_column_and_decimals_in_another():
    many = [f"{row * 137 % 4999 + 1:,}".replace(",", ".") for row in range(ROWS)]
    numbers = [row * 137 % 4999 + 1 for row in range(ROWS)]
    for delimiter in ",;":
        rows = [
            f"{cell}{delimiter}{x}5{delimiter}{y}" for cell, x, y in zip(many, X, Y, strict=True)
        ]
        table = load("\n".join([f"z{delimiter}x{delimiter}y", *rows]))
        assert table.x["z"].tolist() == numbers
        assert table.x["x"].tolist() == [float(f"{x}5") for x in X]
        assert f"is {max(numbers):.0f}"[:3] in column(table).reason
    assert predict(table, "1.489", "733") == [1489, 733]
    target = load("\n".join([*text(z=many).splitlines()]), "z")
    assert target.y.tolist() == numbers
    decimals = load(text(z=[f"{row * 137 % 4999 / 1000 + 1:.3f}" for row in range(ROWS)]))
    assert decimals.x["z"].max() < 6


# Cells of a column; kind, and the numbers of the first cells.
OTHER_NUMBERS = {
    "time of day with points": (["18.00.00", "06.30.00", "07.15.30"], "number", [18, 6.5]),
    "dates with points": (["18.10.05", "06.03.04", "07.11.12"], "date", None),
    "some ranges": (["10-20", "7 to 8", *map(str, range(100, 150))], "number", [15, 7.5, 100]),
    "ranges of one unit": (["10 - 20 kg", *(f"{n} kg" for n in range(40))], "number", [15, 0]),
    "groups": (["20-29", "30-39", "40-49"], "category", None),
    "names": ([f"{row + 10}-{row * 37 % 901 + 99}" for row in range(ROWS)], "left out", None),
}


@pytest.mark.parametrize("case", OTHER_NUMBERS)
def test_times_with_points_and_ranges(case):
    cells, kind, numbers = OTHER_NUMBERS[case]
    table = load(text(z=cells))
    assert column(table).kind == kind
    if numbers:
        assert table.x["z"].tolist()[: len(numbers)] == numbers
        assert predict(table, *cells[: len(numbers)]) == numbers
    if "ranges" in case:
        assert "ranges such as '10" in column(table).reason


def with_row_of_units(units, *rows):
    return "\n".join(["temp,wind,power", units, *rows])


MEASURED = [f"{row * 13 % 50 / 4},{row * 7 % 23}.5,{row * 11 % 67}.25" for row in range(ROWS)]
# Row of units of new rows, what is read of 41, 36 and 2, and what is said.
UNITS_OF_ROWS = {
    "the same": ("°C,m/s,kW", [41, 36, 2], []),
    "others": (
        "°F,km/h,MW",
        [5, 10, 2000],
        ["'temp': 1 of 1 rows are in °F, such as '41 °F'; brought to °C", "brought to m/s"],
    ),
    "of another dimension": (
        "°C,kg,kW",
        [41, np.nan, 2],
        ["'36 kg'; the training had m/s, and no"],
    ),
    "unknown": (
        "warm,m/s,kW",
        [41, 36, 2],
        ["'temp': the row of units has 'warm', which is not known; the training had °C; the num"],
    ),
}


@pytest.mark.parametrize("case", UNITS_OF_ROWS)
def test_a_row_of_units_of_new_rows_is_compared_with_that_of_training(case, caplog, tmp_path):
    units, read, said = UNITS_OF_ROWS[case]
    source = load(with_row_of_units("°C,m/s,kW", *MEASURED), "power").source
    assert [one.notation.unit for one in source.columns] == ["°C", "m/s"]
    assert source.target_notation.unit == "kW"
    caplog.clear()
    path = tmp_path / "new.csv"
    path.write_text(with_row_of_units(units, "41,36,2"), encoding="utf-8")
    rows = own_table.read_rows(path, kept(source))
    np.testing.assert_allclose([*rows.x.iloc[0], rows.y[0]], read)
    left_out, *others = caplog.messages
    assert "a row holds no data and is left out: units or names" in left_out
    assert len(others) == len(said)
    assert all(part in message for part, message in zip(said, others, strict=True))


def test_a_row_of_units_where_the_training_had_none_is_named(caplog, tmp_path):
    source = load("\n".join(["temp,wind,power", *MEASURED]), "power").source
    path = tmp_path / "new.csv"
    path.write_text(with_row_of_units("°F,none,MW", "41,36,2"), encoding="utf-8")
    rows = own_table.read_rows(path, kept(source))
    assert [*rows.x.iloc[0], rows.y[0]] == [41, 36, 2]
    said = "the row of units has {}; the training had no unit; the numbers are read without conv"
    assert [message for message in caplog.messages if "row of units" in message] == [
        f"column {name!r}: {said.format(repr(unit))}ersion"
        for name, unit in (("temp", "°F"), ("power", "MW"))
    ]


def test_a_category_named_total_stays():
    cells = ["Total", "male", "female"]
    assert column(load(text(z=cells))).num_values == 3


# Values of the target, the classes, rows left out; or what is said.
TARGETS = {
    "yes and y": (["Yes", "yes ", "Y", "y", "No", "N"], ("No", "Yes"), 0),
    "yes and 1": (["Yes", "1", "No", "0"], ("No", "Yes"), 0),
    "above a limit": (["<=50K", ">50K"], ("<=50K", ">50K"), 0),
    "none is a class": (["None", "mild", "severe"], ("None", "mild", "severe"), 0),
    "unknown numbers": ([*map(str, range(29)), "unknown"], (), 2),
}


@pytest.mark.parametrize("case", TARGETS)
def test_the_target_is_read_by_the_rules_of_a_column(case):
    cells, names, left_out = TARGETS[case]
    table = load(text(z=cells), "z")
    assert set(table.class_names) == set(names)
    assert table.source.num_without_target == left_out


def test_cells_of_a_numeric_target_that_are_no_numbers_are_named_or_refused(caplog):
    numbers = [f"{row * 7 % 101}.5" for row in range(58)]
    table = load(text(z=[*numbers, "w", "v"]), "z")
    assert table.source.num_without_target == 2
    assert "the target 'z': 2 of 60 cells are no numbers, such as 'w'" in caplog.text
    with pytest.raises(InputError, match="text such as 'n0' in 6 of 60 rows, expected numbers"):
        load(text(z=[*numbers[:54], *(f"n{row}" for row in range(6))]), "z", problem="regression")


def test_text_is_left_out_with_the_true_reason():
    table = load(text(z=[f"it was day {row} and all went well" for row in range(ROWS)]))
    assert column(table).reason.startswith("free text, which --text learns from")
    with pytest.raises(InputError, match="no column to predict 'y' from") as caught:
        load(text(x=[f"it was day {row} and all went well" for row in range(ROWS)]))
    assert "--categorical" not in str(caught.value)
