"""First messages of the default run, all of them: how many are alike, what they give away.

And whole tickets: what is said fits place, type and outcome. The grammar's own tests are
`tests/unit/test_texts.py`.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from tools.distributions.samples import base_profile, parameters

from pqrs_kedro.analysis import checks
from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.pipelines.synthesis.generator import generate_batch
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

pytestmark = pytest.mark.xdist_group("first_messages")

TICKETS = 34_641
CHUNK_DAYS = 4
RESERVED = re.compile(r"\.(example|invalid|test|localhost)$|(^|\.)example\.(com|net|org)$")
ATTACHED_SHARE = {"email": 0.55, "webform": 0.45, "chat": 0.12, "call": 1.0}


@dataclass(frozen=True)
class FirstMessage:
    """What a RECEIVED line says: all words of the citizen, and the files that come with them."""

    source: str
    words: tuple[str, ...]
    files: tuple[str, ...]
    payload: dict[str, Any]


def first_message(line: str) -> FirstMessage:
    event = json.loads(line)
    payload = event["payload"]
    turns = payload.get("turns") or payload.get("transcript") or []
    words = [turn["text"] for turn in turns if turn["author"] == "citizen"]
    words += [payload[name] for name in ("body", "observaciones") if name in payload]
    files = [item["file_name"] for item in payload.get("attachments", ())]
    files += [item["nombre"] for item in payload.get("documentos", ())]
    return FirstMessage(event["source"], tuple(words), tuple(files), payload)


@cache
def received_lines() -> list[str]:
    """The RECEIVED lines of `kedro run` without parameters."""
    run = parameters()
    scenario = build_scenario(run)
    first, last = (day_number(day) for day in (run.date_min, run.date_max))
    found: list[str] = []
    for start in range(first, last + 1, CHUNK_DAYS):
        made = generate_batch(scenario, range(start, min(start + CHUNK_DAYS, last + 1)))
        lines = made.lines.texts.series()
        received = lines.str.contains('"status_to":"RECEIVED"', literal=True)
        found += lines.filter(received).to_list()
    return found


@cache
def messages() -> list[FirstMessage]:
    return [first_message(line) for line in received_lines()]


def test_the_default_run_has_34641_first_messages():
    assert len(messages()) == TICKETS
    assert all(message.words for message in messages())


def repeated(texts: list[str]) -> int:
    """How many texts are identical to another one."""
    _, inverse, counts = np.unique(texts, return_inverse=True, return_counts=True)
    return int((counts[inverse] > 1).sum())


def test_texts_that_are_identical_are_counted():
    assert repeated(["a", "b", "a", "c", "c", "c"]) == 5


def test_fewer_than_2_per_cent_of_first_messages_are_identical_to_another():
    texts = ["\n".join(message.words) for message in messages()]
    assert repeated(texts) / TICKETS < 0.02


def test_fewer_than_2_per_cent_of_the_first_messages_in_silver_are_identical_to_another():
    """There every turn of a chat is a message, so that the first one is its opening."""
    assert repeated([message.words[0] for message in messages()]) / TICKETS < 0.02


@pytest.mark.parametrize("source", ATTACHED_SHARE)
def test_petitions_themselves_repeat_in_no_channel(source: str):
    texts = [message.words[-1] for message in messages() if message.source == source]
    assert repeated(texts) / len(texts) < 0.02


@pytest.mark.parametrize("source", ATTACHED_SHARE)
def test_files_come_with_as_many_petitions_as_the_channel_says(source: str):
    members = [message for message in messages() if message.source == source]
    attached = sum(bool(message.files) for message in members)
    assert checks.share(attached, len(members), ATTACHED_SHARE[source]).passed
    assert base_profile("documento_v1").channels[source].attachment_share == ATTACHED_SHARE[source]


def test_a_petition_with_files_has_one_two_or_three():
    counts = np.bincount([len(m.files) for m in messages() if m.files and m.source != "call"])
    assert checks.multinomial(counts[1:], [0.7, 0.2, 0.1]).passed
    assert {m.files for m in messages() if m.source == "call"} == {("transcripcion.txt",)}


def test_every_address_is_of_a_reserved_domain():
    addresses = re.findall(r"@([A-Za-z0-9.-]+[A-Za-z])", "".join(received_lines()))
    assert len(addresses) > 20_000
    assert [domain for domain in set(addresses) if not RESERVED.search(domain)] == []
    links = re.findall(r"(?:https?://|www\.)([A-Za-z0-9.-]+[A-Za-z])", "".join(received_lines()))
    assert [domain for domain in set(links) if not RESERVED.search(domain)] == []


def test_no_document_number_can_be_a_persons():
    """Issued numbers stay below 1,300,000,000, a company's NIT begins with 8 or 90."""
    numbers = {
        message.payload["numeroDocumento"]
        for message in messages()
        if message.source == "webform" and not message.payload["anonimo"]
    }
    assert len(numbers) > 8000
    assert all(re.fullmatch(r"9[5-9][0-9]{8}", number) for number in numbers)


# --- Whole tickets ------------------------------------------------------------------------------


@cache
def whole_tickets() -> dict[str, list[dict[str, Any]]]:
    """All lines of some 1,500 tickets of the default run, by ticket."""
    scenario = build_scenario(parameters(volume_scale=0.25))
    first = day_number(parameters().date_min)
    found: dict[str, list[dict[str, Any]]] = {}
    for line in (
        generate_batch(scenario, range(first, first + 6)).lines.frame().sort("at", "tie")["line"]
    ):
        found.setdefault(json.loads(line)["ticket_id"], []).append(json.loads(line))
    return found


def spoken(event: dict[str, Any]) -> str:
    payload = event["payload"] or {}
    turns = payload.get("turns") or payload.get("transcript") or []
    return "\n".join(
        [turn["text"] for turn in turns]
        + [
            payload[name]
            for name in ("subject", "asunto", "body", "observaciones")
            if name in payload
        ]
    )


def entering(ticket: list[dict[str, Any]], status: str) -> list[dict[str, Any]]:
    return [event for event in ticket if event["status_to"] == status]


def test_every_address_that_anybody_names_is_of_a_reserved_domain():
    text = json.dumps(list(whole_tickets().values()), ensure_ascii=False)
    addresses = set(re.findall(r"@([A-Za-z0-9.-]+[A-Za-z])", text))
    assert addresses
    assert [domain for domain in addresses if not RESERVED.search(domain)] == []


def test_a_first_message_names_the_municipality_of_its_ticket():
    table = municipalities()
    names = dict(zip(table["dane_code"].to_pylist(), table["name"].to_pylist(), strict=True))
    known = 0
    for ticket in whole_tickets().values():
        (code,) = {event["attributes"]["dane_code"] for event in entering(ticket, "RADICATED")}
        if code is not None:
            known += 1
            assert names[code] in spoken(ticket[0])
    assert known > 1000


OUTCOMES = {
    "DESISTIMIENTO_TACITO": r"(?s)desistimiento tácito.*artículo 17 del CPACA",
    "TRASLADO": r"artículo 21\s+del CPACA",
    "REITERATIVA": r"(?s)reiterativa.*artículo 19|artículo 19.*reiterativas",
    "PRORROGA": r"prórroga que se le comunicó|término adicional informado",
}


def test_an_answer_says_what_its_resolution_code_says_and_nothing_of_the_others():
    seen = Counter[str | None]()
    for ticket in whole_tickets().values():
        for event in entering(ticket, "RESPONDED"):
            code = event["attributes"]["resolution_code"]
            found = {name for name, words in OUTCOMES.items() if re.search(words, spoken(event))}
            assert found == ({code} if code else set())
            seen[code] += 1
    assert seen.keys() == {None, *OUTCOMES}


def test_a_repetition_names_the_ticket_that_its_answer_cites():
    cited = 0
    for ticket in whole_tickets().values():
        for event in entering(ticket, "RESPONDED"):
            number = event["attributes"]["cited_external_id"]
            if number is not None:
                cited += 1
                assert number in spoken(event)
                assert number in spoken(ticket[0])
    assert cited > 5


TYPE_WORDS = {
    "PETICION": "petición",
    "QUEJA": "queja",
    "RECLAMO": "reclamo",
    "SUGERENCIA": "sugerencia",
}


def test_an_answer_names_the_type_that_the_ticket_was_classified_as():
    for ticket in whole_tickets().values():
        kinds = {event["attributes"]["pqrs_type"] for event in entering(ticket, "CLASSIFIED")}
        (kind,) = kinds
        for event in entering(ticket, "RESPONDED"):
            assert f"su {TYPE_WORDS[kind]}" in spoken(event)
