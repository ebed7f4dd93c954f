"""What a notebook shows: tables, figures and verdicts, as HTML in the style of the report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from markupsafe import Markup


@dataclass(frozen=True)
class Shown:
    """A piece of HTML that a notebook displays."""

    html: Markup

    def _repr_html_(self) -> str:
        return str(self.html)

    def __repr__(self) -> str:
        return f"Shown({len(self.html)} characters of HTML)"


@dataclass(frozen=True)
class Judged:
    """A cell that holds a verdict: true, false, or null where nothing can be said."""

    text: str
    holds: bool | None


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str | Judged]],
    caption: str,
    source: str,
    *,
    is_text: bool = False,
) -> Shown:
    """A table whose first column names its rows; verdicts are marked, text is broken into lines."""
    kind = "text" if is_text else "number"
    head = Markup().join(Markup('<th class="{}">{}</th>').format(kind, name) for name in header)
    body = Markup("\n").join(
        Markup("<tr><th>{}</th>{}</tr>").format(
            row[0], Markup().join(_cell(cell, kind) for cell in row[1:])
        )
        for row in rows
    )
    return Shown(
        Markup(
            '<div class="scroll"><table><caption><span>{} <span class="source">Fuente: {}</span>'
            "</span></caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
        ).format(caption, source, head, body)
    )


def figure(drawing: Markup, caption: str, source: str) -> Shown:
    """A figure with its caption and the tables that it comes from."""
    return Shown(
        Markup(
            '<figure>{}<figcaption>{} <span class="source">Fuente: {}</span></figcaption></figure>'
        ).format(drawing, caption, source)
    )


def verdict(holds: bool | None, text: str) -> Shown:
    """One line with a mark: holds, does not, or nothing can be said."""
    kind, mark = _marked(holds)
    return Shown(Markup('<p class="verdict {}"><b>{}</b> {}</p>').format(kind, mark, text))


def together(*parts: Shown) -> Shown:
    """Several pieces, one below the other."""
    return Shown(Markup("\n").join(chain.from_iterable([part.html] for part in parts)))


def _cell(cell: str | Judged, kind: str) -> Markup:
    if isinstance(cell, Judged):
        outcome, mark = _marked(cell.holds)
        return Markup('<td class="text {}">{} {}</td>').format(outcome, mark, cell.text)
    return Markup('<td class="{}">{}</td>').format(kind, cell)


def _marked(holds: bool | None) -> tuple[str, str]:
    if holds is None:
        return "silent", "·"
    return ("pass", "✔") if holds else ("fail", "✘")
