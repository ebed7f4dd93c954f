"""Tables of the page, and how verdicts are worded."""

from collections.abc import Iterable, Sequence

from tools.distributions.rows import Share

from pqrs_kedro.analysis.checks import Check

Row = tuple[str, ...]
_WORDS = ("Source", "Verdict", "Hour by profile", "Minute uniform", "Second uniform")


def markdown(header: Sequence[str], rows: Iterable[Row]) -> str:
    """A table; columns after the first that hold figures are aligned to the right."""
    ruler = ["---" if n == 0 or name in _WORDS else "---:" for n, name in enumerate(header)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ruler, *rows))


def probability(p: float) -> str:
    """A p-value, to two digits or so."""
    if p < 1e-4:
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.01 else f"p = {p:.4f}"


def verdict(*found: Check) -> str:
    """Whether checks pass, with the least of their p-values times their number."""
    p = min(1.0, min(check.p for check in found) * len(found))
    word = "agrees" if all(check.passed for check in found) else "**differs**"
    return f"{word}, {probability(p)}"


def within(values: Sequence[float], low: float, high: float) -> str:
    """Whether all figures lie between limits."""
    return "inside" if low <= min(values) and max(values) <= high else "**outside**"


def percent(value: float, decimals: int = 2) -> str:
    """A share in per cent."""
    return f"{100 * value:.{decimals}f} %"


def share_rows(group: str, rows: Iterable[Share]) -> list[Row]:
    """A row per category: name, requested, realised, tickets, verdict."""
    return [
        (
            f"{group} {row.name}".strip(),
            percent(row.requested),
            percent(row.realised),
            f"{row.n:,}",
            verdict(row.check),
        )
        for row in rows
    ]
