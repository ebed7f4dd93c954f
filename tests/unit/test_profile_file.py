"""A user's own profile: what a file may say, and the one line that tells what is wrong in it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.scenarios import base_values

from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.run.identity import config_hash
from pqrs_kedro.run.profile_file import with_profile_file

BASE = "documento_v1"


def text_of(content: Any) -> str:
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def read(folder: Path, text: str | bytes, given: str = "mine.yml") -> dict[str, Any]:
    """The parameters of conf/base with the profile of a file."""
    path = folder / given
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return with_profile_file(base_values(profile=given), folder)


def refusal(folder: Path, text: str | bytes, given: str = "mine.yml") -> str:
    with pytest.raises(InvalidInput) as caught:
        read(folder, text, given)
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


# --- What a file may say ------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["mine.yml", "mine.yaml", "authorities/mine.yml"])
def test_a_file_is_a_profile_of_its_own_name(given: str, tmp_path: Path):
    content = base_values()["profiles"]["ley1755"]
    found = read(tmp_path, text_of(content), given)
    assert found["profile"] == "mine"
    assert (
        parse_parameters(found).chosen_profile
        == parse_parameters(base_values(profile="ley1755")).chosen_profile
    )
    assert set(found["profiles"]) == {"mine", "documento_v1", "ley1755"}


def test_an_absolute_path_is_taken_too(tmp_path: Path):
    path = tmp_path / "mine.yml"
    path.write_text("extends: ley1755\n", encoding="utf-8")
    found = with_profile_file(base_values(profile=str(path)), tmp_path / "elsewhere")
    assert found["profile"] == "mine"


def test_the_name_of_a_profile_is_no_file():
    values = base_values()
    assert with_profile_file(values, Path("nowhere")) is values


def test_a_file_may_say_only_what_differs_from_another_profile(tmp_path: Path):
    changes = """
        extends: documento_v1
        stop_status: RESPONDED
        types:
          PETICION: {term_business_days: 20}
        channels:
          call: {first_reply: {median: 3, sigma: 0.5, unit: minutes}}
        volume: {month: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]}
    """
    before = base_values()
    profile = parse_parameters(read(tmp_path, changes)).chosen_profile.model_dump()
    expected = parse_parameters(before).chosen_profile.model_dump()
    expected["stop_status"] = "RESPONDED"
    expected["types"]["PETICION"]["term_business_days"] = 20
    expected["channels"]["call"]["first_reply"] = {"median": 3, "sigma": 0.5, "unit": "minutes"}
    expected["volume"]["month"] = (*[1.0] * 11, 2.0)
    assert profile == expected


def test_the_profile_that_is_extended_stays_as_it_was(tmp_path: Path):
    found = read(tmp_path, "extends: documento_v1\npeaks: {every_days: 60}\n")
    assert found["profiles"][BASE] == base_values()["profiles"][BASE]
    assert found["profiles"]["mine"]["peaks"]["every_days"] == 60


def test_the_order_of_a_file_decides_nothing(tmp_path: Path):
    content = base_values()["profiles"][BASE]
    turned = dict(reversed(content.items()))
    for name in ("types", "priority", "channels", "transitions"):
        turned[name] = dict(reversed(content[name].items()))
    one, other = (parse_parameters(read(tmp_path, text_of(values))) for values in (content, turned))
    assert config_hash(one) == config_hash(other)
    assert list(one.chosen_profile.types) == list(other.chosen_profile.types)


def test_equal_content_under_the_name_of_a_profile_is_that_profile(tmp_path: Path):
    found = read(tmp_path, "extends: ley1755\n", "ley1755.yml")
    assert config_hash(parse_parameters(found)) == config_hash(
        parse_parameters(base_values(profile="ley1755"))
    )


# --- What is refused ----------------------------------------------------------------------------

CHANNEL = "{extends: documento_v1, channels: {email: %s}}"
BAD = [
    pytest.param("a: [1", "is not valid YAML: line 1: ", id="no_yaml"),
    pytest.param("a: 1\na: 2\n", "is not valid YAML: line 1: key 'a' comes twice", id="twice"),
    pytest.param("", "must be a mapping", id="empty"),
    pytest.param("- 1\n- 2\n", "must be a mapping", id="a_list"),
    pytest.param("documento_v1", "must be a mapping", id="a_word"),
    pytest.param(b"\xff\xfe\x00", "is not text in UTF-8", id="no_text"),
    pytest.param("extends: nobody", "extends: 'nobody' is not one of documento_v1, ley1755",
                 id="extends_nobody"),
    pytest.param("extends: 3", "extends: 3 is not one of ", id="extends_a_number"),
    pytest.param("stop_status: CLOSED\ntipes: {}", "tipes: unknown parameter", id="misspelt"),
    pytest.param("stop_status: CLOSED", "types: Field required", id="incomplete"),
    pytest.param("{extends: documento_v1, volum: {per_day: 3}}",
                 "volum: unknown parameter; known here: channels, ", id="unknown_key"),
    pytest.param("profiles: {mine: {}}", "profiles: unknown parameter; known here: channels, ",
                 id="wrapped_as_in_the_configuration") ,
    pytest.param(CHANNEL % "{shar: 1}", "channels.email.shar: unknown parameter; known here: ",
                 id="unknown_deep_key"),
    pytest.param(CHANNEL % "{share: 1.5}", "channels.email.share: 1.5: ", id="share_above_one"),
    pytest.param(CHANNEL % "{share: -0.1}", "channels.email.share: -0.1: ", id="share_below_0"),
    pytest.param(CHANNEL % "{share: .nan}", "channels.email.share: nan: ", id="share_not_a_number"),
    pytest.param(CHANNEL % "{share: much}", "channels.email.share: 'much': ", id="share_in_words"),
    pytest.param(CHANNEL % "{share: 0.5}", "channels: shares must add up to 1, not 1.0957",
                 id="channels_above_one"),
    pytest.param(CHANNEL % "{attachment_share: 2}", "channels.email.attachment_share: 2: ",
                 id="attachments_above_one"),
    pytest.param(CHANNEL % "{unknown_geography_share: -1}",
                 "channels.email.unknown_geography_share: -1: ", id="geography_below_0"),
    pytest.param(CHANNEL % "{hour: [1, 2]}", "channels.email.hour: ", id="a_day_of_two_hours"),
    pytest.param("{extends: documento_v1, channels: {fax: {}}}", "channels.fax.share: ",
                 id="unknown_channel"),
    pytest.param("{extends: documento_v1, types: {QUEJA: {share: 0.5}}}",
                 "types: shares must add up to 1, not 1.25", id="types_above_one"),
    pytest.param("{extends: documento_v1, types: {QUEJA: {share: 7}}}", "types.QUEJA.share: 7: ",
                 id="type_above_one"),
    pytest.param("{extends: documento_v1, types: {queja: {name: q, share: 0, term_business_days: 1,"
                 " webform_code: 9}}}", "types.queja: type code 'queja' must be capital letters",
                 id="type_in_small_letters"),
    pytest.param("{extends: documento_v1, priority: {ALTA: 0.2}}",
                 "priority: shares must add up to 1, not 1.1", id="priorities_above_one"),
    pytest.param("{extends: documento_v1, priority: {URGENTE: 0.2}}",
                 "priority.URGENTE: unknown; keys must be ALTA, MEDIA, BAJA",
                 id="unknown_priority"),
    pytest.param("{extends: documento_v1, transitions: {ASSIGNED: {CLASSIFIED: 0.2}}}",
                 "transitions.ASSIGNED: shares must add up to 1, not 1.12",
                 id="transitions_above_one"),
    pytest.param("{extends: documento_v1, transitions: {ASSIGNED: {CLOSED: 0}}}",
                 "transitions.ASSIGNED.CLOSED: unknown; keys must be IN_PROGRESS, CLASSIFIED",
                 id="impossible_transition"),
    pytest.param("{extends: documento_v1, transitions: {RECEIVED: {RADICATED: 1}}}",
                 "transitions.RECEIVED: unknown; keys must be ASSIGNED, ", id="fixed_transition"),
    pytest.param("{extends: documento_v1, transitions: {CLOSED: {REOPENED: 1.05}}}",
                 "transitions.CLOSED.REOPENED: 1.05: ", id="transition_above_one"),
    pytest.param("{extends: documento_v1, resolutions: {transfer: 0.99}}",
                 "resolutions: transfer, repeated and extension must add up to less than 1",
                 id="resolutions_above_one"),
    pytest.param("{extends: documento_v1, resolutions: {extension: -1}}",
                 "resolutions.extension: -1: ", id="resolution_below_0"),
    pytest.param("{extends: documento_v1, response: {hurry_share: 1.2}}",
                 "response.hurry_share: 1.2: ", id="hurry_above_one"),
    pytest.param("{extends: documento_v1, peaks: {days: [9, 5]}}", "peaks.days: the first value",
                 id="peak_reversed"),
    pytest.param("{extends: documento_v1, peaks: {per_day: [0, 5]}}", "peaks.per_day",
                 id="peak_of_nothing"),
    pytest.param("{extends: documento_v1, segments: {on_hold: {unit: office_days}}}",
                 "segments.on_hold: unit must be calendar_days here", id="unit_that_does_not_fit"),
    pytest.param("{extends: documento_v1, volume: 3}", "volume: ", id="a_number_for_a_mapping"),
    pytest.param("{extends: documento_v1, stop_status: ARCHIVED}", "stop_status: 'ARCHIVED': ",
                 id="other_clock"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_file_is_refused_in_one_line_with_its_name_and_the_path_inside(
    text: str | bytes, said: str, tmp_path: Path
):
    message = refusal(tmp_path, text)
    assert message.startswith(f"profile mine.yml: {said}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InvalidInput) as caught:
        with_profile_file(base_values(profile="gone/mine.yml"), tmp_path)
    place = tmp_path / "gone/mine.yml"
    assert str(caught.value) == (
        f"profile gone/mine.yml: cannot be read: No such file or directory: {place}"
    )


def test_a_folder_is_no_file(tmp_path: Path):
    (tmp_path / "mine.yml").mkdir()
    with pytest.raises(InvalidInput, match=r"^profile mine\.yml: cannot be read: Is a directory"):
        with_profile_file(base_values(profile="mine.yml"), tmp_path)


@pytest.mark.parametrize("name", ["a b", "1a", "año", "a.b", "-a", "a" * 65])
def test_a_name_that_could_be_no_profiles_is_refused(name: str, tmp_path: Path):
    message = refusal(tmp_path, "extends: ley1755", f"{name}.yml")
    assert f"{name!r} is no name of a profile" in message


def test_the_name_of_another_profile_is_refused(tmp_path: Path):
    message = refusal(tmp_path, "extends: ley1755", "documento_v1.yml")
    assert message == (
        "profile documento_v1.yml: there is another profile named 'documento_v1'; rename the file"
    )
