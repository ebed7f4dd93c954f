"""Every generated line is what docs/raw_events.md says."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from tests.oracle.calendar import local_day
from tests.oracle.curation import parse_instant
from tests.unit.scenarios import PROFILES, batch

from pqrs_kedro.pipelines.synthesis.events import batch_events
from pqrs_kedro.pipelines.synthesis.lines import raw_lines

Line = dict[str, Any]

ENVELOPE = [
    "event_id", "event_type", "ts", "source", "ticket_id", "external_id", "actor_role",
    "status_from", "status_to", "attributes", "payload",
]  # fmt: skip
CHAT = ["session_id", "platform", "bot_handoff_at", "turns", "csat", "attachments"]
CALL = [
    "call_id", "ani", "dnis", "queue_enter", "answered_at", "ended_at", "disposition", "transcript",
    "asr_confidence", "attachments",
]  # fmt: skip
EMAIL = [
    "message_id", "from", "to", "cc", "subject", "body", "in_reply_to", "received_timestamp",
    "attachments",
]  # fmt: skip
PERSON = [
    "codigoTipoPersona", "codigoTipoIdentificacion", "numeroDocumento", "primerNombre",
    "segundoNombre", "primerApellido", "segundoApellido", "codigoGenero", "fechaNacimiento",
]  # fmt: skip
FORM_TEXT = ["asunto", "observaciones", "documentos"]
FORM = [
    *PERSON, "codigoPais", "codigoDepartamento", "codigoCiudad", "notificacionElectronica",
    "idTipoPeticion", "codigoCanal", "codigoEntidad", "codigoDependencia", "codigoTema",
    *FORM_TEXT, "anonimo",
]  # fmt: skip
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SOURCES = ("email", "webform", "chat", "call")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs), pairs
    return found


@cache
def texts(name: str) -> Sequence[str]:
    made = batch("2026-01-13", 3, profile=name, volume_scale=0.3)
    return raw_lines(batch_events(made)).frame().sort("at", "tie")["line"].to_list()


@cache
def lines_of(name: str) -> Sequence[Line]:
    """The lines of some 1,500 tickets, in the order (ts, event_id)."""
    return [json.loads(text, object_pairs_hook=unique_keys) for text in texts(name)]


@cache
def tickets_of(name: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines_of(name):
        found.setdefault(line["ticket_id"], []).append(line)
    return found


def statuses(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line["event_type"] == "STATUS"]


def entering(line: Line) -> str:
    """What the line is, for the rules of attributes and payloads."""
    return line["status_to"] or line["event_type"]


both_profiles = pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in PROFILES])


# --- Lines and envelope -------------------------------------------------------------------------


@both_profiles
def test_every_line_is_one_json_object_with_the_keys_of_the_envelope_in_order(name: str):
    assert len(texts(name)) > 10_000
    assert all(text.endswith("}\n") and text.count("\n") == 1 for text in texts(name))
    assert [line for line in lines_of(name) if list(line) != ENVELOPE] == []


@both_profiles
def test_the_values_of_the_envelope_are_the_documented_ones(name: str):
    for line in lines_of(name):
        assert UUID7.fullmatch(line["event_id"])
        assert UUID7.fullmatch(line["ticket_id"])
        assert INSTANT.fullmatch(line["ts"])
        assert line["source"] in SOURCES
        assert line["actor_role"] in ("citizen", "agent", "system")
        assert line["external_id"] is None or re.fullmatch(r"2026\d{9}2", line["external_id"])
    seen = {(line["source"], line["event_type"]) for line in lines_of(name)}
    assert {source for source, _ in seen} == set(SOURCES)
    assert {kind for _, kind in seen} == {"STATUS", "MESSAGE", "TERM_EXTENDED"}


@both_profiles
def test_event_ids_are_unique_and_tell_the_instant(name: str):
    identifiers = [line["event_id"] for line in lines_of(name)]
    assert len(set(identifiers)) == len(identifiers)
    # In the order (ts, event_id) they are in their own order, and so are the instants.
    assert identifiers == sorted(identifiers)
    assert [line["ts"] for line in lines_of(name)] == sorted(line["ts"] for line in lines_of(name))


@both_profiles
def test_a_ticket_has_one_source_one_radicado_and_one_chain_of_statuses(name: str):
    for lines in tickets_of(name).values():
        assert len({line["source"] for line in lines}) == 1
        assert len({line["external_id"] for line in lines} - {None}) == 1
        chain = [None, *(line["status_to"] for line in statuses(lines))]
        assert [line["status_from"] for line in statuses(lines)] == chain[:-1]
        assert (chain[1], chain[-1]) == ("RECEIVED", "ARCHIVED")


@both_profiles
def test_a_radicado_belongs_to_one_ticket(name: str):
    radicados = {lines[-1]["external_id"] for lines in tickets_of(name).values()}
    assert len(radicados) == len(tickets_of(name))


@both_profiles
def test_the_radicado_is_null_exactly_before_the_petition_is_radicated(name: str):
    early_replies = 0
    for lines in tickets_of(name).values():
        radicated = next(line["ts"] for line in lines if line["status_to"] == "RADICATED")
        for line in lines:
            assert (line["external_id"] is None) is (line["ts"] < radicated)
            early_replies += line["ts"] < radicated and line["event_type"] == "MESSAGE"
    assert early_replies > 0


@both_profiles
def test_lines_without_a_status_name_none(name: str):
    others = [line for line in lines_of(name) if line["event_type"] != "STATUS"]
    assert {(line["status_from"], line["status_to"]) for line in others} == {(None, None)}
    assert {line["actor_role"] for line in others} == {"agent"}


# --- Attributes ---------------------------------------------------------------------------------

ATTRIBUTES = {
    "RADICATED": ["dane_code"],
    "CLASSIFIED": ["pqrs_type", "priority"],
    "RESPONDED": ["resolution_code", "cited_external_id"],
    "TERM_EXTENDED": ["term_business_days"],
}


@both_profiles
def test_attributes_are_given_where_they_are_documented(name: str):
    for line in lines_of(name):
        assert list(line["attributes"]) == ATTRIBUTES.get(entering(line), [])


@both_profiles
def test_attributes_have_the_documented_values(name: str):
    types = batch("2026-01-13", 3, profile=name, volume_scale=0.3).scenario.profile.types
    for lines in tickets_of(name).values():
        of = {entering(line): line["attributes"] for line in lines}
        assert of["RADICATED"]["dane_code"] is None or re.fullmatch(
            r"\d{5}", of["RADICATED"]["dane_code"]
        )
        assert of["CLASSIFIED"]["priority"] in ("ALTA", "MEDIA", "BAJA")
        term = types[of["CLASSIFIED"]["pqrs_type"]].term_business_days
        assert of.get("TERM_EXTENDED", {"term_business_days": 2 * term}) == {
            "term_business_days": 2 * term
        }


@both_profiles
def test_only_a_repeated_petition_cites_an_earlier_radicado(name: str):
    answers = [line for line in lines_of(name) if line["status_to"] == "RESPONDED"]
    codes = set()
    for line in answers:
        code, cited = (line["attributes"][key] for key in ATTRIBUTES["RESPONDED"])
        codes.add(code)
        assert (cited is not None) is (code == "REITERATIVA")
        assert cited is None or cited < line["external_id"]
    assert codes == {None, "DESISTIMIENTO_TACITO", "TRASLADO", "REITERATIVA", "PRORROGA"}


@both_profiles
def test_resolution_codes_follow_from_what_happened(name: str):
    for lines in tickets_of(name).values():
        answers = [line for line in lines if line["status_to"] == "RESPONDED"]
        extended = any(line["event_type"] == "TERM_EXTENDED" for line in lines)
        codes = [line["attributes"]["resolution_code"] for line in answers]
        assert ("PRORROGA" in codes) is extended
        for line, code in zip(answers, codes, strict=True):
            assert (code == "DESISTIMIENTO_TACITO") is (line["status_from"] == "ON_HOLD")


# --- Payloads -----------------------------------------------------------------------------------


def has_payload(line: Line) -> bool:
    if line["status_to"] == "IN_PROGRESS":
        return line["status_from"] in ("ON_HOLD", "RESPONDED")
    return entering(line) in (
        "RECEIVED", "MESSAGE", "ON_HOLD", "RESPONDED", "REOPENED", "TERM_EXTENDED",
    )  # fmt: skip


@both_profiles
def test_a_line_has_a_payload_exactly_where_something_is_said(name: str):
    wrong = [line for line in lines_of(name) if (line["payload"] is not None) != has_payload(line)]
    assert wrong == []


@both_profiles
def test_payloads_have_the_documented_keys_in_order(name: str):
    for line in lines_of(name):
        if line["payload"] is not None:
            form = FORM if line["status_to"] == "RECEIVED" else FORM_TEXT
            keys = {"email": EMAIL, "webform": form, "chat": CHAT, "call": CALL}[line["source"]]
            assert list(line["payload"]) == keys


def spoken(name: str, *sources: str) -> Iterator[tuple[Line, dict[str, Any]]]:
    for line in lines_of(name):
        if line["payload"] is not None and line["source"] in sources:
            yield line, line["payload"]


@both_profiles
def test_turns_are_said_in_order_after_the_line_and_on_its_local_day(name: str):
    authors = set()
    for line, payload in spoken(name, "chat", "call"):
        turns = payload["turns" if line["source"] == "chat" else "transcript"]
        assert turns
        assert all(list(turn) == ["at", "author", "text"] for turn in turns)
        instants = [turn["at"] for turn in turns]
        assert all(INSTANT.fullmatch(at) for at in instants)
        assert [line["ts"], *instants] == sorted([line["ts"], *instants])
        days = {local_day(parse_instant(at)) for at in (line["ts"], *instants)}
        assert len(days) == 1
        assert all(turn["text"].strip() for turn in turns)
        authors |= {(line["source"], turn["author"]) for turn in turns}
    assert authors == {
        ("chat", "citizen"), ("chat", "agent"), ("chat", "bot"),
        ("call", "citizen"), ("call", "agent"),
    }  # fmt: skip


@both_profiles
def test_a_chat_begins_with_the_citizen_and_goes_from_the_bot_to_a_person(name: str):
    for line, payload in spoken(name, "chat"):
        if line["status_to"] == "RECEIVED":
            assert payload["turns"][0]["at"] == line["ts"]
            assert [turn["author"] for turn in payload["turns"]][:2] == ["citizen", "bot"]
            assert payload["bot_handoff_at"] == payload["turns"][-1]["at"]
        else:
            assert payload["bot_handoff_at"] is None
        assert payload["csat"] is None or payload["csat"] in range(1, 6)


@both_profiles
def test_a_call_enters_the_queue_with_the_line_and_ends_last(name: str):
    for line, payload in spoken(name, "call"):
        assert payload["queue_enter"] == line["ts"]
        times = [payload[key] for key in ("queue_enter", "answered_at", "ended_at")]
        assert times == sorted(times)
        assert payload["transcript"][-1]["at"] <= payload["ended_at"]
        assert local_day(parse_instant(times[0])) == local_day(parse_instant(times[2]))
        assert 0 < payload["asr_confidence"] < 1
        assert re.search(r"[*X]", payload["ani"])


@both_profiles
def test_an_email_answers_the_first_one_of_its_ticket(name: str):
    for lines in tickets_of(name).values():
        sent = [line["payload"] for line in lines if line["payload"] is not None]
        if lines[0]["source"] == "email":
            replies = [mail["in_reply_to"] for mail in sent]
            assert replies == [None, *[sent[0]["message_id"]] * (len(sent) - 1)]
            assert len({mail["message_id"] for mail in sent}) == len(sent)
            assert all(mail["subject"].strip() and mail["body"].strip() for mail in sent)
    for line, payload in spoken(name, "email"):
        assert payload["received_timestamp"] == line["ts"]
        assert (payload["from"] == "atencion@entidad.example") is (line["actor_role"] != "citizen")
        assert (payload["to"] == ["atencion@entidad.example"]) is (line["actor_role"] == "citizen")


@both_profiles
def test_an_anonymous_form_names_nobody_and_another_names_a_person(name: str):
    anonymous = set()
    for line, form in spoken(name, "webform"):
        if line["status_to"] == "RECEIVED":
            anonymous.add(form["anonimo"])
            optional = {"segundoNombre", "segundoApellido", "codigoGenero"}
            given = {key for key in PERSON if form[key] is not None} | optional
            assert given == (optional if form["anonimo"] else set(PERSON))
            assert form["notificacionElectronica"] is not form["anonimo"]
            assert form["codigoPais"] == 169
            assert (form["codigoCiudad"] or "")[:2] == (form["codigoDepartamento"] or "")
    assert anonymous == {False, True}


@both_profiles
def test_files_have_a_name_with_an_extension_and_a_size(name: str):
    received = {source: [0, 0] for source in SOURCES}
    for line, payload in spoken(name, *SOURCES):
        form = line["source"] == "webform"
        files = payload["documentos" if form else "attachments"]
        keys = ["nombre", "tamanoKb"] if form else ["file_name", "size_kb"]
        for file in files:
            assert list(file) == keys
            assert re.fullmatch(r"[^/]+\.[a-z]{3,4}", file[keys[0]])
            assert file[keys[1]] >= 1
        if line["status_to"] == "RECEIVED":
            received[line["source"]][bool(files)] += 1
    shares = {
        source: with_files / (none + with_files) for source, (none, with_files) in received.items()
    }
    expected = {"email": 0.55, "webform": 0.45, "chat": 0.12, "call": 1.0}
    assert shares == pytest.approx(expected, abs=0.1)


@both_profiles
def test_the_first_human_reply_comes_before_the_answer_and_never_by_call(name: str):
    for lines in tickets_of(name).values():
        replies = [line["ts"] for line in lines if line["event_type"] == "MESSAGE"]
        answered = next(line["ts"] for line in lines if line["status_to"] == "RESPONDED")
        assert len(replies) <= (lines[0]["source"] != "call")
        assert all(reply < answered for reply in replies)
