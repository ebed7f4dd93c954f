"""What each channel's system exports with an event: payloads as JSON text.

Shapes are those of docs/raw_events.md. JSON is put together from columns, so that its bytes are
fixed: key order, no spaces, non-ASCII characters as they are.
"""

from collections.abc import Mapping

import polars as pl

NULL = pl.lit("null")
ENTITY_CODE = 999  # no entity of the SDQS has it: the authority is invented
CHANNEL_CODE = {"email": 1, "webform": 2, "chat": 3, "call": 4}
AUTHORITY_ADDRESS = "atencion@entidad.example"
SWITCHBOARD = "+57 601 XXX X000"


def json_text(value: pl.Expr) -> pl.Expr:
    """A JSON string per row, escaped as RFC 8259 asks; null stays null."""
    wrapped = pl.struct(value.alias("t")).struct.json_encode()
    return wrapped.str.strip_prefix('{"t":').str.strip_suffix("}")


def json_plain(value: pl.Expr) -> pl.Expr:
    """A JSON string per row of text known to need no escapes (codes, numbers, identifiers)."""
    return pl.when(value.is_null()).then(NULL).otherwise(
        pl.concat_str(pl.lit('"'), value, pl.lit('"'))
    )  # fmt: skip


def json_number(value: pl.Expr) -> pl.Expr:
    """A JSON number per row of whole numbers."""
    return value.cast(pl.String).fill_null("null")


def json_object(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    """A JSON object per row of fields that are JSON already, in the order given."""
    parts: list[pl.Expr] = []
    for number, (name, value) in enumerate(fields.items()):
        parts += [pl.lit(f'{"," if number else "{"}"{name}":'), value]
    return pl.concat_str(*parts, pl.lit("}"))


def json_array(*items: pl.Expr) -> pl.Expr:
    """A JSON array per row; items that are null in a row are left out."""
    return pl.concat_str(
        pl.lit("["), pl.concat_str(*items, separator=",", ignore_nulls=True), pl.lit("]")
    )


NO_FILES = pl.lit("[]")


def files(name_key: str = "file_name", size_key: str = "size_kb") -> pl.Expr:
    """The files of an event as a JSON array: columns file_<n> and size_<n>, null for none."""
    return json_array(
        *(
            pl.when(pl.col(f"file_{n}").is_not_null()).then(
                json_object(
                    {
                        name_key: json_plain(pl.col(f"file_{n}")),
                        size_key: json_number(pl.col(f"size_{n}")),
                    }
                )
            )
            for n in (1, 2, 3)
        )
    )


def _turn(at: str, author: str | pl.Expr, text: str) -> pl.Expr:
    who = json_plain(pl.lit(author) if isinstance(author, str) else author)
    return json_object(
        {"at": json_plain(pl.col(at)), "author": who, "text": json_text(pl.col(text))}
    )


def email_payload(attachments: pl.Expr) -> pl.Expr:
    """An e-mail; columns: event_id, first_event_id, ts, actor_role, email, subject, text."""
    citizen = pl.col("actor_role") == "citizen"
    address = pl.col("email")
    office = pl.lit(AUTHORITY_ADDRESS)
    message_id = pl.concat_str(pl.lit("<"), pl.col("event_id"), pl.lit("@correo.example>"))
    reply_to = pl.concat_str(pl.lit("<"), pl.col("first_event_id"), pl.lit("@correo.example>"))
    return json_object(
        {
            "message_id": json_plain(message_id),
            "from": json_plain(pl.when(citizen).then(address).otherwise(office)),
            "to": json_array(json_plain(pl.when(citizen).then(office).otherwise(address))),
            "cc": pl.lit("[]"),
            "subject": json_text(pl.col("subject")),
            "body": json_text(pl.col("text")),
            "in_reply_to": json_plain(
                pl.when(pl.col("event_id") != pl.col("first_event_id")).then(reply_to)
            ),
            "received_timestamp": json_plain(pl.col("ts")),
            "attachments": attachments,
        }
    )


def webform_petition() -> pl.Expr:
    """The form a citizen fills in, with the names of the Bogotá SDQS service."""
    named = ~pl.col("anonymous")

    def person(name: str) -> pl.Expr:
        return json_plain(pl.when(named).then(pl.col(name)))

    def coded(name: str) -> pl.Expr:
        return json_number(pl.when(named).then(pl.col(name)))

    return json_object(
        {
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
            "notificacionElectronica": pl.when(named)
            .then(pl.lit("true"))
            .otherwise(pl.lit("false")),
            "idTipoPeticion": json_number(pl.col("webform_type")),
            "codigoCanal": pl.lit(str(CHANNEL_CODE["webform"])),
            "codigoEntidad": pl.lit(str(ENTITY_CODE)),
            "codigoDependencia": json_plain(pl.col("dependency")),
            "codigoTema": json_number(pl.col("webform_topic")),
            "asunto": json_text(pl.col("subject")),
            "observaciones": json_text(pl.col("text")),
            "documentos": files("nombre", "tamanoKb"),
            "anonimo": pl.when(named).then(pl.lit("false")).otherwise(pl.lit("true")),
        }
    )


def webform_message() -> pl.Expr:
    """A later message on a webform case."""
    return json_object(
        {
            "asunto": json_text(pl.col("subject")),
            "observaciones": json_text(pl.col("text")),
            "documentos": NO_FILES,
        }
    )


def _chat(turns: pl.Expr, handoff: pl.Expr, attachments: pl.Expr) -> pl.Expr:
    return json_object(
        {
            "session_id": json_plain(pl.col("event_id")),
            "platform": json_plain(pl.col("platform")),
            "bot_handoff_at": handoff,
            "turns": turns,
            "csat": json_number(pl.col("csat")),
            "attachments": attachments,
        }
    )


def chat_session() -> pl.Expr:
    """The session up to the hand-over from the bot; columns: opening, bot_greeting, text, …_at."""
    turns = json_array(
        _turn("ts", "citizen", "opening"),
        _turn("greeting_at", "bot", "bot_greeting"),
        _turn("detail_at", "citizen", "text"),
        _turn("handoff_at", "bot", "bot_handoff"),
    )
    return _chat(turns, json_plain(pl.col("handoff_at")), files())


def chat_message() -> pl.Expr:
    """One later turn of a chat case."""
    return _chat(json_array(_turn("ts", pl.col("actor_role"), "text")), NULL, NO_FILES)


def _call(transcript: pl.Expr, attachments: pl.Expr) -> pl.Expr:
    return json_object(
        {
            "call_id": json_plain(pl.col("event_id")),
            "ani": json_plain(pl.col("phone_masked")),
            "dnis": json_plain(pl.lit(SWITCHBOARD)),
            "queue_enter": json_plain(pl.col("ts")),
            "answered_at": json_plain(pl.col("answered_at")),
            "ended_at": json_plain(pl.col("ended_at")),
            "disposition": json_plain(pl.lit("ATENDIDA")),
            "transcript": transcript,
            # Hundredths, as text: the same digits on every machine.
            "asr_confidence": pl.concat_str(pl.lit("0."), pl.col("asr_hundredths")),
            "attachments": attachments,
        }
    )


def call_record() -> pl.Expr:
    """The call in which the petition was made: citizen, then the agent who takes it."""
    return _call(
        json_array(
            _turn("answered_at", "citizen", "text"), _turn("agent_at", "agent", "agent_text")
        ),
        files(),
    )


def call_message() -> pl.Expr:
    """A later call on the case: one speaker's words."""
    return _call(json_array(_turn("ts", pl.col("actor_role"), "text")), NO_FILES)
