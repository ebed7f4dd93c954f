"""The grammar of the texts: read from `reference/texts_es`, completed and checked.

A symbol has one list of alternatives per case of its selector. Alternatives name further symbols in
braces. A selector is a column of the context, or the *matter* drawn for the type and topic.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

Document = Mapping[str, Any]

PQRS_TYPES = (
    "PETICION",
    "QUEJA",
    "RECLAMO",
    "SUGERENCIA",
    "SOLICITUD_INFORMACION",
    "CONSULTA",
    "DENUNCIA",
    "FELICITACION",
)
# The first one stands for a null `resolution_code`.
RESOLUTIONS = ("ORDINARIA", "DESISTIMIENTO_TACITO", "TRASLADO", "REITERATIVA", "PRORROGA")
TEXT_KINDS = (
    "subject",
    "petition_body",
    "chat_opening",
    "bot_greeting",
    "citizen_detail",
    "bot_handoff",
    "call_citizen",
    "call_agent",
    "first_reply",
    "response",
    "completion_request",
    "completion",
    "extension_notice",
    "reopen_request",
    "rework_note",
)
# Columns whose own text is quoted, each only in a case in which it is given.
QUOTED_COLUMNS = ("municipio", "citizen_name", "external_id", "cited_external_id", "new_term_days")

_PRESENCE = ("missing", "given")
_MATTER_FIELDS = ("titulo", "breve", "hecho", "pide", "logro", "niega", "falta", "aporta")
_SECTIONS = ("topics", "matters", "facts", "wording", "aligned")
_TOPIC_FIELDS = ("dependencia", "competente", "gestion", "avance")

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Quotes and backslashes would be escaped in JSON; of the control characters only LF may stay.
_FORBIDDEN = re.compile(r'["\\{}\x00-\x09\x0b-\x1f\x7f]|  ')


class GrammarError(ValueError):
    """The grammar is inconsistent."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """Alternatives in each case of a selector (one case, named "", without selector).

    `drawn_as` names the draw: symbols that share it pair their alternatives.
    """

    name: str
    drawn_as: str
    is_fact: bool
    selector: str
    cases: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Symbols by name, and the cases of every selector; a matter's case is `TYPE/TOPIC/i`."""

    symbols: Mapping[str, Symbol]
    selectors: Mapping[str, tuple[str, ...]]


def read_document(name: str) -> Document:
    """One document of the grammar."""
    text = files("pqrs_kedro").joinpath("reference", "texts_es", name).read_text(encoding="utf-8")
    return parse_document(name, text)


def read_documents() -> list[Document]:
    """All documents of the grammar, in the order of their names."""
    folder = files("pqrs_kedro").joinpath("reference", "texts_es")
    return [read_document(name) for name in sorted(entry.name for entry in folder.iterdir())]


def parse_document(name: str, text: str) -> Document:
    """A YAML mapping. A key written twice is refused: YAML would let the last one win."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
    try:
        _refuse_double_keys(name, yaml.compose(text, loader))
        document = yaml.load(text, loader)  # noqa: S506  (both loaders are the safe ones)
    except yaml.YAMLError as error:
        raise GrammarError(f"{name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise GrammarError(f"{name} is not a mapping")
    return document


def _refuse_double_keys(name: str, node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise GrammarError(f"{name}, line {node.start_mark.line + 1}: a key is written twice")
        children = [value for _, value in node.value]
    else:
        children = node.value if isinstance(node, yaml.SequenceNode) else []
    for child in children:
        _refuse_double_keys(name, child)


def build_grammar(documents: Sequence[Document]) -> Grammar:
    """One checked grammar out of all documents; a GrammarError names the symbol at fault."""
    for document in documents:
        _check_known("section", document, _SECTIONS)
    topics = _merged(documents, "topics")
    matters = _matters(documents, topics)
    facts = _merged(documents, "facts") | _owned("topic", _TOPIC_FIELDS, topics)
    wording = _merged(documents, "wording") | _owned("matter", _MATTER_FIELDS, matters)
    if doubles := sorted(facts.keys() & wording.keys()):
        raise GrammarError(f"'{doubles[0]}' is both a fact and wording")
    selectors = _selectors(topics, matters)
    aligned = _merged(documents, "aligned")
    symbols = {
        name: Symbol(name, aligned.get(name, name), name in facts, *_cases(name, spec, selectors))
        for name, spec in (facts | wording).items()
    }
    _check(symbols)
    return Grammar(symbols, selectors)


def _selectors(topics: Document, matters: Document) -> dict[str, tuple[str, ...]]:
    return {
        "": ("",),
        "pqrs_type": PQRS_TYPES,
        "topic": tuple(topics),
        "resolution_code": RESOLUTIONS,
        "matter": tuple(matters),
        **dict.fromkeys(QUOTED_COLUMNS, _PRESENCE),
    }


def _merged(documents: Sequence[Document], section: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for document in documents:
        for name, value in document.get(section, {}).items():
            if name in merged:
                raise GrammarError(f"'{name}' is defined in two documents")
            merged[name] = value
    return merged


def _matters(documents: Sequence[Document], topics: Document) -> dict[str, Document]:
    """Matters by id, those of one type and topic side by side."""
    groups = [group for document in documents for group in document.get("matters", [])]
    for group in groups:
        _check_known("pqrs_type", group["pqrs_types"], PQRS_TYPES)
        _check_known("topic", group.get("topics", {}), topics)
    matters: dict[str, Document] = {}
    for pqrs_type in PQRS_TYPES:
        of_type = [group for group in groups if pqrs_type in group["pqrs_types"]]
        for topic in topics:
            found = [entry for group in of_type for entry in _matters_of(group, topic)]
            if not found:
                raise GrammarError(f"no matter of {pqrs_type} for {topic}")
            matters |= {f"{pqrs_type}/{topic}/{i}": entry for i, entry in enumerate(found)}
    return matters


def _check_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = tuple(known)
    if unknown := [name for name in names if name not in known]:
        raise GrammarError(f"unknown {what} '{unknown[0]}'")


def _matters_of(group: Document, topic: str) -> list[Document]:
    entries = [*group.get("every_topic", []), *group.get("topics", {}).get(topic, [])]
    return [{**group.get("defaults", {}), **entry} for entry in entries]


def _owned(selector: str, names: Sequence[str], owners: Document) -> dict[str, Document]:
    """Symbols whose alternatives are written with each topic or matter."""
    for owner, fields in owners.items():
        if lacking := [name for name in names if name not in fields]:
            raise GrammarError(f"{owner} has no '{lacking[0]}'")
    return {
        name: {"by": selector, "cases": {owner: of[name] for owner, of in owners.items()}}
        for name in names
    }


def _cases(
    name: str, spec: Any, selectors: Mapping[str, tuple[str, ...]]
) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The selector of a specification, and the alternatives in each of its cases."""
    match spec:
        case list():
            selector, cases = "", {"": spec}
        case {"range": [int(low), int(high)]}:
            width = spec.get("pad", 1)
            selector, cases = "", {"": [f"{n:0{width}d}" for n in range(low, high + 1)]}
        case {"by": str(selector), "cases": dict(cases)} if selector in selectors:
            pass
        case _:
            raise GrammarError(f"'{name}' is neither a list, a range, nor cases of a selector")
    expected = selectors[selector]
    _check_known(f"case of '{name}'", cases, (*expected, "default"))
    return selector, {case: _alternatives(name, case, cases) for case in expected}


def _alternatives(name: str, case: str, cases: Document) -> tuple[str, ...]:
    entry = cases.get(case, cases.get("default"))
    entries = [entry] if isinstance(entry, str) else entry
    if not entries:
        raise GrammarError(f"'{name}' has no alternatives in case '{case}'")
    if not all(isinstance(alternative, str) for alternative in entries):
        raise GrammarError(f"'{name}' has an alternative that is not text; quote it")
    return tuple(entries)


def _check(symbols: Mapping[str, Symbol]) -> None:
    reached: set[str] = set()
    for kind in TEXT_KINDS:
        _follow(symbols, kind, (), reached)
    if unused := [name for name in symbols if name not in reached]:
        raise GrammarError(f"'{unused[0]}' is never used")
    for symbol in symbols.values():
        _check_alignment(symbol, symbols.get(symbol.drawn_as))


def _follow(
    symbols: Mapping[str, Symbol], name: str, path: tuple[str, ...], reached: set[str]
) -> None:
    if name in path:
        raise GrammarError(f"'{name}' contains itself: {' > '.join((*path, name))}")
    if name not in symbols:
        raise GrammarError(f"'{path[-1] if path else 'TEXT_KINDS'}' names the unknown '{name}'")
    if name not in reached:
        for inner in _references(symbols[name]):
            _follow(symbols, inner, (*path, name), reached)
        reached.add(name)


def _references(symbol: Symbol) -> Iterator[str]:
    """The symbols that the alternatives name, after a look at the alternatives themselves."""
    for case, alternatives in symbol.cases.items():
        for alternative in alternatives:
            if _FORBIDDEN.search(PLACEHOLDER.sub("_", alternative)):
                raise GrammarError(f"'{symbol.name}' has a forbidden character: {alternative!r}")
            for name in PLACEHOLDER.findall(alternative):
                if name not in QUOTED_COLUMNS:
                    yield name
                elif (symbol.selector, case) != (name, "given"):
                    raise GrammarError(f"'{symbol.name}' quotes '{name}' where it may be missing")


def _check_alignment(symbol: Symbol, twin: Symbol | None) -> None:
    if twin is None or (twin.selector, twin.is_fact) != (symbol.selector, symbol.is_fact):
        raise GrammarError(f"'{symbol.name}' cannot be aligned with '{symbol.drawn_as}'")
    if any(len(twin.cases[case]) != len(found) for case, found in symbol.cases.items()):
        raise GrammarError(f"'{symbol.name}' and '{twin.name}' have lists of different lengths")
