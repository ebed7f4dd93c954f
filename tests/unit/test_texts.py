import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from pqrs_kedro.pipelines.synthesis.text_grammar import (
    GrammarError,
    build_grammar,
    parse_document,
    read_document,
    read_documents,
)
from pqrs_kedro.pipelines.synthesis.texts import DRAWS_PER_TEXT, TEXT_KINDS, TOPICS, compose

PQRS_TYPES = (
    *("PETICION", "QUEJA", "RECLAMO", "SUGERENCIA"),
    *("SOLICITUD_INFORMACION", "CONSULTA", "DENUNCIA", "FELICITACION"),
)
RESOLUTIONS = (None, "DESISTIMIENTO_TACITO", "TRASLADO", "REITERATIVA", "PRORROGA")
TYPE_NAMES = {
    "PETICION": "petición",
    "QUEJA": "queja",
    "RECLAMO": "reclamo",
    "SUGERENCIA": "sugerencia",
    "SOLICITUD_INFORMACION": "solicitud de información",
    "CONSULTA": "consulta",
    "DENUNCIA": "denuncia",
    "FELICITACION": "felicitación",
}
# A place that brings its own full stop, and names that would break a careless contraction.
PLACES = ("Bogotá, D.C.", "El Carmen de Bolívar", "Medellín", "San Andrés de Tumaco")
FIRST_MESSAGES = ("petition_body", "citizen_detail", "call_citizen")
ADDRESS = r"(?:Calle|Carrera|Diagonal|Transversal) \d+(?:[ABC]| Bis| Sur)? # \d+-\d\d"


def draws(rows: int, key: int = 3) -> np.ndarray:
    raw = np.random.Philox(key=key).random_raw(rows * DRAWS_PER_TEXT)
    return raw.reshape(rows, DRAWS_PER_TEXT)


def context(rows: int, **columns: Sequence[str | None]) -> pl.DataFrame:
    """Rows that go through every combination in turn; a column may be given other values."""
    values: dict[str, Sequence[str | None]] = {
        "pqrs_type": PQRS_TYPES,
        "topic": [topic.topic_id for topic in TOPICS],
        "municipio": (*PLACES, None),
        "citizen_name": ("Ana Milena Torres Reyes", None),
        "external_id": ("20263100001232", None, "20264100004562"),
        "resolution_code": RESOLUTIONS,
        "cited_external_id": ("20253200009992", None, None, None),
        **columns,
    }
    pick = np.random.Philox(key=11).random_raw(rows * len(values)).reshape(len(values), rows)
    return pl.DataFrame(
        {
            name: pl.Series([options[i] for i in places % len(options)], dtype=pl.String)
            for (name, options), places in zip(values.items(), pick, strict=True)
        }
    )


def composed(kind: str, rows: int = 2000, **columns: Sequence[str | None]) -> pl.DataFrame:
    given = context(rows, **columns)
    return given.with_columns(compose(kind, given, draws(rows)).alias("text"))


def contains_column(texts: pl.DataFrame, column: str) -> pl.Series:
    return texts.select(pl.col("text").str.contains(pl.col(column), literal=True)).to_series()


# --- Every text --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_a_text_does_not_depend_on_the_rows_around_it(kind: str):
    given, drawn = context(4500), draws(4500)  # more than one block
    whole = compose(kind, given, drawn)
    assert compose(kind, given[4000:4300], drawn[4000:4300]).equals(whole[4000:4300])
    assert compose(kind, given.reverse(), drawn[::-1]).equals(whole.reverse())


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_every_text_is_finished_and_tidy(kind: str):
    texts = composed(kind, 4000)["text"]
    assert texts.null_count() == 0
    assert (texts.str.len_chars() > 0).all()
    untidy = (
        r"[{}\"\\]|[\x00-\x09\x0b-\x1f\x7f]|None|null"
        r"|  | \n|\n |^\s|\s$|\n\n\n| [,.;:?]|\.\.|,,|,\.|[^D]\.[A-Za-z]| de el | a el "
    )
    found = texts.filter(texts.str.contains(untidy))
    assert found.to_list() == []


def test_no_word_agrees_with_the_gender_of_the_speaker():
    gendered = r"(?i)\b(atent[oa]|agradecid[oa]|preocupado|molest[oa]|señora?) "
    for kind in TEXT_KINDS:
        assert not composed(kind)["text"].str.contains(gendered).any()


def test_texts_with_the_same_facts_name_the_same_address():
    given = context(3000)
    one, other = draws(3000, key=1), draws(3000, key=2)
    other[:, 0] = one[:, 0]
    letters = compose("petition_body", given, one).to_list()
    answers = compose("response", given, other).to_list()
    pairs = [
        (set(re.findall(ADDRESS, letter)), set(re.findall(ADDRESS, answer)))
        for letter, answer in zip(letters, answers, strict=True)
    ]
    both = [(asked, answered) for asked, answered in pairs if asked and answered]
    assert len(both) > 30
    assert all(asked == answered for asked, answered in both)
    assert compose("petition_body", given, other).to_list() != letters


# --- What the citizen says ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", FIRST_MESSAGES)
def test_a_first_message_names_the_municipality_when_it_is_known(kind: str):
    assert contains_column(composed(kind, municipio=PLACES), "municipio").all()


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_a_text_without_municipality_names_none(kind: str):
    texts = composed(kind, municipio=[None])["text"]
    assert not texts.str.contains_any(["Bogotá", "Carmen de Bolívar", "Medellín", "Tumaco"]).any()


def test_a_letter_has_40_to_120_words():
    words = composed("petition_body", 20_000)["text"].str.count_matches(r"\S*\w\S*")
    assert words.min() >= 40
    assert words.max() <= 120


def test_a_subject_is_one_short_line_that_fits_the_type():
    subjects = composed("subject", 4000)
    assert subjects["text"].str.len_chars().max() <= 120
    assert not subjects["text"].str.contains("\n").any()
    words = {
        "PETICION": "Petición|petición|Solicitud de atención",
        "QUEJA": "Queja|Inconformidad",
        "RECLAMO": "Recla|reclamo",
        "SUGERENCIA": "Sugerencia|Propuesta|Idea",
        "SOLICITUD_INFORMACION": "Solicitud de (información|documentos)",
        "CONSULTA": "Consulta",
        "DENUNCIA": "Denuncia",
        "FELICITACION": "Felicitación|Agradecimiento",
    }
    for pqrs_type, pattern in words.items():
        assert subjects.filter(pqrs_type=pqrs_type)["text"].str.contains(pattern).all()


def test_every_matter_of_a_type_and_topic_is_drawn_about_equally_often():
    matters = read_document("matters_streets.yml")["matters"][0]["topics"]["ALUMBRADO"]
    subjects = composed("subject", 10_000, pqrs_type=["RECLAMO"], topic=["ALUMBRADO"])["text"]
    shares = [subjects.str.contains(matter["titulo"], literal=True).mean() for matter in matters]
    assert shares == pytest.approx([0.2] * 5, abs=0.02)


def test_a_letter_is_signed_unless_it_is_anonymous():
    letters = composed("petition_body", 4000)
    signed = letters["text"].str.ends_with("Ana Milena Torres Reyes")
    assert signed.equals(letters["citizen_name"].is_not_null().alias("text"))


@pytest.mark.parametrize("kind", FIRST_MESSAGES)
def test_a_repeated_petition_cites_the_earlier_number_and_no_other_does(kind: str):
    texts = composed(kind, 4000, cited_external_id=["20253200009992"])
    repeats = (texts["resolution_code"] == "REITERATIVA").fill_null(False)
    assert contains_column(texts, "cited_external_id").equals(repeats)


def test_a_letter_brings_concrete_details():
    letters = composed("petition_body", 4000)["text"]
    assert letters.str.contains(r"\d").mean() > 0.95
    assert letters.str.contains(ADDRESS).mean() > 0.35
    assert letters.str.contains(r"\$(1\.)?\d{3}\.\d00").mean() > 0.1


def test_fewer_than_2_percent_of_first_messages_of_a_run_are_repeated():
    shares = {"petition_body": 34_500, "citizen_detail": 7_000, "call_citizen": 5_500}
    types = ["PETICION"] * 6 + ["QUEJA"] * 5 + ["RECLAMO"] * 6 + ["SUGERENCIA"] * 3
    texts = pl.concat(
        [composed(kind, rows, pqrs_type=types)["text"] for kind, rows in shares.items()]
    )
    assert len(texts) == 47_000
    assert texts.is_duplicated().mean() < 0.02


# --- What the body answers ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["first_reply", "call_agent"])
def test_the_reception_number_is_given_or_promised(kind: str):
    texts = composed(kind, 4000)
    cited = contains_column(texts, "external_id").fill_null(False)
    assert cited.equals(texts["external_id"].is_not_null().alias("text"))
    promised = texts.filter(pl.col("external_id").is_null())["text"]
    assert promised.str.contains("radica").all()


def test_an_answer_names_the_type_the_subject_and_the_dependency_of_the_topic():
    topics = read_document("topics.yml")["topics"]
    answers = composed("response", 4000).with_columns(
        type_name="su " + pl.col("pqrs_type").replace_strict(TYPE_NAMES),
        dependency=pl.col("topic").replace_strict(
            {topic: fields["dependencia"] for topic, fields in topics.items()}
        ),
    )
    assert contains_column(answers, "type_name").all()
    assert contains_column(answers, "dependency").all()


@pytest.mark.parametrize(
    ("resolution", "pattern"),
    [
        ("DESISTIMIENTO_TACITO", r"desistimiento tácito.*artículo 17 del CPACA.*reposición"),
        ("TRASLADO", r"artículo 21\s+del CPACA"),
        ("REITERATIVA", r"reiterativa.*artículo 19|artículo 19.*reiterativas"),
        ("PRORROGA", r"prórroga que se le comunicó|término adicional informado"),
    ],
)
def test_an_answer_fits_its_resolution_and_no_other_answer_does(resolution: str, pattern: str):
    answers = composed("response", 4000)
    fits = answers["text"].str.contains(f"(?s){pattern}")
    assert fits.equals((answers["resolution_code"] == resolution).fill_null(False).alias("text"))


def test_a_transfer_names_the_competent_entity_of_the_topic():
    topics = read_document("topics.yml")["topics"]
    answers = composed("response", resolution_code=["TRASLADO"]).with_columns(
        competent=pl.col("topic").replace_strict(
            {topic: fields["competente"] for topic, fields in topics.items()}
        )
    )
    assert contains_column(answers, "competent").all()


def test_the_answer_to_a_repeated_petition_cites_the_earlier_number():
    answers = composed(
        "response", resolution_code=["REITERATIVA"], cited_external_id=["20253200009992"]
    )
    assert contains_column(answers, "cited_external_id").all()


def test_ordinary_answers_are_favourable_partial_and_unfavourable():
    answers = composed("response", 4000, resolution_code=[None], pqrs_type=["PETICION"])["text"]
    outcomes = {
        "favourable": r"accedió a lo solicitado|decisión es favorable|de manera favorable",
        "partial": r"accede de manera parcial|atendió una parte",
        "unfavourable": r"no es posible acceder|decisión es desfavorable",
    }
    found = pl.DataFrame({name: answers.str.contains(p) for name, p in outcomes.items()})
    assert (found.sum_horizontal() == 1).all()
    assert found.mean().row(0) == pytest.approx((0.5, 0.25, 0.25), abs=0.03)


def test_a_praise_is_never_answered_unfavourably():
    answers = composed("response", resolution_code=[None], pqrs_type=["FELICITACION"])["text"]
    assert not answers.str.contains("desfavorable|no es posible|parcial").any()


def test_completion_is_requested_within_one_month_under_article_17():
    texts = composed("completion_request")["text"]
    assert texts.str.contains(r"(?s)un mes").all()
    assert texts.str.contains("artículo 17 del CPACA").all()


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ("una fotografía reciente", "la fotografía se tomó"),
        ("la lectura del medidor", "la lectura es"),
        ("número de turno", "turno"),
        ("un croquis", "adjunto un croquis"),
        ("planos firmados", "adjunto los planos"),
    ],
)
def test_the_citizen_sends_what_was_asked_for(requested: str, sent: str):
    given, facts = context(6000), draws(6000, key=1)
    later = draws(6000, key=2)
    later[:, 0] = facts[:, 0]
    asked = compose("completion_request", given, facts).str.contains(requested, literal=True)
    answers = compose("completion", given, later).filter(asked)
    assert len(answers) > 10
    assert answers.str.contains(sent, literal=True).all()


def test_an_extension_gives_its_reason_and_the_new_term_under_article_14():
    given = context(2000).with_columns(
        new_term_days=pl.Series(["30", None] * 1000, dtype=pl.String)
    )
    notices = given.with_columns(text=compose("extension_notice", given, draws(2000)))
    assert notices["text"].str.contains("parágrafo del artículo 14 del CPACA").all()
    assert notices["text"].str.contains("debido a|en razón de").all()
    stated = notices["text"].str.contains("30 días hábiles", literal=True)
    assert stated.equals(notices["new_term_days"].is_not_null().alias("text"))
    assert notices.filter(~stated)["text"].str.contains("doble").all()


def test_a_request_to_reopen_says_so():
    assert composed("reopen_request")["text"].str.contains("reabr").all()


# --- Arguments and topics ----------------------------------------------------------------------


def test_no_rows_give_no_texts():
    assert compose("response", context(0), draws(0)).to_list() == []


def test_columns_of_nothing_but_nulls_are_accepted():
    bare = context(3).with_columns(
        pl.lit(None).alias(name) for name in ("municipio", "citizen_name", "resolution_code")
    )
    assert bare.schema["municipio"] == pl.Null
    assert compose("petition_body", bare, draws(3)).null_count() == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [("pqrs_type", "ELOGIO"), ("topic", "TURISMO"), ("resolution_code", "ARCHIVO")],
)
def test_an_unknown_category_is_refused_by_name(column: str, value: str):
    with pytest.raises(ValueError, match=f"unknown {column} '{value}'"):
        compose("subject", context(20, **{column: [value]}), draws(20))


def test_a_missing_type_is_refused():
    with pytest.raises(ValueError, match="unknown pqrs_type None"):
        compose("subject", context(20, pqrs_type=["QUEJA", None]), draws(20))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown text kind 'poema'"):
        compose("poema", context(1), draws(1))


def test_draws_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="draws of shape"):
        compose("subject", context(2), draws(3))


def test_topics_have_unique_codes_that_a_carried_consecutive_cannot_confuse():
    assert 10 <= len(TOPICS) <= 14
    for field in ("topic_id", "name", "webform_code"):
        assert len({getattr(topic, field) for topic in TOPICS}) == len(TOPICS)
    codes = sorted(int(topic.dependency_code) for topic in TOPICS)
    assert all(100 <= code <= 999 for code in codes)
    assert min(np.diff(codes)) >= 10


# --- The grammar -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documents() -> list[Mapping[str, Any]]:
    return read_documents()


def with_symbol(
    documents: list[Mapping[str, Any]], section: str, name: str, spec: Any
) -> list[Mapping[str, Any]]:
    """The documents with one symbol changed or added."""
    others = [
        {**document, section: {k: v for k, v in document.get(section, {}).items() if k != name}}
        for document in documents
    ]
    return [*others, {section: {name: spec}}]


@pytest.mark.parametrize(
    ("section", "name", "spec", "message"),
    [
        pytest.param("wording", "cierre", ["Por {nadie}."], "unknown 'nadie'", id="unknown_slot"),
        pytest.param("wording", "cierre", [], "'cierre' has no alternatives", id="empty_list"),
        pytest.param("wording", "cierre", [12], "not text; quote it", id="not_text"),
        pytest.param("wording", "cierre", "Gracias.", "neither a list", id="not_a_list"),
        pytest.param("wording", "cierre", ["Oiga {"], "forbidden character", id="open_brace"),
        pytest.param("wording", "cierre", ['"Gracias"'], "forbidden character", id="quotes"),
        pytest.param("wording", "cierre", ["Gracias.\t"], "forbidden character", id="tab"),
        pytest.param(
            "wording", "cierre", ["{peticion}", "{cierre}"], "contains itself", id="circle"
        ),
        pytest.param("wording", "nuevo", ["Hola."], "'nuevo' is never used", id="unused"),
        pytest.param("facts", "cierre", ["Hola."], "both a fact and wording", id="two_sections"),
        pytest.param(
            "wording", "cierre", ["Desde {municipio}."], "may be missing", id="unguarded_column"
        ),
        pytest.param(
            "wording",
            "firma",
            {"by": "citizen_name", "cases": {"given": ["Desde {municipio}"], "missing": ["Yo"]}},
            "quotes 'municipio' where it may be missing",
            id="column_guarded_by_another",
        ),
        pytest.param(
            "wording",
            "vecindad",
            {"by": "municipio", "cases": {"given": ["Aquí"]}},
            "no alternatives in case 'missing'",
            id="case_without_list",
        ),
        pytest.param(
            "wording",
            "vecindad",
            {"by": "municipio", "cases": {"default": ["Aquí"], "given_": ["Allá"]}},
            "unknown case of 'vecindad' 'given_'",
            id="unknown_case",
        ),
        pytest.param(
            "wording",
            "vecindad",
            {"by": "barrio", "cases": {"default": ["Aquí"]}},
            "neither a list",
            id="unknown_selector",
        ),
        pytest.param(
            "facts", "aporta_turno", ["el turno"], "lists of different lengths", id="misaligned"
        ),
        pytest.param("aligned", "cierre", "nadie", "cannot be aligned", id="aligned_with_nothing"),
    ],
)
def test_an_inconsistent_grammar_is_refused(
    documents: list[Mapping[str, Any]], section: str, name: str, spec: Any, message: str
):
    with pytest.raises(GrammarError, match=message):
        build_grammar(with_symbol(documents, section, name, spec))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"wordings": {}}, "unknown section 'wordings'"),
        ({"wording": {"cierre": ["Adiós."]}}, "'cierre' is defined in two documents"),
        ({"matters": [{"pqrs_types": ["ELOGIO"]}]}, "unknown pqrs_type 'ELOGIO'"),
        ({"matters": [{"pqrs_types": [], "topics": {"TURISMO": []}}]}, "unknown topic 'TURISMO'"),
        (
            {"matters": [{"pqrs_types": ["QUEJA"], "every_topic": [{"titulo": "algo"}]}]},
            "QUEJA/.* has no 'breve'",
        ),
    ],
)
def test_an_inconsistent_document_is_refused(
    documents: list[Mapping[str, Any]], document: Mapping[str, Any], message: str
):
    with pytest.raises(GrammarError, match=message):
        build_grammar([*documents, document])


def test_a_type_and_topic_without_matter_are_refused(documents: list[Mapping[str, Any]]):
    bare = [{k: v for k, v in document.items() if k != "matters"} for document in documents]
    with pytest.raises(GrammarError, match="no matter of PETICION for MOVILIDAD"):
        build_grammar(bare)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("facts:\n  dia: [a]\n  mes: [b]\n  dia: [c]\n", "extra.yml, line 2: a key .* twice"),
        ("facts: [", "extra.yml is not YAML"),
        ("- facts", "extra.yml is not a mapping"),
    ],
)
def test_an_unreadable_document_is_refused_with_its_name(text: str, message: str):
    with pytest.raises(GrammarError, match=message):
        parse_document("extra.yml", text)
