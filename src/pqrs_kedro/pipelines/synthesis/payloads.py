"""What each channel's system exports with an event: the JSON of payloads (docs/raw_events.md).

What is the same for all events of a ticket is put together once per ticket, as a column; an event's
payload is written from these columns, the event's own texts and instants, and literals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from pqrs_kedro.pipelines.synthesis.events import ACTORS
from pqrs_kedro.pipelines.synthesis.json_text import (
    json_array,
    json_number,
    json_object,
    json_opening,
    json_plain,
)
from pqrs_kedro.pipelines.synthesis.pieces import Int, Numbers, Part, Pieces, Runs, Sheet

ENTITY_CODE: Final = 999  # no entity of the SDQS has it: the authority is invented
CHANNEL_CODE: Final = {"email": 1, "webform": 2, "chat": 3, "call": 4}
AUTHORITY_ADDRESS: Final = "atencion@entidad.example"
SWITCHBOARD: Final = "+57 601 XXX X000"
PLATFORMS: Final = ("sitio_web", "app_movil", "mensajeria")
FILES: Final = 3
# The number of no piece.
_NONE: Final = -1


@dataclass(frozen=True)
class Occasion:
    """Events of one channel in which something is said, all in the same way.

    One entry per event: its place among the batch's events, the ticket's row, and piece numbers of
    its identifier, of its ticket's first event's, and of its instant.
    """

    event: Int
    row: Int
    event_id: Numbers
    first_event_id: Numbers
    ts: Numbers
    actor: Int
    """Place in ACTORS of who speaks."""


class Payloads:
    """Writes payloads on a sheet whose rows are the events of a batch.

    Args:
        sheet: rows with everything that comes before the payload.
        pieces: the batch's pieces.
        tickets: the batch's frame.
        subject: piece number of each ticket's subject.
        files: piece number of each ticket's files.
    """

    def __init__(
        self,
        sheet: Sheet,
        pieces: Pieces,
        tickets: pl.DataFrame,
        subject: Numbers,
        files: Numbers,
    ) -> None:
        self._sheet, self._pieces, self._subject = sheet, pieces, subject
        self._files = files
        self._of = dict[str, Numbers]()
        for source, texts in _fragments().items():
            own = tickets.lazy().with_row_index("row").filter(pl.col("source") == source)
            found = own.select("row", **texts).collect()
            for name in texts:
                self._of[name] = np.full(len(tickets), _NONE, dtype=np.int32)
                self._of[name][found["row"].to_numpy()] = pieces.column(found[name])

    def _write(self, at: Occasion, *parts: Part | str) -> None:
        numbers = (self._pieces.literal(part) if isinstance(part, str) else part for part in parts)
        self._sheet.write(*numbers, rows=at.event)

    def email(self, at: Occasion, text: Runs) -> None:
        """The e-mail that makes a petition."""
        head, subject = self._of["by_citizen"][at.row], self._subject[at.row]
        self._write(
            at, '{"message_id":"<', at.event_id, head, subject, '","body":"', text,
            '","in_reply_to":null,"received_timestamp":"', at.ts, '","attachments":',
            self._files[at.row], "}",
        )  # fmt: skip

    def email_reply(self, at: Occasion, text: Runs) -> None:
        """A later e-mail on the case; it answers the first one."""
        citizen = at.actor == ACTORS.index("citizen")
        head = np.where(citizen, self._of["by_citizen"][at.row], self._of["by_authority"][at.row])
        self._write(
            at, '{"message_id":"<', at.event_id, head, "Re: ", self._subject[at.row],
            '","body":"', text, '","in_reply_to":"<', at.first_event_id,
            '@correo.example>","received_timestamp":"', at.ts, '","attachments":[]}',
        )  # fmt: skip

    def webform(self, at: Occasion, text: Runs) -> None:
        """The form a citizen fills in, with the names of the Bogotá SDQS service."""
        self._write(
            at, self._of["form"][at.row], self._subject[at.row], '","observaciones":"', text,
            '","documentos":', self._files[at.row], self._of["form_end"][at.row],
        )  # fmt: skip

    def webform_message(self, at: Occasion, text: Runs) -> None:
        """A later message on a webform case."""
        self._write(
            at, '{"asunto":"Re: ', self._subject[at.row], '","observaciones":"', text,
            '","documentos":[]}',
        )  # fmt: skip

    def chat(
        self,
        at: Occasion,
        platform: Int,
        turns: Mapping[str, Runs],
        instants: Mapping[str, Numbers],
    ) -> None:
        """The session up to the hand-over from the bot.

        Args:
            at: the events.
            platform: place in PLATFORMS.
            turns: texts of opening, greeting, detail and handoff.
            instants: piece numbers of the instants of greeting, detail and handoff.
        """
        bot, citizen = '","author":"bot","text":"', '","author":"citizen","text":"'
        self._write(
            at, '{"session_id":"', at.event_id, self._platform(platform), '"', instants["handoff"],
            '","turns":[{"at":"', at.ts, citizen, turns["opening"],
            '"},{"at":"', instants["greeting"], bot, turns["greeting"],
            '"},{"at":"', instants["detail"], citizen, turns["detail"],
            '"},{"at":"', instants["handoff"], bot, turns["handoff"],
            '"}],"csat":null,"attachments":', self._files[at.row], "}",
        )  # fmt: skip

    def chat_message(self, at: Occasion, platform: Int, text: Runs, csat: Int) -> None:
        """One later turn of a chat case; `csat` from 1 to 5, 0 for none."""
        ends = [
            f'"}}],"csat":{grade or "null"},"attachments":[]}}' for grade in range(csat.max() + 1)
        ]
        self._write(
            at, '{"session_id":"', at.event_id, self._platform(platform),
            'null,"turns":[{"at":"', at.ts, self._author(at.actor), text,
            self._pieces.one_of(ends, csat),
        )  # fmt: skip

    def _platform(self, platform: Int) -> Numbers:
        heads = [f'","platform":"{name}","bot_handoff_at":' for name in PLATFORMS]
        return self._pieces.one_of(heads, platform)

    def _author(self, actor: Int) -> Numbers:
        return self._pieces.one_of([f'","author":"{name}","text":"' for name in ACTORS], actor)

    def call(
        self,
        at: Occasion,
        texts: Mapping[str, Runs],
        instants: Mapping[str, Numbers],
        confidence: Int,
    ) -> None:
        """The call in which the petition was made: citizen, then the agent who takes it.

        Args:
            at: the events.
            texts: what citizen and agent say.
            instants: piece numbers of the instants of answered, agent and ended.
            confidence: of the transcript, in hundredths.
        """
        self._call_head(at, instants)
        self._write(
            at, instants["answered"], '","author":"citizen","text":"', texts["citizen"],
            '"},{"at":"', instants["agent"], '","author":"agent","text":"', texts["agent"],
            self._confidence(confidence), self._files[at.row], "}",
        )  # fmt: skip

    def call_message(
        self, at: Occasion, text: Runs, instants: Mapping[str, Numbers], confidence: Int
    ) -> None:
        """A later call on the case: one speaker's words."""
        self._call_head(at, instants)
        self._write(at, at.ts, self._author(at.actor), text, self._confidence(confidence), "[]}")

    def _call_head(self, at: Occasion, instants: Mapping[str, Numbers]) -> None:
        self._write(
            at, '{"call_id":"', at.event_id, self._of["caller"][at.row], at.ts,
            '","answered_at":"', instants["answered"], '","ended_at":"', instants["ended"],
            '","disposition":"ATENDIDA","transcript":[{"at":"',
        )  # fmt: skip

    def _confidence(self, hundredths: Int) -> Numbers:
        # Written as text: the same digits on every machine.
        ends = [f'"}}],"asr_confidence":0.{number:02d},"attachments":' for number in range(100)]
        return self._pieces.one_of(ends, hundredths)


def _fragments() -> dict[str, dict[str, pl.Expr]]:
    """What is the same for all events of a ticket of a source, by source and name."""
    address = pl.col("email")
    return {
        "email": {
            "by_citizen": _mail_head(address, pl.lit(AUTHORITY_ADDRESS)),
            "by_authority": _mail_head(pl.lit(AUTHORITY_ADDRESS), address),
        },
        "webform": {"form": _form_head(), "form_end": _form_end()},
        "call": {"caller": _caller()},
    }


def _mail_head(sender: pl.Expr, receiver: pl.Expr) -> pl.Expr:
    """An e-mail from behind its identifier to the subject's text."""
    return pl.concat_str(
        pl.lit('@correo.example>","from":'), json_plain(sender),
        pl.lit(',"to":'), json_array(json_plain(receiver)), pl.lit(',"cc":[],"subject":"'),
    )  # fmt: skip


def _form_head() -> pl.Expr:
    """A webform up to the subject's text."""
    named = ~pl.col("anonymous")

    def person(name: str) -> pl.Expr:
        return json_plain(pl.when(named).then(pl.col(name)))

    def coded(name: str) -> pl.Expr:
        return json_number(pl.when(named).then(pl.col(name)))

    fields = {
        "codigoTipoPersona": coded("person_type_code"),
        "codigoTipoIdentificacion": coded("document_type_code"),
        "numeroDocumento": person("document_number"),
        "primerNombre": person("first_name"),
        "segundoNombre": person("second_name"),
        "primerApellido": person("first_surname"),
        "segundoApellido": person("second_surname"),
        "codigoGenero": coded("gender_code"),
        "fechaNacimiento": person("birth_date"),
        "codigoPais": pl.lit("169"),
        "codigoDepartamento": json_plain(pl.col("dane_code").str.slice(0, 2)),
        "codigoCiudad": json_plain(pl.col("dane_code")),
        "notificacionElectronica": pl.when(named).then(pl.lit("true")).otherwise(pl.lit("false")),
        "idTipoPeticion": json_number(pl.col("webform_type")),
        "codigoCanal": pl.lit(str(CHANNEL_CODE["webform"])),
        "codigoEntidad": pl.lit(str(ENTITY_CODE)),
        "codigoDependencia": json_plain(pl.col("dependency")),
        "codigoTema": json_number(pl.col("webform_topic")),
    }
    return json_opening(fields, "asunto")


def _form_end() -> pl.Expr:
    anonymous = pl.when("anonymous").then(pl.lit("true")).otherwise(pl.lit("false"))
    return pl.concat_str(pl.lit(',"anonimo":'), anonymous, pl.lit("}"))


def _caller() -> pl.Expr:
    """A call from behind its identifier to the instant at which it enters the queue."""
    return pl.concat_str(
        pl.lit('","ani":'), json_plain(pl.col("phone_masked")),
        pl.lit(f',"dnis":"{SWITCHBOARD}","queue_enter":"'),
    )  # fmt: skip


def files_json(name_key: str, size_key: str) -> pl.Expr:
    """A ticket's files as a JSON array: columns file_<n> and size_<n>, null for none."""
    return json_array(*(_file_json(n, name_key, size_key) for n in range(1, FILES + 1)))


def _file_json(number: int, name_key: str, size_key: str) -> pl.Expr:
    name, size = pl.col(f"file_{number}"), pl.col(f"size_{number}")
    fields = {name_key: json_plain(name), size_key: json_number(size)}
    return pl.when(name.is_not_null()).then(json_object(fields))
