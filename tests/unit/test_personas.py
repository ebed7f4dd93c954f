from datetime import date

import numpy as np
import polars as pl
import pytest

from pqrs_kedro.pipelines.synthesis.personas import PERSONA_DRAWS, personas

FEB_29 = (date(2028, 2, 29) - date(1970, 1, 1)).days
EXAMPLE_DAY = (date(2026, 3, 27) - date(1970, 1, 1)).days


def draws(rows: int, key: int = 7) -> np.ndarray:
    return np.random.Philox(key=key).random_raw(rows * PERSONA_DRAWS).reshape(rows, PERSONA_DRAWS)


def drawn(rows: int, day: int = EXAMPLE_DAY, key: int = 7) -> pl.DataFrame:
    return personas(draws(rows, key), np.full(rows, day))


def age_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def test_a_person_does_not_depend_on_the_people_around():
    days = np.arange(300) + EXAMPLE_DAY
    everyone = personas(draws(300), days)
    assert personas(draws(300)[40:90], days[40:90]).equals(everyone[40:90])


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(EXAMPLE_DAY, id="received_on_a_common_day"),
        pytest.param(FEB_29, id="received_on_29_february"),
        pytest.param(FEB_29 + 1, id="received_on_1_march"),
        pytest.param(-1, id="received_before_1970"),
    ],
)
def test_everybody_is_18_to_90_years_old_on_the_received_day(day: int):
    received = date.fromordinal(date(1970, 1, 1).toordinal() + day)
    births = [date.fromisoformat(text) for text in drawn(5000, day)["birth_date"]]
    ages = {age_years(born, received) for born in births}
    assert ages == set(range(18, 91))


def test_the_lowest_draws_give_an_18_year_old_and_the_highest_a_90_year_old():
    lowest = np.zeros((1, PERSONA_DRAWS), dtype=np.uint64)
    received = date.fromordinal(date(1970, 1, 1).toordinal() + FEB_29)
    ages = [
        age_years(
            date.fromisoformat(personas(extreme, np.array([FEB_29]))["birth_date"][0]), received
        )
        for extreme in (lowest, ~lowest)
    ]
    assert ages == [18, 90]


def test_young_adults_outnumber_the_old_as_in_the_pyramid():
    born = drawn(20_000)["birth_date"].str.slice(0, 4).cast(pl.Int64)
    decade = ((2026 - born) // 10).value_counts(sort=True)[born.name].to_list()
    assert decade[:2] in ([2, 3], [3, 2])
    assert decade[-2:] == [8, 9]


def test_document_numbers_lie_outside_everything_that_was_issued():
    numbers = drawn(20_000)["document_number"]
    assert numbers.str.contains(r"^9[5-9]\d{8}$").all()
    assert numbers.n_unique() > 19_990


def test_nobody_can_receive_mail_at_the_addresses():
    assert (
        drawn(5000)["email"]
        .str.contains(r"^[a-z]+\.[a-z]+\d{3}@(example\.(com|org|net)|[a-z]+\.example)$")
        .all()
    )


def test_an_address_spells_the_name_without_accents():
    everyone = drawn(20_000).filter(first_name="Óscar", first_surname="Muñoz")
    assert len(everyone) > 0
    assert everyone["email"].str.starts_with("oscar.munoz").all()


def test_phones_are_masked():
    assert drawn(5000)["phone_masked"].str.contains(r"^\+57 3XX XXX X\d{3}$").all()


def test_the_full_name_is_the_parts_that_there_are():
    for row in drawn(500).iter_rows(named=True):
        parts = (row[part] for part in ("first_name", "second_name", "first_surname"))
        expected = [part for part in (*parts, row["second_surname"]) if part]
        assert row["full_name"].split(" ") == expected


def test_second_names_are_often_missing_and_never_repeat_the_first():
    people = drawn(20_000)
    assert 0.30 < people["second_name"].null_count() / len(people) < 0.38
    assert 0.06 < people["second_surname"].null_count() / len(people) < 0.10
    assert not (people["first_name"] == people["second_name"]).any()


def test_given_names_go_with_the_gender():
    people = drawn(20_000)
    of = {
        code: set(people.filter(gender_code=code)["first_name"])
        | set(people.filter(gender_code=code)["second_name"].drop_nulls())
        for code in (1, 2)
    }
    assert {"Juan", "Luis"} <= of[1]
    assert {"María", "Luz"} <= of[2]
    assert not of[1] & of[2]


@pytest.mark.parametrize(
    ("column", "shares"),
    [
        ("gender_code", {1: 0.46, 2: 0.52, 3: 0.02}),
        ("document_type_code", {1: 0.94, 2: 0.04, 3: 0.02}),
        ("person_type_code", {1: 0.97, 2: 0.03}),
    ],
)
def test_codes_have_their_shares(column: str, shares: dict[int, float]):
    people = drawn(20_000)
    counts = people[column].value_counts()
    found = dict(zip(counts[column], counts["count"] / len(people), strict=True))
    assert found == pytest.approx(shares, abs=0.01)


def test_frequent_surnames_are_frequent_and_rare_ones_occur():
    counts = drawn(20_000)["first_surname"].value_counts(sort=True)
    assert counts["first_surname"][0] in {"Rodríguez", "Gómez", "González"}
    assert len(counts) == 100
    assert counts["count"][0] > 5 * counts["count"][-1]


@pytest.mark.parametrize(
    ("draw", "attributes"),
    [
        pytest.param(9, {"birth_date"}, id="birthday"),
        pytest.param(11, {"document_number"}, id="document_number"),
        pytest.param(14, {"phone_masked"}, id="phone"),
        pytest.param(5, {"first_surname", "full_name", "email"}, id="first_surname"),
    ],
)
def test_a_draw_changes_its_own_attributes_and_no_others(draw: int, attributes: set[str]):
    before, after = draws(2000), draws(2000)
    after[:, draw] = draws(2000, key=8)[:, draw]
    days = np.full(2000, EXAMPLE_DAY)
    old, new = personas(before, days), personas(after, days)
    assert {name for name in old.columns if not old[name].equals(new[name])} == attributes


def test_no_column_is_null_where_a_value_is_promised():
    nulls = drawn(5000).null_count().row(0, named=True)
    assert {name for name, count in nulls.items() if count} == {"second_name", "second_surname"}


def test_nobody_gives_an_empty_table():
    assert personas(draws(0), np.array([], dtype=np.int64)).shape == (0, 12)


def test_draws_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="draws of shape"):
        personas(draws(3), np.array([EXAMPLE_DAY]))
