"""First messages of the default run, all of them: how many are alike, what they give away."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from tools.distributions import checks
from tools.distributions.samples import base_profile, parameters

from pqrs_kedro.domain.calendar import day_number
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
        received = pl.col("line").str.contains('"status_to":"RECEIVED"', literal=True)
        found += made.filter(received)["line"].to_list()
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


def test_fewer_than_2_per_cent_of_first_messages_are_identical_to_another():
    texts = ["\n".join(message.words) for message in messages()]
    assert repeated(texts) / TICKETS < 0.02


@pytest.mark.parametrize("source", ATTACHED_SHARE)
def test_petitions_themselves_repeat_in_no_channel(source: str):
    """Without a chat's greeting, which people do repeat."""
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
