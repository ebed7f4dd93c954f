"""Numbers, dates and names of the report as they are written in Colombia; labels of its figures."""

from datetime import date, timedelta

import pandas as pd
import pytest
from matplotlib.figure import Figure

from pqrs_kedro.report.figures import day_ticks, label_days, volume_figure
from pqrs_kedro.report.spanish import (
    check_title,
    days_of_hours,
    exact,
    long_date,
    number,
    percent,
    short_date,
)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0, 0, "0"),
        (999, 0, "999"),
        (1234.56, 1, "1.234,6"),
        (1234567, 0, "1.234.567"),
        (-1234.5, 2, "-1.234,50"),
        (-0.04, 1, "0,0"),
        (None, 1, "—"),
        (float("nan"), 1, "—"),
    ],
)
def test_a_number(value: float | None, decimals: int, expected: str) -> None:
    assert number(value, decimals) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (7.0, "7"),
        (9.410814, "9,410814"),
        (-1.5, "-1,5"),
        (1000.0, "1.000"),
        (None, "—"),
    ],
)
def test_a_number_with_the_decimals_it_has(value: float | None, expected: str) -> None:
    assert exact(value) == expected


def test_per_cent_and_days_keep_their_unit_on_the_line() -> None:
    assert percent(9.41) == "9,4\xa0%"
    assert percent(None) == "—"
    assert days_of_hours(36) == "1,5\xa0días"
    assert days_of_hours(None) == "—"


def test_dates() -> None:
    assert long_date(date(2026, 2, 24)) == "24 de febrero de 2026"
    assert [short_date(date(2026, month, 1)) for month in (1, 9, 12)] == ["1 ene", "1 sep", "1 dic"]


def test_a_check_without_a_spanish_name_keeps_its_own() -> None:
    assert check_title("reference_geo_id") == "Cada geo_id existe en su tabla de referencia"
    assert check_title("brand_new") == "brand_new"


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        pytest.param(1, 4, ["1 ene"], id="one day"),
        pytest.param(3, 4, ["1 ene", "2 ene", "3 ene"], id="every day"),
        pytest.param(31, 9, ["1 ene", "6 ene", "11 ene", "16 ene", "21 ene", "26 ene", "31 ene"],
                     id="a month, every fifth day"),
        pytest.param(120, 9, ["1 ene", "15 ene", "29 ene", "12 feb", "26 feb", "12 mar", "26 mar",
                              "9 abr", "23 abr"], id="every fortnight"),
        pytest.param(365, 9, ["1 ene", "1 mar", "1 may", "1 jul", "1 sep", "1 nov"], id="a year"),
    ],
)  # fmt: skip
def test_days_are_labelled_evenly(count: int, most: int, expected: list[str]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(count)]
    assert [short_date(day) for day in day_ticks(days, most)] == expected


def test_weeks_are_labelled_evenly_wherever_they_begin() -> None:
    weeks = [date(2025, 12, 29) + timedelta(weeks=number) for number in range(101)]
    ticks = day_ticks(weeks, 4)
    assert ticks == weeks[::26]
    assert len(ticks) <= 4


def test_years_are_told_where_there_are_several() -> None:
    def labels(ticks: list[date]) -> list[str]:
        axes = Figure().add_subplot()
        label_days(axes, ticks)
        return [label.get_text() for label in axes.get_xticklabels()]

    assert labels([date(2026, 1, 1), date(2026, 7, 1)]) == ["1 ene", "1 jul"]
    assert labels([date(2026, 7, 1), date(2027, 1, 1), date(2027, 7, 1)]) == [
        "1 jul\n2026", "1 ene\n2027", "1 jul",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 92, 93, 400])
def test_any_number_of_days_can_be_drawn(count: int) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(count)]
    volume = pd.DataFrame({"email": range(count), "call": 7}, index=days)
    svg = volume_figure(volume, {"call": "Llamada", "email": "Correo $1$ & <b>"})
    assert svg.count("<svg") == 2
    assert "Correo $1$ &amp; &lt;b" in svg
    assert "Llamada" in svg
    assert svg == volume_figure(volume, {"call": "Llamada", "email": "Correo $1$ & <b>"})
