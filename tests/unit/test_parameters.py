"""What a run may be told: everything else is refused with one line for a person."""

from datetime import date
from typing import Any

import pytest
from tests.unit.scenarios import PROFILES, base_values, parameters, values_with

from pqrs_kedro.domain.defects import DEFECT_LABELS
from pqrs_kedro.parameters import InvalidInput, check_run_id, parse_parameters
from pqrs_kedro.run.identity import config_hash
from pqrs_kedro.run.regenerate import parameters_of

CALENDAR = ("2017-01-01", "2035-12-31")


def refusal(values: dict[str, Any]) -> str:
    """The message with which the values are refused; always one line."""
    with pytest.raises(InvalidInput) as caught:
        parse_parameters(values)
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


def refused_value(name: str, value: Any) -> str:
    return refusal(values_with(name, value))


# --- What is allowed ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_the_configuration_of_the_project_is_valid(name: str):
    typed = parameters(profile=name)
    assert typed.chosen_profile == typed.profiles[name]
    assert (typed.date_min, typed.date_max) == (date(2026, 1, 1), date(2026, 1, 31))
    assert typed.run_id is None


def test_the_profiles_have_the_documented_types_terms_and_clocks():
    document, law = (parameters(profile=name).chosen_profile for name in PROFILES)
    assert (document.stop_status, law.stop_status) == ("CLOSED", "RESPONDED")
    terms = {name: item.term_business_days for name, item in document.types.items()}
    assert terms == {"PETICION": 15, "QUEJA": 10, "RECLAMO": 8, "SUGERENCIA": 20}
    terms = {name: item.term_business_days for name, item in law.types.items()}
    assert (terms["PETICION"], terms["SOLICITUD_INFORMACION"], terms["CONSULTA"]) == (15, 10, 30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("seed", 0, id="least_seed"),
        pytest.param("seed", 2**63 - 1, id="greatest_seed"),
        pytest.param("breach_rate", 0.02, id="least_breach_rate"),
        pytest.param("breach_rate", 0.40, id="greatest_breach_rate"),
        pytest.param("volume_scale", 0.001, id="a_thousandth_of_the_volume"),
        pytest.param("volume_scale", 1, id="a_whole_volume_scale"),
        pytest.param("date_max", "2026-01-01", id="a_run_of_one_day"),
        pytest.param("date_max", "2035-12-31", id="last_day_of_the_calendar"),
        pytest.param("run_id", None, id="no_run_id"),
        pytest.param("run_id", "r20260224T101530Z-3fa9c1", id="a_made_run_id"),
        pytest.param("run_id", "A", id="run_id_of_one_letter"),
        pytest.param("run_id", "a" * 64, id="run_id_of_64_letters"),
        pytest.param("run_id", "Prueba_2-b", id="run_id_with_all_kinds_of_characters"),
    ],
)
def test_values_at_the_edge_of_what_is_allowed_are_taken(name: str, value: Any):
    parse_parameters(values_with(name, value))


def test_parameters_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        parameters().seed = 7  # type: ignore[misc]


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("seed", "abc", ["'abc'", "whole number"], id="seed_of_letters"),
        pytest.param("seed", 1e5, ["100000.0", "whole number"], id="seed_in_powers_of_ten"),
        pytest.param("seed", True, ["True", "whole number"], id="seed_true"),
        pytest.param("seed", None, ["None", "generates"], id="seed_empty"),
        pytest.param("seed", -1, ["-1", "0"], id="seed_negative"),
        pytest.param("seed", 2**63, [str(2**63)], id="seed_of_64_bits"),
        pytest.param("date_min", "2016-12-31", ["2016-12-31", *CALENDAR], id="date_too_early"),
        pytest.param("date_max", "2036-01-01", ["2036-01-01", *CALENDAR], id="date_too_late"),
        pytest.param("date_min", "2026-02-30", ["2026-02-30", "date"], id="no_such_date"),
        pytest.param("date_min", "enero", ["enero", "date"], id="date_in_words"),
        pytest.param("breach_rate", 0.019, ["0.019", "0.02"], id="breach_rate_too_low"),
        pytest.param("breach_rate", 0.41, ["0.41", "0.4"], id="breach_rate_too_high"),
        pytest.param("breach_rate", "alta", ["'alta'", "number"], id="breach_rate_in_words"),
        pytest.param("breach_rate", float("nan"), ["nan"], id="breach_rate_not_a_number"),
        pytest.param("volume_scale", 0, ["0", "greater than 0"], id="no_volume"),
        pytest.param("volume_scale", -1, ["-1", "greater than 0"], id="negative_volume"),
        pytest.param("volume_scale", 101, ["101", "100"], id="volume_beyond_all_bounds"),
        pytest.param("volume_scale", float("inf"), ["inf"], id="infinite_volume"),
        pytest.param("workers", 0, ["0", "1"], id="no_worker"),
        pytest.param("workers", True, ["True", "whole number"], id="workers_true"),
        pytest.param("days_per_chunk", 32, ["32", "31"], id="chunk_longer_than_a_month"),
        pytest.param("profile", "ley1775", ["'ley1775'", *PROFILES], id="unknown_profile"),
        pytest.param("profile", "a\nb", [*PROFILES], id="profile_of_two_lines"),
        pytest.param("profile", 3, ["3", "string"], id="profile_by_number"),
        pytest.param("engine.memory_limit", "lots", ["'lots'", "MB|GB"], id="memory_in_words"),
        pytest.param("territory.polygons", 7, ["7", "string"], id="polygons_by_number"),
        pytest.param("territory.polygons", "", ["''", "1 character"], id="polygons_without_a_name"),
        pytest.param("territory.sha256", "A" * 64, ["'AA", "[0-9a-f]{64}"], id="no_hash"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(
    name: str, value: Any, said: list[str]
):
    message = refused_value(name, value)
    assert message.startswith(f"{name}: ")
    assert [text for text in said if text not in message] == []


def test_a_run_does_not_end_before_it_begins():
    message = refusal(base_values(date_min="2026-02-01", date_max="2026-01-31"))
    assert message == "date_max: 2026-01-31 is before date_min 2026-02-01"


@pytest.mark.parametrize(
    ("until", "said"),
    [
        pytest.param("2025-12-31", "2025-12-31 is before date_min 2026-01-01", id="too_early"),
        pytest.param("2036-01-01", "outside the calendar", id="beyond_the_calendar"),
        pytest.param("tomorrow", "'tomorrow'", id="in_words"),
    ],
)
def test_an_end_of_observation_that_cannot_be_is_refused(until: str, said: str):
    message = refusal(base_values(observe_until=until))
    assert message.startswith("observe_until: ")
    assert said in message


@pytest.mark.parametrize("until", ["2026-01-01", "2026-01-15", "2026-06-30", None])
def test_observation_may_end_on_any_day_of_reception_or_later_or_never(until: str | None):
    typed = parse_parameters(base_values(observe_until=until))
    assert typed.data_parameters()["observe_until"] == until


def test_a_missing_parameter_is_named():
    values = base_values()
    del values["seed"]
    assert refusal(values).startswith("seed: ")


@pytest.mark.parametrize("name", ["layer", "code_column", "sha256"])
def test_what_is_said_of_polygons_needs_polygons(name: str):
    message = refused_value(f"territory.{name}", "a" * 64)
    assert message == f"territory: {name} is given without polygons, the file that it is about"


def test_polygons_count_as_data_once_their_content_is_known():
    values = values_with("territory.polygons", "mgn.gpkg")
    with pytest.raises(ValueError, match="not read yet"):
        parse_parameters(values).data_parameters()
    values["territory"]["sha256"] = "a" * 64
    assert parse_parameters(values).data_parameters()["territory"] == {"sha256": "a" * 64}


@pytest.mark.parametrize("name", ["polygons", "layer", "code_column"])
def test_the_file_of_the_polygons_is_no_data_but_what_is_in_it(name: str):
    given = {"polygons": "a.gpkg", "layer": "a", "code_column": "a", "sha256": "a" * 64}
    hashes = {
        hash_of(base_values(territory=given | changed))
        for changed in ({}, {name: "b"}, {"sha256": "b" * 64})
    }
    assert len(hashes) == 2
    assert hash_of(base_values()) not in hashes


# --- Unknown names ------------------------------------------------------------------------------

DOCUMENT = "profiles.documento_v1"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        pytest.param("sed", ["seed", "date_min", "volume_scale"], id="top_level"),
        pytest.param("engine.thread", ["threads", "memory_limit"], id="engine"),
        pytest.param("calendar.asof", ["as_of", "changes", "added", "removed"], id="calendar"),
        pytest.param("territory.polygon", ["polygons", "layer", "code_column"], id="territory"),
        pytest.param(f"{DOCUMENT}.volum", ["volume", "types", "stop_status"], id="profile"),
        pytest.param(f"{DOCUMENT}.volume.per_dya", ["per_day", "holiday"], id="volume"),
        pytest.param(
            f"{DOCUMENT}.segments.on_hold.mean", ["median", "sigma", "unit"], id="duration"
        ),
        pytest.param(
            f"{DOCUMENT}.types.PETICION.term", ["share", "term_business_days"], id="pqrs_type"
        ),
        pytest.param(f"{DOCUMENT}.channels.email.hours", ["hour", "weekday"], id="channel"),
        pytest.param(
            f"{DOCUMENT}.channels.email.radication.mean", ["median", "sigma"], id="radication"
        ),
        pytest.param(
            f"{DOCUMENT}.channels.chat.first_reply.mean", ["median", "sigma"], id="first_reply"
        ),
    ],
)
def test_an_unknown_name_is_refused_with_its_path_and_the_names_known_there(
    path: str, known: list[str]
):
    message = refused_value(path, 1)
    place, _, listed = message.partition(": unknown parameter; known here: ")
    assert place == path
    assert set(known) <= set(listed.split(", "))
    assert ("seed" in listed) is ("." not in path)


def test_an_unknown_name_of_two_lines_is_refused_in_one():
    refusal(base_values() | {"seed\nrun": 1})


# --- Run ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run_id",
    [
        pytest.param("../x", id="folder_above"),
        pytest.param("a/b", id="folder_below"),
        pytest.param("a\\b", id="backslash"),
        pytest.param("..", id="dots"),
        pytest.param("a b", id="space_inside"),
        pytest.param(" a", id="space_before"),
        pytest.param("a ", id="space_after"),
        pytest.param("", id="empty"),
        pytest.param("a" * 65, id="65_letters"),
        pytest.param("1a", id="digit_first"),
        pytest.param("-a", id="dash_first"),
        pytest.param("_a", id="underscore_first"),
        pytest.param("a\n", id="newline_at_the_end"),
        pytest.param("a\0", id="null_character"),
        pytest.param("año", id="accented_letter"),
        pytest.param("\uff52ector", id="wide_letter"),
        pytest.param("r\uff11", id="wide_digit"),
        pytest.param("run=1", id="hive_partition"),
        pytest.param("a'b", id="quote"),
        pytest.param("a*", id="glob"),
        pytest.param(7, id="number"),
        pytest.param(True, id="boolean"),
        pytest.param(["a"], id="list"),
    ],
)
def test_a_run_id_that_is_no_safe_path_is_refused(run_id: Any):
    message = refused_value("run_id", run_id)
    assert message.startswith(f"run_id: {run_id!r} is not allowed; use 1 to 64 characters")
    with pytest.raises(InvalidInput):
        check_run_id(run_id)


# --- Profiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        pytest.param("types.PETICION.share", 0.4, "add up to 1, not 1.1", id="types"),
        pytest.param("channels.email.share", 0.3043, "add up to 1, not 0.9", id="channels"),
        pytest.param("priority.ALTA", 0.2, "add up to 1, not 1.1", id="priorities"),
        pytest.param("transitions.ASSIGNED.CLASSIFIED", 0.09, "not 1.01", id="transitions"),
        pytest.param("priority.ALTA", -0.1, "-0.1", id="negative_share"),
        pytest.param("types.PETICION.share", float("nan"), "nan", id="share_not_a_number"),
        pytest.param(
            "transitions.ASSIGNED", {"IN_PROGRESS": 0.9, "CLOSED": 0.1}, "CLASSIFIED",
            id="unknown_transition",
        ),
        pytest.param("transitions.RECEIVED", {"RADICATED": 1.0}, "RECEIVED", id="fixed_transition"),
        pytest.param("priority", {"ALTA": 0.5, "MEDIA": 0.5}, "BAJA", id="priority_left_out"),
        pytest.param("types.Petición", 1, "types.Petición", id="type_that_is_none"),
        pytest.param("types.PETICION.term_business_days", 0, "0", id="no_term"),
        pytest.param("types.PETICION.term_business_days", 61, "60", id="term_too_long"),
        pytest.param("stop_status", "ARCHIVED", "'CLOSED' or 'RESPONDED'", id="other_clock"),
        pytest.param("volume.month", [1.0] * 11, "12", id="eleven_months"),
        pytest.param("peaks.days", [10, 5], "first value", id="peak_limits_reversed"),
        pytest.param("peaks.days", [5, 91], "fit in every_days", id="peak_longer_than_its_period"),
        pytest.param("segments.on_hold.unit", "days", "'days'", id="unknown_unit"),
    ],
)  # fmt: skip
def test_an_impossible_profile_is_refused(path: str, value: Any, said: str):
    message = refused_value(f"{DOCUMENT}.{path}", value)
    assert message.startswith(f"{DOCUMENT}.{path.split('.')[0]}")
    assert said in message


def test_a_type_code_is_in_capital_letters():
    values = base_values()
    types = values["profiles"]["documento_v1"]["types"]
    types["Petición"] = types.pop("PETICION")
    assert "'Petición' must be capital letters" in refusal(values)


def test_shares_of_resolutions_that_exceed_the_whole_are_refused():
    values = values_with(f"{DOCUMENT}.resolutions.transfer", 0.6)
    values["profiles"]["documento_v1"]["resolutions"]["repeated"] = 0.6
    assert refusal(values).startswith(f"{DOCUMENT}.resolutions: ")


@pytest.mark.parametrize("index", ["weekday", "hour"])
def test_a_channel_that_never_receives_anything_is_refused(index: str):
    width = {"weekday": 7, "hour": 24}[index]
    message = refused_value(f"{DOCUMENT}.channels.chat.{index}", [0] * width)
    assert message.startswith(f"{DOCUMENT}.channels.chat")


def test_a_profile_that_is_not_chosen_is_checked_too():
    assert refused_value("profiles.ley1755.stop_status", "X").startswith("profiles.ley1755")


# --- The calendar -------------------------------------------------------------------------------

ROSARIO = "Día de Nuestra Señora del Rosario de Chiquinquirá"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param(
            "removed", ["2026-07-14"], "calendar.removed: 2026-07-14 is no holiday", id="no_holiday"
        ),
        pytest.param(
            "removed", ["2026-03-28"], "calendar.removed: 2026-03-28 is no holiday", id="a_saturday"
        ),
        pytest.param(
            "added", ["2026-12-24", "2026-07-13"],
            "calendar.added: 2026-07-13 is a holiday already", id="a_holiday",
        ),
        pytest.param(
            "added", ["2026-12-24", "2026-12-24"], "calendar.added: 2026-12-24 is given twice",
            id="twice",
        ),
        pytest.param(
            "added", ["2014-12-31"],
            "calendar.added.0: '2014-12-31': outside the calendar, 2015-01-01 to 2040-12-31",
            id="before_the_calendar",
        ),
        pytest.param(
            "removed", ["2026-12-25", "2041-01-01"],
            "calendar.removed.1: '2041-01-01': outside the calendar, 2015-01-01 to 2040-12-31",
            id="after_the_calendar",
        ),
    ],
)  # fmt: skip
def test_a_day_that_changes_nothing_or_lies_outside_is_refused(
    name: str, value: list[str], message: str
):
    assert refused_value(f"calendar.{name}", value) == message


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        pytest.param("as_of", "mayo", "calendar.as_of: 'mayo'", id="as_of_in_words"),
        pytest.param("added", "2026-12-24", "calendar.added: ", id="no_list"),
        pytest.param("added", ["Navidad"], "calendar.added.0: 'Navidad'", id="a_name"),
    ],
)
def test_what_is_no_date_is_refused(path: str, value: Any, said: str):
    assert refused_value(f"calendar.{path}", value).startswith(said)


def change(**other: Any) -> list[dict[str, Any]]:
    """The legal change of conf/base, some of it replaced."""
    (known,) = base_values()["calendar"]["changes"]
    return [known | other]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param({"holiday": "Día de la Bandera"}, "no holiday of 2026; those are ", id="name"),
        pytest.param({"first_year": 2025}, "no holiday of 2025; those are ", id="year"),
        pytest.param({"first_year": 2041}, "less than or equal to 2040", id="year_outside"),
        pytest.param({"law": ""}, "at least 1 character", id="no_law"),
        pytest.param({"promulgated": "ayer"}, "'ayer'", id="day_of_promulgation"),
    ],
)
def test_a_change_names_a_holiday_that_the_package_has(other: dict[str, Any], said: str):
    message = refused_value("calendar.changes", change(**other))
    (name,) = other
    named = "holiday" if said.startswith("no holiday") else name
    assert message.startswith(f"calendar.changes.0.{named}: ")
    assert said in message


def test_an_unknown_name_in_a_change_is_refused_with_the_names_known_there():
    message = refused_value("calendar.changes", change(year=2026))
    known = "first_year, holiday, law, promulgated"
    assert message == f"calendar.changes.0.year: unknown parameter; known here: {known}"


def test_what_is_added_or_removed_is_measured_by_the_law_of_the_day():
    # On 31 May the 13th of July was a day like any other: it can be added, and not removed.
    values = values_with("calendar.as_of", "2026-05-31")
    values["calendar"]["added"] = ["2026-07-13"]
    assert date(2026, 7, 13) in parse_parameters(values).business_calendar.holidays
    values["calendar"]["added"], values["calendar"]["removed"] = [], ["2026-07-13"]
    assert refusal(values) == "calendar.removed: 2026-07-13 is no holiday"


def test_the_calendar_is_made_once_for_equal_laws():
    assert parameters().business_calendar is parameters(seed=7).business_calendar


# --- Special terms ------------------------------------------------------------------------------

LAW = "profiles.ley1755"


def test_the_window_of_the_decree_is_configured():
    (window,) = parameters(profile="ley1755").chosen_profile.special_terms
    assert (window.first_day, window.last_day) == (date(2020, 3, 28), date(2022, 5, 17))
    types = parameters(profile="ley1755").chosen_profile.types
    special = {code: (types[code].term_business_days, days) for code, days in window.terms.items()}
    others = [code for code in types if code not in ("CONSULTA", "SOLICITUD_INFORMACION")]
    assert special == {
        "CONSULTA": (30, 35),
        "SOLICITUD_INFORMACION": (10, 20),
        **dict.fromkeys(others, (15, 30)),
    }
    assert parameters().chosen_profile.special_terms == ()


def window(**other: Any) -> dict[str, Any]:
    terms = {"PETICION": 30}
    days = {"first_day": "2020-03-28", "last_day": "2022-05-17"}
    return {"source": "a law", **days, "terms": terms, **other}


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        pytest.param(
            [window(terms={"PETITION": 30})],
            "special_terms.0.terms.PETITION: no type of the profile; those are CONSULTA, ",
            id="type",
        ),
        pytest.param(
            [window(terms={"PETICION": 14})],
            "special_terms.0.terms.PETICION: 14 is less than the ordinary term, 15", id="shorter",
        ),
        pytest.param([window(terms={})], "special_terms.0.terms: ", id="no_terms"),
        pytest.param(
            [window(terms={"PETICION": 61})], "special_terms.0.terms.PETICION: 61", id="too_long"
        ),
        pytest.param(
            [window(last_day="2020-03-27")],
            "special_terms.0.last_day: 2020-03-27 is before first_day 2020-03-28", id="reversed",
        ),
        pytest.param(
            [window(first_day="2014-12-31")],
            "special_terms.0.first_day: '2014-12-31': outside the calendar", id="too_early",
        ),
        pytest.param(
            [window(), window(first_day="2022-05-17", last_day="2023-01-01")],
            "special_terms: windows must not overlap: 2020-03-28 to 2022-05-17, "
            "2022-05-17 to 2023-01-01", id="overlap",
        ),
        pytest.param([window(source="")], "special_terms.0.source: ", id="no_source"),
    ],
)  # fmt: skip
def test_an_impossible_window_is_refused(windows: list[dict[str, Any]], said: str):
    message = refused_value(f"{LAW}.special_terms", windows)
    assert message.startswith(f"{LAW}.{said}")


def test_windows_are_taken_in_order_of_time():
    later = window(first_day="2022-05-18", last_day="2023-01-01", terms={"QUEJA": 15})
    values = values_with(f"{LAW}.special_terms", [later, window()])
    found = parse_parameters(values).profiles["ley1755"].special_terms
    assert [item.first_day.year for item in found] == [2020, 2022]


# --- The identity of the configuration ----------------------------------------------------------


def hash_of(values: dict[str, Any]) -> str:
    return config_hash(parse_parameters(values))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("breach_rate", 0.1, id="breach_rate"),
        pytest.param("volume_scale", 0.5, id="volume_scale"),
        pytest.param("profile", "ley1755", id="profile"),
        pytest.param("observe_until", "2026-01-20", id="observe_until"),
        pytest.param(f"{DOCUMENT}.volume.per_day", 1151, id="a_fact_of_the_profile"),
        pytest.param(f"{DOCUMENT}.segments.on_hold.sigma", 0.81, id="a_deep_fact"),
        pytest.param("calendar.as_of", "2026-05-31", id="the_law_of_a_day"),
        pytest.param("calendar.as_of", "2026-06-01", id="the_law_of_a_day_that_is_the_same"),
        pytest.param("calendar.added", ["2026-12-24"], id="an_added_day"),
        pytest.param("calendar.removed", ["2026-12-25"], id="a_removed_day"),
        pytest.param(f"{DOCUMENT}.special_terms", [window()], id="special_terms"),
    ],
)
def test_a_parameter_that_can_change_the_data_changes_the_configurations_hash(
    path: str, value: Any
):
    assert hash_of(values_with(path, value)) != hash_of(base_values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("run_id", "other", id="run_id"),
        pytest.param("workers", 2, id="workers"),
        pytest.param("days_per_chunk", 7, id="days_per_chunk"),
        pytest.param("engine.memory_limit", "2GB", id="engine"),
        pytest.param("profiles.ley1755.volume.per_day", 900, id="a_profile_not_chosen"),
    ],
)
def test_a_parameter_that_cannot_change_the_data_leaves_the_configurations_hash(
    path: str, value: Any
):
    assert hash_of(values_with(path, value)) == hash_of(base_values())


# --- Defects ------------------------------------------------------------------------------------


def rates_of(profile: str, **rates: float) -> dict[str, float]:
    values = base_values()
    values["defects"] |= {"profile": profile, "rates": rates}
    return parse_parameters(values).defects.chosen_rates


def test_raw_lines_have_the_defects_of_the_profile_and_single_rates_in_its_place():
    assert rates_of("none") == {}
    assert [*rates_of("hostile")] == [*DEFECT_LABELS]
    chosen = rates_of("hostile", truncated_json=0.5, duplicate_line=0)
    assert chosen == {
        **{k: v for k, v in rates_of("hostile").items() if k != "duplicate_line"},
        "truncated_json": 0.5,
    }
    assert rates_of("none", late_arrival=1) == {"late_arrival": 1.0}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        pytest.param("defects.profile", "hostil", ["'hostil'", "none, realistic, hostile"],
                     id="unknown_profile"),
        pytest.param("defects.rates.truncated", 0.1, ["unknown class", "truncated_json"],
                     id="unknown_class"),
        pytest.param("defects.profiles.hostile.truncated", 0.1, ["unknown class"],
                     id="unknown_class_of_a_profile"),
        pytest.param("defects.rates.truncated_json", 1.01, ["1.01", "1"], id="more_than_all"),
        pytest.param("defects.rates.truncated_json", -0.1, ["-0.1", "0"], id="less_than_none"),
        pytest.param("defects.rates.truncated_json", float("nan"), ["nan"], id="not_a_number"),
        pytest.param("defects.rates.truncated_json", "often", ["'often'"], id="in_words"),
        pytest.param("defects.profiles.realistic.two_objects", 2, ["2"], id="rate_of_a_profile"),
        pytest.param("defects.rate", 0.1, ["profile, profiles, rates"], id="misspelt_parameter"),
    ],
)  # fmt: skip
def test_defects_that_cannot_be_are_refused_with_their_path(path: str, value: Any, said: list[str]):
    message = refused_value(path, value)
    assert message.startswith(f"{path}: ")
    assert [text for text in said if text not in message] == []


def test_the_rates_of_defects_count_as_data_and_not_the_profile_that_says_them():
    values = base_values()
    assert parse_parameters(values).data_parameters()["defects"] == {}
    values["defects"]["profile"] = "realistic"
    named = parse_parameters(values)
    spelt = base_values()
    spelt["defects"]["rates"] = dict(reversed(named.defects.chosen_rates.items()))
    assert hash_of(values) == hash_of(spelt) != hash_of(base_values())


def test_a_run_is_told_the_rates_of_its_manifest_whatever_configuration_says_by_then():
    values = base_values()
    values["defects"] |= {"profile": "hostile", "rates": {"late_arrival": 0.3, "wrong_day": 0}}
    typed = parse_parameters(values)
    inputs = {"seed": 1, "date_min": "2026-01-01", "date_max": "2026-01-01",
              "profile": typed.profile, "parameters": typed.data_parameters(),
              "territory": typed.territory.model_dump()}  # fmt: skip
    again = parameters_of({"inputs": inputs})["defects"]
    assert [*again["rates"]] == [*DEFECT_LABELS]
    changed = base_values()
    changed["defects"] = {**changed["defects"], **again}
    assert parse_parameters(changed).defects.chosen_rates == typed.defects.chosen_rates
    del inputs["parameters"]["defects"]
    assert set(parameters_of({"inputs": inputs})["defects"]["rates"].values()) == {0.0}


def test_a_manifest_gives_back_every_parameter_that_can_change_data():
    values = base_values(profile="ley1755", volume_scale=0.5, observe_until=date(2026, 2, 1))
    values["calendar"]["as_of"] = date(2026, 5, 31)
    values["defects"]["profile"] = "realistic"
    values["quality"]["repaired_lines_pct"] = 3.5
    values |= {"breach_rate": None, "response": {"median_scale": 1.2}}
    typed = parse_parameters(values)
    changed = [
        name
        for name, value in typed.data_parameters().items()
        if value != parameters().data_parameters()[name]
    ]
    # The polygons' hash is that of a file: tests/pipelines/test_own_polygons.py.
    assert {*typed.data_parameters()} - {*changed} == {"territory"}
    inputs = {"seed": 1, "date_min": "2026-01-01", "date_max": "2026-01-31",
              "profile": typed.profile, "parameters": typed.data_parameters(),
              "territory": typed.territory.model_dump()}  # fmt: skip
    told = parameters_of({"inputs": inputs})
    told["defects"] = base_values()["defects"] | told["defects"]
    again = parse_parameters(base_values() | told)
    assert again.data_parameters() == typed.data_parameters()
