"""Each class of defects: what it does to a line, read by json and bytes alone, and how often."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from tests.unit.defect_runs import Made, Row, clean, local, made

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.defects import DEFECT_CLASSES, DEFECT_LABELS
from pqrs_kedro.domain.statuses import TRANSITIONS
from pqrs_kedro.pipelines.synthesis.defects.classes import BEFALL

DOCUMENT = Path(__file__).parents[2] / "docs" / "defects.md"
RATE = 0.2
# A text of 1 MB each; and pairs of events, of which one keeps the other from being befallen.
RATES = {"gigantic_text": 0.01, "out_of_order_lines": 0.03, "swapped_instants": 0.03}
REQUIRED = {"event_id", "event_type", "ts", "source", "ticket_id", "actor_role"}


def befallen(label: str) -> Made:
    """A week in which one class of defects is frequent."""
    return made({label: RATES.get(label, RATE)})


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of parsed JSON by path: `payload.turns[0].text`."""
    if isinstance(value, dict) and value:
        parts = [leaves(part, f"{path}.{key}" if path else key) for key, part in value.items()]
    elif isinstance(value, list) and value:
        parts = [leaves(part, f"{path}[{number}]") for number, part in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for part in parts for key, leaf in part.items()}


def changes(dirty: bytes, before: bytes) -> dict[str, tuple[Any, Any]]:
    """What differs between two lines: the value of each path in both, null where there is none."""
    new, old = leaves(json.loads(dirty)), leaves(json.loads(before))
    paths = sorted(new.keys() | old.keys())
    return {p: (new.get(p), old.get(p)) for p in paths if new.get(p) != old.get(p)}


def changed(row: Row, dirty: bytes) -> tuple[Any, Any]:
    """The new and the old value of the one field that the ledger says was changed."""
    found = changes(dirty, row["clean_line"])
    assert list(found) == [row["field"]]
    return found[row["field"]]


def is_copy_of_the_line_before(row: Row, run: Made) -> bool:
    return run.line(row) == run.line_before(row) == clean().events[row["event_id"]]["line"]


def has_another_content(row: Row, run: Made) -> bool:
    before = run.line_before(row)
    assert before == clean().events[row["event_id"]]["line"]
    (path,) = changes(run.line(row), before)
    return path == row["field"] and (path == "attributes.priority" or path.startswith("payload."))


def is_filed_with_a_later_transaction(row: Row, run: Made) -> bool:
    life = clean().by_ticket[row["ticket_id"]]
    assert changes(run.line(row), life[0]["line"]) == {
        "event_id": (row["event_id"], life[0]["event_id"])
    }
    days = {local(e["ts"]).date() for e in life if e["event_type"] == "STATUS"}
    copies = [r["day"] for r in run.rows if r["ticket_id"] == row["ticket_id"]]
    return sorted(copies) == sorted(days - {local(life[0]["ts"]).date()})


def is_cut(row: Row, run: Made) -> bool:
    dirty, whole = run.line(row), row["clean_line"]
    dirty.decode()
    with pytest.raises(json.JSONDecodeError):
        json.loads(dirty)
    return whole.startswith(dirty) and 0.24 < len(dirty) / len(whole) < 0.76


def is_twice_the_event(row: Row, run: Made) -> bool:
    dirty = run.line(row).decode()
    event, end = json.JSONDecoder().raw_decode(dirty)
    again, rest = json.JSONDecoder().raw_decode(dirty[end:])
    return event == again == json.loads(row["clean_line"]) and not dirty[end:][rest:]


def is_blank_behind_the_event(row: Row, run: Made) -> bool:
    assert run.line_before(row) == clean().events[row["event_id"]]["line"]
    return run.line(row) in (b"", b" \t", b"\r")


def has_one_byte_that_is_no_utf8(row: Row, run: Made) -> bool:
    dirty, whole = run.line(row), row["clean_line"]
    with pytest.raises(UnicodeDecodeError):
        dirty.decode()
    differing = [new for new, old in zip(dirty, whole, strict=True) if new != old]
    found = changes(dirty.decode(errors="replace").encode(), whole)
    return differing == [0xFF] and list(found) == [row["field"]]


def has_no_text(row: Row, run: Made) -> bool:
    new, old = json.loads(run.line(row)), json.loads(row["clean_line"])
    field = row["field"]
    assert not isinstance(new[field], str)
    return field in REQUIRED and {**new, field: 0} == {**old, field: 0}


def lacks_a_key(row: Row, run: Made) -> bool:
    new, old = json.loads(run.line(row)), json.loads(row["clean_line"])
    del old[row["field"]]
    return row["field"] in REQUIRED and new == old


def has_one_key_more(row: Row, run: Made) -> bool:
    new, old = json.loads(run.line(row)), json.loads(row["clean_line"])
    del new[row["field"]]
    return row["field"] not in old and new == old


def has_an_unknown_type_to_the_end(row: Row, run: Made) -> bool:
    new, _ = changed(row, run.line(row))
    life = clean().by_ticket[row["ticket_id"]]
    last = [e["event_id"] for e in life if e["status_to"] == "CLASSIFIED"][-1]
    return new == "RECURSO" and last == row["event_id"]


def lost_its_zero(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    return len(new) == 4 and f"0{new}" == old


def is_no_instant(row: Row, run: Made) -> bool:
    new, _ = changed(row, run.line(row))
    with pytest.raises(ValueError, match=r"must be in|out of range"):
        datetime.fromisoformat(new)
    return True


def has_an_ambiguous_instant(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    if "/" in new:
        there = local(old).replace(second=0, microsecond=0)
        return datetime.strptime(new, "%d/%m/%Y %H:%M") == there  # noqa: DTZ007
    naive = datetime.fromisoformat(new)
    return naive.tzinfo is None and naive == local(old) + timedelta(hours=5)


def has_a_key_twice(row: Row, run: Made) -> bool:
    envelope: list[list[tuple[str, Any]]] = []
    json.loads(run.line(row), object_pairs_hook=lambda pairs: envelope.append(pairs) or dict(pairs))
    keys = Counter(key for key, _ in envelope[-1])
    first, last = (value for key, value in envelope[-1] if key == row["field"])
    whole = json.loads(row["clean_line"])
    assert dict(envelope[-1][:-1]) == whole
    return keys - Counter([*whole]) == Counter({row["field"]: 1}) and first != last


def has_an_object_for_its_text(row: Row, run: Made) -> bool:
    found = changes(run.line(row), row["clean_line"])
    field = row["field"]
    return found == {
        field: (None, found[field][1]),
        f"{field}.es": (found[field][1], None),
    }


def text_with(inserted: str) -> Callable[[Row, Made], bool]:
    def check(row: Row, run: Made) -> bool:
        new, old = changed(row, run.line(row))
        assert not {*range(32)} & {*run.line(row)}
        return new.count(inserted) == 1 and new.replace(inserted, "") == old

    return check


def has_another_offset(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    assert new.endswith(("-05:00", "+00:00"))
    return datetime.fromisoformat(new) == datetime.fromisoformat(old)


def has_another_precision(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    seconds = [Decimal(text[17:].removesuffix("Z")) for text in (new, old)]
    assert len(new) != len(old)
    return new.endswith("Z") and new[:17] == old[:17] and seconds[0] == seconds[1]


def days_off(row: Row, run: Made) -> int:
    """Days between the object in which an untouched line lies and that of its instant."""
    assert run.line(row) == row["clean_line"]
    event = json.loads(row["clean_line"])
    assert row["source"] == event["source"]
    return (row["day"] - local(event["ts"]).date()).days


def is_a_day_off(row: Row, run: Made) -> bool:
    received = local(clean().by_ticket[row["ticket_id"]][0]["ts"]).date()
    return days_off(row, run) in (-1, 1) and row["day"] >= received


def is_with_another_channel(row: Row, run: Made) -> bool:
    event = json.loads(run.line(row))
    assert run.line(row) == row["clean_line"]
    assert row["day"] == local(event["ts"]).date()
    return row["source"] in CHANNEL_IDS and row["source"] != event["source"]


def is_forbidden(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    allowed = TRANSITIONS[json.loads(row["clean_line"])["status_from"]]
    return row["field"] == "status_to" and old in allowed and new not in allowed


def comes_behind_a_later_event(row: Row, run: Made) -> bool:
    own, before = json.loads(run.line(row)), json.loads(run.line_before(row))
    assert run.line(row) == row["clean_line"]
    life = [e["event_id"] for e in clean().by_ticket[row["ticket_id"]]]
    following = life[life.index(own["event_id"]) + 1]
    return before["event_id"] == following and before["ts"] > own["ts"]


def has_the_instant_of_its_neighbour(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    others = [r for r in run.rows if r["ticket_id"] == row["ticket_id"]]
    (other,) = [r for r in others if json.loads(r["clean_line"])["ts"] == new]
    assert changed(other, run.line(other)) == (old, new)
    life = clean().by_ticket[row["ticket_id"]]
    statuses = [e["event_id"] for e in life if e["event_type"] == "STATUS"]
    places = sorted(statuses.index(r["event_id"]) for r in (row, other))
    assert row["day"] == local(new).date()
    return row["field"] == "ts" and places[0] + 1 == places[1] and places[0] > 0


def is_of_no_ticket(row: Row, run: Made) -> bool:
    found = changes(run.line(row), run.line_before(row))
    event = json.loads(run.line(row))
    assert event["event_type"] == "MESSAGE"
    assert (event["event_id"], event["ticket_id"]) == (row["event_id"], row["ticket_id"])
    assert row["event_id"] not in clean().events
    assert row["ticket_id"] not in clean().by_ticket
    return found.keys() - {"external_id"} == {"event_id", "ticket_id"} and not event["external_id"]


def is_very_long(row: Row, run: Made) -> bool:
    new, old = changed(row, run.line(row))
    return len(run.line(row)) >= 1_000_000 and not new.replace(f"{old} ", "")


CHECKS: dict[str, Callable[[Row, Made], bool]] = {
    "duplicate_line": is_copy_of_the_line_before,
    "duplicate_event_id": has_another_content,
    "repeated_petition": is_filed_with_a_later_transaction,
    "truncated_json": is_cut,
    "two_objects": is_twice_the_event,
    "empty_line": is_blank_behind_the_event,
    "byte_order_mark": lambda row, run: run.line(row) == b"\xef\xbb\xbf" + row["clean_line"],
    "invalid_utf8": has_one_byte_that_is_no_utf8,
    "wrong_type": has_no_text,
    "missing_field": lacks_a_key,
    "unknown_field": has_one_key_more,
    "unknown_event_type": lambda row, run: changed(row, run.line(row))[0] == "NOTE",
    "unknown_channel": lambda row, run: changed(row, run.line(row))[0] == "fax",
    "unknown_type_code": has_an_unknown_type_to_the_end,
    "dane_without_zero": lost_its_zero,
    "unknown_dane_code": lambda row, run: changed(row, run.line(row))[0] == "99999",
    "impossible_timestamp": is_no_instant,
    "ambiguous_timestamp": has_an_ambiguous_instant,
    "duplicate_key": has_a_key_twice,
    "object_for_text": has_an_object_for_its_text,
    "nul_in_text": text_with("\0"),
    "other_utc_offset": has_another_offset,
    "mixed_precision": has_another_precision,
    "wrong_day": is_a_day_off,
    "wrong_source": is_with_another_channel,
    "forbidden_transition": is_forbidden,
    "out_of_order_lines": comes_behind_a_later_event,
    "swapped_instants": has_the_instant_of_its_neighbour,
    "orphan_message": is_of_no_ticket,
    "negative_size": lambda row, run: changed(row, run.line(row))[0] == -1,
    "gigantic_text": is_very_long,
    "control_characters": text_with(' \x07\x1b[0m "C:\\temp" '),
    "late_arrival": lambda row, run: 1 <= days_off(row, run) <= 10,
}
ADDED = {
    "duplicate_line",
    "duplicate_event_id",
    "repeated_petition",
    "empty_line",
    "orphan_message",
}


def test_every_class_of_the_table_has_a_function_of_its_name():
    assert tuple(BEFALL) == DEFECT_LABELS == tuple(CHECKS)
    assert len(DEFECT_LABELS) == 33


def test_the_document_tells_of_every_class_what_the_ledger_tells():
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    told = {row[0].strip("`"): (row[2], row[5]) for row in rows if len(row) == 6}
    assert tuple(told) == DEFECT_LABELS
    for item in DEFECT_CLASSES:
        ingestion, effect = told[item.label]
        expected = f"quarantine `{item.reason}`" if item.reason else item.outcome
        assert (expected in ingestion, effect) == (True, item.effect)


@pytest.mark.parametrize("label", DEFECT_LABELS)
def test_a_line_is_what_its_class_says(label: str):
    run = befallen(label)
    assert len(run.rows) >= 5
    assert [row for row in run.rows if not CHECKS[label](row, run)] == []


@pytest.mark.parametrize("item", DEFECT_CLASSES, ids=DEFECT_LABELS)
def test_the_ledger_says_what_must_become_of_a_line(item: Any):
    for row in befallen(item.label).rows:
        told = (row["label"], row["bronze_outcome"], row["bronze_reason"], row["effect"])
        assert told == (item.label, item.outcome, item.reason, item.effect)
        assert row["is_added"] is (item.label in ADDED) is (row["clean_line"] is None)
        if row["clean_line"] is not None:
            assert row["clean_line"] == clean().events[row["event_id"]]["line"]
            assert json.loads(row["clean_line"])["ticket_id"] == row["ticket_id"]


@pytest.mark.parametrize(
    ("label", "kinds"),
    [
        ("empty_line", lambda row, run: run.line(row)),
        ("ambiguous_timestamp", lambda row, run: "/" in json.loads(run.line(row))["ts"]),
        ("other_utc_offset", lambda row, run: json.loads(run.line(row))["ts"][-6:]),
        ("mixed_precision", lambda row, run: len(json.loads(run.line(row))["ts"]) > 27),
        ("wrong_type", lambda row, run: type(json.loads(run.line(row))[row["field"]])),
        ("wrong_day", days_off),
        ("wrong_source", lambda row, run: row["source"]),
        ("late_arrival", days_off),
        ("missing_field", lambda row, run: row["field"]),
        ("duplicate_event_id", lambda row, run: row["field"].split(".")[0]),
    ],
)
def test_a_class_with_variants_shows_all_of_them(label: str, kinds: Callable[[Row, Made], Any]):
    expected = {
        "empty_line": {b"", b" \t", b"\r"},
        "ambiguous_timestamp": {True, False},
        "other_utc_offset": {"-05:00", "+00:00"},
        "mixed_precision": {True, False},
        "wrong_type": {int, bool, list},
        "wrong_day": {-1, 1},
        "wrong_source": set(CHANNEL_IDS),
        "late_arrival": set(range(1, 11)),
        "missing_field": REQUIRED,
        "duplicate_event_id": {"attributes", "payload"},
    }
    run = befallen(label)
    assert {kinds(row, run) for row in run.rows} == expected[label]


# --- Rates --------------------------------------------------------------------------------------


def says_something(event: Row) -> bool:
    return event["payload"] is not None


def is_followed_on_the_same_day(event: Row) -> bool:
    life = clean().by_ticket[event["ticket_id"]]
    place = [e["event_id"] for e in life].index(event["event_id"])
    return place + 1 < len(life) and local(life[place + 1]["ts"]).date() == local(
        event["ts"]
    ).date()  # fmt: skip


def is_last_classification(event: Row) -> bool:
    found = [e for e in clean().by_ticket[event["ticket_id"]] if e["status_to"] == "CLASSIFIED"]
    return event["event_id"] == found[-1]["event_id"]


def dane_code(event: Row) -> str:
    return event["attributes"].get("dane_code") or ""


def files(event: Row) -> Any:
    payload = event["payload"] or {}
    return payload.get("attachments") or payload.get("documentos")


CAN_BEFALL: dict[str, Callable[[Row], Any]] = {
    "duplicate_event_id": lambda e: says_something(e) or "priority" in e["attributes"],
    "repeated_petition": lambda e: e["status_to"] == "RECEIVED",
    "invalid_utf8": says_something,
    "unknown_type_code": is_last_classification,
    "dane_without_zero": lambda e: dane_code(e).startswith("0"),
    "unknown_dane_code": dane_code,
    "object_for_text": says_something,
    "nul_in_text": says_something,
    "forbidden_transition": lambda e: e["status_from"],
    "out_of_order_lines": is_followed_on_the_same_day,
    "swapped_instants": lambda e: e["status_from"] and e["status_to"] != "ARCHIVED",
    "orphan_message": lambda e: e["event_type"] == "MESSAGE",
    "negative_size": files,
    "gigantic_text": says_something,
    "control_characters": says_something,
}


@pytest.mark.parametrize("label", DEFECT_LABELS)
def test_the_rate_is_the_share_of_the_events_that_a_class_can_befall(label: str):
    rate = RATES.get(label, RATE)
    can_befall = CAN_BEFALL.get(label, lambda _: True)
    events = sum(bool(can_befall(event)) for event in clean().events.values())
    rows = befallen(label).rows
    petitions = {row["ticket_id"] for row in rows}
    hits = {"repeated_petition": len(petitions), "swapped_instants": len(rows) / 2}
    found, error = hits.get(label, len(rows)), 4 * sqrt(events * rate * (1 - rate))
    # Of two neighbours only one is befallen.
    least = rate * (1 - 2 * rate) if label in ("out_of_order_lines", "swapped_instants") else rate
    assert events * least - error <= found <= events * rate + error


def test_at_rate_one_every_event_is_befallen_and_at_rate_zero_none():
    assert len(made({"duplicate_line": 1}).rows) == len(clean().events)
    assert made({"duplicate_line": 0}).rows == []


@pytest.mark.parametrize(
    ("profile", "least", "most"), [("realistic", 0.005, 0.01), ("hostile", 0.18, 0.22)]
)
def test_a_profile_befalls_the_share_of_events_that_it_says(
    profile: str, least: float, most: float
):
    run = made(profile, volume_scale=0.5)
    events = len(clean(volume_scale=0.5).events)
    repeated = [row for row in run.rows if row["label"] == "repeated_petition"]
    befallen = len(run.rows) - len(repeated) + len({row["ticket_id"] for row in repeated})
    assert least < befallen / events < most


def test_the_hostile_profile_has_every_class():
    assert {row["label"] for row in made("hostile", volume_scale=0.5).rows} == {*DEFECT_LABELS}


def test_copies_and_late_lines_are_the_most_frequent_of_realistic_defects():
    found = Counter(row["label"] for row in made("realistic", volume_scale=0.5).rows)
    assert {label for label, _ in found.most_common(3)} == {
        "duplicate_line", "late_arrival", "repeated_petition",
    }  # fmt: skip
